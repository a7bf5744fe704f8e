// The core's policy: who gets which connection. One group a key, and in it
//
//   live = opening + lent + idle;   live <= maxConnections
//
// Somebody waits only while all places of the group are taken and none is idle.
// A place that becomes free goes to the first who waits, in the same turn; one
// who gives up has left the queue before anything else happens, so no place and
// no connection can go to nobody.

import { type Eviction, tellEvicted, tellKept, tellLent, tellWait } from "./diagnostics.ts";
import { type Clock, systemClock } from "./drivers/clock.ts";
import { SocketError } from "./errors.ts";
import { Shelf } from "./shelf.ts";

/** What the policy asks of a connection. */
export interface Pooled {
  /** Its number in this process. */
  readonly number: number;
  /** Whether it may serve another: nothing failed, nothing unread, nothing pending. */
  fit(): boolean;
  /** Idle from now on, and listening for its peer. */
  park(): void;
  unpark(): void;
  /** Has `stir` called when its peer stirs while it is parked. */
  watch(stir: (() => void) | undefined): void;
  /** Resolves when it has been told what the system already knows. */
  settle(): Promise<void>;
  close(): void;
}

/** The policy's numbers. */
export interface PoolLimits {
  /** Connections per key, idle ones among them. */
  readonly maxConnections: number;
  /** Idle connections per key. */
  readonly maxIdle: number;
  readonly maxWaiting: number;
  readonly idleMs: number;
  readonly maxLifetimeMs: number;
  readonly maxUses: number;
  readonly order: "newest" | "oldest";
}

/** A connection and what the policy knows of it. */
export interface Member<C extends Pooled> {
  readonly connection: C;
  readonly key: string;
  readonly dieAtMs: number;
  uses: number;
  parkedAtMs: number;
  idleMs: number;
  /** Counted at its group, until it is closed. */
  counted: boolean;
  generation: number;
}

interface Waiter<C extends Pooled> {
  /** Hands over a connection, or a place to open one. */
  grant(member: Member<C> | undefined): void;
  refuse(error: SocketError): void;
}

interface Group<C extends Pooled> {
  live: number;
  /** Connections opened before the last `clear` are not kept. */
  generation: number;
  readonly waiting: Set<Waiter<C>>;
}

/** How long one is willing to wait for a place. */
export interface Patience {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** Lends connections, and keeps those that come back. */
export class LendingPool<C extends Pooled> {
  readonly #limits: PoolLimits;
  readonly #clock: Clock;
  readonly #shelf: Shelf<Member<C>>;
  readonly #groups = new Map<string, Group<C>>();
  readonly #random: () => number;
  #live = 0;
  #waiting = 0;
  #closed = false;

