// Light threads: async functions that can be waited for, and killed. Killing one
// ends what it waits for on a socket; which operation is whose, only an ambient
// context can tell. It is entered by `spawn` alone.

import { type AsyncContext, newAsyncContext } from "../../drivers/async_context.ts";
import { badArgument, coroutines, LuaError } from "../lua.ts";

let context: AsyncContext<LightThread> | undefined;

const OVER: [null, string] = [null, "already waited or killed"];

/**
 * A light thread, as `ngx.thread.spawn` gives it.
 *
 * @example
 * ```ts
 * import { createNgx, type LightThread } from "@cosocket/cosocket/ngx";
 *
 * const ngx = createNgx();
 * const threads: LightThread[] = [3, 1, 2].map((n) => ngx.thread.spawn(async () => n * n));
 * for (const it of threads) console.log(await ngx.thread.wait(it)); // [ true, 9 ] first
 * ```
 */
export class LightThread {
  readonly #pending = new Set<() => void>();
  // One that has ended can still be waited for; once it was, or was killed, it is over.
  #state: "running" | "ended" | "over" = "running";
  #killed = false;
  /** Resolves with how it ended; it never rejects. */
  readonly result: Promise<unknown[]>;
  #finish!: (result: unknown[]) => void;

  /** Starts `work` at once, up to its first wait. An array it gives is several values. */
  constructor(work: (...args: unknown[]) => unknown, args: unknown[]) {
    coroutines.add(this);
    context ??= newAsyncContext<LightThread>();
    this.result = new Promise((resolve) => this.#finish = resolve);
    context.run(this, async () => {
      try {
        const value = await work(...args);
        const values = Array.isArray(value) ? value : value === undefined ? [] : [value];
        this.#end([true, ...values]);
      } catch (error) {
        this.#end([false, error instanceof Error ? error.message : error]);
      }
    });
  }

  /** Whether its function is at work, has ended, or was waited for or killed. */
  get state(): "running" | "ended" | "over" {
    return this.#state;
  }

  /** Ends what it waits for, and lets it never go on. */
  kill(): [1] | [null, string] {
    if (this.#state === "over") return OVER;
    const hasEnded = this.#state === "ended";
    this.#state = "over";
    if (hasEnded) return [null, "already terminated"];
    this.#killed = true;
    for (const end of this.#pending) end();
    this.#finish([false, "killed"]);
    return [1];
  }

  /** How it ended, for the one who waits for it. */
  async wait(): Promise<unknown[]> {
    const result = await this.result;
    this.#state = "over";
    return result;
  }

  /** An operation of this thread's: `end` is called, and it never settles, if it is killed. */
  during<T>(operation: Promise<T>, end: () => void): Promise<T> {
    return new Promise((resolve, reject) => {
      const settled = (settle: () => void) => {
        this.#pending.delete(end);
        if (!this.#killed) settle();
      };
      this.#pending.add(end);
      operation.then(
        (value) => settled(() => resolve(value)),
        (error) => settled(() => reject(error)),
      );
    });
  }

  #end(result: unknown[]): void {
    if (this.#state === "running") this.#state = "ended";
    this.#finish(result);
  }
}

/** The thread whose code is running, if any. */
export function currentThread(): LightThread | undefined {
  return context?.get();
}

/** Waits in the name of the thread at hand, if any; killing it calls `end`. */
export function interruptible<T>(operation: Promise<T>, end: () => void): Promise<T> {
  const thread = currentThread();
  return thread === undefined ? operation : thread.during(operation, end);
}

/** What waits for threads: the answer of the first that ends. */
export async function waitFor(threads: unknown[]): Promise<unknown[]> {
  if (threads.length === 0) throw new LuaError("at least one coroutine should be specified");
  const checked = threads.map((it, at) => checkThread(it, at + 1, "wait"));
  for (const thread of checked) {
    if (thread.state === "over") return OVER;
    if (thread.state === "ended") return await thread.wait();
  }
  const first = await Promise.race(checked.map((it) => it.result.then(() => it)));
  return await first.wait();
}

/** The thread an argument is. */
export function checkThread(value: unknown, position: number, method: string): LightThread {
  if (value instanceof LightThread) return value;
  throw badArgument(position, method, "lua thread expected");
}
