import assert from "node:assert/strict";
import { test } from "node:test";
import { LendingPool, type Member, type PoolLimits } from "../src/pool.ts";
import { failureOf } from "./helpers/failure_of.ts";
import { FakeClock } from "./helpers/fake_clock.ts";
import { FakeConnection } from "./helpers/fake_connection.ts";
import { turns } from "./helpers/turns.ts";
import { WatchedSignal } from "./helpers/watched_signal.ts";

test("a connection that came back is lent again, and knows its uses and its rest", async () => {
  const it = make();
  const first = await it.acquire();
  assert.deepEqual([first.uses, first.idleMs], [1, 0]);
  await it.clock.pass(10);
  assert.equal(await it.pool.giveBack(first), true);
  await it.clock.pass(70);
  const second = await it.acquire();
  assert.equal(second.connection, first.connection);
  assert.deepEqual([second.uses, second.idleMs], [2, 70]);
  assert.equal(it.opened.length, 1);
});

test("keys are kept apart", async () => {
  const it = make({ maxConnections: 1 });
  const first = await it.acquire("x");
  const second = await it.acquire("y");
  await it.pool.giveBack(first);
  await it.pool.giveBack(second);
  assert.equal((await it.acquire("y")).connection, second.connection);
  assert.equal((await it.acquire("x")).connection, first.connection);
});

for (const order of ["newest", "oldest"] as const) {
  test(`the ${order} idle connection is lent first`, async () => {
    const it = make({ order });
    const members = await Promise.all([it.acquire(), it.acquire(), it.acquire()]);
    for (const member of members) await it.pool.giveBack(member);
    if (order === "newest") members.reverse();
    for (const { connection } of members) assert.equal((await it.acquire()).connection, connection);
  });
}

test("who finds all places taken waits, and is served in turn", async () => {
  const it = make({ maxConnections: 2 });
  const [one, other] = await Promise.all([it.acquire(), it.acquire()]);
  const served: number[] = [];
  const waiting = [0, 1, 2].map((who) =>
    it.acquire().then((member) => {
      served.push(who);
      return member;
    })
  );
  await turns();
  assert.deepEqual(it.pool.stats(), { idle: 0, lent: 2, waiting: 3 });
  await it.pool.giveBack(one);
  assert.equal((await waiting[0])!.connection, one.connection);
  other.connection.close();
  const fresh = await waiting[1]!;
  assert.equal(fresh.connection, it.opened[2]);
  await it.pool.giveBack(fresh);
  assert.equal((await waiting[2])!.connection, fresh.connection);
  assert.deepEqual(served, [0, 1, 2]);
  assert.equal(it.opened.length, 3);
});

test("a connection that goes straight to who waited counts a use and no rest", async () => {
  const it = make({ maxConnections: 1 });
  const first = await it.acquire();
  const waiting = it.acquire();
  await it.clock.pass(50);
  await it.pool.giveBack(first);
  const second = await waiting;
  assert.deepEqual([second.uses, second.idleMs], [2, 0]);
  assert.equal(second.connection.place, "lent");
});

test("nobody waits while a connection is idle, however close the two come", async () => {
  for (let steps = 0; steps < 12; steps++) {
    const it = make({ maxConnections: 1 });
    const first = await it.acquire();
    const returning = it.pool.giveBack(first);
    for (let step = 0; step < steps; step++) await Promise.resolve();
    const second = it.acquire();
    await returning;
    await turns();
    assert.equal(it.pool.stats().waiting, 0, `${steps} steps`);
    assert.equal((await second).connection, first.connection);
  }
});

test("when opening fails, the error is the caller's and the place goes to the next", async () => {
  const it = make({ maxConnections: 1 });
  const failing = it.pool.acquire("x", () => Promise.reject(new Error("refused")), it.patient);
  const next = it.acquire();
  await assert.rejects(failing, /^Error: refused$/);
  assert.equal((await next).connection, it.opened[0]);
  it.opened[0]!.close();
  assert.deepEqual(it.pool.stats(), { idle: 0, lent: 0, waiting: 0 });
});

