// One attempt of an object to get a connection: an idle one of its pool, or a new
// one, after waiting for a place in the pool if need be. It can be dropped at any
// of its steps; what it gets after that is closed.

import { openStream } from "../../connect.ts";
import { tellLent } from "../../diagnostics.ts";
import { SocketError } from "../../errors.ts";
import type { Stream } from "../../stream.ts";
import type { Address } from "../../transport.ts";
import { cText } from "../lua.ts";
import type { PoolChoice } from "./arguments.ts";
import { Connection } from "./connection.ts";
import { parseHost, wrongFamily } from "./host.ts";
import { mayBeName, notFound } from "./names.ts";
import { SocketOptions } from "./options.ts";
import type { NgxPool, Pooled } from "./pools.ts";
import type { Scope } from "./scope.ts";
import { loggedWord, upstreamText, wordFor } from "./words.ts";

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
  /** The pool that counts what is being made; who gives its place back, forgets it. */
  #place: NgxPool | undefined;
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
    const { pools } = this.#scope;
    const { poolName, choice, timeoutMs } = this.#wanted;
    const entry = await pools.enter(poolName, choice, timeoutMs, (leave) => this.#giveUp = leave);
    if (typeof entry === "string") return entry;
    const { pool } = entry;
    if (entry.kind === "idle") return this.#connection(entry.pooled, pool);
    return await this.renew(pool);
  }

  /** The same by a new connection, in the place of one that is counted in `pool`. */
  async renew(pool: NgxPool | undefined): Promise<Connection | string> {
    this.#place = pool;
    const pooled = await this.#make();
    if (typeof pooled === "string") return pooled;
    const place = this.#place;
    this.#place = undefined;
    return this.#connection(pooled, place);
  }

  #connection(pooled: Pooled, pool: NgxPool | undefined): Connection | string {
    const { settings } = this.#scope;
    const connection = new Connection(pooled, settings.bufferBytes);
    connection.pool = pool;
    if (!this.#dropped) {
      if (pool) tellLent(pool.name, pooled.stream.connection, pooled.reusedTimes);
      return connection;
    }
    this.#scope.finalize(connection);
    return "closed";
  }

  /** Gives up: `run` says `closed`. A place in a pool is free at once. */
  drop(): void {
    this.#dropped = true;
    this.#giveUp?.();
    this.#leavePlace(false);
  }

  #leavePlace(isUnused: boolean): void {
    const pool = this.#place;
    this.#place = undefined;
    if (pool === undefined) return;
    // A pool whose connection was refused at once is there, and empty.
    if (isUnused) this.#scope.pools.cancel(pool);
    else this.#scope.pools.release(pool);
  }

  /** A new connection, or why there is none; then its place in the pool is given back. */
  async #make(): Promise<Pooled | string> {
    // Whatever happens here, the place must not be lost.
    let atOnce = true;
    let pooled: Pooled | undefined;
    try {
      const got = await this.#open();
      if ("why" in got) {
        atOnce = got.atOnce;
        return got.why;
      }
      return pooled = { stream: got, options: this.options, reusedTimes: 0, tls: undefined };
    } finally {
      this.#giveUp = undefined;
      if (pooled === undefined) this.#leavePlace(atOnce);
    }
  }

  async #open(): Promise<Stream | Refusal> {
    const { host, local, transparent, timeoutMs } = this.#wanted;
    const target = await this.#target();
    if ("why" in target) return target;
    const { address, isName } = target;
    // What the system says to a program without privileges: no runtime can ask.
    if (transparent) return { why: "operation not permitted", atOnce: true };
    const wrong = local && wrongFamily(local.address, address);
    if (wrong !== undefined) return { why: wrong, atOnce: true };
    this.phase = isName ? "waiting" : "connecting";
    this.options = new SocketOptions("path" in address);
    try {
      const stream = await openStream(address, {
        timeoutMs,
        signal: this.#interruption(),
        // The first send turns it on, as in the original.
        noDelay: false,
        ...(local && { localAddress: local.address }),
        ...(local && local.port > 0 && { localPort: local.port }),
      });
      this.options.attach(stream.transport);
      return stream;
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
      if (isName && error.code === "not found") return { why: notFound(host), atOnce: false };
      const why = wordFor(error);
      const what = why === "timeout"
        ? "lua tcp socket connect timed out"
        : `connect() failed (${loggedWord(why)})`;
      this.#scope.logError(what + upstreamText(host, isName ? null : address));
      return { why, atOnce: "path" in address || !LATE.includes(error.code) };
    }
  }

  /** What to connect to: an address, or a name that the system is to look up. */
  async #target(): Promise<{ address: Address; isName: boolean } | Refusal> {
    const { host, port } = this.#wanted;
    const parsed = parseHost(host, port);
    if (parsed.kind === "bad") {
      const why = `failed to parse host name "${cText(host)}": ${parsed.why}`;
      return { why, atOnce: true };
    }
    if (parsed.kind === "address") return { address: parsed.address, isName: false };
    const { names, settings } = this.#scope;
    if (settings.resolver !== null) {
      const address = await names.find(parsed, settings, this.#interruption());
      return typeof address === "string"
        ? { why: address, atOnce: false }
        : { address, isName: false };
    }
    if (!mayBeName(parsed.name)) return { why: notFound(host), atOnce: true };
    return { address: { hostname: parsed.name, port: parsed.port }, isName: true };
  }

  /** Aborted when the attempt is given up, or at once if it has been. */
  #interruption(): AbortSignal {
    const controller = new AbortController();
    this.#giveUp = () => controller.abort();
    if (this.#dropped) controller.abort();
    return controller.signal;
  }
}

// What comes from the network; all else is known before anybody is asked.
const LATE: readonly string[] = ["refused", "timeout", "reset", "aborted", "not found"];
