import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryPair } from "../../src/drivers/memory.ts";
import { socketPair } from "../../testing.ts";
import { checkTransport } from "../conformance/transport.ts";

checkTransport("memory", () => Promise.resolve(memoryPair()), {
  gaps: {
    options: "There is no system that has switches",
    addresses: "There is no system that gives addresses",
  },
});

test("memory: a send that nobody takes keeps the program alive until it gives up", async () => {
  // Nothing else here does: alarms are unreferenced.
  const [sock, peer] = socketPair({ sendTimeoutMs: 20 });
  await assert.rejects(sock.send(new Uint8Array(1024 * 1024)), { code: "timeout" });
  sock.close();
  peer.close();
});
