// A scope is what the original has in a request: the directives of its location,
// and the sockets that are closed when its handler ends. A worker's pools are
// shared by all its scopes.

import type { Connection } from "./connection.ts";
import type { Settings } from "./directives.ts";
import { NgxPools } from "./pools.ts";
import type { Link } from "./link.ts";

/** Where `say`, `print` and `log` go. */
export interface Sinks {
  /** What `ngx.say` and `ngx.print` give out. */
  readonly out?: (text: string) => void;
  /** What `ngx.log` gives out; the level is 0 (stderr) to 8 (debug). */
  readonly log?: (level: number, message: string) => void;
}

const ERR = 4;

// A forgotten object's connection is closed: only the object's methods could
// still use it, and nothing of a link refers to its object.
const forgotten = new FinalizationRegistry<Link>((link) => link.drop());

/** The lifetime of the sockets of one handler. */
export class Scope {
  readonly settings: Settings;
  readonly pools: NgxPools;
  readonly sinks: Required<Sinks>;
  readonly #links = new Set<Link>();
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

  /** Sees to it that the object's link is dropped when the object is forgotten. */
  watch(socket: object, link: Link): void {
    forgotten.register(socket, link);
  }

  /** Gives a link its connection; `false`, and it is closed, when the handler has ended. */
  adopt(link: Link, connection: Connection): boolean {
    if (this.#ended) {
      this.#finalize(connection);
      return false;
    }
    link.connection = connection;
    this.#links.add(link);
    return true;
  }

  /** Takes a link's connection away; it lives on. */
  disown(link: Link): void {
    link.connection = undefined;
    this.#links.delete(link);
  }

  /** Takes a link's connection away and closes it. */
  release(link: Link): void {
    const { connection } = link;
    if (connection === undefined) return;
    this.disown(link);
    this.#finalize(connection);
  }

  /** The handler has ended: what it left open is closed. */
  end(): void {
    this.#ended = true;
    for (const link of [...this.#links]) link.drop();
  }

  /** A line for the log, where socket errors are to be logged. */
  logError(message: string): void {
    if (this.settings.logErrors) this.sinks.log(ERR, message);
  }

  /** Closes a connection and gives its place in a pool back. */
  #finalize({ stream, pool }: Connection): void {
    stream.close();
    if (pool !== undefined) this.pools.release(pool);
  }
}

/** The scope of a new worker. */
export function newWorker(settings: Settings, sinks: Required<Sinks>): Scope {
  return new Scope(settings, new NgxPools(), sinks);
}
