/**
 * What a program is told of datagrams that cannot be delivered, or not sent: on Node and Bun the
 * system's word; on Deno of a refusal nothing, and of the others UNKNOWN. (Its connected sockets
 * are none of the system's: what others send comes in, too.)
 */

import { createSocket } from "node:dgram";

const taken = createSocket("udp4").bind(0, "127.0.0.1", () => {
  const { port } = taken.address();
  taken.close();
  const socket = createSocket("udp4").bind(0, "127.0.0.1", () => {
    socket.send("to a broadcast address", port, "255.255.255.255", (error) => {
      console.log(`Broadcast without leave: ${(error as NodeJS.ErrnoException | null)?.code}`);
    });
    socket.connect(port, "127.0.0.1", () => socket.send("to nobody"));
    setTimeout(() => socket.close(), 100);
  });
  socket.on("error", ({ code }: NodeJS.ErrnoException) => console.log(`To a free port: ${code}`));
});
