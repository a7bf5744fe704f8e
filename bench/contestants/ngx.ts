/** Our face of OpenResty's API, on the runtime that runs this file. */

import { createNgx, type Ngx, type TcpSocket } from "../../src/faces/ngx/mod.ts";
import type { Case } from "../cases.ts";
import { contest } from "../contest.ts";
import { DATAGRAM, delimiterOf, HOST, MESSAGES } from "../wire.ts";
import { amounts, asks, cycles, cyclesOn, frames, where } from "./awaited.ts";
import { ask, first, lengthOf } from "./faces.ts";

const large = createNgx({ lua_socket_buffer_size: "64k" });
const own = createNgx();

async function dial(port: number, it: Partial<Case> = {}, options?: object): Promise<TcpSocket> {
  const ngx: Ngx = it.ownBuffer ? own : large;
  const sock = ngx.socket.tcp();
  first(
    await (options === undefined ? sock.connect(HOST, port) : sock.connect(HOST, port, options)),
  );
  return sock;
}

/** A connection, and an iterator over its parts. */
async function dialParts(port: number, it: Case) {
  const [next] = (await dial(port, it)).receiveuntil(delimiterOf(it));
  return next!;
}

await contest({
  works: {
    ask: where(({ secure }) => !secure, asks(dial, ask)),
    lines: frames(dial, (sock) => sock.receive(), lengthOf),
    exact: frames(dial, (sock, size) => sock.receive(size), lengthOf),
    until: frames(dialParts, (next) => next(), lengthOf),
    any: amounts(dial, async (sock, size) => lengthOf(await sock.receiveany(size))),
    send: cyclesOn(dial, async (sock, { message }) => first(await sock.send(MESSAGES[message!]))),
    connect: async (port) => cycles(async () => (await dial(port)).close()),

    async pool(port, { exchange, crowd = 0 }) {
      for (let k = 0; k < crowd; k++) {
        const sock = await dial(port, {}, { pool: `${k}` });
        first(await sock.setkeepalive(0));
      }
      return cycles(async () => {
        const sock = await dial(port);
        if (exchange) await ask(sock);
        first(await sock.setkeepalive());
      });
    },

    async udp(port) {
      const sock = large.socket.udp();
      first(await sock.setpeername(HOST, port));
      return cycles(async () => {
        first(await sock.send(DATAGRAM));
        if (lengthOf(await sock.receive()) !== DATAGRAM.length) throw new Error("Wrong size");
      });
    },
  },

  async hold(port, connections, held) {
    const socks: TcpSocket[] = [];
    // A pool of its own for each call.
    const pool = `${held} ${Math.random()}`;
    for (let k = 0; k < connections; k++) {
      const sock = await dial(port, {}, { pool, pool_size: connections });
      await ask(sock);
      socks.push(sock);
    }
    if (held === "active") return [socks, socks.map((sock) => sock.receive())];
    for (const sock of socks) first(await sock.setkeepalive(0));
    return undefined;
  },
});
