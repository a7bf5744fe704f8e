// One who waits in a pool's queue. Being woken is not yet being on: as in the
// original that comes with the next turn of the event loop, and who connects
// before it may take the idle connection away.

import type { Clock } from "../../drivers/clock.ts";

/** Calls `run` with the next turn of the event loop. */
export type Turn = (run: () => void) => void;

/** How waiting ended. */
export type WaitEnd = "woken" | "timeout" | "left";

/** The runtime's turns. */
export const nextTurn: Turn = (run) => {
  (globalThis as unknown as { setImmediate: Turn }).setImmediate(run);
};

/** Waits until it is woken, the time is up, or it leaves. */
export class Waiter {
  readonly #turn: Turn;
  readonly #stopTimer: () => void;
  readonly #onEnd: (how: WaitEnd) => void;
  #state: "waiting" | "waking" | "over" = "waiting";

  /** @param onEnd Called once. */
  constructor(timeoutMs: number, clock: Clock, turn: Turn, onEnd: (how: WaitEnd) => void) {
    this.#turn = turn;
    this.#onEnd = onEnd;
    this.#stopTimer = clock.after(timeoutMs, () => this.#end("timeout"), true);
  }

  /** Wakes it; `false` if somebody has done so before. */
  wake(): boolean {
    if (this.#state !== "waiting") return false;
    this.#state = "waking";
    this.#stopTimer();
    this.#turn(() => this.#end("woken"));
    return true;
  }

  /** Gives up, woken or not. */
  leave(): void {
    this.#end("left");
  }

  #end(how: WaitEnd): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#stopTimer();
    this.#onEnd(how);
  }
}
