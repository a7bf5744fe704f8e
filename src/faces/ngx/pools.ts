// The original's pools: named, made by whoever comes first, and forgotten with
// their last connection. `connections` counts idle, in use, connecting and
// queued; a connection made before its pool was is counted when it comes in.

import { Shelf } from "../../shelf.ts";
import type { Stream } from "../../stream.ts";

/** A named pool. */
export interface NgxPool {
  readonly name: string;
  readonly size: number;
  /** How many may wait, or -1: then there is no limit on connections either. */
  readonly backlog: number;
  connections: number;
  readonly waiting: Set<() => void>;
}

interface Idle {
  readonly stream: Stream;
  readonly reusedTimes: number;
  readonly pool: NgxPool;
}

/** All pools of a worker. */
export class NgxPools {
  readonly #pools = new Map<string, NgxPool>();
  readonly #shelf = new Shelf<Idle>({
    watch: ({ stream }, stir) => stream.onStir = stir,
    discard: (idle) => this.#bury(idle),
  });

  find(name: string): NgxPool | undefined {
    return this.#pools.get(name);
  }

  create(name: string, size: number, backlog: number): NgxPool {
    const pool = { name, size, backlog, connections: 0, waiting: new Set<() => void>() };
    this.#pools.set(name, pool);
    return pool;
  }

  /** The connection pooled last, unless its peer has stirred; it stays counted. */
  async takeIdle(pool: NgxPool): Promise<{ stream: Stream; reusedTimes: number } | undefined> {
    const idle = this.#shelf.take(pool.name, "newest");
    if (idle === undefined) return undefined;
    const { stream } = idle;
    // What the system holds already must show before anybody gets it.
    await stream.transport.settle();
    if (!stream.closed && !stream.readEnded && stream.buffer.length === 0) {
      stream.unpark();
      return { stream, reusedTimes: idle.reusedTimes + 1 };
    }
    this.#bury(idle);
    // Behind a dead one there may be a living one.
    return this.find(pool.name) === pool ? await this.takeIdle(pool) : undefined;
  }

  /**
   * Keeps a connection that was parked; the least recently pooled one makes room.
   *
   * @param counted The pool it is counted in.
   */
  put(
    pool: NgxPool,
    stream: Stream,
    reusedTimes: number,
    counted: NgxPool | undefined,
    idleMs: number,
  ): void {
    if (counted !== pool) {
      pool.connections++;
      if (counted !== undefined) this.release(counted);
    }
    if (this.#shelf.count(pool.name) >= pool.size) {
      this.#bury(this.#shelf.take(pool.name, "oldest")!);
    }
    // A time before now is over at the next turn; 0 never is.
    this.#shelf.put(pool.name, { stream, reusedTimes, pool }, idleMs < 0 ? 1 : idleMs);
    this.wake(pool);
  }

  /** A counted connection is gone: its place goes to the first who waits. */
  release(pool: NgxPool): void {
    pool.connections--;
    if (pool.connections === 0) this.#forget(pool);
    else this.wake(pool);
  }

  /** Lets the first who waits try again. */
  wake(pool: NgxPool): void {
    for (const resume of pool.waiting) {
      pool.waiting.delete(resume);
      resume();
      return;
    }
  }

  #forget(pool: NgxPool): void {
    if (this.#pools.get(pool.name) === pool) this.#pools.delete(pool.name);
  }

  #bury({ stream, pool }: Idle): void {
    stream.close();
    this.release(pool);
  }
}
