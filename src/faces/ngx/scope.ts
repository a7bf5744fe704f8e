// A scope is what the original has in a request: the directives of its location,
// and the sockets that are closed when its handler ends. A worker's pools are
// shared by all its scopes.

import type { Connection } from "./connection.ts";
import type { Settings } from "./directives.ts";
import { NgxPools } from "./pools.ts";
import type { Lease, TcpSocket } from "./tcp.ts";

/** Where `say`, `print` and `log` go. */
export interface Sinks {
  /** What `ngx.say` and `ngx.print` give out. */
  readonly out?: (text: string) => void;
  /** What `ngx.log` gives out; the level is 0 (stderr) to 8 (debug). */
  readonly log?: (level: number, message: string) => void;
}

const ERR = 4;

// A forgotten object's connection is closed; the object's methods are all that
// could still use it. Nothing of a connection refers to its object.
const forgotten = new FinalizationRegistry<() => void>((close) => close());

/** The lifetime of the sockets of one handler. */
export class Scope {
  readonly settings: Settings;
  readonly pools: NgxPools;
  readonly sinks: Required<Sinks>;
  readonly #leases = new Set<Lease>();
  #ended = false;

  constructor(settings: Settings, pools: NgxPools, sinks: Required<Sinks>) {
    this.settings = settings;
    this.pools = pools;
    this.sinks = sinks;
  }

  /** Another scope of the same worker. */
  child(settings: Settings = this.settings): Scope {
    return new Scope(settings, this.pools, this.sinks);
  }

  /** Sees to it that the object's connection is closed when the object is forgotten. */
  own(socket: TcpSocket, lease: Lease): void {
    forgotten.register(socket, () => this.#close(lease));
  }

  /** Gives a lease its connection; `false`, and it is closed, when the handler has ended. */
  adopt(lease: Lease, connection: Connection): boolean {
    if (this.#ended) {
      this.finalize(connection);
      return false;
    }
    lease.connection = connection;
    this.#leases.add(lease);
    return true;
  }

  /** Takes a lease's connection away; nobody closes it here. */
  disown(lease: Lease): void {
    lease.connection = undefined;
    this.#leases.delete(lease);
  }

  /** Closes a connection and gives its place in a pool back. */
  finalize(connection: Connection): void {
    const { stream, pool } = connection;
    connection.pool = undefined;
    stream.close();
    if (pool !== undefined) this.pools.release(pool);
  }

  /** The handler has ended: what it left open is closed. */
  end(): void {
    this.#ended = true;
    for (const lease of [...this.#leases]) this.#close(lease);
  }

  /** A line for the log, where socket errors are to be logged. */
  logError(message: string): void {
    if (this.settings.logErrors) this.sinks.log(ERR, message);
  }

  #close(lease: Lease): void {
    const { connection } = lease;
    this.disown(lease);
    if (connection !== undefined) this.finalize(connection);
  }
}

/** The scope of a new worker. */
export function newWorker(settings: Settings, sinks: Required<Sinks>): Scope {
  return new Scope(settings, new NgxPools(), sinks);
}
