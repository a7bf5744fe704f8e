import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers";
import { connect, listen } from "../mod.ts";
import { Alarm, systemClock } from "../src/drivers/clock.ts";
import { FakeClock } from "./helpers/fake_clock.ts";

test("Alarm rings when the time comes, and once", async () => {
  const { clock, alarm, rings } = make();
  alarm.setBy(clock.now() + 100);
  await clock.pass(99);
  assert.deepEqual(rings, []);
  await clock.pass(1);
  assert.deepEqual(rings, [1100]);
  await clock.pass(1000);
  assert.deepEqual(rings, [1100]);
});

test("Alarm sets no timer for a time after the one it is set for", () => {
  const { clock, alarm } = make();
  alarm.setBy(1100);
  alarm.setBy(1200);
  alarm.setBy(1100);
  assert.equal(clock.set, 1);
});

test("Alarm replaces its timer for an earlier time", async () => {
  const { clock, alarm, rings } = make();
  alarm.setBy(1100);
  alarm.setBy(1050);
  assert.equal(clock.timers.size, 1);
  await clock.pass(50);
  assert.deepEqual(rings, [1050]);
});

test("Alarm goes on to the time that the ring answers", async () => {
  const { clock, alarm, rings, answers } = make();
  answers.push(1300, Infinity);
  alarm.setBy(1100);
  await clock.pass(1000);
  assert.deepEqual(rings, [1100, 1300]);
  assert.equal(clock.timers.size, 0);
});

test("Alarm takes the earlier of what the ring answers and what it sets", async () => {
  for (const [answer, set] of [[1300, 1200], [1200, 1300]] as const) {
    const clock = new FakeClock();
    const rings: number[] = [];
    const alarm = new Alarm(clock, (nowMs) => {
      rings.push(nowMs);
      if (rings.length > 1) return Infinity;
      alarm.setBy(set);
      return answer;
    });
    alarm.setBy(1100);
    await clock.pass(1000);
    assert.deepEqual(rings, [1100, 1200]);
  }
});

test("Alarm does not ring after stop(), and may be set again", async () => {
  const { clock, alarm, rings } = make();
  alarm.setBy(1100);
  alarm.stop();
  assert.equal(clock.timers.size, 0);
  alarm.stop();
  alarm.setBy(1200);
  await clock.pass(1000);
  assert.deepEqual(rings, [1200]);
});

test("Alarm never sets a timer for no time", () => {
  const { clock, alarm } = make();
  alarm.setBy(Infinity);
  assert.equal(clock.set, 0);
});

test("Alarm does not keep the program alive, and rounds up to whole milliseconds", () => {
  const { clock, alarm } = make();
  alarm.setBy(1000.25);
  const [timer] = clock.timers;
  assert.equal(timer!.keepsAlive, false);
  assert.equal(timer!.atMs, 1001);
});

test("Alarm rings again for a timer that fired too early", async () => {
  const { clock, alarm, rings, answers } = make();
  answers.push(1100);
  alarm.setBy(1100);
  const [timer] = clock.timers;
  clock.timers.delete(timer!);
  timer!.ring(clock.now());
  assert.deepEqual(rings, [1000]);
  await clock.pass(100);
  assert.deepEqual(rings, [1000, 1100]);
});

test("systemClock does not take a very long time for none", async () => {
  let rung = false;
  const cancel = systemClock.after(2 ** 40, () => rung = true, false);
  await new Promise<void>((resolve) => systemClock.after(-1, () => resolve(), true));
  assert.equal(rung, false);
  cancel();
});

test("systemClock rings no more once cancelled", async () => {
  let rung = false;
  systemClock.after(0, () => rung = true, true)();
  await new Promise<void>((resolve) => systemClock.after(1, () => resolve(), true));
  assert.equal(rung, false);
});

test("systemClock never goes back", () => {
  let before = systemClock.now();
  for (let look = 0; look < 1000; look++) {
    const now = systemClock.now();
    assert.ok(now >= before);
    before = now;
  }
});

test("systemClock rings no more once cancelled, though its timer has gone off", async () => {
  let rung = false;
  const cancel = systemClock.after(0, () => rung = true, true);
  setTimeout(cancel, 0);
  await new Promise<void>((resolve) => systemClock.after(5, () => resolve(), true));
  assert.equal(rung, false);
});

test("what came in time is in time, though the program was busy until after it", async () => {
  const server = await listen("127.0.0.1:0");
  const [client, guest] = await Promise.all([connect(server.address), server.accept()]);
  for (const turnsAhead of [0, 1, 2, 3]) {
    const reading = client.receiveLine({ timeoutMs: 20 });
    for (let turn = 0; turn < turnsAhead; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    const sending = guest!.send("hello\n");
    standStill(60);
    assert.equal(await reading, "hello");
    await sending;
  }
  for (const it of [client, guest!, server]) it.close();
});

/** An alarm at 1000 on a clock, which answers one of `answers` at each ring. */
function make() {
  const clock = new FakeClock();
  const rings: number[] = [];
  const answers: number[] = [];
  const alarm = new Alarm(clock, (nowMs) => {
    rings.push(nowMs);
    return answers.shift() ?? Infinity;
  });
  return { clock, alarm, rings, answers };
}

/** Keeps the event loop from turning. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
