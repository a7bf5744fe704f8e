/** Our core, on the runtime that runs this file. */

import { connect, type Cosocket, Pool } from "../../mod.ts";
import { certificates } from "../../tests/helpers/certificates.ts";
import { contest } from "../contest.ts";
import { DELIMITER, HOST, LINE, PART, PING } from "../wire.ts";
import { amounts, checkAnswer, cycles, frames, pings } from "./awaited.ts";

const KIB = 1024;

const pool = new Pool();
const view = new Uint8Array(64 * KIB);
const dial = (port: number) => connect({ hostname: HOST, port });
const { ca } = await certificates();
const dialTls = (port: number) => connect({ hostname: HOST, port }, { tls: { caCerts: ca.cert } });
const lengthOf = (frame: string | Uint8Array) => frame.length;
const part = { size: PART.length, wireSize: PART.length + DELIMITER.length };
const line = { size: LINE.length - 2, wireSize: LINE.length };

async function ask(sock: Cosocket): Promise<void> {
  await sock.send(PING);
  checkAnswer(await sock.receiveLine());
}

async function lend(port: number, use?: (sock: Cosocket) => Promise<void>): Promise<void> {
  const sock = await pool.connect({ hostname: HOST, port });
  if (use) await use(sock);
  if (!await sock.release()) throw new Error("Not taken back");
}

await contest({
  cases: {
    "ping": pings(dial, 1, ask),
    "ping-64": pings(dial, 64, ask),
    "lines": frames(dial, line, (sock) => sock.receiveLine(), lengthOf),
    "exact-4k": frames(dial, { size: 4 * KIB }, (sock) => sock.receiveExactly(4 * KIB), lengthOf),
    "exact-1m": frames(
      dial,
      { size: KIB * KIB },
      (sock) => sock.receiveExactly(KIB * KIB),
      lengthOf,
    ),
    "until": frames(dial, part, (sock) => sock.receiveUntil(DELIMITER), lengthOf),
    "any": amounts(dial, async (sock) => (await sock.receiveAny(64 * KIB))!.length),
    "into": amounts(dial, (sock) => sock.readInto(view)),
    "pool-ask": cycles((port) => lend(port, ask)),
    "pool": cycles((port) => lend(port)),
    "tls-ping": pings(dialTls, 1, ask),
    "tls-into": amounts(dialTls, (sock) => sock.readInto(view)),
  },

  async hold(port, connections) {
    const large = new Pool({ maxConnections: connections, maxIdle: connections, idleMs: 0 });
    const socks: Cosocket[] = [];
    for (let k = 0; k < connections; k++) {
      const sock = await large.connect({ hostname: HOST, port });
      await ask(sock);
      socks.push(sock);
    }
    for (const sock of socks) await sock.release();
    if (large.stats().idle !== connections) throw new Error("Not all are idle");
    return large;
  },
});
