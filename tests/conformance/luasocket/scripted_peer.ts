/**
 * The server of a scenario, as the oracle has it: one list of steps, which takes the
 * next connection where it needs one, and meets the client where both say so.
 */

import { Buffer } from "node:buffer";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { shown } from "./encode.ts";

/** `["name", ...arguments]` */
export type PeerStep = readonly [string, ...unknown[]];

/** Data in a step. */
type DataText = string | { rep: [string, number] } | { cat: DataText[] };

export class ScriptedPeer {
  readonly log: unknown[] = [];
  readonly #steps: readonly PeerStep[];
  readonly #listener: Server;
  readonly #waiting: Socket[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #met = new Map<string, { mine: boolean; theirs: boolean; go: () => void }>();
  #connection: Connection | undefined;
  #wake: (() => void)[] = [];
  #over = false;

  constructor(steps: readonly PeerStep[]) {
    this.#steps = steps;
    const options = { allowHalfOpen: true, noDelay: true, pauseOnConnect: true };
    this.#listener = createServer(options, (socket) => {
      this.#sockets.add(socket);
      // Whatever the client does to it, the steps find out.
      socket.on("error", () => {});
      this.#waiting.push(socket);
      this.#changed();
    });
  }

  /** Listens on a free port of the loopback interface, or at a path; says which port. */
  async listen(path: string | undefined): Promise<number> {
    const where = path === undefined ? { port: 0, host: "127.0.0.1" } : { path };
    await new Promise<void>((resolve, reject) => {
      this.#listener.once("error", reject);
      this.#listener.listen(where, resolve);
    });
    return path === undefined ? (this.#listener.address() as AddressInfo).port : 0;
  }

  async run(): Promise<void> {
    try {
      for (const [name, ...args] of this.#steps) await this.#step(name, args);
    } catch (error) {
      if (!this.#over) this.log.push({ server_error: String(error) });
    }
  }

  /** Resolves when the steps have come to the meeting of that name, too. */
  async meet(name: string, by: "mine" | "theirs" = "theirs"): Promise<void> {
    const meeting = this.#met.get(name) ?? { mine: false, theirs: false, go: () => {} };
    this.#met.set(name, meeting);
    meeting[by] = true;
    this.#changed();
    await this.#until(() => meeting.mine && meeting.theirs);
  }

  close(): void {
    this.#over = true;
    this.#listener.close();
    for (const socket of this.#sockets) socket.destroy();
    this.#changed();
  }

  async #step(name: string, args: readonly unknown[]): Promise<void> {
    if (name === "sync") return await this.meet(String(args[0]), "mine");
    if (name === "sleep" || name === "accept") {
      if (name === "accept") this.#connection = undefined;
      await this.#needed();
      if (name === "sleep") await sleep(Number(args[0]));
      return;
    }
    const connection = await this.#needed();
    switch (name) {
      case "send":
        return await connection.send(bytesOf(args[0] as DataText));
      case "recv":
        return void this.log.push(shown(await connection.take(Number(args[0]))));
      case "recvall":
        return void this.log.push(shown(await connection.take(Infinity)));
      case "echo":
        return await connection.send(
          Buffer.from(await connection.take(Number(args[0])), "latin1"),
        );
      case "shutdown":
        return await connection.end();
      case "close":
        return await connection.close();
      case "closenow":
        return void connection.socket.destroy();
      case "reset":
        return void connection.socket.resetAndDestroy();
    }
    throw new SyntaxError(`Unknown step "${name}"`);
  }

  async #needed(): Promise<Connection> {
    if (this.#connection === undefined) {
      await this.#until(() => this.#waiting.length > 0);
      this.#connection = new Connection(this.#waiting.shift()!);
    }
    return this.#connection;
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.#over) throw new Error("The scenario is over");
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  #changed(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}

/** One connection; it is read when a step wants to. */
class Connection {
  readonly socket: Socket;
  #held = "";
  #ended = false;
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    this.#ended = socket.destroyed;
    socket.on("data", (bytes: Buffer) => {
      this.#held += bytes.toString("latin1");
      this.#wake();
    });
    socket.pause();
    for (const name of ["end", "close"]) {
      socket.on(name, () => {
        this.#ended = true;
        this.#wake();
      });
    }
  }

  async send(bytes: Uint8Array): Promise<void> {
    await new Promise<void>((resolve) => this.socket.write(bytes, () => resolve()));
  }

  /** So many bytes, or fewer at the end, as a byte string. */
  async take(size: number): Promise<string> {
    this.socket.resume();
    while (this.#held.length < size && !this.#ended) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    this.socket.pause();
    const text = this.#held.slice(0, size);
    this.#held = this.#held.slice(text.length);
    return text;
  }

  /** Ends its write side. */
  async end(): Promise<void> {
    await new Promise<void>((resolve) => this.socket.end(resolve));
  }

  /** Ends it; what comes meanwhile is read, so that it is no reset. */
  async close(): Promise<void> {
    this.socket.resume();
    await this.end();
    await sleep(1);
    this.socket.destroy();
  }
}

function bytesOf(data: DataText): Uint8Array {
  return Buffer.from(textOf(data), "latin1");
}

function textOf(data: DataText): string {
  if (typeof data === "string") return data;
  return "rep" in data ? data.rep[0].repeat(data.rep[1]) : data.cat.map(textOf).join("");
}
