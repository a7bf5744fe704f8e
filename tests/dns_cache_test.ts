import assert from "node:assert/strict";
import { test } from "node:test";
import { type CacheLimits, LookupCache } from "../src/dns/cache.ts";
import { DnsError } from "../src/dns/failure.ts";
import type { Found } from "../src/dns/resolver.ts";
import { pickOne } from "../src/dns/random.ts";
import { SocketError } from "../src/errors.ts";
import { createLookup } from "../src/name_lookup.ts";
import { failureOf } from "./helpers/failure_of.ts";
import { FakeClock } from "./helpers/fake_clock.ts";
import { Random } from "./helpers/random.ts";
import { has, TinyDns } from "./helpers/tiny_dns.ts";
import { turns } from "./helpers/turns.ts";
import { WatchedSignal } from "./helpers/watched_signal.ts";

const FOREVER = new AbortController().signal;

/** For how long an answer is kept, by what servers and the user say. */
const times: { name: string; ttlMs: number; limits?: Partial<CacheLimits>; keptMs: number }[] = [
  { name: "as long as it holds", ttlMs: 5000, keptMs: 5000 },
  { name: "not at all if it does not hold", ttlMs: 0, keptMs: 0 },
  { name: "at least minTtlMs", ttlMs: 0, limits: { minTtlMs: 300 }, keptMs: 300 },
  { name: "longer than minTtlMs", ttlMs: 400, limits: { minTtlMs: 300 }, keptMs: 400 },
  { name: "at most maxTtlMs", ttlMs: 5000, limits: { maxTtlMs: 4000 }, keptMs: 4000 },
  { name: "a literal address, too", ttlMs: Infinity, limits: { maxTtlMs: 4000 }, keptMs: 4000 },
  { name: "not at all with maxTtlMs 0", ttlMs: 5000, limits: { maxTtlMs: 0 }, keptMs: 0 },
  { name: "validMs instead of longer", ttlMs: 5000, limits: { validMs: 100 }, keptMs: 100 },
  { name: "validMs instead of shorter", ttlMs: 0, limits: { validMs: 100 }, keptMs: 100 },
  { name: "not at all with validMs 0", ttlMs: 5000, limits: { validMs: 0 }, keptMs: 0 },
];

for (const { name, ttlMs, limits, keptMs } of times) {
  test(`an answer is kept ${name}`, async () => {
    const it = begin(limits);
    const first = it.lookup("db.test");
    it.answers([{ addresses: ["10.1.1.1"], ttlMs }]);
    assert.deepEqual(await first, ["10.1.1.1"]);
    if (keptMs > 0) {
      it.clock.slip(keptMs - 1);
      assert.deepEqual(await it.lookup("db.test"), ["10.1.1.1"]);
      it.clock.slip(1);
    }
    const second = it.lookup("db.test");
    assert.deepEqual(it.asked, ["db.test", "db.test"]);
    it.answers([{ addresses: ["10.1.1.2"], ttlMs }]);
    assert.deepEqual(await second, ["10.1.1.2"]);
  });
}

/** For how long it is kept that there is no answer. */
const negative: { name: string; error: unknown; mostMs: number; keptMs: number }[] = [
  { name: "not unless asked for", error: notFound(3, 5000), mostMs: 0, keptMs: 0 },
  { name: "as long as the zone says", error: notFound(3, 5000), mostMs: 60_000, keptMs: 5000 },
  { name: "at most as long as wanted", error: notFound(0, 5000), mostMs: 900, keptMs: 900 },
  { name: "not if the zone does not say", error: notFound(3, 0), mostMs: 60_000, keptMs: 0 },
  { name: "not for a failure", error: notFound(2, 0), mostMs: 60_000, keptMs: 0 },
  { name: "not for silence", error: new SocketError("timeout", "x"), mostMs: 60_000, keptMs: 0 },
  { name: "not for a mistake", error: new TypeError("x"), mostMs: 60_000, keptMs: 0 },
];

for (const { name, error, mostMs, keptMs } of negative) {
  test(`that there is no address is kept ${name}`, async () => {
    const it = begin({ maxNegativeTtlMs: mostMs, minTtlMs: 100, validMs: 700 });
    const isIt = (caught: unknown) => caught === error;
    const first = assert.rejects(it.lookup("db.test"), isIt);
    it.answers([error]);
    await first;
    if (keptMs > 0) {
      it.clock.slip(keptMs - 1);
      await assert.rejects(it.lookup("db.test"), isIt);
      it.clock.slip(1);
    }
    const second = it.lookup("db.test");
    assert.equal(it.asked.length, 2);
    it.answers([{ addresses: ["10.1.1.1"], ttlMs: 0 }]);
    await second;
  });
}

