// Node and Bun, over `node:net`.
//
// What we connect ourselves reads with `onread` and stops after each chunk: the
// chunk lands in memory shared by all sockets, as the callback is synchronous,
// and is copied out at once; a socket that fills it gets memory of its own until
// a read comes short. Accepted sockets know no `onread`: the stream machinery
// takes up to 128 KiB of theirs unasked, whatever one does.

import net from "node:net";
import { setImmediate } from "node:timers";
import type {
  Acceptor,
  Address,
  Attempt,
  AttemptOptions,
  Driver,
  ListenOptions,
  Transport,
  TransportOption,
} from "../transport.ts";
import { SocketError } from "../errors.ts";

const CHUNK_BYTES = 64 * 1024;

const shared = new Uint8Array(CHUNK_BYTES);

interface Pull {
  into: Uint8Array | undefined;
  resolve(bytes: Uint8Array | null): void;
  reject(error: unknown): void;
}

class NodeTransport implements Transport {
  localAddress: Address | null = null;
  remoteAddress: Address | null = null;
  #socket!: net.Socket;
  #pull: Pull | undefined;
  // What came without a pull: a chunk before a reset, and on accepted sockets.
  readonly #early: Uint8Array[] = [];
  #end: "open" | "ended" | "failed" | "closed" = "open";
  #failure: unknown;
  #writeEnded = false;
  #ownMemory: Uint8Array | undefined;
  #keepAliveMs = 0;

