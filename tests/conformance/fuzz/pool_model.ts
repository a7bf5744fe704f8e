/** The pools of the original, as far as it must be known who gets which connection. */

import { LATE_MS, type PeerModel, SETTLE_MS } from "./peer_model.ts";
import { Undetermined } from "./undetermined.ts";

/** A connection, in use or idle. */
export type Pooled = {
  readonly peer: PeerModel;
  reused: number;
  /** When the pool drops it. */
  expiresMs: number;
};

/** A connect in the queue. */
export type Waiting = {
  readonly untilMs: number;
  /** What it got, and when. */
  woken?: { readonly atMs: number; readonly pooled: Pooled; readonly pool: Pool };
  /** Makes a new connection. */
  readonly accept: () => Pooled;
};

export type Pool = {
  readonly name: string;
  readonly size: number;
  /** How many may wait, or -1: then there is no limit. */
  readonly backlog: number;
  /** Idle and in use. */
  count: number;
  readonly idle: Pooled[];
  readonly queue: Waiting[];
  /** Who was woken, and may still be on the way from the queue. */
  readonly coming: Set<Waiting>;
};

/** What a connect comes to. */
export type Entry =
  | { readonly kind: "idle"; readonly pooled: Pooled; readonly pool: Pool }
  | { readonly kind: "new"; readonly pool: Pool | undefined }
  | { readonly kind: "full" }
  | { readonly kind: "wait"; readonly pool: Pool };

/** The pools of one conversation. */
export class PoolsModel {
  readonly #pools = new Map<string, Pool>();

  /** What a connect finds; an idle connection is taken, and a new one is counted. */
  enter(name: string, size: number, backlog: number, nowMs: number): Entry {
    const pool = this.find(name, nowMs) ?? (size > 0 ? this.#make(name, size, backlog) : undefined);
    if (pool === undefined) return { kind: "new", pool };
    const pooled = pool.idle.pop();
    if (pooled !== undefined) {
      pooled.reused++;
      return { kind: "idle", pooled, pool };
    }
    if (pool.backlog < 0 || pool.count < pool.size) {
      pool.count++;
      return { kind: "new", pool };
    }
    return pool.queue.length < pool.backlog ? { kind: "wait", pool } : { kind: "full" };
  }

  /** The pool of a name, without the connections that it has lost. */
  find(name: string, nowMs: number): Pool | undefined {
    const pool = this.#pools.get(name);
    if (pool === undefined) return undefined;
    for (const { woken } of pool.coming) {
      if (nowMs < woken!.atMs + SETTLE_MS) {
        throw new Undetermined("somebody is on the way from its queue");
      }
    }
    for (const pooled of [...pool.idle]) {
      const lostMs = Math.min(pooled.expiresMs, pooled.peer.arrivals[0]?.atMs ?? Infinity);
      if (nowMs + LATE_MS <= lostMs) continue;
      if (nowMs < lostMs + SETTLE_MS) throw new Undetermined("a pooled connection is about to go");
      pool.idle.splice(pool.idle.indexOf(pooled), 1);
      pool.count--;
    }
    if (pool.count === 0 && pool.queue.length === 0) {
      this.#pools.delete(name);
      return undefined;
    }
    return pool;
  }

  /** A connection comes in; without a pool of that name one is made. */
  put(name: string, size: number, pooled: Pooled, counted: Pool | undefined, nowMs: number): void {
    const pool = this.#enter(name, size, counted, nowMs);
    pool.idle.push(pooled);
    this.#wake(pool, nowMs);
  }

  /** One comes in of which is found out then that something lies unread in it. */
  waste(name: string, size: number, counted: Pool | undefined, nowMs: number): void {
    this.release(this.#enter(name, size, counted, nowMs), nowMs);
  }

  #enter(name: string, size: number, counted: Pool | undefined, nowMs: number): Pool {
    const pool = this.find(name, nowMs) ?? this.#make(name, size, -1);
    if (counted !== pool) {
      pool.count++;
      if (counted !== undefined) this.release(counted, nowMs);
    }
    if (pool.idle.length >= pool.size) {
      pool.idle.shift();
      pool.count--;
    }
    return pool;
  }

  /** A connection in use is gone. */
  release(pool: Pool, nowMs: number): void {
    this.find(pool.name, nowMs);
    pool.count--;
    this.#wake(pool, nowMs);
  }

  #make(name: string, size: number, backlog: number): Pool {
    const pool = { name, size, backlog, count: 0, idle: [], queue: [], coming: new Set<Waiting>() };
    this.#pools.set(name, pool);
    return pool;
  }

  #wake(pool: Pool, nowMs: number): void {
    const waiting = pool.queue.shift();
    if (waiting === undefined) {
      if (pool.count === 0) this.#pools.delete(pool.name);
      return;
    }
    if (nowMs + LATE_MS > waiting.untilMs) throw new Undetermined("its time in the queue is up");
    let pooled = pool.idle.pop();
    if (pooled === undefined) {
      pool.count++;
      pooled = waiting.accept();
    } else pooled.reused++;
    waiting.woken = { atMs: nowMs, pooled, pool };
    pool.coming.add(waiting);
  }
}