test("many who ask at once ask once, and each gets an array of its own", async () => {
  const it = begin();
  const all = Array.from({ length: 10 }, (_, at) => it.lookup(at % 2 ? "db.test" : "DB.Test."));
  const other = it.lookup("other.test");
  assert.deepEqual(it.asked, ["DB.Test.", "other.test"]);
  it.answers([{ addresses: ["10.1.1.1"], ttlMs: 0 }, { addresses: ["10.1.1.2"], ttlMs: 0 }]);
  const found = await Promise.all(all);
  for (const one of found) {
    assert.deepEqual(one, ["10.1.1.1"]);
    one.push("spoilt");
  }
  assert.deepEqual(await other, ["10.1.1.2"]);
});

test("what a caller does to its array changes nothing for others", async () => {
  const it = begin();
  const first = it.lookup("db.test");
  it.answers([{ addresses: ["10.1.1.1"], ttlMs: 1000 }]);
  (await first).length = 0;
  (await it.lookup("db.test")).push("spoilt");
  assert.deepEqual(await it.lookup("db.test"), ["10.1.1.1"]);
});

test("a failure is for all who wait, and the next one asks anew", async () => {
  const it = begin();
  const all = Array.from({ length: 3 }, () => failureOf(it.lookup("db.test"), "timeout"));
  it.answers([new SocketError("timeout", "no server answered")]);
  await Promise.all(all);
  const next = it.lookup("db.test");
  it.answers([{ addresses: ["10.1.1.1"], ttlMs: 0 }]);
  await next;
  assert.equal(it.asked.length, 2);
});

test("who gives up leaves the others waiting, and the last one takes the question along", async () => {
  const it = begin();
  const [first, second, third] = [new WatchedSignal(), new WatchedSignal(), new WatchedSignal()];
  const reason = new Error("enough");
  const one = failureOf(it.lookup("db.test", first.signal), "aborted");
  const two = failureOf(it.lookup("db.test", second.signal), "aborted");
  const three = failureOf(it.lookup("db.test", third.signal), "aborted");
  // The first was the one who asked.
  first.abort(reason);
  assert.equal((await one).cause, reason);
  second.abort();
  await two;
  await turns();
  assert.equal(it.signals[0]!.aborted, false);
  third.abort(reason);
  await three;
  assert.equal(it.signals[0]!.aborted, true);
  assert.equal(it.signals[0]!.reason, reason);
  for (const signal of [first, second, third]) assert.equal(signal.listeners, 0);
  const next = it.lookup("db.test");
  assert.equal(it.asked.length, 2);
  // The first question's answer comes after all, and does no harm.
  it.answers([new SocketError("aborted", "x")]);
  await turns();
  const another = it.lookup("db.test");
  assert.equal(it.asked.length, 2);
  it.answers([{ addresses: ["10.1.1.1"], ttlMs: 1000 }]);
  assert.deepEqual(await next, ["10.1.1.1"]);
  assert.deepEqual(await another, ["10.1.1.1"]);
  await it.lookup("db.test");
  assert.equal(it.asked.length, 2);
});

test("whoever gave up before asks nobody", async () => {
  const it = begin();
  await failureOf(it.lookup("db.test", AbortSignal.abort()), "aborted");
  assert.equal(it.asked.length, 0);
});

test("no listener is left where a look-up ended", async () => {
  const it = begin();
  const watched = new WatchedSignal();
  for (const answer of [{ addresses: ["10.1.1.1"], ttlMs: 0 }, notFound(3, 0)]) {
    const looking = it.lookup("db.test", watched.signal).catch(() => {});
    it.answers([answer]);
    await looking;
    await turns();
    assert.equal(watched.listeners, 0);
  }
});

test("there are never more entries than wanted, and the one least recently asked for goes", async () => {
  const it = begin({ maxEntries: 3 });
  const find = async (name: string) => {
    const looking = it.lookup(name);
    it.answers([{ addresses: ["10.1.1.1"], ttlMs: 1000 }]);
    await looking;
  };
  for (const name of ["a", "b", "c", "a", "d"]) await find(name);
  assert.equal(it.cache.size, 3);
  assert.deepEqual(it.asked, ["a", "b", "c", "d"]);
  await find("a");
  await find("c");
  assert.deepEqual(it.asked, ["a", "b", "c", "d"]);
  await find("b");
  assert.deepEqual(it.asked, ["a", "b", "c", "d", "b"]);
  // d it was that went.
  await find("a");
  await find("d");
  assert.deepEqual(it.asked, ["a", "b", "c", "d", "b", "d"]);
});

