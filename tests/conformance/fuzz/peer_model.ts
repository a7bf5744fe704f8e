/** What a scripted peer sends, and when: its steps, played by a clock that only counts. */

import { byteStringOf, type ByteValue } from "../byte_values.ts";
import type { Step } from "../scenario.ts";
import { Undetermined } from "./undetermined.ts";

/** What the peer waits for: every phase of its script begins with `{ "read_until": MARK }`. */
export const MARK = "#";

/** Within so long everything that the peer does has reached the client. */
export const SETTLE_MS = 60;

/** So much later than planned the client may be. */
export const LATE_MS = 60;

/** Something that reaches the client, at this time or up to `SETTLE_MS` later. */
export type Arrival = {
  readonly atMs: number;
  readonly bytes: string;
  readonly end?: "fin" | "rst";
};

/** One connection of the scripted server. */
export class PeerModel {
  /** Its script, which may grow while it plays. */
  readonly steps: readonly Step[];
  #at = 0;
  #marks = 0;
  #freeMs: number;
  #echoes = false;
  #hasEnded = false;
  /** What is under way; who takes it removes it. */
  readonly arrivals: Arrival[] = [];
  /** When it reads no more, and from when on again. */
  pausedMs = Infinity;
  resumedMs = Infinity;
  /** When it closes or resets. */
  goneMs = Infinity;

  constructor(steps: readonly Step[], nowMs: number) {
    this.steps = steps;
    this.#freeMs = nowMs;
    this.#run(nowMs);
  }

  /** Whether a phase that is added to its script will begin with the next mark. */
  get isWaiting(): boolean {
    const reads = this.pausedMs === Infinity || this.resumedMs < Infinity;
    return reads && this.goneMs === Infinity && !this.#echoes && this.#marks === 0 &&
      this.#at === this.steps.length;
  }

  /** The client has sent this. */
  hear(text: string, nowMs: number): void {
    if (nowMs >= this.goneMs) return;
    const pieces = text.split(MARK);
    this.#marks += pieces.length - 1;
    const heardMs = nowMs >= this.pausedMs ? Math.max(nowMs, this.resumedMs) : nowMs;
    if (heardMs === Infinity) return;
    if (this.#echoes) {
      this.arrivals.push({ atMs: heardMs, bytes: text });
      return;
    }
    this.#run(heardMs);
    // Then what is behind the mark that began it is sent back as well.
    if (this.#echoes && (this.#marks > 0 || pieces.at(-1) !== "")) {
      throw new Undetermined("an echo begins within a text");
    }
  }

  #run(heardMs: number): void {
    for (; this.#at < this.steps.length; this.#at++) {
      const [name, value] = Object.entries(this.steps[this.#at]!)[0]!;
      if (name === "read_until") {
        if (this.#marks === 0) return;
        this.#marks--;
        this.#freeMs = Math.max(this.#freeMs, heardMs);
      } else if (!this.#act(name, value)) {
        this.#at = this.steps.length;
      }
    }
  }

  /** Returns whether the script goes on. */
  #act(name: string, value: unknown): boolean {
    const atMs = this.#freeMs;
    switch (name) {
      case "sleep":
        this.#freeMs += value as number;
        return true;
      case "send":
        this.#checkSends();
        this.arrivals.push({ atMs, bytes: byteStringOf(value as ByteValue) });
        return true;
      case "pause":
        this.pausedMs = atMs;
        this.resumedMs = Infinity;
        return true;
      case "resume":
        this.resumedMs = atMs;
        return true;
      case "echo":
        this.#checkSends();
        this.#echoes = true;
        return false;
      case "shutdown":
        this.#hasEnded = true;
        this.arrivals.push({ atMs, bytes: "", end: "fin" });
        return true;
      case "close":
      case "reset":
        this.goneMs = atMs;
        this.arrivals.push({ atMs, bytes: "", end: name === "close" ? "fin" : "rst" });
        return false;
      default:
        throw new SyntaxError(`Cannot foresee the step "${name}"`);
    }
  }

  #checkSends(): void {
    if (this.#hasEnded) throw new Undetermined("the peer sends behind its end");
  }
}
