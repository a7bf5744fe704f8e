/**
 * The process behind a black hole: listens, prints its port, and never accepts.
 *
 * Every runtime accepts by itself as soon as its event loop turns, so the loop is
 * held up: by a blocking read of standard input, which ends when the parent does.
 * (No `node:process` here: on Node its import alone makes that read non-blocking.)
 */

import { readSync, writeSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";

const server = createServer();
server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
  writeSync(1, `${(server.address() as AddressInfo).port}\n`);
  readSync(0, new Uint8Array(1));
  server.close();
});