test("the cache answers as a plain table of times does (seeds)", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new Random(seed);
    const it = begin({ maxEntries: 1000 });
    const until = new Map<string, number>();
    for (let step = 0; step < 300; step++) {
      const name = random.of(["a", "b", "c", "d"]);
      const before = it.asked.length;
      const looking = it.lookup(name);
      const isKnown = (until.get(name) ?? 0) > it.clock.now();
      assert.equal(it.asked.length - before, isKnown ? 0 : 1);
      if (!isKnown) {
        const ttlMs = random.below(50);
        until.set(name, it.clock.now() + ttlMs);
        it.answers([{ addresses: [name], ttlMs }]);
      }
      assert.deepEqual(await looking, [name]);
      it.clock.slip(random.below(20));
    }
  }
});

test("createLookup() with a cache asks once, without one each time", async () => {
  const server = await TinyDns.start({ "short.test": has(["127.0.0.1"], 0) });
  const servers = [server.at];
  const plain = createLookup({ servers, family: 4 });
  const cached = createLookup({ servers, family: 4, cache: {} });
  const longer = createLookup({ servers, family: 4, cache: { validMs: 60_000 } });
  for (let times = 0; times < 3; times++) {
    for (const find of [plain, cached, longer]) {
      assert.deepEqual(await find("one.test"), ["127.0.0.1"]);
      assert.deepEqual(await find("short.test"), ["127.0.0.1"]);
    }
  }
  assert.equal(server.times("one.test"), 3 + 1 + 1);
  assert.equal(server.times("short.test"), 3 + 3 + 1);
  await server.close();
});

test("createLookup() remembers what the system said for as long as it is told to", async () => {
  const find = createLookup({ cache: { validMs: 60_000 } });
  const first = await find("localhost");
  assert.ok(first.length > 0);
  assert.deepEqual(await find("LOCALHOST"), first);
  await failureOf(find("no-such-name.invalid"), "not found");
});

test("createLookup() bounds each look-up, also one that many share", async () => {
  const server = await TinyDns.start();
  for (const cache of [undefined, {}]) {
    const options = { servers: [server.at], timeoutMs: 40 };
    const find = createLookup(cache ? { ...options, cache } : options);
    await Promise.all([0, 1, 2].map(() => failureOf(find("drop.test"), "timeout")));
  }
  await server.close();
});

test("pickOne() picks each about as often as the others", () => {
  const counts = new Map<string, number>();
  for (let times = 0; times < 3000; times++) {
    const picked = pickOne(["a", "b", "c"]);
    counts.set(picked, (counts.get(picked) ?? 0) + 1);
  }
  for (const name of ["a", "b", "c"]) assert.ok(counts.get(name)! > 800, `${counts.get(name)}`);
  assert.equal(pickOne(["a"]), "a");
});

function notFound(rcode: number, ttlMs: number): SocketError {
  return new SocketError("not found", "x", { cause: new DnsError(rcode, ttlMs) });
}

/** A cache whose questions are answered by the test. */
function begin(limits: Partial<CacheLimits> = {}) {
  const clock = new FakeClock();
  const asked: string[] = [];
  const signals: AbortSignal[] = [];
  const open: PromiseWithResolvers<Found>[] = [];
  const cache = new LookupCache(
    (hostname, signal) => {
      asked.push(hostname);
      signals.push(signal);
      const question = Promise.withResolvers<Found>();
      open.push(question);
      return question.promise;
    },
    { maxEntries: 100, minTtlMs: 0, maxTtlMs: 86_400_000, maxNegativeTtlMs: 0, ...limits },
    clock,
  );
  return {
    cache,
    clock,
    asked,
    signals,
    lookup: (hostname: string, signal = FOREVER) => cache.lookup(hostname, signal),
    /** Answers the open questions in their order; an error is one that they fail with. */
    answers(answers: readonly unknown[]): void {
      for (const answer of answers) {
        const question = open.shift();
        if (answer instanceof Error) question?.reject(answer);
        else question?.resolve(answer as Found);
      }
    },
  };
}
