import assert from "node:assert/strict";
import { test } from "node:test";
import { Shelf } from "../src/shelf.ts";
import { FakeClock } from "./helpers/fake_clock.ts";
import { Random } from "./helpers/random.ts";

test("take() gives the newest or the oldest thing of a key", () => {
  const { shelf } = make();
  for (const item of ["a", "b", "c", "d"]) shelf.put("x", item, 0);
  shelf.put("y", "other", 0);
  assert.equal(shelf.take("x", "newest"), "d");
  assert.equal(shelf.take("x", "oldest"), "a");
  assert.equal(shelf.take("x", "oldest"), "b");
  assert.equal(shelf.take("x", "newest"), "c");
  assert.equal(shelf.take("x", "newest"), undefined);
  assert.equal(shelf.take("never seen", "oldest"), undefined);
  assert.equal(shelf.take("y", "oldest"), "other");
});

test("size counts all things, count() those of a key", () => {
  const { shelf } = make();
  shelf.put("x", "a", 0);
  shelf.put("x", "b", 0);
  shelf.put("y", "c", 0);
  assert.deepEqual([shelf.size, shelf.count("x"), shelf.count("y")], [3, 2, 1]);
  shelf.take("x", "newest");
  assert.deepEqual([shelf.size, shelf.count("x"), shelf.count("z")], [2, 1, 0]);
});

test("clear() takes the things of a key, or all, oldest first", () => {
  const { shelf, discarded } = make();
  for (const item of ["a", "b"]) for (const key of ["x", "y"]) shelf.put(key, item + key, 0);
  assert.deepEqual(shelf.clear("x"), ["ax", "bx"]);
  assert.deepEqual(shelf.clear("x"), []);
  assert.deepEqual(shelf.clear(), ["ay", "by"]);
  assert.equal(shelf.size, 0);
  // They are the caller's now.
  assert.deepEqual(discarded, []);
});

test("clear() takes things that count as false, too", () => {
  const shelf = new Shelf<number>({ watch: () => {}, discard: () => {} }, new FakeClock());
  for (const item of [1, 0, 2]) shelf.put("x", item, 0);
  assert.deepEqual(shelf.clear("x"), [1, 0, 2]);
});

test("a thing expires when its patience has passed, and is discarded", async () => {
  const { shelf, clock, discarded } = make();
  shelf.put("x", "a", 100);
  await clock.pass(99);
  assert.deepEqual(discarded, []);
  await clock.pass(1);
  assert.deepEqual(discarded, ["a"]);
  assert.equal(shelf.size, 0);
  assert.equal(shelf.take("x", "newest"), undefined);
});

test("things of different patience expire each in its time", async () => {
  const { shelf, clock, discarded } = make();
  shelf.put("x", "long", 300);
  shelf.put("x", "for ever", 0);
  shelf.put("y", "short", 100);
  await clock.pass(50);
  shelf.put("y", "later", 100);
  await clock.pass(50);
  assert.deepEqual(discarded, ["short"]);
  await clock.pass(50);
  assert.deepEqual(discarded, ["short", "later"]);
  await clock.pass(1000);
  assert.deepEqual(discarded, ["short", "later", "long"]);
  assert.equal(shelf.take("x", "newest"), "for ever");
});

test("a thing that was taken in time does not expire", async () => {
  const { shelf, clock, discarded } = make();
  shelf.put("x", "a", 100);
  await clock.pass(50);
  shelf.take("x", "newest");
  shelf.put("x", "a", 100);
  await clock.pass(99);
  assert.deepEqual(discarded, []);
  await clock.pass(1);
  assert.deepEqual(discarded, ["a"]);
});

test("a thing that stirs leaves the shelf, and is discarded once", () => {
  const { shelf, stirs, discarded } = make();
  shelf.put("x", "a", 100);
  shelf.put("x", "b", 100);
  const stir = stirs.get("a")!;
  stir();
  stir();
  assert.deepEqual(discarded, ["a"]);
  assert.equal(shelf.count("x"), 1);
  assert.equal(shelf.take("x", "oldest"), "b");
});