test("who has waited too long is told, and leaves no trace", async () => {
  const it = make({ maxConnections: 1 });
  const first = await it.acquire();
  const watched = new WatchedSignal();
  const patience = { timeoutMs: 100, signal: watched.signal };
  const waiting = failureOf(it.acquire("x", patience), "timeout");
  await it.clock.pass(99);
  assert.equal(it.pool.stats().waiting, 1);
  assert.equal(watched.listeners, 1);
  await it.clock.pass(1);
  assert.equal((await waiting).op, "acquire");
  assert.equal(it.pool.stats().waiting, 0);
  assert.equal(watched.listeners, 0);
  assert.equal(it.clock.timers.size, 0);
  await it.pool.giveBack(first);
  assert.equal(it.pool.stats().idle, 1);
});

test("who aborts leaves the queue, and the next is served", async () => {
  const it = make({ maxConnections: 1 });
  const first = await it.acquire();
  const watched = new WatchedSignal();
  const patience = { timeoutMs: 100, signal: watched.signal };
  const aborting = failureOf(it.acquire("x", patience), "aborted");
  const next = it.acquire();
  await turns();
  watched.abort("enough");
  assert.equal((await aborting).cause, "enough");
  assert.equal(watched.listeners, 0);
  assert.equal(it.clock.timers.size, 0);
  await it.pool.giveBack(first);
  assert.equal((await next).connection, first.connection);
});

test("a signal that is aborted already gets nothing", async () => {
  const it = make();
  await it.pool.giveBack(await it.acquire());
  const patience = { timeoutMs: 0, signal: AbortSignal.abort("over") };
  assert.equal((await failureOf(it.acquire("x", patience), "aborted")).cause, "over");
  assert.deepEqual(it.pool.stats(), { idle: 1, lent: 0, waiting: 0 });
});

test("who aborts while an idle connection is looked at gets none, and it stays", async () => {
  const it = make();
  const first = await it.acquire();
  await it.pool.giveBack(first);
  first.connection.settlesAtOnce = false;
  const watched = new WatchedSignal();
  const call = failureOf(it.acquire("x", { timeoutMs: 0, signal: watched.signal }), "aborted");
  await turns();
  watched.abort();
  first.connection.settlesAtOnce = true;
  first.connection.settled();
  await call;
  assert.deepEqual(it.pool.stats(), { idle: 1, lent: 0, waiting: 0 });
  assert.equal((await it.acquire()).connection, first.connection);
});

test("who aborts while an idle connection is looked at opens none in its place", async () => {
  const it = make({ maxConnections: 2 });
  const members = await Promise.all([it.acquire(), it.acquire()]);
  await it.pool.giveBack(members[0]!);
  members[0]!.connection.settlesAtOnce = false;
  const watched = new WatchedSignal();
  const call = failureOf(it.acquire("x", { timeoutMs: 0, signal: watched.signal }), "aborted");
  watched.abort();
  members[0]!.connection.stir();
  members[0]!.connection.isFit = false;
  members[0]!.connection.settled();
  await call;
  assert.equal(it.opened.length, 2);
  assert.deepEqual(it.pool.stats(), { idle: 0, lent: 1, waiting: 0 });
});

test("a wait without a limit of time sets no timer", async () => {
  const it = make({ maxConnections: 1 });
  const first = await it.acquire();
  for (const timeoutMs of [0, Infinity]) it.acquire("x", { timeoutMs, signal: undefined });
  await it.clock.pass(1e12);
  assert.equal(it.clock.set, 0);
  assert.equal(it.pool.stats().waiting, 2);
  await it.pool.giveBack(first);
});

test("one more than may wait is refused at once", async () => {
  const it = make({ maxConnections: 1, maxWaiting: 1 });
  const first = await it.acquire();
  const waiting = it.acquire();
  const error = await failureOf(it.acquire(), "pool");
  assert.match(error.message, /all 1 connections are in use and 1 callers wait/);
  await it.pool.giveBack(first);
  assert.equal((await waiting).connection, first.connection);
});

