/** That there are no datagrams over unix sockets: `node:dgram` knows no such type, nor a path. */

import { createSocket, type SocketType } from "node:dgram";

for (const type of ["unix_dgram", "unix"]) {
  try {
    createSocket(type as SocketType);
  } catch (error) {
    console.log(`A socket of type "${type}": ${(error as NodeJS.ErrnoException).code}`);
  }
}
const socket = createSocket("udp4").bind({ address: "/tmp/none.sock" });
socket.on("error", ({ code }: NodeJS.ErrnoException) => {
  console.log(`A socket at a path: ${code}`);
  socket.close();
});
console.log(`Deno.listenDatagram: ${typeof Reflect.get(globalThis, "Deno")?.listenDatagram}`);
