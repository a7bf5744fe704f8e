// A scope is what the original has in a request: the directives of its location,
// and the sockets that are closed when its handler ends. A worker's pools are
// shared by all its scopes.

import type { Connection } from "./connection.ts";
import type { Settings } from "./directives.ts";
import { NgxPools } from "./pools.ts";

/** Where `say`, `print` and `log` go. */
export interface Sinks {
  /** What `ngx.say` and `ngx.print` give out. */
  readonly out?: (text: string) => void;
  /** What `ngx.log` gives out; the level is 0 (stderr) to 8 (debug). */
  readonly log?: (level: number, message: string) => void;
}

/** What has a connection for an object, and lets go of it. */
export interface Owner {
  connection: Connection | undefined;
  drop(): void;
}

const ERR = 4;

// A forgotten object's connection is closed: only the object's methods could
// still use it, and nothing of its owner refers to the object.
const forgotten = new FinalizationRegistry<Owner>((owner) => owner.drop());

/** The lifetime of the sockets of one handler. */
export class Scope {
  readonly settings: Settings;
  readonly pools: NgxPools;
  readonly sinks: Required<Sinks>;
  readonly #owners = new Set<Owner>();

  constructor(settings: Settings, pools: NgxPools, sinks: Required<Sinks>) {
    this.settings = settings;
    this.pools = pools;
    this.sinks = sinks;
  }

  /** Another scope of the same worker. */
  child(settings: Settings = this.settings): Scope {
    return new Scope(settings, this.pools, this.sinks);
  }

  /** Sees to it that what an object owns is dropped when it is forgotten. */
  watch(socket: object, owner: Owner): void {
    forgotten.register(socket, owner);
  }

  /** Counts an owner that is about to have a connection among those to drop at the end. */
  enter(owner: Owner): void {
    this.#owners.add(owner);
  }

  /** Takes an owner's connection away; it lives on. */
  disown(owner: Owner): void {
    owner.connection = undefined;
    this.#owners.delete(owner);
  }

  /** Takes an owner's connection away and closes it. */
  release(owner: Owner): void {
    const { connection } = owner;
    this.disown(owner);
    if (connection !== undefined) this.finalize(connection);
  }

  /** Closes a connection and gives its place in a pool back. */
  finalize({ stream, pool }: Connection): void {
    stream.close();
    if (pool !== undefined) this.pools.release(pool);
  }

  /** The handler has ended: what it left open, or was about to open, is closed. */
  end(): void {
    for (const owner of [...this.#owners]) owner.drop();
  }

  /** A line for the log, where socket errors are to be logged. */
  logError(message: string): void {
    if (this.settings.logErrors) this.sinks.log(ERR, message);
  }
}

/** The scope of a new worker. */
export function newWorker(settings: Settings, sinks: Required<Sinks>): Scope {
  return new Scope(settings, new NgxPools(), sinks);
}
