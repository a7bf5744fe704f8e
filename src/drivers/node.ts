// Node and Bun, over `node:net`.
//
// What we connect ourselves reads with `onread`: a chunk lands in memory shared
// by all sockets, as the callback is synchronous, and is copied out at once; a
// socket that fills it gets memory of its own until a read comes short. Accepted
// sockets know no `onread`; they read by `data` events.
//
// Reading begins when somebody pulls, and is not stopped behind each chunk if that
// can be helped: it costs Bun three system calls a chunk, and what came right
// before a reset; and Node a twentieth of its speed. What comes without a pull is
// kept, and answers the next one together, as one read of the system's would; at
// 64 KiB of it reading stops. So a connection holds at most two chunks that nobody
// asked for, and an accepted one what the stream machinery takes besides: 192 KiB
// in all.

import net from "node:net";
import process from "node:process";
import { join } from "../bytes.ts";
import { Slab } from "../slab.ts";
import {
  type Acceptor,
  type Address,
  type Attempt,
  type AttemptOptions,
  type Driver,
  type ListenOptions,
  TAKEN,
  type Transport,
  type TransportOption,
} from "../transport.ts";
import { closed, writeEnded } from "./ends.ts";
import { askedForNews, idlePullAnswered } from "./turns.ts";

const CHUNK_BYTES = 64 * 1024;

const NOTHING = new Uint8Array(0);

const shared = new Uint8Array(CHUNK_BYTES);

// Answers are short, and an array of their own costs more than they do.
const SMALL_BYTES = 1024;
const slab = new Slab(8 * 1024);

// libuv before 1.52, that is Node 22, takes a reset right behind bytes for an end.
const takesResetForEnd = !("Bun" in globalThis) &&
  Number(process.versions.uv?.split(".")[1]) < 52;

interface Pull {
  into: Uint8Array | undefined;
  resolve(bytes: Uint8Array | null): void;
  reject(error: unknown): void;
}

class NodeTransport implements Transport {
  localAddress: Address | null = null;
  remoteAddress: Address | null = null;
  readonly tls = null;
  readonly #isUnix: boolean;
  #socket!: net.Socket;
  #pull: Pull | undefined;
  // What came without a pull; #earlyBytes of it.
  readonly #early: Uint8Array[] = [];
  #earlyBytes = 0;
  #flowing = false;
  #ended = false;
  // The first error; once set it stays. `close` sets it, too.
  #failure: unknown;
  #closed = false;
  #writeEnded = false;
  #writing = 0;
  #referenced = true;
  #holding = true;
  #ownMemory: Uint8Array | undefined;
  // What the last pull gave lies there, and is valid until the next one.
  #ownIsLent = false;
  #keepAliveMs = 0;

  constructor(isUnix: boolean) {
    this.#isUnix = isUnix;
  }