  constructor(limits: PoolLimits, clock: Clock = systemClock, random: () => number = Math.random) {
    this.#limits = limits;
    this.#clock = clock;
    this.#random = random;
    this.#shelf = new Shelf<Member<C>>({
      watch: ({ connection }, stir) => connection.watch(stir),
      discard: (member, why) => this.#bury(member, why),
    }, clock);
  }

  /** How many connections are idle, in use (or opening), and how many callers wait. */
  stats(): { idle: number; lent: number; waiting: number } {
    const idle = this.#shelf.size;
    return { idle, lent: this.#live - idle, waiting: this.#waiting };
  }

  /** A connection that was idle, or one that `create` opens, after waiting for a place if need be. */
  async acquire(key: string, create: () => Promise<C>, patience: Patience): Promise<Member<C>> {
    this.#refuseIfClosed();
    const { signal } = patience;
    if (signal?.aborted) throw aborted(signal);
    // Nothing is awaited between a look at the empty shelf and a place in the
    // queue, or what comes back in between would lie there and be waited for.
    const { order } = this.#limits;
    for (let idle = this.#shelf.take(key, order); idle; idle = this.#shelf.take(key, order)) {
      // What the system holds already must show before anybody gets it.
      await idle.connection.settle();
      if (this.#isGood(idle)) return this.#lend(idle, signal);
    }
    this.#refuseIfClosed();
    if (signal?.aborted) throw aborted(signal);
    const group = this.#groupOf(key);
    if (group.live < this.#limits.maxConnections) {
      this.#addPlace(group);
    } else {
      const granted = await this.#wait(key, group, patience);
      if (granted !== undefined) return granted;
    }
    return await this.#create(key, group, create);
  }

  /**
   * Takes a connection back, for the next one at once: who comes looks at it anew.
   * Tells whether it is kept, behind what the system already knows: otherwise it is
   * closed.
   *
   * @param isFit Whether its user finds nothing wrong with it.
   */
  async giveBack(member: Member<C>, isFit = true): Promise<boolean> {
    const { connection, key, uses } = member;
    if (!isFit) return this.#bury(member, "not fit");
    if (!this.#isGood(member)) return false;
    connection.park();
    const isFull = this.#shelf.count(key) >= this.#limits.maxIdle;
    if (isFull || this.#groupOf(key).waiting.size > 0) {
      // Who waits gets it without another look, and none makes room for a dead one.
      await connection.settle();
      return this.#isGood(member) && this.#keep(member);
    }
    if (!this.#keep(member)) return false;
    await connection.settle();
    return member.uses > uses || (member.counted && connection.fit());
  }

  /** Says that a connection was closed by whoever had it. */
  forget(member: Member<C>): void {
    if (!member.counted) return;
    member.counted = false;
    const group = this.#groups.get(member.key)!;
    this.#freePlace(member.key, group);
  }

  /** Closes the idle connections of a key, or all; those in use are closed when they come back. */
  clear(key?: string): void {
    const groups = key === undefined ? this.#groups.values() : [this.#groups.get(key)];
    for (const group of groups) if (group) group.generation++;
    for (const member of this.#shelf.clear(key)) this.#bury(member, "retired");
  }

  /** Closes the idle connections and refuses all who wait or come later. */
  close(): void {
    this.#closed = true;
    this.clear();
    for (const { waiting } of this.#groups.values()) {
      for (const waiter of [...waiting]) waiter.refuse(poolClosed());
    }
  }

  /** Whether a connection may be lent or kept, as of this turn; otherwise it is closed. */
  #isGood(member: Member<C>): boolean {
    if (!this.#mayLive(member)) return this.#bury(member, "retired");
    return member.connection.fit() || this.#bury(member, "not fit");
  }

  /** Lends a connection that was idle, unless its caller has given up meanwhile. */
  #lend(member: Member<C>, signal: AbortSignal | undefined): Member<C> {
    if (signal?.aborted) {
      this.#keep(member);
      throw aborted(signal);
    }
    member.connection.unpark();
    member.uses++;
    member.idleMs = this.#clock.now() - member.parkedAtMs;
    return handed(member);
  }

  /** Hands a parked connection to the first who waits, or puts it on the shelf. */
  #keep(member: Member<C>): boolean {
    const { key, connection } = member;
    member.parkedAtMs = this.#clock.now();
    const waiter = first(this.#groupOf(key).waiting);
    if (waiter !== undefined) {
      connection.unpark();
      member.uses++;
      member.idleMs = 0;
      waiter.grant(handed(member));
      return true;
    }
    if (this.#shelf.count(key) >= this.#limits.maxIdle) {
      const evicted = this.#shelf.take(key, "oldest");
      if (evicted === undefined) return this.#bury(member, "no room");
      this.#bury(evicted, "no room");
    }
    tellKept(key, connection.number);
    this.#shelf.put(key, member, this.#limits.idleMs);
    return true;
  }

  async #create(key: string, group: Group<C>, create: () => Promise<C>): Promise<Member<C>> {
    let connection: C;
    // A `clear` while it is being opened means it, too.
    const { generation } = group;
    try {
      connection = await create();
    } catch (error) {
      this.#freePlace(key, group);
      throw error;
    }
    const { maxLifetimeMs } = this.#limits;
    // A tenth of jitter, so that connections opened together do not die together.
    const lifetimeMs = maxLifetimeMs * (1 - 0.1 * this.#random());
    const nowMs = this.#clock.now();
    const member: Member<C> = {
      connection,
      key,
      dieAtMs: nowMs + lifetimeMs,
      uses: 1,
      parkedAtMs: nowMs,
      idleMs: 0,
      counted: true,
      generation,
    };
    if (!this.#closed) return handed(member);
    this.#bury(member, "retired");
    throw poolClosed();
  }

  #mayLive(member: Member<C>): boolean {
    return !this.#closed &&
      member.generation === this.#groups.get(member.key)?.generation &&
      member.uses < this.#limits.maxUses && this.#clock.now() < member.dieAtMs;
  }

  #bury(member: Member<C>, reason: Eviction): false {
    tellEvicted(member.key, member.connection.number, reason);
    member.connection.close();
    this.forget(member);
    return false;
  }

  #groupOf(key: string): Group<C> {
    let group = this.#groups.get(key);
    if (group === undefined) this.#groups.set(key, group = newGroup());
    return group;
  }

  #addPlace(group: Group<C>): void {
    group.live++;
    this.#live++;
  }

  /** The place goes to the first who waits, or is free. */
  #freePlace(key: string, group: Group<C>): void {
    const waiter = first(group.waiting);
    if (waiter !== undefined) return waiter.grant(undefined);
    group.live--;
    this.#live--;
    if (group.live === 0) this.#groups.delete(key);
  }

  #wait(
    key: string,
    group: Group<C>,
    { timeoutMs, signal }: Patience,
  ): Promise<Member<C> | undefined> {
    const { maxWaiting, maxConnections } = this.#limits;
    if (group.waiting.size >= maxWaiting) {
      const why = `all ${maxConnections} connections are in use and ${maxWaiting} callers wait`;
      throw new SocketError("pool", `Cannot get a connection: ${why}`, { op: "acquire" });
    }
    return new Promise((resolve, reject) => {
      const leave = () => {
        if (!group.waiting.delete(waiter)) return;
        this.#waiting--;
        cancel?.();
        signal?.removeEventListener("abort", abort);
      };
      const waiter: Waiter<C> = {
        grant: (member) => {
          leave();
          resolve(member);
        },
        refuse: (error) => {
          leave();
          reject(error);
        },
      };
      const abort = () => waiter.refuse(aborted(signal!));
      const cancel = timeoutMs > 0 && timeoutMs < Infinity
        ? this.#clock.after(timeoutMs, () => waiter.refuse(tooLong(timeoutMs)), true)
        : undefined;
      signal?.addEventListener("abort", abort);
      group.waiting.add(waiter);
      this.#waiting++;
      tellWait(key, group.waiting.size);
    });
  }

  #refuseIfClosed(): void {
    if (this.#closed) throw poolClosed();
  }
}

/** A connection that goes to its next user, who is told of. */
function handed<C extends Pooled>(member: Member<C>): Member<C> {
  tellLent(member.key, member.connection.number, member.uses - 1);
  return member;
}

function newGroup<C extends Pooled>(): Group<C> {
  return { live: 0, generation: 0, waiting: new Set() };
}

function first<T>(set: Set<T>): T | undefined {
  for (const it of set) return it;
  return undefined;
}

function poolClosed(): SocketError {
  return new SocketError("pool", "Cannot get a connection: the pool was closed", { op: "acquire" });
}

function tooLong(timeoutMs: number): SocketError {
  const why = `none came free in ${timeoutMs} ms`;
  return new SocketError("timeout", `Cannot get a connection: ${why}`, { op: "acquire" });
}

function aborted(signal: AbortSignal): SocketError {
  return new SocketError("aborted", "Cannot get a connection: the signal was aborted", {
    op: "acquire",
    cause: signal.reason,
  });
}
