// One attempt of an object to get a connection: an idle one of its pool, or a new
// one, after waiting for a place in the pool if need be. It can be dropped at any
// of its steps; what it gets after that is closed.

import { openStream } from "../../connect.ts";
import { SocketError } from "../../errors.ts";
import type { Stream } from "../../stream.ts";
import { ipFamily } from "../../ip.ts";
import { type Address, addressText } from "../../transport.ts";
import type { PoolChoice } from "./arguments.ts";
import { Connection } from "./connection.ts";
import { parseHost } from "./host.ts";
import { cText } from "./lua.ts";
import { SocketOptions } from "./options.ts";
import type { NgxPool, Pooled } from "./pools.ts";
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

/** Why nothing could be opened; `atOnce` if nobody had to be asked. */
interface Refusal {
  readonly why: string;
  readonly atOnce: boolean;
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
  phase: "connecting" | "waiting" = "waiting";
  /** The options of the connection that is being made. */
  options: SocketOptions = new SocketOptions(false);

  constructor(scope: Scope, wanted: Wanted) {
    this.#scope = scope;
    this.#wanted = wanted;
  }

  /** Gives a connection, or says why there is none. */
  async run(): Promise<Connection | string> {
    const { pools, settings } = this.#scope;
    const { poolName, choice, timeoutMs } = this.#wanted;
    const entry = await pools.enter(poolName, choice, timeoutMs, (leave) => this.#giveUp = leave);
    if (typeof entry === "string") return entry;
    const { pool } = entry;
    const pooled = entry.kind === "idle" ? entry.pooled : await this.#make(pool);
    if (typeof pooled === "string") return pooled;
    const connection = new Connection(pooled, settings.bufferBytes);
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

  /** A new connection, or why there is none; then its place in the pool is given back. */
  async #make(pool: NgxPool | undefined): Promise<Pooled | string> {
    // Whatever happens here, the place must not be lost.
    let atOnce = true;
    let pooled: Pooled | undefined;
    try {
      const got = await this.#open();
      if ("why" in got) {
        atOnce = got.atOnce;
        return got.why;
      }
      return pooled = { stream: got, options: this.options, reusedTimes: 0 };
    } finally {
      this.#giveUp = undefined;
      if (pooled === undefined && pool !== undefined) {
        // A pool whose connection was refused at once is there, and empty.
        if (atOnce) this.#scope.pools.cancel(pool);
        else this.#scope.pools.release(pool);
      }
    }
  }

  async #open(): Promise<Stream | Refusal> {
    const { host, port, local, transparent, timeoutMs } = this.#wanted;
    const parsed = parseHost(host, port);
    if (parsed.kind === "bad") {
      const why = `failed to parse host name "${cText(host)}": ${parsed.why}`;
      return { why, atOnce: true };
    }
    const isName = parsed.kind === "name";
    if (isName && !mayBeName(parsed.name)) return { why: notFound(host), atOnce: true };
    // What the system says to a program without privileges: no runtime can ask.
    if (transparent) return { why: "operation not permitted", atOnce: true };
    const address: Address = isName ? { hostname: parsed.name, port: parsed.port } : parsed.address;
    const wrong = local && wrongFamily(local.address, address);
    if (wrong !== undefined) return { why: wrong, atOnce: true };
    this.phase = isName ? "waiting" : "connecting";
    this.options = new SocketOptions("path" in address);
    const controller = new AbortController();
    this.#giveUp = () => controller.abort();
    if (this.#dropped) controller.abort();
    try {
      const stream = await openStream(address, {
        timeoutMs,
        signal: controller.signal,
        // The first send turns it on, as in the original.
        noDelay: false,
        ...(local && { localAddress: local.address }),
        ...(local && local.port > 0 && { localPort: local.port }),
      });
      this.options.attach(stream.transport);
      return stream;
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
      const why = isName && error.code === "not found" ? notFound(host) : wordFor(error);
      const what = why === "timeout"
        ? "lua tcp socket connect timed out"
        : `connect() failed (${why})`;
      this.#scope.logError(`${what}, when connecting to ${addressText(address)}`);
      return { why, atOnce: "path" in address || !LATE.includes(error.code) };
    }
  }
}

// What comes from the network; all else is known before anybody is asked.
const LATE: readonly string[] = ["refused", "timeout", "reset", "aborted", "not found"];

/** What the system says to who binds an address of another family. */
function wrongFamily(local: string, remote: Address): string | undefined {
  const family = "path" in remote ? undefined : ipFamily(remote.hostname);
  if (family === 0 || family === ipFamily(local)) return undefined;
  return family === 4 ? "address family not supported by protocol" : "invalid argument";
}

// What no name can look like, nobody can have: the resolver need not be asked.
function mayBeName(name: string): boolean {
  return /^[\w.-]+$/.test(name);
}

function notFound(host: string): string {
  return `${host} could not be resolved (3: Host not found)`;
}
