/**
 * A thousand users of one pool, whose connections to Redis lead through a relay that
 * breaks them, for as long as it is told; then it looks whether all is as it must be:
 *
 * - no answer went to the wrong user: each request carries a mark of its own;
 * - there were never more connections than allowed, as the other side counts them;
 * - every exchange came to an end, and everybody who waited for a connection;
 * - descriptors, timers, listeners and memory are what they were.
 *
 *     deno task test:faults --minutes 10
 *
 * @module
 */

import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { byteString } from "../../src/bytes.ts";
import { connect, type Cosocket, Pool, SocketError } from "../../mod.ts";
import { collectGarbage } from "../conformance/collect_garbage.ts";
import { runtime } from "../helpers/native_pairs.ts";
import { Random } from "../helpers/random.ts";
import { leftOver, type Resources, snapshot } from "../helpers/resources.ts";
import { WatchedSignal } from "../helpers/watched_signal.ts";
import { redis } from "../servers/recipes.ts";
import { missing, withServer } from "../servers/start_server.ts";
import { Relay } from "./relay.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "0.4" },
    users: { type: "string", default: "1000" },
    connections: { type: "string", default: "50" },
    seed: { type: "string", default: "1" },
  },
});
const lastsMs = Number(values.minutes) * 60_000;
const users = Number(values.users);
const most = Number(values.connections);
const seed = Number(values.seed);

// All limits of an exchange together: one that is not over then never will be.
const LOST_MS = 60_000;
const READ_MS = 1000;
const SAMPLES = 40;
// Of the relay's.
const FAULT_KINDS = 10;
// A program that runs for some seconds is still getting warm.
const GROWTH_PERCENT = lastsMs >= 5 * 60_000 ? 1 : 10;

/** What happened, by name. */
class Tally {
  readonly #counts = new Map<string, number>();

