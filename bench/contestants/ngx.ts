/** Our face of OpenResty's API, on the runtime that runs this file. */

import { createNgx, type TcpSocket } from "../../src/faces/ngx/mod.ts";
import { contest } from "../contest.ts";
import { DELIMITER, HOST, LINE, PART, PING } from "../wire.ts";
import { amounts, checkAnswer, cycles, frames, pings } from "./awaited.ts";

const KIB = 1024;

const ngx = createNgx({ lua_socket_buffer_size: "64k" });
const part = { size: PART.length, wireSize: PART.length + DELIMITER.length };
const line = { size: LINE.length - 2, wireSize: LINE.length };

type Received = readonly [string] | readonly [null, ...unknown[]];

async function dial(port: number, options?: object): Promise<TcpSocket> {
  const sock = ngx.socket.tcp();
  const [ok, error] = options === undefined
    ? await sock.connect(HOST, port)
    : await sock.connect(HOST, port, options);
  if (ok === null) throw new Error(error);
  return sock;
}

async function ask(sock: TcpSocket): Promise<void> {
  const [sent, error] = await sock.send(PING);
  if (sent === null) throw new Error(error);
  const [answer] = await sock.receive();
  checkAnswer(answer);
}

async function keep(sock: TcpSocket, ...args: number[]): Promise<void> {
  const [ok, error] = await sock.setkeepalive(...args);
  if (ok === null) throw new Error(error);
}

async function lend(port: number, use?: (sock: TcpSocket) => Promise<void>): Promise<void> {
  const sock = await dial(port);
  if (use) await use(sock);
  await keep(sock);
}

function lengthOf([text, error]: Received): number {
  if (text === null) throw new Error(String(error));
  return text.length;
}

/** A connection, and an iterator over its parts. */
async function dialParts(port: number) {
  const [next] = (await dial(port)).receiveuntil(DELIMITER);
  return next!;
}

await contest({
  cases: {
    "ping": pings(dial, 1, ask),
    "ping-64": pings(dial, 64, ask),
    "lines": frames(dial, line, (sock) => sock.receive(), lengthOf),
    "exact-4k": frames(dial, { size: 4 * KIB }, (sock) => sock.receive(4 * KIB), lengthOf),
    "exact-1m": frames(dial, { size: KIB * KIB }, (sock) => sock.receive(KIB * KIB), lengthOf),
    "until": frames(dialParts, part, (next) => next(), lengthOf),
    "any": amounts(dial, async (sock) => lengthOf(await sock.receiveany(64 * KIB))),
    "pool-ask": cycles((port) => lend(port, ask)),
    "pool": cycles((port) => lend(port)),
  },

  async hold(port, connections) {
    const socks: TcpSocket[] = [];
    // A pool of its own for each call.
    const pool = `idle ${Math.random()}`;
    for (let k = 0; k < connections; k++) {
      const sock = await dial(port, { pool, pool_size: connections });
      await ask(sock);
      socks.push(sock);
    }
    for (const sock of socks) await keep(sock, 0);
  },
});
