// Light threads: async functions that can be waited for, and killed. Killing one
// ends what it waits for on a socket; which operation is whose, only an ambient
// context can tell. It is entered by `spawn` alone.

import { type AsyncContext, newAsyncContext } from "../../drivers/async_context.ts";
import { badArgument, LuaError, typeName } from "./lua.ts";

let context: AsyncContext<LightThread> | undefined;

/** A light thread, as `ngx.thread.spawn` gives it. */
export class LightThread {
  readonly #pending = new Set<() => void>();
  #state: "running" | "killed" | "ended" = "running";
  /** Resolves with what `wait` answers; it never rejects. */
  readonly result: Promise<unknown[]>;
  #finish!: (result: unknown[]) => void;

  /** Starts `work` at once, up to its first wait. An array it gives is several values. */
  constructor(work: (...args: unknown[]) => unknown, args: unknown[]) {
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

  /** Ends what it waits for, and lets it never go on. */
  kill(): [1] | [null, string] {
    if (this.#state !== "running") return [null, "already waited or killed"];
    this.#state = "killed";
    for (const end of this.#pending) end();
    this.#finish([false, "killed"]);
    return [1];
  }

  /** An operation of this thread's: `end` is called, and it never settles, if it is killed. */
  during<T>(operation: Promise<T>, end: () => void): Promise<T> {
    return new Promise((resolve, reject) => {
      const settled = (settle: () => void) => () => {
        this.#pending.delete(end);
        if (this.#state !== "killed") settle();
      };
      this.#pending.add(end);
      operation.then(
        (value) => settled(() => resolve(value))(),
        (error) => settled(() => reject(error))(),
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

/** What waits for threads: the answer of the first that ends. */
export function waitFor(threads: unknown[]): Promise<unknown[]> {
  if (threads.length === 0) throw new LuaError("at least one coroutine should be specified");
  return Promise.race(threads.map((it, at) => checkThread(it, at + 1, "wait").result));
}

/** The thread an argument is. */
export function checkThread(value: unknown, position: number, method: string): LightThread {
  if (value instanceof LightThread) return value;
  throw badArgument(position, method, `coroutine expected, got ${typeName(value)}`);
}
