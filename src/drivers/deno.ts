// Deno's own sockets. `conn.read` and never `conn.readable`: draining that one
// kills the write side. Names go to `Deno.connect` as they are, so that
// permission for that one host is enough; it races their addresses itself.

import { SocketError } from "../errors.ts";
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
import { closed } from "./ends.ts";
import { askedForNews, idlePullAnswered } from "./turns.ts";

/** The little of Deno that is used here. */
interface Conn {
  readonly localAddr: DenoAddress;
  readonly remoteAddr: DenoAddress;
  read(into: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  closeWrite(): Promise<void>;
  close(): void;
  ref(): void;
  unref(): void;
  setNoDelay?(on: boolean): void;
  setKeepAlive?(on: boolean): void;
}

interface DenoListener {
  readonly addr: DenoAddress;
  accept(): Promise<Conn>;
  close(): void;
  ref(): void;
  unref(): void;
}

type DenoAddress = { hostname: string; port: number } | { path: string };

interface DenoNamespace {
  connect(options: object): Promise<Conn>;
  listen(options: object): DenoListener;
}

declare const Deno: DenoNamespace;

const GONE = ["NotConnected", "ConnectionReset", "ConnectionAborted"];

const PARKED_BYTES = 512;
const SMALL_BYTES = 4 * 1024;
const LARGE_BYTES = 64 * 1024;

class DenoTransport implements Transport {
  readonly localAddress: Address | null;
  readonly remoteAddress: Address | null;
  readonly tls = null;
  readonly #conn: Conn;
  #memory: Uint8Array | undefined;
  #nextBytes = SMALL_BYTES;
  #parked = false;
  #failure: unknown;
  // What a write was told: the system tells of a reset once, and the pull that asks
  // next would take it for the end.
  #reset: unknown;
  #closed = false;
  #writing = false;
  readonly #whenWritten: (() => void)[] = [];

  constructor(conn: Conn, address: Address | undefined) {
    this.#conn = conn;
    this.localAddress = addressOf(conn.localAddr);
    this.remoteAddress = address ?? addressOf(conn.remoteAddr);
  }

  pull(into?: Uint8Array): Promise<Uint8Array | null> {
    // Deno says "end" to whoever asks again after a reset.
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const memory = into ?? this.#ownMemory();
    return this.#conn.read(memory).then((count) => {
      if (this.#parked) idlePullAnswered();
      if (count === null && this.#reset !== undefined) throw this.#reset;
      if (count === null) return null;
      if (into === undefined) this.#learn(count, memory.length);
      return memory.subarray(0, count);
    }, this.#pullFailed);
  }

  #pullFailed = (error: unknown): never => {
    this.#failure = this.#closed ? closed() : error;
    throw this.#failure;
  };

