/**
 * How a case is measured. All contestants live side by side, each a process of its own, and work in
 * turn for a slice of time while the others sleep: what disturbs the machine for a while disturbs
 * them all. So figures of one round can be compared, and the median over rounds is what is told.
 *
 * @module
 */
import type { Case } from "./cases.ts";
import type { Contestant } from "./contestants.ts";
import { startPeer } from "./peers.ts";
import { Program } from "./program.ts";
import type { Runtime } from "./runtimes.ts";
import { type Spread, spread } from "./statistics.ts";

/** How long to measure. */
export interface Effort {
  readonly slices: number;
  readonly sliceMs: number;
  readonly warmUpMs: number;
}

/** What a contestant says of a slice. */
export interface SliceFigures {
  readonly operations: number;
  readonly bytes: number;
  readonly micros: number;
  readonly cpuMicros: number;
}

/** What was found out about a contestant. */
export interface Figures {
  readonly title: string;
  readonly name: string;
  readonly runtime: string | undefined;
  /** In operations or bytes a second, as the case counts. */
  readonly rate: Spread;
  /** CPU time of the client, for an operation or a KiB, as the case counts. */
  readonly cpuNanos: Spread;
  /** Its rate as a part of that of its runtime's `raw` in the same round. */
  readonly rateToRaw: Spread | undefined;
  /** The same of how much is done in a second of CPU time: servers and waits do not count. */
  readonly economyToRaw: Spread | undefined;
  readonly slices: readonly SliceFigures[];
}

/** Who works on what: a contestant that does not know a work need not be started for it. */
export type Knowledge = ReadonlyMap<Contestant, ReadonlySet<string>>;

/** Asks all of them what they know. */
export async function knowledgeOf(contestants: readonly Contestant[]): Promise<Knowledge> {
  const asked = contestants.map(async (contestant) => {
    const { title, command } = contestant;
    const program = new Program(title, "client", [...command, "works"]);
    const { works } = await program.answer<{ works?: string[] }>();
    await program.stop();
    if (works === undefined) throw new Error(`Cannot ask "${title}" what it knows: it is too old`);
    return [contestant, new Set(works)] as const;
  });
  return new Map(await Promise.all(asked));
}

/**
 * Measures one case, with those who know it.
 *
 * @param host What runs the server.
 * @param progress Told what is being done.
 */
export async function measure(
  it: Case,
  contestants: readonly Contestant[],
  effort: Effort,
  host: Runtime,
  progress: (what: string) => void = () => {},
): Promise<Figures[]> {
  // The server could not hold the crowds of all of them.
  const groups = it.crowd ? contestants.map((one) => [one]) : [contestants];
  const measured: Running[] = [];
  for (const group of groups) {
    measured.push(...await measureGroup(it, group, effort, host, progress));
  }
  return measured.map((one) => figuresOf(one, rawOf(one, measured), it));
}

async function measureGroup(
  it: Case,
  contestants: readonly Contestant[],
  effort: Effort,
  host: Runtime,
  progress: (what: string) => void,
): Promise<Running[]> {
  const peer = await startPeer(it, host);
  if (peer === undefined) return [];
  const running: Running[] = [];
  try {
    for (const contestant of contestants) {
      progress(`starts ${contestant.title}`);
      const { title, command } = contestant;
      const program = new Program(title, "client", [...command, it.name, `${peer.port}`]);
      running.push({ contestant, program, slices: [] });
    }
    const ready: Running[] = [];
    for (const one of running) {
      if ((await one.program.answer<{ ready: boolean }>()).ready) ready.push(one);
    }
    for (const { program, contestant } of ready) {
      progress(`warms ${contestant.title} up`);
      await warmUp(program, effort.warmUpMs);
    }
    for (let round = 1; round <= effort.slices; round++) {
      progress(`round ${round} of ${effort.slices}`);
      // There and back, so that nobody is always right behind the same neighbour.
      for (const { program, slices } of round % 2 === 1 ? ready : ready.toReversed()) {
        slices.push(await program.ask<SliceFigures>({ runMs: effort.sliceMs }));
      }
    }
    return ready;
  } finally {
    await Promise.all(running.map(({ program }) => program.stop()));
    await peer.stop();
  }
}

/** What is compiled depends on the time that a program has had, not on that which has passed. */
async function warmUp(program: Program, runMs: number): Promise<void> {
  let cpuMicros = 0;
  for (let left = WARM_UPS; left > 0 && cpuMicros < runMs * 600; left--) {
    cpuMicros += (await program.ask<SliceFigures>({ runMs })).cpuMicros;
  }
}

const WARM_UPS = 3;

interface Running {
  readonly contestant: Contestant;
  readonly program: Program;
  readonly slices: SliceFigures[];
}

function rawOf({ contestant }: Running, all: readonly Running[]): Running | undefined {
  const { name, runtime } = contestant;
  if (name === "raw" || runtime === undefined) return undefined;
  return all.find((it) => it.contestant.name === "raw" && it.contestant.runtime === runtime);
}

function figuresOf({ contestant, slices }: Running, raw: Running | undefined, it: Case): Figures {
  const { title, name, runtime } = contestant;
  const inBytes = it.rate === "bytes";
  const cost = (slice: SliceFigures) =>
    slice.cpuMicros * 1e3 / (inBytes ? slice.bytes / 1024 : slice.operations);
  return {
    title,
    name,
    runtime,
    rate: spread(slices.map(rateOf(it))),
    cpuNanos: spread(slices.map(cost)),
    rateToRaw: raw && ratioOf(rateOf(it), slices, raw.slices),
    economyToRaw: raw && ratioOf(economyOf(it), slices, raw.slices),
    slices,
  };
}

/** What was done in a second. */
export function rateOf({ rate }: Case): (slice: SliceFigures) => number {
  return (slice) => slice[rate] / slice.micros * 1e6;
}

/** What was done in a second of CPU time. */
export function economyOf({ rate }: Case): (slice: SliceFigures) => number {
  return (slice) => slice[rate] / slice.cpuMicros * 1e6;
}

/** One as a part of the other, round by round. */
export function ratioOf(
  figure: (slice: SliceFigures) => number,
  slices: readonly SliceFigures[],
  others: readonly SliceFigures[],
): Spread {
  return spread(slices.map((slice, round) => figure(slice) / figure(others[round]!)));
}