const unfits: { name: string; spoil: (connection: FakeConnection) => void }[] = [
  { name: "is not fit", spoil: (it) => it.isFit = false },
  { name: "was closed", spoil: (it) => it.close() },
];

for (const { name, spoil } of unfits) {
  test(`a connection that ${name} when it comes back is closed`, async () => {
    const it = make();
    const member = await it.acquire();
    spoil(member.connection);
    assert.equal(await it.pool.giveBack(member), false);
    assert.equal(member.connection.place, "closed");
    assert.deepEqual(it.pool.stats(), { idle: 0, lent: 0, waiting: 0 });
  });

  test(`a connection that ${name} once it is looked at is closed, and its place goes on`, async () => {
    const it = make({ maxConnections: 1 });
    const member = await it.acquire();
    member.connection.settlesAtOnce = false;
    const waiting = it.acquire();
    const returning = it.pool.giveBack(member);
    await turns();
    spoil(member.connection);
    member.connection.settled();
    assert.equal(await returning, false);
    assert.equal((await waiting).connection, it.opened[1]);
    assert.equal(member.connection.place, "closed");
  });

  test(`a connection that ${name} when it is wanted is closed, and another is opened`, async () => {
    const it = make({ maxConnections: 1 });
    const member = await it.acquire();
    await it.pool.giveBack(member);
    member.connection.settlesAtOnce = false;
    const wanting = it.acquire();
    await turns();
    spoil(member.connection);
    member.connection.settled();
    assert.equal((await wanting).connection, it.opened[1]);
    assert.equal(member.connection.place, "closed");
    assert.deepEqual(it.pool.stats(), { idle: 0, lent: 1, waiting: 0 });
  });
}

test("who comes gets what is on its way back, once it was looked at", async () => {
  const it = make();
  const member = await it.acquire();
  member.connection.settlesAtOnce = false;
  const returning = it.pool.giveBack(member);
  const wanting = it.acquire();
  await turns();
  assert.equal(member.connection.place, "checked");
  member.connection.settled();
  assert.equal((await wanting).connection, member.connection);
  assert.equal(await returning, true);
  assert.equal(it.opened.length, 1);
});

test("what stirs on its way back was not kept, whoever wanted it meanwhile", async () => {
  const it = make();
  const member = await it.acquire();
  member.connection.settlesAtOnce = false;
  const returning = it.pool.giveBack(member);
  const wanting = it.acquire();
  member.connection.stir();
  member.connection.settled();
  assert.equal((await wanting).connection, it.opened[1]);
  assert.equal(await returning, false);
});

test("a connection that stirs at any moment is never lent or kept", async () => {
  for (let steps = 0; steps < 12; steps++) {
    for (const isWaitedFor of [false, true]) {
      const it = make({ maxConnections: 1 });
      const member = await it.acquire();
      const waiting = isWaitedFor ? it.acquire() : undefined;
      await turns();
      const returning = it.pool.giveBack(member);
      for (let step = 0; step < steps; step++) await Promise.resolve();
      if (member.connection.place !== "lent") member.connection.stir();
      await returning;
      if (waiting) await it.pool.giveBack(await waiting);
      const wanting = it.acquire();
      const [, idle = it.opened[0]!] = it.opened;
      for (let step = 0; step < steps; step++) await Promise.resolve();
      if (idle.place !== "lent") idle.stir();
      await wanting;
    }
  }
});

test("an idle connection that stirs is closed, silently", async () => {
  const it = make();
  const members = await Promise.all([it.acquire(), it.acquire()]);
  for (const member of members) await it.pool.giveBack(member);
  members[1]!.connection.stir();
  assert.equal(members[1]!.connection.place, "closed");
  assert.deepEqual(it.pool.stats(), { idle: 1, lent: 0, waiting: 0 });
  assert.equal((await it.acquire()).connection, members[0]!.connection);
});

