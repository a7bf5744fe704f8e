// The original's pools: named, made by whoever comes first, and forgotten when
// their last connection closes. `connections` counts idle, in use, connecting and
// queued; a connection made before its pool was is counted when it comes in.

import { type Eviction, tellEvicted, tellKept, tellWait } from "../../diagnostics.ts";
import { type Clock, systemClock } from "../../drivers/clock.ts";
import { Shelf } from "../../shelf.ts";
import type { Stream } from "../../stream.ts";
import type { Proven } from "./handshake.ts";
import type { SocketOptions } from "./options.ts";
import { nextTurn, type Turn, type WaitEnd, Waiter } from "./waiter.ts";

/** A named pool. */
export interface NgxPool {
  readonly name: string;
  readonly size: number;
  /** How many may wait, or -1: then there is no limit on connections either. */
  readonly backlog: number;
  connections: number;
  readonly waiting: Set<Waiter>;
  /** Whether a handshake was made under its name: no plain connection gets in any more. */
  isSecure: boolean;
}

/** What is kept of a connection, and goes to its next user. */
export interface Pooled {
  readonly stream: Stream;
  readonly options: SocketOptions;
  readonly reusedTimes: number;
  /** What it is known to be, if it has TLS. */
  readonly tls: Proven | undefined;
}

/** How a pool is to be if it has to be made; with a size of 0 it is not. */
export interface PoolShape {
  readonly size: number;
  readonly backlog: number;
}

/** What a connect gets: an idle connection, or leave to make one. */
export type Entry =
  | { readonly kind: "idle"; readonly pool: NgxPool; readonly pooled: Pooled }
  | { readonly kind: "place"; readonly pool: NgxPool | undefined };

const TOO_MANY = "too many waiting connect operations";

interface Idle extends Pooled {
  readonly pool: NgxPool;
}

/** All pools of a worker. */
export class NgxPools {
  readonly #clock: Clock;
  readonly #turn: Turn;
  readonly #pools = new Map<string, NgxPool>();
  readonly #shelf: Shelf<Idle>;

