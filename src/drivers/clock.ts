// Time, as the reading loop needs it: a clock that never goes back, and an alarm
// that is cheap to move. Setting and clearing a timer costs more than reading a
// line does (1.2 us on Deno), so an alarm's timer is set once, left alone when
// the time moves back, and set again only when it fired too early.
//
// An event loop that stood still runs its timers before it asks the system what has
// come meanwhile. In nginx it is the other way round, and so it is here: what came in
// time is not too late because the program was busy.

import { askedForNews } from "./turns.ts";

/** A source of time; tests bring their own. */
export interface Clock {
  /** Milliseconds since some fixed moment. */
  now(): number;
  /**
   * Calls `ring` after so many milliseconds, and tells it the time: whatever came before
   * has been told of. The answer cancels it.
   */
  after(ms: number, ring: (nowMs: number) => void, keepsAlive: boolean): () => void;
}

type Timer = ReturnType<typeof setTimeout>;

// Longer ones overflow into an immediate call.
const LONGEST_MS = 2 ** 31 - 1;

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, ring, keepsAlive) {
    let isCancelled = false;
    const timer = setTimeout(async () => {
      const nowMs = performance.now();
      await askedForNews();
      if (!isCancelled) ring(nowMs);
    }, Math.min(Math.max(ms, 0), LONGEST_MS));
    if (!keepsAlive) unref(timer);
    return () => {
      isCancelled = true;
      clearTimeout(timer);
    };
  },
};

const deno = (globalThis as { Deno?: { unrefTimer(id: number): void } }).Deno;

function unref(timer: Timer): void {
  if (typeof timer === "number") deno?.unrefTimer(timer);
  else (timer as { unref?(): void }).unref?.();
}

/** Rings once the time comes; moving it further away costs nothing. */
export class Alarm {
  readonly #clock: Clock;
  readonly #ring: (nowMs: number) => number;
  #setForMs = Infinity;
  #cancel: (() => void) | undefined;

  /** @param ring Called when it is time; answers when to ring next, or `Infinity`. */
  constructor(clock: Clock, ring: (nowMs: number) => number) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Makes sure that it rings at `atMs` or before. */
  setBy(atMs: number): void {
    if (atMs < this.#setForMs) this.#set(atMs);
  }

  /** Never rings again. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#setForMs = Infinity;
  }

  #set(atMs: number): void {
    this.#cancel?.();
    this.#setForMs = atMs;
    // A timer may fire a little early by the other clock: round up.
    const ms = Math.ceil(atMs - this.#clock.now());
    this.#cancel = this.#clock.after(ms, (nowMs) => this.#fired(nowMs), false);
  }

  #fired(nowMs: number): void {
    this.#setForMs = Infinity;
    this.#cancel = undefined;
    const nextMs = this.#ring(nowMs);
    if (nextMs < this.#setForMs) this.#set(nextMs);
  }
}
