/**
 * What a connection costs that lies idle in a pool, or waits for an answer: the bytes by which a
 * process grows with many of them, after each was used once, divided by their number.
 *
 * @module
 */
import { caseOf } from "./cases.ts";
import type { Held } from "./contest.ts";
import type { Contestant } from "./contestants.ts";
import { startPeer } from "./peers.ts";
import { descriptors, Program } from "./program.ts";
import type { Runtime } from "./runtimes.ts";

/** Bytes for one connection. */
export interface HeldFigures {
  readonly title: string;
  readonly name: string;
  readonly runtime: string | undefined;
  /** By which what the system counts for the process grew. */
  readonly rssBytes: number;
  /** By which the heap grew, with what it keeps outside; not all contestants know. */
  readonly heapBytes: number | undefined;
}

/** How many can be held: those that make the tables grow come before those that count. */
export function holdable(wanted: number): number {
  return Math.min(wanted, Math.floor((descriptors() - 200) / 1.25));
}

/** Measures held connections, with those who can hold them, one after another. */
export async function measureHeld(
  held: Held,
  contestants: readonly Contestant[],
  connections: number,
  host: Runtime,
  progress: (what: string) => void = () => {},
): Promise<HeldFigures[]> {
  const found: HeldFigures[] = [];
  for (const { title, name, runtime, command } of contestants) {
    progress(title);
    const peer = await startPeer(caseOf("ping"), host);
    const program = new Program(title, "client", [...command, held, `${peer!.port}`]);
    try {
      if (!(await program.answer<{ ready: boolean }>()).ready) continue;
      const { rss, heap } = await program.ask<{ rss: number; heap?: number }>(
        { hold: connections },
      );
      found.push({
        title,
        name,
        runtime,
        rssBytes: rss / connections,
        heapBytes: heap === undefined ? undefined : heap / connections,
      });
    } finally {
      await program.stop();
      await peer!.stop();
    }
  }
  return found;
}
