// The iteration over the lines of a socket. An async generator would do, but it
// spends several promises on a line that is there already, and while it waits for
// one it cannot be left: what races against it and loses would wait for the line,
// or for its timeout. So this is the same by hand: a line at hand is one promise that
// is kept already, and leaving ends the wait.

import { decodeUtf8 } from "./bytes.ts";
import { SocketError } from "./errors.ts";
import type { Limits } from "./stream.ts";

/** Where the lines come from. */
export interface LineSource {
  /** A line that is there; else a miss. */
  atHand(): string | undefined;
  /** What bounds a wait. */
  limits(): Limits;
  /** The next line, as it comes. */
  receive(limits: Limits): Promise<string>;
  /** Whether TLS says that what ended was cut off. */
  isCutOff(): boolean;
}

type Result = IteratorResult<string, void>;

const LEFT = new Error("The iteration was left");

/**
 * Iterates over lines up to the end, and over a last one that lacks its line end.
 * An error ends it as well. Calls of `next` that come before the last one is
 * answered are served in their order.
 */
export class LineIterator implements AsyncGenerator<string, void, void> {
  readonly #source: LineSource;
  readonly #leaving = new Leaving();
  // The last call that waits, and how many do.
  #last: Promise<Result> | undefined;
  #waiting = 0;
  #isOver = false;

  constructor(source: LineSource) {
    this.#source = source;
  }

  next(): Promise<Result> {
    if (this.#last === undefined) {
      if (this.#isOver) return Promise.resolve(over());
      try {
        const value = this.#source.atHand();
        if (value !== undefined) return Promise.resolve({ value, done: false });
      } catch (error) {
        this.#isOver = true;
        return Promise.reject(error);
      }
    }
    return this.#last = this.#wait(this.#last);
  }

  /** Ends the iteration, and the wait for a line: what comes later is for the next reader. */
  async return(value?: void | PromiseLike<void>): Promise<Result> {
    await this.#leave();
    return { value: await value, done: true };
  }

  async throw(error: unknown): Promise<Result> {
    await this.#leave();
    throw error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#leave();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #wait(before: Promise<Result> | undefined): Promise<Result> {
    this.#waiting++;
    try {
      if (before !== undefined) await before.catch(ignore);
      return this.#isOver ? over() : { value: await this.#receive(), done: false };
    } catch (error) {
      this.#isOver = true;
      return this.#ending(error);
    } finally {
      if (--this.#waiting === 0) this.#last = undefined;
    }
  }

  #receive(): Promise<string> {
    const leaving = this.#leaving;
    const limits = this.#source.limits();
    leaving.followed = limits.signal;
    return this.#source.receive({ ...limits, signal: leaving as unknown as AbortSignal });
  }

  /** What the iteration ends with. */
  #ending(error: unknown): Result {
    if (!(error instanceof SocketError)) throw error;
    const { code, cause, partial } = error;
    if (code === "aborted" && cause === LEFT) return over();
    if (code !== "closed" || partial === undefined || this.#source.isCutOff()) throw error;
    return partial.length > 0 ? { value: decodeUtf8(partial), done: false } : over();
  }

  /** Resolves when whoever waited has an answer: a line that has come meanwhile is theirs. */
  async #leave(): Promise<void> {
    this.#isOver = true;
    this.#leaving.leave();
    await this.#last?.catch(ignore);
  }
}

/**
 * What a stream needs of a signal: it is aborted when the iteration is left, or when the
 * user's own is. A real one would cost each wait a microsecond.
 */
class Leaving {
  followed: AbortSignal | undefined;
  #isLeft = false;
  #told: (() => void) | undefined;

  get aborted(): boolean {
    return this.#isLeft || this.followed?.aborted === true;
  }

  get reason(): unknown {
    return this.#isLeft ? LEFT : this.followed?.reason;
  }

  addEventListener(type: "abort", told: () => void): void {
    this.#told = told;
    this.followed?.addEventListener(type, told);
  }

  removeEventListener(type: "abort", told: () => void): void {
    this.#told = undefined;
    this.followed?.removeEventListener(type, told);
  }

  leave(): void {
    this.#isLeft = true;
    this.#told?.();
  }
}

function over(): IteratorReturnResult<void> {
  return { value: undefined, done: true };
}

function ignore(): void {}
