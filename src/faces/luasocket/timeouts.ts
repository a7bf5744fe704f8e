// The two limits of an object, and how long a call may wait by them.
//
// Without a total limit the one on "blocking" bounds the whole call, against what the
// manual says; with one, each wait. Both are looked at only where the system has
// nothing, or takes nothing: what is there is never refused. Waits are cut to whole
// milliseconds.

import { badArgument } from "../lua.ts";
import { type Args, optionalNumber, optionalText } from "./arguments.ts";

/** How long a call may wait, as streams take it. */
export interface Waits {
  /** Whether it may not wait at all: what the system has is all there is. */
  readonly atOnce: boolean;
  /** Milliseconds for each wait; 0 for no limit. */
  readonly timeoutMs: number;
  /** Milliseconds for the whole call. */
  readonly deadlineMs: number | undefined;
}

export const AT_ONCE: Waits = { atOnce: true, timeoutMs: 0, deadlineMs: 0 };
export const FOR_EVER: Waits = { atOnce: false, timeoutMs: 0, deadlineMs: undefined };

// What has no room in an `int` of C's is negative there, which means for ever.
const MOST_MS = 2 ** 31 - 1;

/** The limits of an object, in seconds; negative for none. */
export class Timeouts {
  block = -1;
  total = -1;
  #waits = FOR_EVER;

  /** `settimeout(value?, mode?)`. */
  set(args: Args): void {
    const seconds = optionalNumber(args, 0, "settimeout", -1);
    const mode = optionalText(args, 1, "settimeout", "b")[0];
    if (mode === "b") this.block = seconds;
    else if (mode === "t" || mode === "r") this.total = seconds;
    else throw badArgument(2, "settimeout", "invalid timeout mode");
    this.#waits = waitsOf(this.block, this.total);
  }

  /** Whether a call tries once, and waits for nothing. */
  get isZero(): boolean {
    return this.block === 0;
  }

  /** How long a call that begins now may wait. */
  get waits(): Waits {
    return this.#waits;
  }
}

/** The milliseconds of the longest single wait. */
export function longestWaitMs({ atOnce, timeoutMs, deadlineMs }: Waits): number {
  if (atOnce) return 0;
  return Math.min(timeoutMs || Infinity, deadlineMs ?? Infinity);
}

function waitsOf(block: number, total: number): Waits {
  if (block === 0) return AT_ONCE;
  const blockMs = msOf(block);
  const totalMs = msOf(total);
  if (blockMs < 1 || totalMs < 1) return AT_ONCE;
  if (total < 0 || block < 0) {
    const ms = Math.min(blockMs, totalMs);
    return ms === Infinity ? FOR_EVER : { atOnce: false, timeoutMs: 0, deadlineMs: ms };
  }
  return {
    atOnce: false,
    timeoutMs: blockMs === Infinity ? 0 : blockMs,
    deadlineMs: totalMs === Infinity ? undefined : totalMs,
  };
}

function msOf(seconds: number): number {
  if (seconds < 0) return Infinity;
  const ms = Math.trunc(seconds * 1000) || 0;
  return ms > MOST_MS ? Infinity : ms;
}
