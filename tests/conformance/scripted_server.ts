/**
 * A peer that follows a script: one list of steps for every connection, or a
 * list of lists, one for each connection in the order of acceptance (the last
 * one repeats). When its list ends, a connection stays open and is read on.
 */

import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { type ConnectionReport, ScriptedConnection } from "./scripted_connection.ts";
import type { PeerScript, Step } from "./scenario.ts";

export class ScriptedServer {
  readonly #scripts: readonly (readonly Step[])[];
  readonly #connections: ScriptedConnection[] = [];
  readonly #listeners: Server[] = [];

  constructor(script: PeerScript) {
    this.#scripts = isPerConnection(script) ? script : [script];
  }

  /** Listens on a free port of the loopback interface. */
  async listen(): Promise<number> {
    const listener = await this.#listenAt({ port: 0, host: "127.0.0.1" });
    return (listener.address() as AddressInfo).port;
  }

  /** Listens on a unix socket as well; both count connections together. */
  async listenAt(path: string): Promise<void> {
    await this.#listenAt({ path });
  }

  report(): ConnectionReport[] {
    return this.#connections.map((connection) => connection.report());
  }

  close(): void {
    for (const listener of this.#listeners) listener.close();
    for (const connection of this.#connections) connection.destroy();
  }

  async #listenAt(where: { port: number; host: string } | { path: string }): Promise<Server> {
    const options = { allowHalfOpen: true, noDelay: true, pauseOnConnect: true };
    const listener = createServer(options, (it) => this.#accept(it));
    this.#listeners.push(listener);
    await new Promise<void>((resolve, reject) => {
      listener.once("error", reject);
      listener.listen(where, resolve);
    });
    return listener;
  }

  #accept(socket: Socket): void {
    const at = Math.min(this.#connections.length, this.#scripts.length - 1);
    const connection = new ScriptedConnection(socket);
    this.#connections.push(connection);
    void connection.run(this.#scripts[at] ?? []);
  }
}

function isPerConnection(script: PeerScript): script is readonly (readonly Step[])[] {
  return Array.isArray(script[0]);
}