test("a connection rests idleMs at most", async () => {
  const it = make({ idleMs: 100 });
  const member = await it.acquire();
  await it.clock.pass(1000);
  await it.pool.giveBack(member);
  await it.clock.pass(99);
  assert.equal(it.pool.stats().idle, 1);
  await it.clock.pass(1);
  assert.equal(member.connection.place, "closed");
  assert.deepEqual(it.pool.stats(), { idle: 0, lent: 0, waiting: 0 });
});

test("one more idle connection than may be closes the least recently pooled", async () => {
  const it = make({ maxIdle: 2 });
  const members = await Promise.all([it.acquire(), it.acquire(), it.acquire()]);
  for (const at of [1, 0, 2]) assert.equal(await it.pool.giveBack(members[at]!), true);
  assert.deepEqual(members.map((member) => member.connection.place), ["idle", "closed", "idle"]);
  assert.deepEqual(it.pool.stats(), { idle: 2, lent: 0, waiting: 0 });
});

test("one that turns out to be dead when it comes back makes no good one go", async () => {
  const it = make({ maxIdle: 1 });
  const [good, dead] = await Promise.all([it.acquire(), it.acquire()]);
  assert.equal(await it.pool.giveBack(good), true);
  dead.connection.settlesAtOnce = false;
  const back = it.pool.giveBack(dead);
  await turns();
  dead.connection.isFit = false;
  dead.connection.settled();
  assert.equal(await back, false);
  assert.equal((await it.acquire()).connection, good.connection);
});

test("where no connection may be idle, each is closed, but for who waits", async () => {
  const it = make({ maxIdle: 0, maxConnections: 1 });
  const first = await it.acquire();
  const waiting = it.acquire();
  await turns();
  assert.equal(await it.pool.giveBack(first), true);
  const second = await waiting;
  assert.equal(second.connection, first.connection);
  assert.equal(await it.pool.giveBack(second), false);
  assert.equal(first.connection.place, "closed");
});

test("a connection is used maxUses times at most", async () => {
  const it = make({ maxUses: 3, maxConnections: 1 });
  for (let use = 1; use <= 3; use++) {
    const member = await it.acquire();
    assert.equal(member.uses, use);
    assert.equal(await it.pool.giveBack(member), use < 3);
  }
  assert.equal(it.opened[0]!.place, "closed");
  const first = await it.acquire();
  const waiting = [it.acquire(), it.acquire(), it.acquire()];
  await it.pool.giveBack(first);
  for (const next of waiting) await it.pool.giveBack(await next);
  assert.equal(it.opened.length, 3);
});

for (const { random, lifeMs } of [{ random: 0, lifeMs: 1000 }, { random: 0.999, lifeMs: 901 }]) {
  test(`a connection of at most 1000 ms lives ${lifeMs} ms with jitter ${random}`, async () => {
    const it = make({ maxLifetimeMs: 1000 }, () => random);
    const members = await Promise.all([it.acquire(), it.acquire()]);
    await it.clock.pass(lifeMs - 2);
    for (const member of members) assert.equal(await it.pool.giveBack(member), true);
    const lent = await it.acquire();
    await it.clock.pass(2);
    assert.equal(await it.pool.giveBack(lent), false);
    assert.equal((await it.acquire()).connection, it.opened[2]);
    assert.deepEqual(members.map((member) => member.connection.place), ["closed", "closed"]);
  });
}

test("clear() closes what is idle now, and what is lent when it comes back", async () => {
  const it = make();
  const members = await Promise.all([it.acquire("x"), it.acquire("x"), it.acquire("y")]);
  await it.pool.giveBack(members[0]!);
  it.pool.clear("x");
  assert.equal(members[0]!.connection.place, "closed");
  assert.equal(members[1]!.connection.place, "lent");
  assert.equal(await it.pool.giveBack(await it.acquire("x")), true);
  assert.equal(await it.pool.giveBack(members[1]!), false);
  assert.equal(await it.pool.giveBack(members[2]!), true);
  it.pool.clear();
  assert.deepEqual(it.pool.stats(), { idle: 0, lent: 0, waiting: 0 });
  it.pool.clear("never seen");
});

