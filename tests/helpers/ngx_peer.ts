/** What tests of `ngx` stand on: a server that keeps a record, and a quiet `ngx`. */

import assert from "node:assert/strict";
import { createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { createNgx, LuaError, type Ngx, type TcpSocket } from "../../src/faces/ngx/mod.ts";

/** A server, and what became of its connections. */
export class Peer {
  readonly #server: Server;
  readonly connections: { received: string; ended: boolean }[] = [];

  private constructor(server: Server) {
    this.#server = server;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** Runs `work` with a server that treats each connection by `serve`. */
  static async with(
    serve: (socket: Socket) => void,
    work: (peer: Peer) => Promise<void>,
  ): Promise<void> {
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      const connection = { received: "", ended: false };
      peer.connections.push(connection);
      sockets.push(socket);
      socket.on("data", (bytes) => connection.received += bytes.toString("latin1"));
      socket.on("close", () => connection.ended = true);
      socket.on("error", () => {}); // a client may leave at any moment
      serve(socket);
    });
    const peer: Peer = new Peer(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      await work(peer);
    } finally {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    }
  }
}

/** Listens, and says nothing. */
export const silent = (): void => {};

/** Sends back what comes. */
export const echo = (socket: Socket): void => {
  socket.on("data", (bytes) => socket.write(bytes));
};

/** An `ngx` that keeps what it says and logs. */
export function quietNgx(): { ngx: Ngx; out: () => string; logged: [number, string][] } {
  let text = "";
  const logged: [number, string][] = [];
  const ngx = createNgx({}, {
    out: (some) => text += some,
    log: (level, message) => logged.push([level, message]),
  });
  return { ngx, out: () => text, logged };
}

/** A connected socket. */
export async function connected(ngx: Ngx, port: number, ...options: unknown[]): Promise<TcpSocket> {
  const sock = ngx.socket.tcp();
  assert.deepEqual(await sock.connect("127.0.0.1", port, ...options), [1]);
  return sock;
}

/** Waits until something holds, as it must in time. */
export async function until(holds: () => boolean): Promise<void> {
  for (let look = 0; !holds() && look < 500; look++) await sleep(5);
  assert.ok(holds());
}

/** Something must be raised, in the original's words. */
export function raises(work: () => unknown, message: string): void {
  assert.throws(work, (error) => {
    assert.ok(error instanceof LuaError);
    assert.equal(error.message, message);
    return true;
  });
}