  constructor(clock: Clock = systemClock, turn: Turn = nextTurn) {
    this.#clock = clock;
    this.#turn = turn;
    this.#shelf = new Shelf<Idle>({
      watch: ({ stream }, stir) => stream.onStir = stir,
      discard: (idle, why) => this.#bury(idle.pool, idle, why),
    }, clock);
  }

  find(name: string): NgxPool | undefined {
    return this.#pools.get(name);
  }

  create(name: string, size: number, backlog: number): NgxPool {
    const waiting = new Set<Waiter>();
    const pool: NgxPool = { name, size, backlog, connections: 0, waiting, isSecure: false };
    this.#pools.set(name, pool);
    return pool;
  }

  /** From now on there is TLS in the pool of that name, if there is one, and nothing else. */
  secure(name: string): void {
    const pool = this.find(name);
    if (pool === undefined || pool.isSecure) return;
    pool.isSecure = true;
    for (const idle of this.#shelf.clear(name)) this.#bury(pool, idle, "retired");
  }

  /**
   * An idle connection, a place to make one, or why there is neither; waits in the
   * pool's queue if need be.
   *
   * @param onWait Given how to leave the queue.
   */
  async enter(
    name: string,
    { size, backlog }: PoolShape,
    timeoutMs: number,
    onWait: (leave: () => void) => void,
  ): Promise<Entry | string> {
    let queued = false;
    for (;;) {
      const pool = this.find(name) ?? (size > 0 ? this.create(name, size, backlog) : undefined);
      if (pool === undefined) return { kind: "place", pool };
      const pooled = await this.#takeIdle(pool);
      if (pooled !== undefined) return { kind: "idle", pool, pooled };
      // A dead connection may have been its last.
      if (this.find(name) !== pool) continue;
      pool.connections++;
      // Who waited goes on, also where another has taken the place meanwhile.
      const isFree = pool.backlog < 0 || pool.connections <= pool.size;
      if (queued || isFree) return { kind: "place", pool };
      if (pool.connections > pool.size + pool.backlog) {
        pool.connections--;
        return TOO_MANY;
      }
      const how = await this.#wait(pool, timeoutMs, onWait);
      if (how !== "woken") return how === "timeout" ? "timeout" : "closed";
      queued = true;
    }
  }

  /**
   * Keeps a connection that was parked; the least recently pooled one makes room.
   * A plain one for a pool with TLS is closed: who took it would find it out too late.
   *
   * @param counted The pool it is counted in.
   */
  put(pool: NgxPool, pooled: Pooled, counted: NgxPool | undefined, idleMs: number): void {
    this.#count(pool, counted);
    if (pooled.tls !== undefined) {
      this.secure(pool.name);
    } else if (pool.isSecure) {
      return this.#bury(pool, pooled, "not fit");
    }
    this.#makeRoom(pool);
    // A time before now is over at the next turn; 0 never is.
    const { stream, options, reusedTimes, tls } = pooled;
    const idle = { stream, options, reusedTimes, tls, pool };
    tellKept(pool.name, stream.connection);
    this.#shelf.put(pool.name, idle, idleMs < 0 ? 1 : idleMs);
    this.#wake(pool);
  }

  /**
   * Closes a connection in which something is unread. The original finds that out once the
   * connection is in its pool: another one has made room by then.
   */
  waste(pool: NgxPool, pooled: Pooled, counted: NgxPool | undefined): void {
    this.#count(pool, counted);
    this.#makeRoom(pool);
    this.#bury(pool, pooled, "not fit");
  }

  /** A counted connection is gone: its place goes to the first who waits. */
  release(pool: NgxPool): void {
    pool.connections--;
    if (pool.connections === 0) this.#forget(pool);
    else this.#wake(pool);
  }

  /** A counted connection never came to be, and was not even tried: the pool stays. */
  cancel(pool: NgxPool): void {
    pool.connections--;
    this.#wake(pool);
  }

  /** From now on a connection is counted in this pool. */
  #count(pool: NgxPool, counted: NgxPool | undefined): void {
    if (counted === pool) return;
    pool.connections++;
    if (counted !== undefined) this.release(counted);
  }

  /** The least recently pooled one goes where there is no room for another. */
  #makeRoom(pool: NgxPool): void {
    if (this.#shelf.count(pool.name) < pool.size) return;
    evict(pool, this.#shelf.take(pool.name, "oldest")!, "no room");
    pool.connections--;
  }

  /** Waits in the queue, and is counted as long as that. */
  #wait(
    pool: NgxPool,
    timeoutMs: number,
    onWait: (leave: () => void) => void,
  ): Promise<WaitEnd> {
    return new Promise((resolve) => {
      const waiter = new Waiter(timeoutMs, this.#clock, this.#turn, (how) => {
        pool.waiting.delete(waiter);
        pool.connections--;
        // The next one goes in the place of one who left, whether there is room or not.
        if (how === "left") this.#wake(pool);
        resolve(how);
      });
      pool.waiting.add(waiter);
      tellWait(pool.name, pool.waiting.size);
      onWait(() => waiter.leave());
    });
  }

  /** The connection pooled last whose peer has not stirred; it stays counted. */
  async #takeIdle(pool: NgxPool): Promise<Pooled | undefined> {
    // With its last connection a pool is gone, and another may have its name.
    while (this.find(pool.name) === pool) {
      const idle = this.#shelf.take(pool.name, "newest");
      if (idle === undefined) return undefined;
      const { stream, options, reusedTimes, tls } = idle;
      // What the system holds already must show before anybody gets it.
      await stream.transport.settle();
      if (!stream.closed && !stream.readEnded && stream.buffer.length === 0) {
        stream.unpark();
        return { stream, options, reusedTimes: reusedTimes + 1, tls };
      }
      // Nobody is woken: its place is for who asks, or was promised when it came in.
      evict(pool, idle, "not fit");
      pool.connections--;
      if (pool.connections === 0) this.#forget(pool);
    }
    return undefined;
  }

  /** Lets the first who waits try again, with the next turn of the event loop. */
  #wake(pool: NgxPool): void {
    for (const waiter of pool.waiting) if (waiter.wake()) return;
  }

  #forget(pool: NgxPool): void {
    if (this.#pools.get(pool.name) === pool) this.#pools.delete(pool.name);
  }

  #bury(pool: NgxPool, pooled: Pooled, reason: Eviction): void {
    evict(pool, pooled, reason);
    this.release(pool);
  }
}

function evict({ name }: NgxPool, { stream }: Pooled, reason: Eviction): void {
  tellEvicted(name, stream.connection, reason);
  stream.close();
}
