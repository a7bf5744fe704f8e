// A server of many idle connections is stopped while our thread stands still:
// whichever of them is asked must say so. Deno's loop tells of 128 at a time.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Driver, Transport } from "../../src/transport.ts";
import { nativeDriver, runtime } from "../helpers/native_pairs.ts";
import { remotePeer } from "../helpers/remote_peer.ts";

const COUNT = 1000;

const drivers: Record<string, Driver> = { "this runtime's driver": await nativeDriver() };
if (runtime === "Deno") {
  drivers["Deno's node:net"] = (await import("../../src/drivers/deno_node.ts")).driver;
}

for (const [name, driver] of Object.entries(drivers)) {
  test(`settle() shows the end of each of ${COUNT} parked connections, over ${name}`, async () => {
    const address = remotePeer().listen({ hostname: "127.0.0.1", port: 0 });
    const ends: { transport: Transport; ended: boolean }[] = [];
    for (let count = 0; count < COUNT; count++) {
      const transport = await driver.connect(address, { noDelay: true, keepAliveMs: 0 }).opened;
      transport.unref();
      const end = { transport, ended: false };
      void transport.pull().then((bytes) => end.ended = bytes === null);
      ends.push(end);
    }
    // The peer has accepted them all when it ends them.
    await sleep(100);
    remotePeer().endUnclaimed();
    // Any of them will do; here it is the last.
    await ends.at(-1)!.transport.settle();
    assert.equal(ends.filter((it) => it.ended).length, COUNT);
    for (const { transport } of ends) transport.close();
  });
}
