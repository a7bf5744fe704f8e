// Single steps of the pools of `ngx`; random schedules of them are in a file of their own.

import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryPair } from "../src/drivers/memory.ts";
import { SocketOptions } from "../src/faces/ngx/options.ts";
import { type Entry, type NgxPool, NgxPools, type Pooled } from "../src/faces/ngx/pools.ts";
import { Stream } from "../src/stream.ts";
import { FakeClock } from "./helpers/fake_clock.ts";
import { turns } from "./helpers/turns.ts";

const WAIT_MS = 500;

/** Pools with a limit of one connection and a queue, and a loop that turns when told to. */
class Bench {
  readonly clock = new FakeClock();
  readonly #turns: (() => void)[] = [];
  readonly pools = new NgxPools(this.clock, (run) => this.#turns.push(run));
  readonly story: string[] = [];

  /** Enters the pool; what comes of it is told by that name. */
  async enter(who: string, size = 1, backlog = 5): Promise<{ pool: NgxPool; leave: () => void }> {
    let leave = () => {};
    const entering = this.pools.enter("p", { size, backlog }, WAIT_MS, (how) => leave = how);
    entering.then((entry) => this.story.push(`${who}: ${outcome(entry)}`));
    await turns();
    return { pool: this.pools.find("p")!, leave: () => leave() };
  }

  /** One turn of the event loop. */
  async turn(): Promise<void> {
    for (const run of this.#turns.splice(0)) run();
    await turns();
  }

  tell(): string[] {
    return this.story.splice(0);
  }
}

function outcome(entry: Entry | string): string {
  if (typeof entry === "string") return entry;
  if (entry.kind === "place") return "place";
  // A connection in use would hold the process.
  entry.pooled.stream.close();
  return `idle, reused ${entry.pooled.reusedTimes}`;
}

function connection(reusedTimes = 0): Pooled {
  const [transport] = memoryPair();
  const stream = new Stream(transport);
  stream.park();
  return { stream, options: new SocketOptions(false), reusedTimes, tls: undefined };
}

test("who is woken goes on with the next turn, and not before", async () => {
  const bench = new Bench();
  const { pool } = await bench.enter("a");
  await bench.enter("b");
  assert.deepEqual(bench.tell(), ["a: place"]);
  bench.pools.release(pool);
  await turns();
  assert.deepEqual(bench.tell(), []);
  await bench.turn();
  assert.deepEqual(bench.tell(), ["b: place"]);
});

test("who comes before the woken one's turn takes the idle connection", async () => {
  const bench = new Bench();
  const { pool } = await bench.enter("a");
  await bench.enter("b");
  bench.pools.put(pool, connection(), pool, 0);
  await bench.enter("c");
  await bench.turn();
  assert.deepEqual(bench.tell(), ["a: place", "c: idle, reused 1", "b: place"]);
  assert.equal(pool.connections, 2);
});

test("two places that come free in one turn go to two who wait", async () => {
  const bench = new Bench();
  const { pool } = await bench.enter("a", 2);
  await bench.enter("b");
  await bench.enter("c");
  await bench.enter("d");
  bench.pools.release(pool);
  bench.pools.release(pool);
  await bench.turn();
  assert.deepEqual(bench.tell(), ["a: place", "b: place", "c: place", "d: place"]);
});

test("who is woken and leaves in one turn lets the next one go", async () => {
  const bench = new Bench();
  const { pool } = await bench.enter("a");
  const b = await bench.enter("b");
  await bench.enter("c");
  bench.pools.release(pool);
  b.leave();
  await bench.turn();
  assert.deepEqual(bench.tell(), ["a: place", "b: closed", "c: place"]);
  assert.equal(pool.connections, 1);
});

test("who is woken does not time out any more", async () => {
  const bench = new Bench();
  const { pool } = await bench.enter("a");
  await bench.enter("b");
  await bench.clock.pass(WAIT_MS - 1);
  bench.pools.release(pool);
  await bench.clock.pass(WAIT_MS);
  await bench.turn();
  assert.deepEqual(bench.tell(), ["a: place", "b: place"]);
});

test("the queue has an end, and who stands in it a limit of time", async () => {
  const bench = new Bench();
  await bench.enter("a", 1, 1);
  await bench.enter("b");
  await bench.enter("c");
  await bench.clock.pass(WAIT_MS);
  const { pool } = await bench.enter("d");
  assert.deepEqual(bench.tell(), [
    "a: place",
    "c: too many waiting connect operations",
    "b: timeout",
  ]);
  assert.equal(pool.connections, 2);
});

test("a pool is forgotten with its last connection, its size and backlog, too", async () => {
  const bench = new Bench();
  const { pool } = await bench.enter("a", 1, 0);
  bench.pools.release(pool);
  assert.equal(bench.pools.find("p"), undefined);
  const next = await bench.enter("b", 3, 1);
  assert.equal(next.pool.size, 3);
});

test("a pool whose connections came to nothing at once is still there", async () => {
  const bench = new Bench();
  const { pool } = await bench.enter("a", 1, 0);
  bench.pools.cancel(pool);
  assert.equal(bench.pools.find("p"), pool);
  assert.equal(pool.connections, 0);
});

test("what makes room in a full pool frees no place: another has come in", async () => {
  const bench = new Bench();
  const { pool } = await bench.enter("a");
  const first = connection();
  bench.pools.put(pool, first, pool, 0);
  bench.pools.put(pool, connection(), undefined, 0);
  assert.ok(first.stream.closed);
  assert.equal(pool.connections, 1);
});

test("an idle connection goes at its time, or with the next turn if that is before now", async () => {
  const bench = new Bench();
  for (const idleMs of [100, -1]) {
    const { pool } = await bench.enter("a");
    const idle = connection();
    bench.pools.put(pool, idle, pool, idleMs);
    assert.ok(!idle.stream.closed);
    await bench.clock.pass(Math.max(idleMs, 1));
    assert.ok(idle.stream.closed);
    assert.equal(bench.pools.find("p"), undefined);
  }
});
