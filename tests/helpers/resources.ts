/**
 * What a program holds of the system and of its runtime: descriptors, timers,
 * handles, and rejections that nobody took. Importing this begins the counting of
 * timers and rejections; the library sets its timers by the global functions.
 */

import { readdirSync } from "node:fs";
import process from "node:process";
import { setImmediate } from "node:timers";
import { setTimeout as sleep } from "node:timers/promises";

/** Numbers by name; what a runtime does not tell is missing. */
export type Resources = Readonly<Record<string, number>>;

// Longer than any machine takes to close what was closed.
const PATIENCE_MS = 10_000;
const LOOK_EVERY_MS = 20;

const timers = new Set<unknown>();
let unhandled = 0;

const { setTimeout, clearTimeout } = globalThis;

globalThis.setTimeout = Object.assign(
  (ring: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      ring(...args);
    }, ms);
    timers.add(timer);
    return timer;
  },
  setTimeout,
) as typeof setTimeout;

globalThis.clearTimeout = (timer) => {
  timers.delete(timer);
  clearTimeout(timer);
};

process.on("unhandledRejection", () => unhandled++);

/** What is held now. */
export function snapshot(): Resources {
  const held: Record<string, number> = {
    "timers": timers.size,
    "unhandled rejections": unhandled,
  };
  const descriptors = countDescriptors();
  if (descriptors !== undefined) held["descriptors"] = descriptors;
  for (const kind of process.getActiveResourcesInfo()) {
    // Those of the library are counted above; others come and go with the test runner.
    if (kind !== "Timeout" && kind !== "Immediate") held[kind] = (held[kind] ?? 0) + 1;
  }
  return held;
}

/**
 * Waits until no more is held than before.
 *
 * @returns What is left over all the same, and how many of each; empty if all is well.
 */
export async function leftOver(before: Resources): Promise<Resources> {
  const fromMs = performance.now();
  for (;;) {
    await new Promise<void>((resolve) => void setImmediate(resolve));
    const left = difference(before, snapshot());
    if (Object.keys(left).length === 0 || performance.now() - fromMs > PATIENCE_MS) return left;
    await sleep(LOOK_EVERY_MS);
  }
}

function difference(before: Resources, now: Resources): Resources {
  const more = Object.entries(now).map(([name, count]) =>
    [name, count - (before[name] ?? 0)] as const
  );
  return Object.fromEntries(more.filter(([, count]) => count > 0));
}

/** Open files and sockets; the system tells them on Linux. */
function countDescriptors(): number | undefined {
  return process.platform === "linux" ? readdirSync("/proc/self/fd").length : undefined;
}
