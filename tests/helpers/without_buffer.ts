/**
 * `src/bytes.ts` as it is where there is no `Buffer`: the module looks for it when
 * it is loaded, so it is loaded in a thread of its own.
 *
 * @module
 */

import { isMainThread, parentPort, Worker } from "node:worker_threads";

type BytesModule = typeof import("../../src/bytes.ts");

interface Answer {
  readonly result?: unknown;
  readonly error?: string;
}

/** Calls functions of the module in that thread, until it is ended. */
export class WithoutBuffer {
  readonly #worker = new Worker(new URL(import.meta.url));

  async call<F extends "byteString" | "bytesOf">(
    name: F,
    ...args: Parameters<BytesModule[F]>
  ): Promise<ReturnType<BytesModule[F]>> {
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#worker.once("message", resolve);
    this.#worker.postMessage([name, args]);
    const { result, error } = await promise;
    if (error !== undefined) throw new TypeError(error);
    return result as ReturnType<BytesModule[F]>;
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}

if (!isMainThread) {
  Object.defineProperty(globalThis, "Buffer", { value: undefined });
  const bytes = import("../../src/bytes.ts");
  parentPort!.on("message", async ([name, args]) => {
    const { [name as "byteString"]: call } = await bytes;
    try {
      parentPort!.postMessage({ result: Reflect.apply(call, undefined, args) });
    } catch (error) {
      parentPort!.postMessage({ error: (error as Error).message });
    }
  });
}
