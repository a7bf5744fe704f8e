/** Our core, on the runtime that runs this file. */

import { Redis } from "../../examples/redis.ts";
import { connect, type Cosocket, datagram, Pool } from "../../mod.ts";
import { certificates } from "../../tests/helpers/certificates.ts";
import type { Case } from "../cases.ts";
import { contest } from "../contest.ts";
import { DATAGRAM, delimiterOf, HOST, KEY, MESSAGES, PING, VALUE } from "../wire.ts";
import { amounts, asks, checkAnswer, cycles, cyclesOn, frames } from "./awaited.ts";
import { redis } from "./redis.ts";

async function dial(port: number, { secure }: Partial<Case> = {}): Promise<Cosocket> {
  if (!secure) return await connect({ hostname: HOST, port });
  const { ca } = await certificates();
  return await connect({ hostname: HOST, port }, { tls: { caCerts: ca.cert } });
}

/** Where a connection has something of the case beside it. */
async function dialFor<T>(port: number, it: Case, make: (it: Case) => T) {
  return { sock: await dial(port, it), own: make(it) };
}

const memory = ({ size }: Case) => new Uint8Array(size!);
const lengthOf = (frame: string | Uint8Array) => frame.length;

async function ask(sock: Cosocket, batch = 1): Promise<void> {
  await sock.send(batch === 1 ? PING : PING.repeat(batch));
  for (let k = 0; k < batch; k++) checkAnswer(await sock.receiveLine());
}

await contest({
  works: {
    ask: asks(dial, ask),
    lines: frames(dial, (sock) => sock.receiveLine(), lengthOf),
    exact: frames(dial, (sock, size) => sock.receiveExactly(size), lengthOf),
    until: frames(
      (port, it) => dialFor(port, it, delimiterOf),
      ({ sock, own }) => sock.receiveUntil(own),
      lengthOf,
    ),
    any: amounts(dial, async (sock, size) => (await sock.receiveAny(size))!.length),
    into: amounts(
      (port, it) => dialFor(port, it, memory),
      ({ sock, own }) => sock.readInto(own),
    ),
    send: cyclesOn(dial, (sock, { message }) => sock.send(MESSAGES[message!])),
    connect: async (port) => cycles(async () => (await dial(port)).close()),

    async pool(port, { exchange, crowd = 0 }) {
      const pool = new Pool({ idleMs: 0 });
      const target = { hostname: HOST, port };
      for (let k = 0; k < crowd; k++) {
        await (await pool.connect(target, { key: `${k}` })).release();
      }
      return cycles(async () => {
        const sock = await pool.connect(target);
        if (exchange) await ask(sock);
        if (!await sock.release()) throw new Error("Not taken back");
      });
    },

    async settle(port) {
      const { driver } = "Deno" in globalThis
        ? await import("../../src/drivers/deno.ts")
        : await import("../../src/drivers/node.ts");
      const options = { noDelay: true, keepAliveMs: 0 };
      const transport = await driver.connect({ hostname: HOST, port }, options).opened;
      return cycles(async () => {
        await transport.settle();
        await transport.settle();
      });
    },

    async udp(port) {
      const sock = await datagram({ remote: { hostname: HOST, port } });
      return cycles(async () => {
        await sock.send(DATAGRAM);
        if ((await sock.receive()).length !== DATAGRAM.length) throw new Error("Wrong size");
      });
    },

    redis: redis(async (port) => {
      const client = await Redis.connect({ hostname: HOST, port });
      return {
        set: (batch) => client.pipeline(Array<string[]>(batch).fill(["SET", KEY, VALUE])),
        get: (batch) => client.pipeline(Array<string[]>(batch).fill(["GET", KEY])),
      };
    }),
  },

  async hold(port, connections, held) {
    const large = new Pool({ maxConnections: connections, maxIdle: connections, idleMs: 0 });
    const socks: Cosocket[] = [];
    for (let k = 0; k < connections; k++) {
      const sock = await large.connect({ hostname: HOST, port });
      await ask(sock);
      socks.push(sock);
    }
    if (held === "active") return [large, socks, socks.map((sock) => sock.receiveLine())];
    for (const sock of socks) await sock.release();
    if (large.stats().idle !== connections) throw new Error("Not all are idle");
    return large;
  },
});
