// What the calls of a socket do in the hands of @std/async.

import { assertEquals, assertRejects } from "@std/assert";
import { abortable } from "@std/async/abortable";
import { deadline } from "@std/async/deadline";
import { pooledMap } from "@std/async/pool";
import { retry, RetryError } from "@std/async/retry";
import { test } from "node:test";
import { connect, listen, Pool, SocketError } from "../../mod.ts";
import { socketPair } from "../../testing.ts";

test("deadline leaves a read under way, so the next one is busy until it ends", async () => {
  const [sock, peer] = socketPair();
  const reading = sock.receiveLine();
  const late = await assertRejects(() => deadline(reading, 1), DOMException);
  assertEquals(late.name, "TimeoutError");
  const error = await assertRejects(() => sock.receiveLine(), SocketError);
  assertEquals(error.code, "busy");
  await peer.send("late\r\nnext\r\n");
  assertEquals(await reading, "late");
  assertEquals(await sock.receiveLine(), "next");
});

test("a signal, as deadline's own documentation prefers, ends the read itself", async () => {
  const [sock, peer] = socketPair();
  const signal = AbortSignal.timeout(1);
  const error = await assertRejects(() => sock.receiveLine({ signal }), SocketError);
  assertEquals(error.code, "aborted");
  assertEquals((error.cause as DOMException).name, "TimeoutError");
  await peer.send("nothing is lost\r\n");
  assertEquals(await sock.receiveLine(), "nothing is lost");
});

test("abortable ends an iteration over lines, and the socket stays", async () => {
  const [sock, peer] = socketPair();
  const controller = new AbortController();
  await peer.send("one\ntwo\n");
  const lines: string[] = [];
  await assertRejects(async () => {
    for await (const line of abortable(sock.lines(), controller.signal)) {
      lines.push(line);
      if (lines.length === 2) controller.abort();
    }
  }, DOMException);
  assertEquals(lines, ["one", "two"]);
});

test("retry connects as soon as somebody listens", async () => {
  const first = await listen("127.0.0.1:0");
  const at = first.address;
  await first.close();
  let attempts = 0;
  let server: Awaited<ReturnType<typeof listen>> | undefined;
  const sock = await retry(async () => {
    if (++attempts === 3) server = await listen(at);
    return await connect(at);
  }, { minTimeout: 1, maxTimeout: 1 });
  assertEquals(attempts, 3);
  sock.close();
  await server?.close();
});

test("retry gives up with the socket's error as its cause", async () => {
  const server = await listen("127.0.0.1:0");
  await server.close();
  const options = { maxAttempts: 2, minTimeout: 1, maxTimeout: 1 };
  const error = await assertRejects(
    () => retry(() => connect(server.address), options),
    RetryError,
  );
  assertEquals((error.cause as SocketError).code, "refused");
});

test("pooledMap does as many dialogues at a time as the pool lends connections", async () => {
  const server = await listen("127.0.0.1:0");
  const serving = (async () => {
    for await (const guest of server) {
      (async () => {
        for await (const line of guest.lines()) await guest.send([line, "!\n"]);
      })();
    }
  })();
  const pool = new Pool({ maxConnections: 3, maxWaiting: 0 });
  const answers = pooledMap(
    3,
    Array.from({ length: 20 }, (_, at) => at),
    (at) =>
      pool.use(server.address, async (sock) => {
        await sock.send(`${at}\n`);
        return await sock.receiveLine();
      }),
  );
  const expected = Array.from({ length: 20 }, (_, at) => `${at}!`);
  assertEquals(await Array.fromAsync(answers), expected);
  await pool.close();
  await server.close();
  await serving;
});
