// One attempt of an object to get a connection: an idle one of its pool, or a new
// one, after waiting for a place in the pool if need be. It can be dropped at any
// of its steps; what it gets after that is closed.

import { open } from "../../connect.ts";
import { SocketError } from "../../errors.ts";
import { Stream } from "../../stream.ts";
import { ipFamily } from "../../target.ts";
import { type Address, addressText } from "../../transport.ts";
import type { PoolChoice } from "./arguments.ts";
import { Connection } from "./connection.ts";
import { parseHost } from "./host.ts";
import type { NgxPool } from "./pools.ts";
import type { Scope } from "./scope.ts";
import { wordFor } from "./words.ts";

/** What an attempt is to get. */
export interface Wanted {
  readonly host: string;
  readonly port: number;
  readonly poolName: string;
  readonly choice: PoolChoice;
  /** The source address. */
  readonly local: { readonly address: string; readonly port: number } | undefined;
  /** Whether it is to come from an address that is not ours. */
  readonly transparent: boolean;
  readonly timeoutMs: number;
}

/** An attempt under way. */
export class Attempt {
  readonly #scope: Scope;
  readonly #wanted: Wanted;
  #giveUp: (() => void) | undefined;
  #dropped = false;
  /**
   * While it waits for a name or a place in a pool there is no connection yet: to
   * all but another connect the object is closed then, not busy.
   */
  phase: "connecting" | "waiting" = "connecting";

  constructor(scope: Scope, wanted: Wanted) {
    this.#scope = scope;
    this.#wanted = wanted;
  }

  /** Gives a connection, or says why there is none. */
  async run(): Promise<Connection | string> {
    const place = await this.#enterPool();
    if (typeof place === "string") return place;
    const { pool } = place;
    const result = "stream" in place ? place.stream : await this.#open();
    if (typeof result === "string") {
      if (pool !== undefined) this.#scope.pools.release(pool);
      return result;
    }
    const reusedTimes = "stream" in place ? place.reusedTimes : 0;
    const connection = new Connection(result, this.#scope.settings.bufferBytes, reusedTimes);
    connection.pool = pool;
    if (!this.#dropped) return connection;
    this.#scope.finalize(connection);
    return "closed";
  }

  /** Gives up: `run` says `closed`. */
  drop(): void {
    this.#dropped = true;
    this.#giveUp?.();
  }

  /** An idle connection, a place to make one, or why there is neither. */
  async #enterPool(): Promise<
    | { readonly pool: NgxPool; readonly stream: Stream; readonly reusedTimes: number }
    | { readonly pool: NgxPool | undefined }
    | string
  > {
    const { pools } = this.#scope;
    const { poolName, choice: { size, backlog } } = this.#wanted;
    for (let queued = false; !this.#dropped;) {
      const pool = pools.find(poolName) ??
        (size > 0 ? pools.create(poolName, size, backlog) : undefined);
      if (pool === undefined) return { pool };
      this.phase = "connecting";
      const idle = await pools.takeIdle(pool);
      if (idle !== undefined) return { pool, ...idle };
      // What it had may have been dead, and the pool have gone with it.
      if (pools.find(poolName) !== pool) continue;
      pool.connections++;
      if (pool.backlog < 0 || queued || pool.connections <= pool.size) return { pool };
      const isFull = pool.connections > pool.size + pool.backlog;
      const woken = !isFull && await this.#queue(pool);
      pool.connections--;
      if (isFull) return "too many waiting connect operations";
      if (!woken) return "timeout";
      queued = true;
    }
    return "closed";
  }

  /** Waits for a place; `false` when the connect timeout came first. */
  #queue(pool: NgxPool): Promise<boolean> {
    this.phase = "waiting";
    return new Promise((resolve) => {
      const leave = (woken: boolean) => {
        clearTimeout(timer);
        pool.waiting.delete(resume);
        this.#giveUp = undefined;
        resolve(woken);
      };
      const resume = () => leave(true);
      const timer = setTimeout(() => leave(false), this.#wanted.timeoutMs);
      this.#giveUp = () => leave(false);
      pool.waiting.add(resume);
    });
  }

  /** Opens a new connection, or says why it cannot. */
  async #open(): Promise<Stream | string> {
    const { host, port, local, transparent, timeoutMs } = this.#wanted;
    const parsed = parseHost(host, port);
    if (parsed.kind === "bad") return `failed to parse host name "${host}": ${parsed.why}`;
    const isName = parsed.kind === "name";
    if (isName && !mayBeName(parsed.name)) return notFound(host);
    // What the system says to a program without privileges: no runtime can ask.
    if (transparent) return "operation not permitted";
    const address: Address = isName ? { hostname: parsed.name, port: parsed.port } : parsed.address;
    const source = "path" in address ? undefined : local;
    if (source && "hostname" in address && !sameFamily(source.address, address.hostname)) {
      return "address family not supported by protocol";
    }
    this.phase = isName ? "waiting" : "connecting";
    const controller = new AbortController();
    this.#giveUp = () => controller.abort();
    if (this.#dropped) controller.abort();
    try {
      return new Stream(
        await open(address, {
          timeoutMs,
          signal: controller.signal,
          // The first send turns it on, as in the original.
          noDelay: false,
          ...(source && { localAddress: source.address }),
          ...(source && source.port > 0 && { localPort: source.port }),
        }),
      );
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
      const why = isName && error.code === "not found" ? notFound(host) : wordFor(error);
      const what = why === "timeout"
        ? "lua tcp socket connect timed out"
        : `connect() failed (${why})`;
      this.#scope.logError(`${what}, when connecting to ${addressText(address)}`);
      return why;
    } finally {
      this.#giveUp = undefined;
    }
  }
}

function sameFamily(local: string, remote: string): boolean {
  const family = ipFamily(remote);
  return family === 0 || family === ipFamily(local);
}

// What no name can look like, nobody can have: the resolver need not be asked.
function mayBeName(name: string): boolean {
  return /^[\w.-]+$/.test(name);
}

function notFound(host: string): string {
  return `${host} could not be resolved (3: Host not found)`;
}
