/**
 * What Deno takes and does not pass on: the size of the system's receive buffer. Twice of it is the
 * memory that a datagram is read into, and cuts it off. (Of the send buffer, and of the TTL of IPv6
 * multicast, nobody sees that they do nothing.) And that it and Bun take no multicast TTL of 0.
 */

import { createSocket } from "node:dgram";

const socket = createSocket("udp4").bind(0, "127.0.0.1", () => {
  socket.setRecvBufferSize(200);
  socket.once("message", () => {
    socket.once("message", ({ length }) => {
      console.log(`Of 1000 bytes came ${length}`);
      socket.close();
    });
    socket.send(new Uint8Array(1000), socket.address().port, "127.0.0.1");
  });
  // What is under way already has its memory.
  socket.send("first", socket.address().port, "127.0.0.1");
  try {
    console.log(`setMulticastTTL(0): ${socket.setMulticastTTL(0)}`);
  } catch (error) {
    console.log(`setMulticastTTL(0): ${(error as NodeJS.ErrnoException).code}`);
  }
});