  /** Takes a socket that is connecting, or connected. */
  attach(socket: net.Socket): void {
    this.#socket = socket;
    socket.on("end", () => this.#endCame());
    socket.on("error", (error) => this.#failed(error));
    // Without an error before it, and without an end, nobody knows why.
    socket.on("close", () => {
      if (!this.#ended) this.#failed(closed());
    });
    socket.pause();
  }

  /** Reads by `data` events, where `onread` is not to be had. */
  readByEvents(): void {
    this.#socket.on("data", ({ buffer, byteOffset, length }: Uint8Array) => {
      this.#deliver(new Uint8Array(buffer, byteOffset, length));
      // What the stream still holds at a reset is lost; what is here is not.
      if (this.#earlyBytes >= CHUNK_BYTES) this.#stop();
    });
    this.#socket.pause();
    // Bun reports a reset to a paused socket, and drops what came before it.
    if ("Bun" in globalThis) this.#flow();
  }

  opened(remote: Address | undefined, noDelay: boolean): void {
    // Bun turns it on, whatever it is told.
    if (!noDelay) this.setOption("noDelay", false);
    const { localAddress, localPort, remoteAddress, remotePort } = this.#socket;
    this.localAddress = addressOf(localAddress, localPort);
    this.remoteAddress = remote && "path" in remote ? remote : addressOf(remoteAddress, remotePort);
    this.#hold();
  }

  /** The memory for the next read, for `onread`. */
  readonly memory = (): Uint8Array => this.#ownMemory ?? shared;

  /** What a read brought, for `onread`; `false` stops reading. */
  readonly onRead = (count: number, memory: Uint8Array): boolean => {
    const pull = this.#pull;
    if (memory.buffer !== shared.buffer) {
      if (count < CHUNK_BYTES / 4) this.#ownMemory = undefined;
      // The bytes are valid until the next pull: so nothing may be read until then.
      this.#flowing = false;
      this.#ownIsLent = pull !== undefined;
      this.#deliver(pull ? memory.subarray(0, count) : memory.slice(0, count));
      return false;
    }
    if (count === CHUNK_BYTES) this.#ownMemory = new Uint8Array(CHUNK_BYTES);
    const isRoom = pull !== undefined || this.#earlyBytes + count < CHUNK_BYTES;
    this.#flowing = isRoom && count < CHUNK_BYTES;
    const goOn = this.#flowing;
    const into = pull?.into;
    if (into === undefined || into.length < count) {
      this.#deliver(count < SMALL_BYTES ? slab.copy(shared, 0, count) : shared.slice(0, count));
    } else {
      into.set(count === CHUNK_BYTES ? shared : shared.subarray(0, count));
      this.#deliver(into.subarray(0, count));
    }
    return goOn;
  };

  pull(into?: Uint8Array): Promise<Uint8Array | null> {
    if (this.#closed) return Promise.reject(closed());
    if (this.#early.length > 0) return Promise.resolve(this.#takeEarly());
    if (this.#ended) return Promise.resolve(null);
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#ownIsLent = false;
    return new Promise((resolve, reject) => {
      this.#pull = { into, resolve, reject };
      this.#flow();
      if (!this.#holding) this.#hold();
    });
  }

  settle(): Promise<void> {
    return askedForNews();
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#closed) return Promise.reject(closed());
    if (this.#writeEnded) return Promise.reject(writeEnded());
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    // A write that fails destroys the socket, and what came before with it: such
    // as why the peer has gone. So what comes is taken in, up to a chunk of it.
    const mayFlow = !this.#ownIsLent && this.#early.length === 0 && !this.#ended;
    if (!this.#flowing && mayFlow) this.#flow();
    const socket = this.#socket;
    if (socket.writableLength > 0) return this.#written(bytes);
    socket.write(bytes);
    // What failed at once is told of later, but known by now.
    if (socket.destroyed || socket.errored) return Promise.reject(this.#why(closed()));
    // What the system took at once needs no callback, which would be turns away.
    return socket.writableLength === 0 ? TAKEN : this.#written(NOTHING);
  }

  /** Resolves when these bytes, and all before them, are with the system. */
  #written(bytes: Uint8Array): Promise<void> {
    this.#hold(1);
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => {
        this.#hold(-1);
        if (error) reject(this.#why(error));
        else resolve();
      });
    });
  }

  /** A write that waits is merely cancelled by what goes wrong meanwhile. */
  #why(error: unknown): unknown {
    if (this.#closed) return closed();
    const why = this.#failure ?? this.#socket.errored ?? error;
    const { code } = why as { code?: string };
    // Bun closes a unix socket whose peer has gone by itself, and then has none to write to.
    return code === "EBADF" ? Object.assign(why as Error, { code: "EPIPE" }) : why;
  }

  closeWrite(): Promise<void> {
    if (this.#writeEnded || this.#socket.destroyed) return Promise.resolve();
    this.#writeEnded = true;
    this.#hold(1);
    return new Promise((resolve) =>
      this.#socket.end(() => {
        this.#hold(-1);
        resolve();
      })
    );
  }

  close(): void {
    this.#release(() => this.#socket.destroy());
  }

  abort(): void {
    // Unix sockets know no reset.
    this.#release(() => this.#isUnix ? this.#socket.destroy() : this.#socket.resetAndDestroy());
  }

  ref(): void {
    this.#referenced = true;
    this.#hold();
  }

  unref(): void {
    this.#referenced = false;
    this.#ownMemory = undefined;
    this.#hold();
  }

  setOption(name: TransportOption, on: boolean): boolean {
    if (this.#isUnix) return false;
    if (name === "keepAlive") {
      this.#socket.setKeepAlive(on, this.#keepAliveMs);
      return true;
    }
    // Bun takes it for off at first, though it is on, and turns nothing off that is off.
    if (!on) this.#socket.setNoDelay(true);
    this.#socket.setNoDelay(on);
    return true;
  }

  keepAlive(idleMs: number): void {
    // The system counts in seconds.
    this.#keepAliveMs = Math.ceil(idleMs / 1000) * 1000;
    this.setOption("keepAlive", true);
  }

  #flow(): void {
    if (this.#flowing) return;
    this.#flowing = true;
    this.#socket.resume();
  }

  #stop(): void {
    this.#flowing = false;
    this.#socket.pause();
  }

  #deliver(bytes: Uint8Array): void {
    if (this.#pull) return this.#told((pull) => pull.resolve(bytes));
    this.#early.push(bytes);
    this.#earlyBytes += bytes.length;
  }

  #takeEarly(): Uint8Array {
    this.#earlyBytes = 0;
    return join(this.#early.splice(0));
  }

  #endCame(): void {
    const canAsk = !this.#isUnix && !this.#writeEnded && this.#socket.writableLength === 0;
    if (!takesResetForEnd || !canAsk) return this.#end();
    // Writing nothing does nothing to the peer, but fails after a reset.
    this.#socket.write(NOTHING, (error) => {
      if (!error) this.#end();
    });
  }

  #end(): void {
    this.#ended = true;
    this.#told((pull) => pull.resolve(null));
  }

  #told(tell: (pull: Pull) => void): void {
    const pull = this.#pull;
    if (pull === undefined) return;
    this.#pull = undefined;
    if (!this.#referenced) idlePullAnswered();
    tell(pull);
    this.#hold();
  }

  #failed(error: unknown): void {
    this.#failure ??= error;
    this.#told((pull) => pull.reject(this.#failure));
  }

