import type { Clock } from "../../src/drivers/clock.ts";
import { turns } from "./turns.ts";

interface Timer {
  readonly atMs: number;
  readonly ring: (nowMs: number) => void;
  readonly keepsAlive: boolean;
}

/** Time that passes when the test says so. */
export class FakeClock implements Clock {
  readonly timers: Set<Timer> = new Set();
  /** How many timers were set since the beginning. */
  set = 0;
  #nowMs = 1000;

  now(): number {
    return this.#nowMs;
  }

  after(ms: number, ring: (nowMs: number) => void, keepsAlive: boolean): () => void {
    const timer = { atMs: this.#nowMs + ms, ring, keepsAlive };
    this.timers.add(timer);
    this.set++;
    return () => {
      this.timers.delete(timer);
    };
  }

  /** Lets time pass; what is due rings in its order, each with the promises it moves. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await turns();
    for (let timer = this.#due(untilMs); timer; timer = this.#due(untilMs)) {
      this.timers.delete(timer);
      this.#nowMs = Math.max(this.#nowMs, timer.atMs);
      timer.ring(this.#nowMs);
      await turns();
    }
    this.#nowMs = untilMs;
  }

  /** Lets time pass without a timer being told. */
  slip(ms: number): void {
    this.#nowMs += ms;
  }

  #due(untilMs: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.timers) {
      if (timer.atMs <= untilMs && (!first || timer.atMs < first.atMs)) first = timer;
    }
    return first;
  }
}
