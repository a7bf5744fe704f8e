/**
 * Deno: who aborts a connect in the moment it opens is told that it was aborted, and the connection
 * stays open for good, with nobody who could close it.
 */
import { readdirSync } from "node:fs";
import { setImmediate } from "node:timers";

const descriptors = () => readdirSync("/proc/self/fd").length;
const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
(async () => {
  for await (const conn of listener) conn.close();
})();
const before = descriptors();
for (let round = 0; round < 2000; round++) {
  const controller = new AbortController();
  const { port } = listener.addr;
  const connecting = Deno.connect({ hostname: "127.0.0.1", port, signal: controller.signal });
  const abort = () => controller.abort();
  if (round % 2) setImmediate(() => setImmediate(abort));
  else setTimeout(abort);
  await connecting.then((it) => it.close(), () => {});
}
listener.close();
await new Promise((resolve) => setTimeout(resolve, 100));
console.log(`${descriptors() - before + 1} connections were left open`);