  #release(letGo: () => void): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#early.length = 0;
    this.#failed(closed());
    letGo();
  }

  // A socket that reads keeps the program alive, whether anybody waits or not.
  #hold(writes = 0): void {
    this.#writing += writes;
    const holding = this.#referenced && (this.#pull !== undefined || this.#writing > 0);
    if (holding === this.#holding) return;
    this.#holding = holding;
    if (holding) this.#socket.ref();
    else this.#socket.unref();
  }
}

interface Taker {
  resolve(transport: Transport | null): void;
  reject(error: unknown): void;
}

class NodeAcceptor implements Acceptor {
  readonly address: Address;
  readonly #server: net.Server;
  readonly #waiting: net.Socket[] = [];
  readonly #noDelay: boolean;
  #taker: Taker | undefined;
  #referenced = true;
  #closed = false;

  constructor(server: net.Server, at: Address, options: ListenOptions) {
    this.#server = server;
    this.#noDelay = options.noDelay;
    this.address = boundAddress(server, at);
    server.on("connection", (socket) => {
      if (this.#taker) return this.#told((taker) => taker.resolve(this.#accepted(socket)));
      // Nobody listens for its errors before it is taken.
      socket.on("error", ignore);
      if (this.#waiting.length >= options.maxPending) return void socket.destroy();
      socket.unref();
      this.#waiting.push(socket);
    });
    // The system could not accept; whoever waits for a connection is told.
    server.on("error", (error) => this.#told((taker) => taker.reject(error)));
    this.#hold();
  }

  accept(): Promise<Transport | null> {
    for (let socket = this.#waiting.shift(); socket; socket = this.#waiting.shift()) {
      if (!socket.destroyed) return Promise.resolve(this.#accepted(socket));
    }
    if (this.#closed) return Promise.resolve(null);
    return new Promise((resolve, reject) => {
      this.#taker = { resolve, reject };
      this.#hold();
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#server.close();
    for (const socket of this.#waiting.splice(0)) socket.destroy();
    this.#told((taker) => taker.resolve(null));
  }

  ref(): void {
    this.#referenced = true;
    this.#hold();
  }

  unref(): void {
    this.#referenced = false;
    this.#hold();
  }

  #told(tell: (taker: Taker) => void): void {
    const taker = this.#taker;
    if (taker === undefined) return;
    this.#taker = undefined;
    tell(taker);
    this.#hold();
  }

  // A server keeps the program alive, whether anybody waits or not.
  #hold(): void {
    if (this.#referenced && this.#taker) this.#server.ref();
    else this.#server.unref();
  }

  #accepted(socket: net.Socket): Transport {
    const isUnix = "path" in this.address;
    const transport = new NodeTransport(isUnix);
    transport.attach(socket);
    transport.readByEvents();
    transport.opened(undefined, this.#noDelay);
    return transport;
  }
}

/** The driver over `node:net`. */
export const driver: Driver = {
  resolvesNames: false,

  connect(address: Address, options: AttemptOptions): Attempt {
    const transport = new NodeTransport("path" in address);
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
      const gone = () => reject(closed());
      socket.once("error", reject);
      socket.once("close", gone);
      socket.once("connect", () => {
        socket.off("error", reject);
        socket.off("close", gone);
        transport.opened(address, options.noDelay);
        if (options.keepAliveMs > 0) transport.keepAlive(options.keepAliveMs);
        resolve(transport);
      });
    });
    return { opened, abandon: () => transport.close() };
  },

  listen(at: Address, options: ListenOptions): Promise<Acceptor> {
    const { noDelay, backlog, ipv6Only = false } = options;
    const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay });
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(
        "path" in at
          ? { path: at.path, backlog }
          : { host: at.hostname, port: at.port, backlog, ipv6Only },
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

function boundAddress(server: net.Server, at: Address): Address {
  const bound = server.address();
  if (bound === null || typeof bound === "string") return at;
  return { hostname: bound.address, port: bound.port };
}

function addressOf(hostname: string | undefined, port: number | undefined): Address | null {
  return hostname === undefined || port === undefined ? null : { hostname, port };
}

function ignore(): void {}
