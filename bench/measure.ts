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
import { median, type Spread, spread } from "./statistics.ts";

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
  readonly operationsPerSecond: number;
  readonly bytesPerSecond: number;
  /** CPU time of the client. */
  readonly nanosPerOperation: number;
  readonly nanosPerKiB: number;
  /** Its rate as a part of that of its runtime's `raw` in the same round. */
  readonly rateToRaw: Spread | undefined;
  /** The same of how much is done in a second of CPU time: servers and waits do not count. */
  readonly economyToRaw: Spread | undefined;
  readonly slices: readonly SliceFigures[];
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
  const peer = await startPeer(it.peer, host);
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
      await program.ask({ runMs: effort.warmUpMs });
    }
    for (let round = 1; round <= effort.slices; round++) {
      progress(`round ${round} of ${effort.slices}`);
      // There and back, so that nobody is always right behind the same neighbour.
      for (const { program, slices } of round % 2 === 1 ? ready : ready.toReversed()) {
        slices.push(await program.ask<SliceFigures>({ runMs: effort.sliceMs }));
      }
    }
    return ready.map((one) => figuresOf(one, rawOf(one, ready), it));
  } finally {
    await Promise.all(running.map(({ program }) => program.stop()));
    await peer.stop();
  }
}

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
  const over = (figure: (slice: SliceFigures) => number) => median(slices.map(figure));
  const toRaw = (figure: (slice: SliceFigures) => number) =>
    raw && spread(slices.map((slice, round) => figure(slice) / figure(raw.slices[round]!)));
  const done = (slice: SliceFigures) => slice[it.rate];
  return {
    title,
    name,
    runtime,
    operationsPerSecond: over(({ operations, micros }) => operations / micros * 1e6),
    bytesPerSecond: over(({ bytes, micros }) => bytes / micros * 1e6),
    nanosPerOperation: over(({ operations, cpuMicros }) => cpuMicros / operations * 1e3),
    nanosPerKiB: over(({ bytes, cpuMicros }) => cpuMicros / bytes * 1e3 * 1024),
    rateToRaw: toRaw((slice) => done(slice) / slice.micros),
    economyToRaw: toRaw((slice) => done(slice) / slice.cpuMicros),
    slices,
  };
}
