// A scope is what the original has in a request: the directives of its location,
// and the sockets that are closed when its handler ends. A worker's pools are
// shared by all its scopes.

import type { Connection } from "./connection.ts";
import type { Settings } from "./directives.ts";
import { Names } from "./names.ts";
import { NgxPools } from "./pools.ts";

/**
 * Where `say`, `print` and `log` go.
 *
 * @example
 * ```ts
 * import { createNgx } from "@cosocket/cosocket/ngx";
 *
 * const lines: string[] = [];
 * const ngx = createNgx({}, {
 *   out: (text) => lines.push(text),
 *   log: (level, message) => lines.push(`${level}: ${message}`),
 * });
 * ngx.say("done");
 * ngx.log(ngx.WARN, "almost");
 * console.log(lines); // [ "done\n", "5: almost" ]
 * ```
 */
export interface Sinks {
  /** What `ngx.say` and `ngx.print` give out. */
  readonly out?: (text: string) => void;
  /** What `ngx.log` gives out; the level is 0 (stderr) to 8 (debug). */
  readonly log?: (level: number, message: string) => void;
}

/** What has something for an object, and lets go of it. */
export interface Holding {
  drop(): void;
}

/** What has a connection for an object. */
export interface Owner extends Holding {
  connection: Connection | undefined;
}

/** What all scopes of a worker have together. */
interface Shared {
  readonly pools: NgxPools;
  readonly names: Names;
}

const ERR = 4;

// A forgotten object's connection is closed: only the object's methods could
// still use it, and what is held does not refer to it.
const forgotten = new FinalizationRegistry<Holding>((holding) => holding.drop());

/** The lifetime of the sockets of one handler. */
export class Scope {
  readonly settings: Settings;
  readonly pools: NgxPools;
  readonly names: Names;
  readonly sinks: Required<Sinks>;
  readonly #holdings = new Set<Holding>();
  /**
   * OpenSSL's number for the last certificate that was refused, or 0. The original
   * puts it before what sslhandshake says until another one has failed over the
   * network; there it is the whole worker's.
   */
  certificateError = 0;

  constructor(settings: Settings, shared: Shared, sinks: Required<Sinks>) {
    this.settings = settings;
    this.pools = shared.pools;
    this.names = shared.names;
    this.sinks = sinks;
  }

  /** Another scope of the same worker. */
  child(settings: Settings = this.settings): Scope {
    return new Scope(settings, this, this.sinks);
  }

  /** Sees to it that what is held for an object is dropped when it is forgotten. */
  watch(socket: object, holding: Holding): void {
    forgotten.register(socket, holding);
  }

  /** Counts what is about to have something among those to drop at the end. */
  enter(holding: Holding): void {
    this.#holdings.add(holding);
  }

  /** Counts it no more: it has nothing left. */
  leave(holding: Holding): void {
    this.#holdings.delete(holding);
  }

  /** Takes an owner's connection away; it lives on. */
  disown(owner: Owner): void {
    owner.connection = undefined;
    this.leave(owner);
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
    for (const holding of [...this.#holdings]) holding.drop();
  }

  /** A line for the log, where socket errors are to be logged. */
  logError(message: string): void {
    if (this.settings.logErrors) this.sinks.log(ERR, message);
  }
}

/** The scope of a new worker. */
export function newWorker(settings: Settings, sinks: Required<Sinks>): Scope {
  return new Scope(settings, { pools: new NgxPools(), names: new Names() }, sinks);
}