  settle(): Promise<void> {
    return askedForNews();
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#writing = true;
    try {
      let sent = await this.#conn.write(bytes);
      while (sent < bytes.length) sent += await this.#conn.write(bytes.subarray(sent));
    } catch (error) {
      if ((error as Error).name === "ConnectionReset") this.#reset = error;
      throw error;
    } finally {
      this.#writing = false;
      for (const set of this.#whenWritten.splice(0)) set();
    }
  }

  async closeWrite(): Promise<void> {
    try {
      await this.#conn.closeWrite();
    } catch (error) {
      // The peer is gone already: there is nobody left to tell.
      if ((error as Error).name !== "NotConnected") throw error;
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#memory = undefined;
    this.#conn.close();
  }

  // Deno has no way to ask for a reset; the system sends one where bytes lie unread.
  abort(): void {
    this.close();
  }

  ref(): void {
    this.#parked = false;
    this.#conn.ref();
  }

  unref(): void {
    this.#parked = true;
    this.#memory = undefined;
    this.#nextBytes = SMALL_BYTES;
    this.#conn.unref();
  }

  setOption(name: TransportOption, on: boolean): boolean {
    const { setNoDelay, setKeepAlive } = this.#conn;
    const set = name === "noDelay" ? setNoDelay : setKeepAlive;
    if (set === undefined) return false;
    const turn = () => {
      if (!this.#closed) set.call(this.#conn, on);
    };
    // Deno refuses while a write is under way.
    if (this.#writing) this.#whenWritten.push(turn);
    else turn();
    return true;
  }

  /** Little while the peer says little; much once it fills what it gets. */
  #ownMemory(): Uint8Array {
    if (this.#parked) return new Uint8Array(PARKED_BYTES);
    if (this.#memory?.length !== this.#nextBytes) this.#memory = new Uint8Array(this.#nextBytes);
    return this.#memory;
  }

  #learn(count: number, size: number): void {
    if (count === size && size >= SMALL_BYTES) this.#nextBytes = LARGE_BYTES;
    else if (count < SMALL_BYTES) this.#nextBytes = SMALL_BYTES;
  }
}

class DenoAcceptor implements Acceptor {
  readonly address: Address;
  readonly #listener: DenoListener;
  readonly #noDelay: boolean;
  #closed = false;

  constructor(listener: DenoListener, options: ListenOptions) {
    this.#listener = listener;
    this.#noDelay = options.noDelay;
    this.address = addressOf(listener.addr)!;
  }

  // Nothing is accepted that nobody takes: the system's queue is the bound.
  async accept(): Promise<Transport | null> {
    for (;;) {
      try {
        const conn = await this.#listener.accept();
        return transportOn(conn, undefined, this.#noDelay);
      } catch (error) {
        if (this.#closed) return null;
        // The peer has gone while it waited in the queue: that is no fault of ours.
        if (!GONE.includes((error as Error).name)) throw error;
      }
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listener.close();
  }

  ref(): void {
    this.#listener.ref();
  }

  unref(): void {
    this.#listener.unref();
  }
}

// What is about to open has done so by then.
const ABANDON_MS = 100;

/** The driver over `Deno.connect` and `Deno.listen`. */
export const driver: Driver = {
  resolvesNames: true,

  connect(address: Address, options: AttemptOptions): Attempt {
    // Deno takes port 0 for a mistake; the system says that nobody listens there.
    if ("port" in address && address.port === 0) {
      const refused = new SocketError("refused", "Cannot connect to port 0: nobody listens there");
      return { opened: Promise.reject(refused), abandon: () => {} };
    }
    const controller = new AbortController();
    let isAbandoned = false;
    let patience: ReturnType<typeof setTimeout> | undefined;
    const opened = Deno.connect({ ...denoAddress(address), signal: controller.signal }).then(
      (conn) => {
        clearTimeout(patience);
        if (isAbandoned) {
          conn.close();
          throw closed();
        }
        return transportOn(conn, "path" in address ? address : undefined, options.noDelay);
      },
      (error) => {
        clearTimeout(patience);
        throw isAbandoned ? closed() : named(error);
      },
    );
    const abandon = () => {
      isAbandoned = true;
      // Deno loses a connection that comes about at the moment of the abort, and never
      // closes it: what is about to open may do so first.
      patience ??= setTimeout(() => controller.abort(), ABANDON_MS);
    };
    return { opened, abandon };
  },

  listen(at: Address, options: ListenOptions): Promise<Acceptor> {
    return new Promise((resolve) => {
      const listener = Deno.listen({ ...denoAddress(at), tcpBacklog: options.backlog });
      resolve(new DenoAcceptor(listener, options));
    });
  },

  async lookup(hostname: string): Promise<string[]> {
    const { lookup } = await import("node:dns/promises");
    const found = await lookup(hostname, { all: true, verbatim: true });
    return found.map((it) => it.address);
  },
};

/** A connection as a transport; one that the peer has cut off already is not left open. */
function transportOn(conn: Conn, address: Address | undefined, noDelay: boolean): Transport {
  try {
    if (noDelay) conn.setNoDelay?.(true);
    return new DenoTransport(conn, address);
  } catch (error) {
    conn.close();
    throw error;
  }
}

/** Deno gives a failed look-up no name and no code; nothing else comes that way. */
function named(error: unknown): unknown {
  const { name, code } = error as { name?: string; code?: string };
  return name === "Error" && code === undefined
    ? Object.assign(error as Error, { code: "ENOTFOUND" })
    : error;
}

function denoAddress(address: Address): object {
  return "path" in address
    ? { transport: "unix", path: address.path }
    : { transport: "tcp", hostname: address.hostname, port: address.port };
}

function addressOf(address: DenoAddress): Address | null {
  // An end of a unix socket that was not bound has no name.
  if ("path" in address) return address.path ? { path: address.path } : null;
  return { hostname: address.hostname, port: address.port };
}
