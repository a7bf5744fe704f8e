// The pools of `ngx`, driven by random schedules: whatever happens in whatever
// order, their sums hold. What is counted here is counted from outside.

import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryPair } from "../src/drivers/memory.ts";
import { SocketOptions } from "../src/faces/ngx/options.ts";
import { type NgxPool, NgxPools, type Pooled } from "../src/faces/ngx/pools.ts";
import { Stream } from "../src/stream.ts";
import type { Transport } from "../src/transport.ts";
import { FakeClock } from "./helpers/fake_clock.ts";
import { Random } from "./helpers/random.ts";
import { turns } from "./helpers/turns.ts";

const SCHEDULES = 150;
const STEPS = 100;
const NAMES = ["x", "y"];
const WAIT_MS = 500;
const PROVEN = { name: undefined, verified: true, trust: "", own: "" };

test(`${SCHEDULES} random schedules keep the sums of the pools`, async () => {
  for (let seed = 1; seed <= SCHEDULES; seed++) {
    const schedule = new Schedule(seed);
    try {
      await schedule.run();
    } catch (error) {
      throw new Error(`seed ${seed}: ${schedule.story.slice(-30).join(", ")}`, { cause: error });
    }
  }
});

/** A connection, from the attempt to make it on. */
interface Connection extends Pooled {
  readonly peer: Transport;
  readonly name: string;
  pool: NgxPool | undefined;
  state: "opening" | "used" | "idle" | "gone";
}

