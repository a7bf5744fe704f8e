// Random schedules: whatever happens in whatever order, the sums of the pool
// hold. What is counted here is counted from outside, never asked of the pool.

import assert from "node:assert/strict";
import { test } from "node:test";
import { SocketError } from "../src/errors.ts";
import { LendingPool, type Member, type PoolLimits } from "../src/pool.ts";
import { FakeClock } from "./helpers/fake_clock.ts";
import { FakeConnection, type Place } from "./helpers/fake_connection.ts";
import { Random } from "./helpers/random.ts";
import { turns } from "./helpers/turns.ts";

const SCHEDULES = 250;
const STEPS = 150;
const KEYS = ["x", "y"];

test(`${SCHEDULES} random schedules keep the sums of the pool`, async () => {
  for (let seed = 1; seed <= SCHEDULES; seed++) {
    const schedule = new Schedule(seed);
    try {
      await schedule.run();
    } catch (error) {
      throw new Error(`seed ${seed}: ${schedule.story.slice(-30).join(", ")}`, { cause: error });
    }
  }
});

/** One who asked for a connection, until it has one or was refused. */
interface Caller {
  readonly key: string;
  readonly controller: AbortController;
  aborted: boolean;
}

/** A connection that is being opened. */
interface Opening {
  readonly key: string;
  succeed(): void;
  fail(): void;
}

class Schedule {
  readonly story: string[] = [];
  readonly #random: Random;
  readonly #clock = new FakeClock();
  readonly #limits: PoolLimits;
  readonly #pool: LendingPool<FakeConnection>;
  readonly #callers = new Set<Caller>();
  readonly #openings = new Set<Opening>();
  readonly #connections = new Map<FakeConnection, string>();
  readonly #lent = new Map<FakeConnection, Member<FakeConnection>>();
  readonly #settled: Promise<unknown>[] = [];

