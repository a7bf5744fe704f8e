/**
 * A contestant's side of a measurement. A contestant is a program of its own that gets a case and a
 * port as arguments and readies itself; from then on it is driven by lines of JSON, and sleeps
 * between them:
 *
 *     <- {"ready": true}                     or {"ready": false}: it does not know that case
 *     -> {"runMs": 200}
 *     <- {"operations": 5120, "bytes": 327680, "micros": 200113, "cpuMicros": 198400}
 *
 * The cases `idle` and `active` are others: {"hold": 1000} makes so many connections that lie idle,
 * or wait for an answer, and answers {"rss": ..., "heap": ...}, the bytes by which the process grew.
 * For the case `works` it says {"works": ["ask", "lines"]}, what it knows, and ends.
 *
 * What is common to all that are written in JavaScript is here; another language needs to speak
 * these lines, and a row in `contestants.ts`.
 *
 * @module
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { type Case, caseOf, type WorkName } from "./cases.ts";

/** What was done in a slice of time. */
export interface Done {
  readonly operations: number;
  readonly bytes: number;
}

/** Works until `slice.over`; looking at the clock is the worker's, as often as it can afford. */
export type Work = (slice: Slice) => Promise<Done>;

/** Opens what a case needs, and answers what does its work; `undefined` if it cannot be done. */
export type Prepare = (port: number, it: Case) => Promise<Work | undefined>;

/** What a held connection does. */
export type Held = "idle" | "active";

/** A contestant: the works it knows, and how it holds connections. */
export interface Contest {
  readonly works: Readonly<Partial<Record<WorkName, Prepare>>>;
  hold?(port: number, connections: number, held: Held): Promise<unknown>;
}

/** A stretch of time to work in. */
export class Slice {
  readonly #endMs: number;

  constructor(runMs: number) {
    this.#endMs = performance.now() + runMs;
  }

  /** Whether it is time to stop. */
  get over(): boolean {
    return performance.now() >= this.#endMs;
  }
}

/** Runs this process as a contestant, until its standard input ends. */
export async function contest({ works, hold }: Contest): Promise<void> {
  const [name = "", port = ""] = process.argv.slice(2);
  if (name === "works") return say({ works: [...Object.keys(works), ...(hold ? ["hold"] : [])] });
  const kind = name === "idle" || name === "active" ? name : undefined;
  const it = kind === undefined ? caseOf(name) : undefined;
  const work = it && await works[it.work]?.(Number(port), it);
  if (work === undefined && (kind === undefined || hold === undefined)) {
    say({ ready: false });
    process.exit();
  }
  // V8 gives a program that has never collected all of its garbage a larger heap than it gets
  // ever after; whoever happened to stay there would be faster than it is in a longer life.
  await collect();
  say({ ready: true });
  for await (const text of createInterface({ input: process.stdin })) {
    const order = JSON.parse(text) as { runMs?: number; hold?: number };
    if (work !== undefined && order.runMs !== undefined) {
      say(await timed(work, order.runMs));
    } else if (kind !== undefined && hold !== undefined && order.hold !== undefined) {
      // The first of them make the heap, the code and the tables grow, once.
      held.push(await hold(Number(port), Math.ceil(order.hold / 4), kind));
      const before = await memory();
      held.push(await hold(Number(port), order.hold, kind));
      const after = await memory();
      say({ rss: after.rss - before.rss, heap: after.heap - before.heap });
    }
  }
  process.exit();
}

// What is held must stay held.
const held: unknown[] = [];

async function timed(work: Work, runMs: number) {
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  const done = await work(new Slice(runMs));
  const micros = (performance.now() - startMs) * 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { ...done, micros, cpuMicros: user + system };
}

async function memory(): Promise<{ rss: number; heap: number }> {
  await collect();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss, heap: heapUsed + external };
}

async function collect(): Promise<void> {
  const { gc, Bun } = globalThis as { gc?: () => void; Bun?: { gc(sync: boolean): void } };
  // More than once: what one pass finalizes, the next one frees.
  for (let pass = 0; pass < 4; pass++) {
    Bun ? Bun.gc(true) : gc?.();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function say(what: object): void {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}
