/**
 * What a connection costs that lies idle: the bytes by which a process grows with many of them,
 * after each was used once, divided by their number.
 *
 * @module
 */
import type { Contestant } from "./contestants.ts";
import { startPeer } from "./peers.ts";
import { Program } from "./program.ts";
import type { Runtime } from "./runtimes.ts";

/** Bytes for one idle connection. */
export interface IdleFigures {
  readonly title: string;
  /** By which what the system counts for the process grew. */
  readonly rssBytes: number;
  /** By which the heap grew, with what it keeps outside; not all contestants know. */
  readonly heapBytes: number | undefined;
}

/** Measures idle connections, with those who can hold them. */
export async function measureIdle(
  contestants: readonly Contestant[],
  connections: number,
  host: Runtime,
  progress: (what: string) => void = () => {},
): Promise<IdleFigures[]> {
  const found: IdleFigures[] = [];
  const peer = await startPeer("pong", host);
  try {
    for (const { title, command } of contestants) {
      progress(title);
      const program = new Program(title, "client", [...command, "idle", `${peer.port}`]);
      try {
        if (!(await program.answer<{ ready: boolean }>()).ready) continue;
        const { rss, heap } = await program.ask<{ rss: number; heap?: number }>(
          { hold: connections },
        );
        found.push({
          title,
          rssBytes: rss / connections,
          heapBytes: heap === undefined ? undefined : heap / connections,
        });
      } finally {
        await program.stop();
      }
    }
  } finally {
    await peer.stop();
  }
  return found;
}