  constructor(seed: number) {
    const random = this.#random = new Random(seed);
    this.#limits = {
      maxConnections: random.between(1, 4),
      maxIdle: random.between(0, 4),
      maxWaiting: random.between(0, 6),
      idleMs: random.of([0, 30, 100]),
      maxLifetimeMs: random.of([Infinity, 200]),
      maxUses: random.of([Infinity, 3]),
      order: random.of(["newest", "oldest"] as const),
    };
    this.#pool = new LendingPool(this.#limits, this.#clock, () => random.fraction());
  }

  async run(): Promise<void> {
    const moves = [
      this.#acquire,
      this.#acquire,
      this.#acquire,
      this.#giveBack,
      this.#giveBack,
      this.#spoilAndGiveBack,
      this.#closeLent,
      this.#stir,
      this.#settle,
      this.#settle,
      this.#open,
      this.#open,
      this.#failToOpen,
      this.#abort,
      this.#pass,
      this.#clear,
    ];
    for (let step = 0; step < STEPS; step++) {
      const move = this.#random.of(moves);
      this.story.push(move.name);
      await move.call(this);
      this.#checkAlways();
      if (this.#random.onceIn(2)) {
        for (let turn = this.#random.below(6); turn > 0; turn--) await Promise.resolve();
        this.#checkAlways();
      } else {
        await turns();
        this.#checkAtRest();
      }
    }
    await this.#end();
  }

  /** All that is under way comes to its end; then the pool is closed. */
  async #end(): Promise<void> {
    this.story.push("the end");
    for (let round = 0; round < 200 && this.#callers.size > 0; round++) {
      await turns();
      for (const it of [...this.#openings]) it.succeed();
      for (const it of this.#connections.keys()) it.settled();
      await turns();
      for (const member of [...this.#lent.values()]) this.#return(member);
    }
    assert.equal(this.#callers.size, 0, "a caller was lost");
    for (const it of this.#connections.keys()) it.settled();
    for (const member of [...this.#lent.values()]) this.#return(member);
    await turns();
    for (const it of this.#connections.keys()) it.settled();
    await turns();
    this.#checkAtRest();
    this.#pool.close();
    await turns();
    await Promise.all(this.#settled);
    assert.deepEqual(this.#pool.stats(), { idle: 0, lent: 0, waiting: 0 });
    for (const it of this.#connections.keys()) assert.equal(it.place, "closed", it.name);
    assert.equal(this.#clock.timers.size, 0);
  }

  /** At every moment. */
  #checkAlways(): void {
    for (const key of KEYS) {
      const live = this.#live(key);
      assert.ok(live <= this.#limits.maxConnections, `${live} connections to ${key}`);
      assert.ok(this.#count(key, "idle") <= this.#limits.maxIdle, `too many idle of ${key}`);
    }
    const { idle, lent, waiting } = this.#pool.stats();
    assert.ok(idle >= 0 && lent >= 0 && waiting >= 0);
    assert.ok(waiting <= KEYS.length * this.#limits.maxWaiting);
  }

  /** When all has happened that can without somebody else's doing. */
  #checkAtRest(): void {
    this.#checkAlways();
    let idle = 0;
    let live = 0;
    let waiting = 0;
    for (const key of KEYS) {
      const callers = [...this.#callers].filter((it) => it.key === key).length;
      // Each connection that is opened or looked at is so for one of the callers.
      const served = this.#opening(key) + this.#count(key, "checked");
      assert.ok(callers >= served, `somebody is served who did not ask for ${key}`);
      if (callers > served) {
        assert.equal(this.#live(key), this.#limits.maxConnections, `${key} has a free place`);
        assert.equal(this.#count(key, "idle"), 0, `${key} has an idle connection`);
      }
      idle += this.#count(key, "idle");
      live += this.#live(key);
      waiting += callers - served;
    }
    assert.deepEqual(this.#pool.stats(), { idle, lent: live - idle, waiting });
  }

  #acquire(): void {
    const key = this.#random.of(KEYS);
    const controller = new AbortController();
    const caller: Caller = { key, controller, aborted: false };
    this.#callers.add(caller);
    const { signal } = controller;
    const timeoutMs = this.#random.of([0, 20, 100]);
    const call = this.#pool.acquire(key, () => this.#create(key), { timeoutMs, signal });
    this.#settled.push(call.then((member) => {
      this.#callers.delete(caller);
      const { connection } = member;
      assert.equal(connection.place, "lent", connection.name);
      assert.equal(this.#lent.has(connection), false, `${connection.name} has two owners`);
      assert.equal(this.#connections.get(connection), key, `${connection.name} is of another key`);
      this.#lent.set(connection, member);
      connection.onClose = () => this.#pool.forget(member);
    }, (error) => {
      this.#callers.delete(caller);
      if (error === CANNOT_OPEN) return;
      assert.ok(error instanceof SocketError, String(error));
      assert.match(error.code, /^(timeout|aborted|pool)$/);
      assert.equal(error.code === "aborted", caller.aborted, "aborted, and not by its caller");
    }));
  }

  #create(key: string): Promise<FakeConnection> {
    return new Promise((resolve, reject) => {
      const opening: Opening = {
        key,
        succeed: () => {
          this.#openings.delete(opening);
          const connection = new FakeConnection(`connection ${this.#connections.size}`);
          connection.settlesAtOnce = this.#random.onceIn(3);
          this.#connections.set(connection, key);
          resolve(connection);
        },
        fail: () => {
          this.#openings.delete(opening);
          reject(CANNOT_OPEN);
        },
      };
      this.#openings.add(opening);
    });
  }

  #giveBack(): void {
    const member = this.#someLent();
    if (member) this.#return(member);
  }

  #spoilAndGiveBack(): void {
    const member = this.#someLent();
    if (!member) return;
    member.connection.isFit = false;
    this.#return(member);
  }

  #return(member: Member<FakeConnection>): void {
    this.#lent.delete(member.connection);
    this.#settled.push(this.#pool.giveBack(member));
  }

  #closeLent(): void {
    const member = this.#someLent();
    if (!member) return;
    this.#lent.delete(member.connection);
    member.connection.close();
  }

  #stir(): void {
    const parked = [...this.#connections.keys()].filter((it) =>
      /^(returning|idle|checked)$/.test(it.place)
    );
    if (parked.length > 0) this.#random.of(parked).stir();
  }

  #settle(): void {
    const settling = [...this.#connections.keys()].filter((it) => it.settling);
    if (settling.length > 0) this.#random.of(settling).settled();
  }

  #open(): void {
    if (this.#openings.size > 0) this.#random.of([...this.#openings]).succeed();
  }

  #failToOpen(): void {
    if (this.#openings.size > 0) this.#random.of([...this.#openings]).fail();
  }

  #abort(): void {
    if (this.#callers.size === 0) return;
    const caller = this.#random.of([...this.#callers]);
    caller.aborted = true;
    caller.controller.abort();
  }

  #pass(): Promise<void> {
    return this.#clock.pass(this.#random.between(1, 40));
  }

  #clear(): void {
    if (this.#random.onceIn(3)) this.#pool.clear(this.#random.of([...KEYS, undefined]));
  }

  #someLent(): Member<FakeConnection> | undefined {
    return this.#lent.size > 0 ? this.#random.of([...this.#lent.values()]) : undefined;
  }

  #live(key: string): number {
    const open = [...this.#connections].filter(([it, of]) => of === key && it.place !== "closed");
    return open.length + this.#opening(key);
  }

  #opening(key: string): number {
    return [...this.#openings].filter((it) => it.key === key).length;
  }

  #count(key: string, place: Place): number {
    return [...this.#connections].filter(([it, of]) => of === key && it.place === place).length;
  }
}

const CANNOT_OPEN = new Error("Cannot open");