test("a thing that was taken is no longer watched", () => {
  const { shelf, stirs, discarded } = make();
  shelf.put("x", "a", 100);
  const stir = stirs.get("a")!;
  shelf.take("x", "newest");
  assert.equal(stirs.get("a"), undefined);
  stir();
  assert.deepEqual(discarded, []);
});

test("a stale stir does not touch a thing that was put back", () => {
  const { shelf, stirs, discarded } = make();
  shelf.put("x", "a", 100);
  const stale = stirs.get("a")!;
  shelf.take("x", "newest");
  shelf.put("x", "a", 100);
  stale();
  assert.deepEqual(discarded, []);
  assert.equal(shelf.count("x"), 1);
});

test("many things need one timer", async () => {
  const { shelf, clock, discarded } = make();
  for (let at = 0; at < 1000; at++) {
    shelf.put(`key ${at % 100}`, `item ${at}`, 1000);
    clock.slip(0.1);
  }
  assert.equal(clock.set, 1);
  await clock.pass(10_000);
  assert.equal(discarded.length, 1000);
  assert.ok(clock.set < 150, `${clock.set} timers`);
  assert.equal(clock.timers.size, 0);
});

test("what is discarded may put another thing on the shelf", async () => {
  const clock = new FakeClock();
  const seen: string[] = [];
  const shelf = new Shelf<string>({
    watch: () => {},
    discard: (item) => {
      seen.push(item);
      if (seen.length < 3) shelf.put("x", `${item}'`, 100);
    },
  }, clock);
  shelf.put("x", "a", 100);
  await clock.pass(1000);
  assert.deepEqual(seen, ["a", "a'", "a''"]);
});

test("Shelf does as a list does, at random", async () => {
  for (let seed = 1; seed <= 40; seed++) await playRandomly(seed);
});

/** Random calls on a shelf and on a list, oldest first. */
async function playRandomly(seed: number): Promise<void> {
  const random = new Random(seed);
  const { shelf, clock, stirs, discarded } = make();
  let model: { key: string; item: string; expiresAtMs: number }[] = [];
  const gone: string[] = [];
  const keys = ["x", "y", "z"];
  const drop = (item: string) => {
    model = model.filter((it) => it.item !== item);
  };
  for (let call = 0; call < 400; call++) {
    const key = random.of(keys);
    const ofKey = model.filter((it) => it.key === key);
    switch (random.below(7)) {
      case 0:
      case 1:
      case 2: {
        const patienceMs = random.of([0, 50, 100, 1000]);
        const expiresAtMs = patienceMs === 0 ? Infinity : clock.now() + patienceMs;
        shelf.put(key, `item ${call}`, patienceMs);
        model.push({ key, item: `item ${call}`, expiresAtMs });
        break;
      }
      case 3: {
        const which = random.of(["newest", "oldest"] as const);
        const wanted = which === "newest" ? ofKey.at(-1) : ofKey[0];
        assert.equal(shelf.take(key, which), wanted?.item);
        if (wanted) drop(wanted.item);
        break;
      }
      case 4: {
        const it = model.length > 0 ? random.of(model) : undefined;
        if (it === undefined) break;
        stirs.get(it.item)!();
        gone.push(it.item);
        drop(it.item);
        break;
      }
      case 5: {
        await clock.pass(random.below(60));
        const expired = model.filter((it) => it.expiresAtMs <= clock.now());
        expired.forEach((it) => {
          gone.push(it.item);
          drop(it.item);
        });
        break;
      }
      case 6:
        if (!random.onceIn(5)) break;
        assert.deepEqual(shelf.clear(key), ofKey.map((it) => it.item));
        model = model.filter((it) => it.key !== key);
        break;
    }
    assert.equal(shelf.size, model.length);
    for (const it of keys) assert.equal(shelf.count(it), model.filter((m) => m.key === it).length);
    assert.deepEqual(discarded.toSorted(), gone.toSorted());
  }
}

/** A shelf of texts, whose stirs and discards are to be seen. */
function make() {
  const clock = new FakeClock();
  const stirs = new Map<string, () => void>();
  const discarded: string[] = [];
  const shelf = new Shelf<string>({
    watch: (item, stir) => {
      if (stir) stirs.set(item, stir);
      else stirs.delete(item);
    },
    discard: (item) => discarded.push(item),
  }, clock);
  return { shelf, clock, stirs, discarded };
}
