/** `node:dgram`, which is the way to datagrams on Deno as well. */

import dgram from "node:dgram";
import { DATAGRAM, HOST } from "../wire.ts";

/** What sends a datagram and waits for one. */
export async function askDatagrams(port: number): Promise<() => Promise<void>> {
  const socket = dgram.createSocket("udp4");
  let came = () => {};
  socket.on("message", () => came());
  await new Promise<void>((resolve) => socket.connect(port, HOST, resolve));
  return () =>
    new Promise((resolve) => {
      came = resolve;
      socket.send(DATAGRAM);
    });
}
