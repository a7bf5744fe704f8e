/**
 * Why a peer cannot be chosen: here since it is a broadcast address. Node says EACCES; Bun that it
 * failed, and no code; Deno's connected sockets are none of the system's, so nothing fails there.
 */

import { createSocket } from "node:dgram";

const socket = createSocket("udp4").bind(0, "127.0.0.1", () => {
  socket.connect(9, "127.255.255.255", (error?: Error) => {
    console.log(error ? `${error.message}, code ${(error as NodeJS.ErrnoException).code}` : "none");
    socket.close();
  });
});
