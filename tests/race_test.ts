import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryPair } from "../src/drivers/memory.ts";
import { alternating, race, RaceLost } from "../src/race.ts";
import type { Attempt, Transport } from "../src/transport.ts";
import { FakeClock } from "./helpers/fake_clock.ts";
import { turns } from "./helpers/turns.ts";

const orders = [
  { given: [], tried: [] },
  { given: ["1.1.1.1"], tried: ["1.1.1.1"] },
  { given: ["::1", "::2", "1.1.1.1"], tried: ["::1", "1.1.1.1", "::2"] },
  { given: ["1.1.1.1", "2.2.2.2", "::1", "::2"], tried: ["1.1.1.1", "::1", "2.2.2.2", "::2"] },
  { given: ["::1", "::2", "::3"], tried: ["::1", "::2", "::3"] },
];

for (const { given, tried } of orders) {
  test(`alternating() tries ${given.join(" ") || "nothing"} as ${tried.join(" ")}`, () => {
    assert.deepEqual(alternating(given), tried);
  });
}

test("race() starts one attempt, and the next when 250 ms have passed", async () => {
  const it = begin(["a", "b", "c"]);
  assert.deepEqual(it.started, ["a"]);
  await it.clock.pass(249);
  assert.deepEqual(it.started, ["a"]);
  await it.clock.pass(1);
  assert.deepEqual(it.started, ["a", "b"]);
  await it.clock.pass(250);
  assert.deepEqual(it.started, ["a", "b", "c"]);
  it.open("a");
  await it.outcome;
});

test("race() starts the next attempt at once when one fails, and 250 ms count from there", async () => {
  const it = begin(["a", "b", "c"]);
  await it.clock.pass(200);
  it.fail("a");
  await turns();
  assert.deepEqual(it.started, ["a", "b"]);
  await it.clock.pass(249);
  assert.deepEqual(it.started, ["a", "b"]);
  await it.clock.pass(1);
  assert.deepEqual(it.started, ["a", "b", "c"]);
  it.open("c");
  assert.equal(await it.outcome, it.transportOf("c"));
});

test("race() resolves with the first that answers, also with a slow one, and abandons the rest", async () => {
  const it = begin(["a", "b", "c"]);
  await it.clock.pass(300);
  it.open("a");
  assert.equal(await it.outcome, it.transportOf("a"));
  assert.deepEqual(it.abandoned, ["b"]);
  await it.clock.pass(1000);
  assert.deepEqual(it.started, ["a", "b"]);
  assert.equal(it.clock.timers.size, 0);
});

test("race() closes what opens when another has won", async () => {
  const it = begin(["a", "b"], { heedsAbandon: false });
  await it.clock.pass(250);
  it.open("b");
  it.open("a");
  assert.equal(await it.outcome, it.transportOf("b"));
  await turns();
  assert.deepEqual(it.closed, ["a"]);
});

test("race() fails only when every attempt has, and tells each refusal in its order", async () => {
  const it = begin(["a", "b", "c"]);
  await it.clock.pass(500);
  it.fail("b");
  it.fail("a");
  await turns();
  assert.equal(it.settled(), false);
  it.fail("c");
  const error = await it.outcome;
  assert.ok(error instanceof RaceLost);
  assert.deepEqual(
    error.refusals.map(({ address, error }) => [address, (error as Error).message]),
    [["b", "b failed"], ["a", "a failed"], ["c", "c failed"]],
  );
  assert.equal(it.clock.timers.size, 0);
});

test("race() fails at once without an address", async () => {
  assert.ok(await begin([]).outcome instanceof RaceLost);
});

test("abandon() gives up all attempts, starts no more, and rejects", async () => {
  const it = begin(["a", "b", "c"]);
  await it.clock.pass(250);
  it.attempt.abandon();
  assert.deepEqual(it.abandoned, ["a", "b"]);
  assert.ok(await it.outcome instanceof RaceLost);
  await it.clock.pass(1000);
  assert.deepEqual(it.started, ["a", "b"]);
  assert.equal(it.clock.timers.size, 0);
});

test("abandon() has what opens after all closed", async () => {
  const it = begin(["a", "b"], { heedsAbandon: false });
  it.attempt.abandon();
  it.open("a");
  await turns();
  assert.deepEqual(it.closed, ["a"]);
});

/** A race whose attempts do what the test says. */
function begin(addresses: string[], { heedsAbandon = true } = {}) {
  const clock = new FakeClock();
  const started: string[] = [];
  const abandoned: string[] = [];
  const closed: string[] = [];
  const attempts = new Map<string, { open(): void; fail(): void; transport: Transport }>();
  const attempt = race(addresses, (address): Attempt => {
    started.push(address);
    const { promise, resolve, reject } = Promise.withResolvers<Transport>();
    const [transport] = memoryPair();
    transport.close = () => closed.push(address);
    const fail = () => reject(new Error(`${address} failed`));
    attempts.set(address, { open: () => resolve(transport), fail, transport });
    const abandon = () => {
      abandoned.push(address);
      if (heedsAbandon) fail();
    };
    return { opened: promise, abandon };
  }, clock);
  let settled = false;
  const outcome: Promise<unknown> = attempt.opened.catch((error) => error).then((result) => {
    settled = true;
    return result;
  });
  return {
    attempt,
    clock,
    started,
    abandoned,
    closed,
    outcome,
    settled: () => settled,
    open: (address: string) => attempts.get(address)!.open(),
    fail: (address: string) => attempts.get(address)!.fail(),
    transportOf: (address: string) => attempts.get(address)!.transport,
  };
}