test("clear() also means what is on its way in or out", async () => {
  const it = make();
  const opening = it.holdOpening();
  const fresh = it.acquire();
  await turns();
  it.pool.clear();
  opening();
  assert.equal(await it.pool.giveBack(await fresh), false);

  const member = await it.acquire();
  member.connection.settlesAtOnce = false;
  const returning = it.pool.giveBack(member);
  await turns();
  it.pool.clear();
  member.connection.settled();
  assert.equal(await returning, false);
  assert.equal(member.connection.place, "closed");
});

test("close() closes what is idle, refuses who waits or comes, and closes what comes back", async () => {
  const it = make({ maxConnections: 2 });
  const [lent, idle] = await Promise.all([it.acquire(), it.acquire()]);
  const waiting = failureOf(it.acquire("x", { timeoutMs: 100, signal: undefined }), "pool");
  await turns();
  it.pool.close();
  await waiting;
  await failureOf(it.acquire(), "pool");
  assert.equal(await it.pool.giveBack(idle), false);
  assert.equal(lent.connection.place, "lent");
  assert.equal(await it.pool.giveBack(lent), false);
  it.pool.close();
  assert.deepEqual(it.pool.stats(), { idle: 0, lent: 0, waiting: 0 });
  assert.equal(it.clock.timers.size, 0);
});

test("close() closes idle connections", async () => {
  const it = make();
  const member = await it.acquire();
  await it.pool.giveBack(member);
  it.pool.close();
  assert.equal(member.connection.place, "closed");
});

test("close() while a connection is opened closes it, and refuses its caller", async () => {
  const it = make();
  const opening = it.holdOpening();
  const fresh = failureOf(it.acquire(), "pool");
  await turns();
  it.pool.close();
  opening();
  await fresh;
  assert.equal(it.opened[0]!.place, "closed");
  assert.deepEqual(it.pool.stats(), { idle: 0, lent: 0, waiting: 0 });
});

test("close() while an idle connection is looked at closes it, and refuses its caller", async () => {
  const it = make();
  const member = await it.acquire();
  await it.pool.giveBack(member);
  member.connection.settlesAtOnce = false;
  const wanting = failureOf(it.acquire(), "pool");
  await turns();
  it.pool.close();
  member.connection.settled();
  await wanting;
  assert.equal(member.connection.place, "closed");
});

test("a connection that closes by itself frees its place once", async () => {
  const it = make({ maxConnections: 1 });
  const member = await it.acquire();
  const waiting = it.acquire();
  await turns();
  member.connection.close();
  it.pool.forget(member);
  const fresh = await waiting;
  assert.equal(await it.pool.giveBack(member), false);
  assert.deepEqual(it.pool.stats(), { idle: 0, lent: 1, waiting: 0 });
  await it.pool.giveBack(fresh);
  assert.deepEqual(it.pool.stats(), { idle: 1, lent: 0, waiting: 0 });
});

/** A pool of fake connections, on a clock that the test moves. */
function make(limits: Partial<PoolLimits> = {}, random?: () => number) {
  const clock = new FakeClock();
  const all: PoolLimits = {
    maxConnections: 10,
    maxIdle: 10,
    maxWaiting: 10,
    idleMs: 0,
    maxLifetimeMs: Infinity,
    maxUses: Infinity,
    order: "newest",
    ...limits,
  };
  const pool = new LendingPool<FakeConnection>(all, clock, random);
  const opened: FakeConnection[] = [];
  const patient = { timeoutMs: 0, signal: undefined };
  let held: Promise<void> | undefined;
  const create = async () => {
    await held;
    const connection = new FakeConnection(`connection ${opened.length}`);
    opened.push(connection);
    return connection;
  };
  const acquire = async (key = "x", patience: Parameters<typeof pool.acquire>[2] = patient) => {
    const member: Member<FakeConnection> = await pool.acquire(key, create, patience);
    member.connection.onClose = () => pool.forget(member);
    return member;
  };
  /** Lets nothing open until the answer is called. */
  const holdOpening = () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    held = promise;
    return () => {
      held = undefined;
      resolve();
    };
  };
  return { pool, clock, opened, acquire, patient, holdOpening };
}