class Schedule {
  readonly story: string[] = [];
  readonly #random: Random;
  readonly #clock = new FakeClock();
  readonly #turns: (() => void)[] = [];
  readonly #pools: NgxPools;
  readonly #known = new Set<NgxPool>();
  // Pools that came to nothing without a connection's end stay, as in the original.
  readonly #stay = new Set<NgxPool>();
  readonly #connections = new Set<Connection>();
  readonly #stirred = new Set<Connection>();
  #fault = "";
  readonly #waiting = new Map<() => void, string>();

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.#pools = new NgxPools(this.#clock, (run) => this.#turns.push(run));
  }

  async run(): Promise<void> {
    const moves = [
      this.#connect,
      this.#connect,
      this.#connect,
      this.#opened,
      this.#opened,
      this.#failed,
      this.#keepAlive,
      this.#keepAlive,
      this.#close,
      this.#stir,
      this.#leave,
      this.#pass,
    ];
    for (let step = 0; step < STEPS; step++) {
      const move = this.#random.of(moves);
      await move.call(this);
      // Without a turn in between, two things happen in one turn of the event loop.
      if (!this.#random.onceIn(4)) await this.#settle();
      this.#check();
    }
    await this.#end();
  }

  async #connect(): Promise<void> {
    const name = this.#random.of(NAMES);
    const shape = this.#random.of([
      { size: 0, backlog: -1 },
      { size: this.#random.between(1, 3), backlog: -1 },
      { size: this.#random.between(1, 3), backlog: this.#random.between(0, 3) },
    ]);
    this.#tell(`connect ${name} ${shape.size}/${shape.backlog}`);
    // What ends in the moment in which it is asked for shows only when it is looked at.
    if (this.#random.onceIn(4)) this.#endIdle(name);
    let leave: (() => void) | undefined;
    const entering = this.#pools.enter(name, shape, WAIT_MS, (how) => {
      leave = how;
      this.#waiting.set(how, name);
    });
    entering.then((entry) => {
      if (leave) this.#waiting.delete(leave);
      if (typeof entry === "string") return;
      const { pool } = entry;
      if (pool) this.#known.add(pool);
      if (entry.kind === "place") {
        if (pool && !leave) this.#checkIsLiving(pool);
        return this.#open(name, pool);
      }
      const { stream, tls } = entry.pooled;
      if (pool!.isSecure && tls === undefined) this.#fault = "a pool with TLS gave a plain one";
      const taken = [...this.#connections].find((it) => it.stream === stream)!;
      assert.equal(taken.state, "idle");
      Object.assign(taken, { state: "used", pool });
    });
    await longTurns();
    const pool = this.#pools.find(name);
    if (pool) this.#known.add(pool);
  }

  /** A pool that has lost its last connection is not entered again. */
  #checkIsLiving(pool: NgxPool): void {
    const made = [...this.#connections].filter((it) => it.pool === pool && it.state !== "gone");
    const lives = made.some((it) => !it.stream.closed) || pool.waiting.size > 0;
    const isNew = made.length === 0 || this.#stay.has(pool);
    if (!lives && !isNew) this.#fault = "a pool outlived its last connection";
  }

  #endIdle(name: string): void {
    const idle = [...this.#connections].filter((it) => it.state === "idle" && it.name === name);
    for (const it of idle.slice(-this.#random.between(1, 3))) {
      this.#tell("an idle one ends");
      this.#stirred.add(it);
      this.#stay.delete(it.pool!);
      it.peer.close();
    }
  }

  #open(name: string, pool: NgxPool | undefined): void {
    const [transport, peer] = memoryPair();
    transport.settle = settled;
    this.#connections.add({
      stream: new Stream(transport, this.#clock),
      options: new SocketOptions(false),
      reusedTimes: 0,
      tls: this.#random.onceIn(6) ? PROVEN : undefined,
      peer,
      name,
      pool,
      state: "opening",
    });
  }

  #opened(): void {
    const it = this.#some("opening");
    if (it) it.state = "used";
  }

  #failed(): void {
    const it = this.#some("opening");
    if (!it) return;
    it.state = "gone";
    const atOnce = this.#random.onceIn(2);
    this.#tell(`failed ${atOnce ? "at once" : "late"}`);
    if (it.pool === undefined) return;
    if (atOnce) {
      this.#pools.cancel(it.pool);
      this.#stay.add(it.pool);
    } else {
      this.#stay.delete(it.pool);
      this.#pools.release(it.pool);
    }
  }

  #keepAlive(): void {
    const it = this.#some("used");
    if (!it) return;
    const pool = this.#pools.find(it.name) ??
      this.#pools.create(it.name, this.#random.between(1, 3), -1);
    this.#known.add(pool);
    this.#tell(`setkeepalive ${it.name}`);
    it.state = "idle";
    const counted = it.pool;
    it.pool = pool;
    it.stream.park();
    this.#pools.put(pool, it, counted, this.#random.of([0, 0, 30, -1]));
  }

  #close(): void {
    const it = this.#some("used");
    if (!it) return;
    this.#tell(`close ${it.name}`);
    it.state = "gone";
    it.stream.close();
    if (it.pool === undefined) return;
    this.#stay.delete(it.pool);
    this.#pools.release(it.pool);
  }

  /** The peer of an idle connection sends something, or ends. */
  async #stir(): Promise<void> {
    const it = this.#some("idle");
    if (!it || this.#stirred.has(it)) return;
    this.#tell(`stir ${it.name}`);
    this.#stirred.add(it);
    this.#stay.delete(it.pool!);
    if (this.#random.onceIn(2)) await it.peer.write(new Uint8Array(1));
    else it.peer.close();
  }

  /** One who waits is killed. */
  #leave(): void {
    const waiting = [...this.#waiting.keys()];
    if (waiting.length === 0) return;
    const leave = this.#random.of(waiting);
    const pool = this.#pools.find(this.#waiting.get(leave)!);
    this.#tell("leave");
    if (pool) this.#stay.add(pool);
    this.#waiting.delete(leave);
    leave();
  }

  async #pass(): Promise<void> {
    const ms = this.#random.of([1, 40, WAIT_MS]);
    this.#tell(`${ms} ms pass`);
    await this.#clock.pass(ms);
  }

  /** The event loop turns until nothing moves any more. */
  async #settle(): Promise<void> {
    do {
      for (const turn of this.#turns.splice(0)) turn();
      await longTurns();
    } while (this.#turns.length > 0);
  }

  #check(): void {
    assert.equal(this.#fault, "");
    // What expired, made room or was stirred is closed: the pool has said so.
    for (const it of this.#connections) {
      if (it.state === "idle" && it.stream.closed) it.state = "gone";
      if (it.state === "gone") this.#connections.delete(it);
    }
    for (const pool of this.#known) {
      const made = [...this.#connections].filter((it) => it.pool === pool).length;
      assert.ok(pool.connections >= 0, "a count is negative");
      assert.equal(pool.connections, made + pool.waiting.size, `the count of ${pool.name}`);
      const isNamed = this.#pools.find(pool.name) === pool;
      if (pool.connections > 0) assert.ok(isNamed, "a pool with connections was forgotten");
      else assert.ok(!isNamed || this.#stay.has(pool), "a pool outlived its last connection");
      // Woken in this turn of the event loop, he goes on in the next.
      if (this.#turns.length === 0 && pool.waiting.size > 0) {
        assert.ok(made >= pool.size, "somebody waits though a place is free");
      }
    }
  }

  /** All is given back and all time passes: nothing is left. */
  async #end(): Promise<void> {
    this.#tell("the end");
    await this.#settle();
    for (let left = 1; left > 0;) {
      left = 0;
      for (const move of [this.#opened, this.#close]) {
        while (this.#some(move === this.#close ? "used" : "opening")) {
          move.call(this);
          left++;
        }
      }
      await this.#settle();
    }
    for (const it of this.#connections) if (it.state === "idle") it.peer.close();
    await this.#settle();
    await this.#clock.pass(WAIT_MS);
    await this.#settle();
    this.#check();
    for (const pool of this.#known) assert.equal(pool.connections, 0);
    assert.equal(this.#waiting.size, 0);
  }

  #some(state: Connection["state"]): Connection | undefined {
    const all = [...this.#connections].filter((it) => it.state === state && !it.stream.closed);
    return all.length > 0 ? this.#random.of(all) : undefined;
  }

  #tell(event: string): void {
    this.story.push(event);
  }
}

/** What has ended by then has shown, as with the system's sockets. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 12; turn++) await undefined;
}

/** As many as it takes to look at several dead connections, one after the other. */
async function longTurns(): Promise<void> {
  await turns();
  await turns();
}
