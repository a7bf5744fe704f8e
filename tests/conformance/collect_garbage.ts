/** A full collection, on every runtime and without a flag at its start. */

import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * Collects, and gives finalization callbacks the turns of the event loop that
 * they need. What is only reachable from a promise just settled may take more
 * than one round.
 */
export async function collectGarbage(): Promise<void> {
  const collect = collector();
  for (let round = 0; round < 10; round++) {
    collect();
    await sleep(3);
  }
}

function collector(): () => void {
  const { Bun, gc } = globalThis as { Bun?: { gc(force: boolean): void }; gc?: () => void };
  if (Bun) return () => Bun.gc(true);
  if (gc) return gc;
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc");
}