  /** Takes a socket that is connecting, or connected. */
  attach(socket: net.Socket): void {
    this.#socket = socket;
    socket.on("end", () => this.#finish("ended"));
    socket.on("error", (error) => this.#finish("failed", error));
    // Not by us, then: Bun says no more than this of a reset that comes after the end.
    socket.on("close", () => this.#finish("failed", cutOff()));
    socket.pause();
  }

  /** Reads by `data` events, where `onread` is not to be had. */
  readByEvents(): void {
    this.#socket.on("data", (bytes: Uint8Array) => {
      this.#socket.pause();
      this.#deliver(bytes);
    });
    this.#socket.pause();
  }

  opened(remote: Address | undefined): void {
    const { localAddress, localPort, remoteAddress, remotePort } = this.#socket;
    this.localAddress = addressOf(localAddress, localPort);
    this.remoteAddress = remote && "path" in remote ? remote : addressOf(remoteAddress, remotePort);
  }

  /** The memory for the next read, for `onread`. */
  readonly memory = (): Uint8Array => this.#ownMemory ?? shared;

  /** What a read brought, for `onread`; `false` stops reading. */
  readonly onRead = (count: number, memory: Uint8Array): boolean => {
    if (memory === shared || memory.buffer === shared.buffer) {
      if (count === CHUNK_BYTES) this.#ownMemory = new Uint8Array(CHUNK_BYTES);
      this.#deliver(shared.slice(0, count));
    } else {
      if (count < CHUNK_BYTES / 4) this.#ownMemory = undefined;
      this.#deliver(memory.subarray(0, count));
    }
    return false;
  };

  pull(into?: Uint8Array): Promise<Uint8Array | null> {
    const early = this.#early.shift();
    if (early !== undefined) return Promise.resolve(early);
    if (this.#end !== "open") {
      return this.#end === "ended" ? Promise.resolve(null) : Promise.reject(this.#failure);
    }
    return new Promise((resolve, reject) => {
      this.#pull = { into, resolve, reject };
      this.#socket.resume();
    });
  }

  // One turn of the loop may have begun before the bytes came: the second looks.
  async settle(): Promise<void> {
    await turn();
    await turn();
  }

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => error ? reject(this.#failure ?? error) : resolve());
    });
  }

  closeWrite(): Promise<void> {
    if (this.#writeEnded || this.#socket.destroyed) return Promise.resolve();
    this.#writeEnded = true;
    return new Promise((resolve) => this.#socket.end(() => resolve()));
  }

  close(): void {
    this.#finish("closed", closed());
    this.#socket.destroy();
  }

  abort(): void {
    this.#finish("closed", closed());
    this.#socket.resetAndDestroy();
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
    this.#ownMemory = undefined;
  }

  setOption(name: TransportOption, on: boolean): boolean {
    if (name === "noDelay") this.#socket.setNoDelay(on);
    else this.#socket.setKeepAlive(on, this.#keepAliveMs);
    return true;
  }

  keepAlive(idleMs: number): void {
    this.#keepAliveMs = idleMs;
    this.#socket.setKeepAlive(true, idleMs);
  }

  #deliver(bytes: Uint8Array): void {
    const pull = this.#pull;
    this.#pull = undefined;
    if (pull) pull.resolve(bytes);
    else this.#early.push(bytes.slice());
  }

  #finish(end: "ended" | "failed" | "closed", failure?: unknown): void {
    // What the peer ended stays ended to whoever reads, unless we close it.
    if (this.#end === "open" || (this.#end === "ended" && end === "closed")) this.#end = end;
    this.#failure ??= failure;
    const pull = this.#pull;
    this.#pull = undefined;
    if (this.#end === "ended") pull?.resolve(null);
    else pull?.reject(this.#failure);
  }
}

class NodeAcceptor implements Acceptor {
  readonly address: Address;
  readonly #server: net.Server;
  readonly #waiting: net.Socket[] = [];
  #taker: ((transport: Transport | null) => void) | undefined;
  #closed = false;

  constructor(server: net.Server, at: Address, options: ListenOptions) {
    this.#server = server;
    this.address = boundAddress(server, at);
    server.on("connection", (socket) => {
      const taker = this.#taker;
      this.#taker = undefined;
      if (taker) taker(accepted(socket));
      else if (this.#waiting.length < options.maxPending) this.#waiting.push(socket);
      else socket.destroy();
      // Nobody listens for its errors before it is taken.
      if (!taker) socket.on("error", ignore);
    });
  }

  accept(): Promise<Transport | null> {
    for (;;) {
      const socket = this.#waiting.shift();
      if (socket === undefined) break;
      if (!socket.destroyed) return Promise.resolve(accepted(socket));
    }
    if (this.#closed) return Promise.resolve(null);
    return new Promise((resolve) => this.#taker = resolve);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#server.close();
    for (const socket of this.#waiting.splice(0)) socket.destroy();
    this.#taker?.(null);
  }

  ref(): void {
    this.#server.ref();
  }

  unref(): void {
    this.#server.unref();
  }
}

/** The driver over `node:net`. */
export const driver: Driver = {
  resolvesNames: false,

  connect(address: Address, options: AttemptOptions): Attempt {
    const transport = new NodeTransport();
    const { localAddress, localPort } = options;
    const socket = net.connect({
      ...("path" in address ? { path: address.path } : {
        host: address.hostname,
        port: address.port,
        ...(localAddress !== undefined && { localAddress }),
        ...(localPort !== undefined && { localPort }),
        noDelay: options.noDelay,
      }),
      allowHalfOpen: true,
      onread: { buffer: transport.memory, callback: transport.onRead },
    } as net.NetConnectOpts);
    transport.attach(socket);
    const opened = new Promise<Transport>((resolve, reject) => {
      socket.once("error", reject);
      socket.once("close", () => reject(closed()));
      socket.once("connect", () => {
        transport.opened(address);
        if (options.keepAliveMs > 0) transport.keepAlive(options.keepAliveMs);
        resolve(transport);
      });
    });
    return { opened, abandon: () => transport.close() };
  },

  listen(at: Address, options: ListenOptions): Promise<Acceptor> {
    const { noDelay, backlog } = options;
    const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay });
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(
        "path" in at ? { path: at.path, backlog } : { host: at.hostname, port: at.port, backlog },
        () => {
          server.off("error", reject);
          resolve(new NodeAcceptor(server, at, options));
        },
      );
    });
  },

  async lookup(hostname: string): Promise<string[]> {
    const { lookup } = await import("node:dns/promises");
    const found = await lookup(hostname, { all: true, verbatim: true });
    return found.map((it) => it.address);
  },
};

function accepted(socket: net.Socket): Transport {
  const transport = new NodeTransport();
  transport.attach(socket);
  transport.readByEvents();
  transport.opened(undefined);
  return transport;
}

function boundAddress(server: net.Server, at: Address): Address {
  const bound = server.address();
  if (bound === null || typeof bound === "string") return at;
  return { hostname: bound.address, port: bound.port };
}

function addressOf(hostname: string | undefined, port: number | undefined): Address | null {
  return hostname === undefined || port === undefined ? null : { hostname, port };
}

function closed(): SocketError {
  return new SocketError("closed", "Cannot go on: the connection was closed");
}

function cutOff(): SocketError {
  return new SocketError("reset", "Cannot go on: the peer cut the connection off");
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function ignore(): void {}