  add(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  get total(): number {
    return sum(Object.fromEntries(this.#counts));
  }

  toString(): string {
    return told(Object.fromEntries(this.#counts));
  }
}

/** A user's own reason to leave a dialogue in the middle. */
class Leaves extends Error {}

/** Something else came than an answer: rubbish, or an answer once more. */
class Odd extends Error {}

/** An exchange that does not end. */
class Lost extends Error {}

const exchanges = new Tally();
const errors = new Tally();
const wrong: string[] = [];
let lost = 0;
let lastMark = 0;

/** One user: exchange after exchange, until it is told to stop. */
async function use(pool: Pool, at: string, random: Random, shared: WatchedSignal): Promise<void> {
  const isOver = shared.signal;
  while (!isOver.aborted) {
    const [name, exchange] = random.of(KINDS);
    const controller = random.onceIn(20) ? new AbortController() : undefined;
    const signal = controller?.signal ?? isOver;
    // Somewhere in the wait, in the dialogue, or behind it.
    const stopper = controller && setTimeout(() => controller.abort(), random.between(0, 100));
    const timeoutMs = random.onceIn(10) ? random.between(1, 50) : 30_000;
    try {
      await bounded(exchange(pool, at, random, { signal, timeoutMs }));
      exchanges.add(name);
    } catch (error) {
      if (error instanceof Leaves) errors.add("left by its user");
      else if (error instanceof Odd) errors.add("odd answers");
      else if (error instanceof SocketError) errors.add(error.code);
      else if (error instanceof Lost) lost++;
      else throw error;
    } finally {
      clearTimeout(stopper);
    }
  }
}

interface Options {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

type Exchange = (pool: Pool, at: string, random: Random, options: Options) => Promise<void>;

/** What users do, each about as often. */
const KINDS: readonly (readonly [name: string, exchange: Exchange])[] = [
  [
    "use",
    (pool, at, random, options) =>
      pool.use(at, (sock) => converse(sock, random, options.signal), options),
  ],
  [
    "use, several requests",
    (pool, at, random, options) =>
      pool.use(at, (sock) => converse(sock, random, options.signal, random.between(2, 6)), options),
  ],
  ["connect and release", async (pool, at, random, options) => {
    const sock = await pool.connect(at, options);
    try {
      await converse(sock, random, options.signal);
      await sock.release();
    } finally {
      sock.close();
    }
  }],
  ["connect and close", async (pool, at, random, options) => {
    const sock = await pool.connect(at, options);
    try {
      if (random.onceIn(4)) await converse(sock, random, options.signal);
    } finally {
      if (random.onceIn(2)) sock.close();
      else sock.abort();
    }
  }],
  // An answer is left behind that the next one must not get.
  ["leave", (pool, at, random, options) =>
    pool.use(at, async (sock) => {
      await sock.send(request(random).bytes, { signal: options.signal });
      if (random.onceIn(2)) await sock.receiveAny(random.between(1, 10), { timeoutMs: READ_MS });
      throw new Leaves();
    }, options)],
  ["ask without patience", (pool, at, random, options) =>
    pool.use(at, async (sock) => {
      sock.setTimeouts({ readMs: random.between(1, 5) });
      await converse(sock, random, options.signal);
    }, options)],
];

/** Asks, and looks whether the answers are those to what was asked. */
async function converse(sock: Cosocket, random: Random, signal: AbortSignal, count = 1) {
  sock.setTimeouts({ sendMs: 5000, ...(count > 1 && { readMs: READ_MS }) });
  const asked = Array.from({ length: count }, () => request(random));
  const limits = { signal, deadlineMs: 5000, timeoutMs: READ_MS };
  await sock.send(asked.map((it) => it.bytes), { signal });
  for (const { mark } of asked) {
    const answer = await reply(sock, random, limits);
    if (answer === mark) continue;
    // An answer that came twice is an earlier one of these; all else was another's.
    const isTwice = asked.some((it) => it.mark === answer);
    if (isTwice || !/^<\d+ .*>$/s.test(answer)) throw new Odd();
    wrong.push(`Wanted ${mark.slice(0, 40)}, and got ${answer.slice(0, 40)}`);
    throw new Odd();
  }
}

function request(random: Random): { mark: string; bytes: string } {
  const size = random.onceIn(20) ? random.between(1000, 40_000) : random.below(100);
  const mark = `<${++lastMark} ${"m".repeat(size)}>`;
  return { mark, bytes: `*2\r\n$4\r\nECHO\r\n$${mark.length}\r\n${mark}\r\n` };
}

/** One answer, read in one way or another. */
async function reply(
  sock: Cosocket,
  random: Random,
  limits: { signal: AbortSignal; deadlineMs: number; timeoutMs: number },
): Promise<string> {
  const head = random.onceIn(2)
    ? await sock.receiveLine(limits)
    : byteString(await sock.receiveUntil("\r\n", limits));
  const size = /^\$(\d+)$/.exec(head)?.[1];
  if (size === undefined) throw new Odd();
  const body = await READS[random.below(READS.length)]!(sock, Number(size), limits);
  if (byteString(await sock.receiveExactly(2, limits)) !== "\r\n") throw new Odd();
  return body;
}

const READS: readonly ((
  sock: Cosocket,
  size: number,
  limits: { signal: AbortSignal; deadlineMs: number; timeoutMs: number },
) => Promise<string>)[] = [
  async (sock, size, limits) => byteString(await sock.receiveExactly(size, limits)),
  async (sock, _size, limits) =>
    byteString(await sock.receiveUntil(">", { ...limits, inclusive: true })),
  async (sock, size, limits) => {
    const view = new Uint8Array(size);
    for (let at = 0; at < size;) {
      const count = await sock.readInto(view.subarray(at), limits);
      if (count === 0) throw new Odd();
      at += count;
    }
    return byteString(view);
  },
  async (sock, _size, limits) => {
    let text = "";
    for (const part = sock.parts(">", { ...limits, inclusive: true });;) {
      const piece = await part.read(1000);
      if (piece === null) return text;
      text += byteString(piece);
    }
  },
];

/** One that does not come to its end in time, with an answer or an error, is lost. */
async function bounded(work: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Lost()), LOST_MS);
  });
  try {
    await Promise.race([work, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

/** Memory from time to time, after a full collection. */
async function watch(untilMs: number): Promise<Resources[]> {
  const samples: Resources[] = [];
  const everyMs = (untilMs - performance.now()) / SAMPLES;
  while (performance.now() < untilMs) {
    await sleep(everyMs);
    await collectGarbage();
    const { rss, heapUsed } = process.memoryUsage();
    samples.push({ rss, heap: heapUsed });
  }
  return samples;
}

function median(samples: readonly Resources[], name: string): number {
  const sorted = samples.map((it) => it[name] ?? 0).sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

async function soak(target: string): Promise<void> {
  const relay = await Relay.start(target, seed);
  // What is loaded or opened once, at the first use, is not counted.
  (await connect(relay.at, { timeoutMs: READ_MS })).close();
  // Deno's pipe for signals among it.
  process.on("SIGUSR2", () => {});
  const before = snapshot();
  const pool = new Pool({ maxConnections: most, maxIdle: most, maxWaiting: users });
  const over = new WatchedSignal();
  const random = new Random(seed);
  const fromMs = performance.now();
  const all = Promise.all(Array.from(
    { length: users },
    () => use(pool, relay.at, new Random(random.below(2 ** 31)), over),
  ));
  // What is wrong with this program itself ends it.
  const samples = await Promise.race([watch(fromMs + lastsMs), all.then(() => [])]);
  over.abort();
  await all;
  const seconds = (performance.now() - fromMs) / 1000;
  const { lent, waiting } = pool.stats();
  pool.close();
  const left = await leftOver(before);
  const { connections, mostAtOnce, faults } = await relay.report();
  await relay.close();

  const quarter = samples.length >> 2;
  const memory = (name: string) =>
    [1, 2, 3].map((at) => median(samples.slice(at * quarter, (at + 1) * quarter), name));
  const growth = (name: string) => {
    const [, third, fourth] = memory(name);
    return 100 * (fourth! / third! - 1);
  };
  const mebibytes = (name: string) =>
    memory(name).map((it) => (it / 2 ** 20).toFixed(1)).join(", ") +
    ` MiB, ${growth(name).toFixed(2)} % over the last half`;
  console.log(`${runtime}: ${users} users for ${seconds.toFixed(0)} s, seed ${seed}`);
  console.log(`  connections   ${connections} opened, ${mostAtOnce} at once of ${most} allowed`);
  console.log(`  exchanges     ${exchanges.total} done: ${exchanges}`);
  console.log(`  given up      ${errors.total}: ${errors}`);
  console.log(`  faults        ${sum(faults)}: ${told(faults)}`);
  console.log(`  wrong answers ${wrong.length}, lost exchanges ${lost}, left over ${told(left)}`);
  console.log(`  memory        ${mebibytes("rss")} (medians of the 2nd, 3rd, 4th quarter)`);
  console.log(`  heap          ${mebibytes("heap")}`);

  const checks: Readonly<Record<string, boolean>> = {
    "every answer goes to who asked": wrong.length === 0,
    "every exchange comes to an end": lost === 0,
    "nobody waits any more, nothing is lent": lent === 0 && waiting === 0,
    "there are as many connections as allowed at most": mostAtOnce <= most,
    "the pool reuses connections": exchanges.total > 2 * connections,
    "faults of all kinds happened": Object.keys(faults).length === FAULT_KINDS,
    "nothing is left over": Object.keys(left).length === 0,
    "no listener is left on the signal that all share": over.listeners === 0,
    [`memory grows by less than ${GROWTH_PERCENT} %`]: growth("rss") < GROWTH_PERCENT,
  };
  for (const message of wrong.slice(0, 5)) console.error(message);
  const failed = Object.entries(checks).filter(([, isSo]) => !isSo);
  for (const [name] of failed) console.error(`NOT SO: ${name}`);
  console.log(`${Object.keys(checks).length - failed.length} passed, ${failed.length} failed`);
  if (failed.length > 0) process.exitCode = 1;
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((all, it) => all + it, 0);
}

function told(counts: Readonly<Record<string, number>>): string {
  const all = Object.entries(counts).sort(([, one], [, other]) => other - one);
  return all.map(([name, count]) => `${count} ${name}`).join(", ") || "nothing";
}

if (missing("redis-server")) {
  console.log("Skipped: redis-server is not installed");
} else {
  await withServer("TCP", redis, soak);
}
