/** Our face of LuaSocket's API, on the runtime that runs this file. */

import { socket, type TcpSocket } from "../../src/faces/luasocket/mod.ts";
import { contest } from "../contest.ts";
import { DATAGRAM, HOST, joined } from "../wire.ts";
import { asks, cycles, cyclesOn, frames, where } from "./awaited.ts";
import { ask, first, lengthOf } from "./faces.ts";

async function dial(port: number): Promise<TcpSocket> {
  const sock = first(await socket.connect(HOST, port));
  sock.setoption("tcp-nodelay", true);
  return sock;
}

await contest({
  works: {
    // Its programs have one at a time, or `select`.
    ask: where(({ connections, secure }) => !connections && !secure, asks(dial, ask)),
    lines: frames(dial, (sock) => sock.receive(), lengthOf),
    exact: frames(dial, (sock, size) => sock.receive(size), lengthOf),
    send: cyclesOn(
      async (port, { message }) => ({ sock: await dial(port), data: joined(message!) }),
      async ({ sock, data }) => first(await sock.send(data)),
    ),
    connect: async (port) => cycles(async () => void await (await dial(port)).close()),

    async udp(port) {
      const sock = socket.udp();
      first(await sock.setpeername(HOST, port));
      return cycles(async () => {
        await sock.send(DATAGRAM);
        if (lengthOf(await sock.receive()) !== DATAGRAM.length) throw new Error("Wrong size");
      });
    },
  },
});
