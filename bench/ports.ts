/** Ports for servers that must be told theirs. */

import net from "node:net";
import { HOST } from "./wire.ts";

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once("error", reject);
    server.listen(0, HOST, () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** Resolves once somebody listens there. */
export async function untilListening(port: number, tries = 200): Promise<void> {
  for (let left = tries; !await listens(port); left--) {
    if (left === 0) throw new Error(`Nobody listens at port ${port}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, HOST);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
