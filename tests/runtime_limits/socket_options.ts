/**
 * What a program can set of a socket here: the flags of keep-alive and TCP_NODELAY. For SO_REUSEADDR,
 * SO_SNDBUF and SO_RCVBUF no runtime has a method; Node alone, from 24.21 on, takes the interval and
 * the number of keep-alive probes (TCP_KEEPINTVL, TCP_KEEPCNT), and only together with the flag:
 * its setKeepAlive has four parameters.
 */

import { type AddressInfo, connect, createServer } from "node:net";
import process from "node:process";

type Connect = (options: object) => Promise<object>;
const { Deno, Bun } = globalThis as { Deno?: { connect: Connect }; Bun?: { connect: Connect } };

function* settersOf(it: object): Generator<string> {
  for (const [key, { value }] of Object.entries(Object.getOwnPropertyDescriptors(it))) {
    if (/^set[A-Z]/.test(key)) yield `${key}/${(value as () => void).length}`;
  }
  const prototype = Object.getPrototypeOf(it);
  if (prototype !== Object.prototype) yield* settersOf(prototype);
}

const server = createServer().listen(0, "127.0.0.1", async () => {
  const where = { hostname: "127.0.0.1", port: (server.address() as AddressInfo).port };
  console.log("node:net:", ...settersOf(connect(where.port, where.hostname)));
  if (Deno) console.log("Deno.connect:", ...settersOf(await Deno.connect(where)));
  const socket = { data: () => {} };
  if (Bun) console.log("Bun.connect:", ...settersOf(await Bun.connect({ ...where, socket })));
  process.exit();
});
