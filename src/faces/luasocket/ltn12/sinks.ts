// Sinks.

import { assertTrue, call, isTrue, orNil } from "../calls.ts";
import { type WritableFile, writeTo } from "./files.ts";
import { filter, filtered } from "./filters.ts";
import type { Chunk, FilterLike, Sink, SinkLike } from "./types.ts";

/**
 * The sinks of LTN12.
 *
 * @example
 * ```ts
 * import { ltn12 } from "@cosocket/cosocket/luasocket";
 *
 * const [table, chunks] = ltn12.sink.table();
 * const sink = ltn12.sink.chain((chunk) => chunk && chunk.trim(), table);
 * await ltn12.pump.all(ltn12.source.string("  some text\n"), sink);
 * console.log(chunks.join("")); // some text
 * ```
 */
export interface Sinks {
  /** Makes a sink that puts chunks into an array; gives both. */
  table<T extends unknown[] = string[]>(chunks?: T | null): [sink: Sink, chunks: T];
  /** Makes a sink of a sink that may give, beside its yes, the sink to go on with. */
  simplify(sink: SinkLike): Sink;
  /** Makes a sink of a file, and closes it at the end. */
  file(handle: WritableFile | null, ioErr?: unknown): Sink;
  /** Makes a sink that takes all and keeps nothing. */
  null(): Sink;
  /** Makes a sink that takes nothing. */
  error(err: unknown): Sink;
  /** Makes a sink that a sink stands behind, and filters before it. */
  chain(first: FilterLike, ...more: [...FilterLike[], SinkLike]): Sink;
}

export const sink: Sinks = {
  table<T extends unknown[]>(chunks?: T | null): [Sink, T] {
    const all = isTrue(chunks) ? chunks! : [] as unknown[] as T;
    return [async (chunk) => {
      if (isTrue(chunk)) all.push(chunk);
      return [1];
    }, all];
  },

  simplify(sink) {
    assertTrue(sink);
    let current: unknown = sink;
    return async (chunk, err) => {
      const [ok, other] = await call(current, orNil(chunk), orNil(err));
      if (!isTrue(ok)) return [null, orNil(other)];
      if (isTrue(other)) current = other;
      return [1];
    };
  },

  file(handle, ioErr) {
    if (!isTrue(handle)) return sink.error(isTrue(ioErr) ? ioErr : "unable to open file");
    const write = writeTo(handle!);
    return (chunk) => write(isTrue(chunk) ? chunk : null);
  },

  null: () => async () => [1],

  error: (err) => async () => [null, orNil(err)],

  chain(first, ...more) {
    // Only with a third argument there is more than one filter.
    const isLong = isTrue(more[1]);
    const behind = isLong ? more.at(-1) : more[0];
    const through = isLong ? filter.chain(first, ...more.slice(0, -1) as FilterLike[]) : first;
    assertTrue(isTrue(through) && isTrue(behind));
    return async (given, err) => {
      const chunk = orNil(given);
      if (chunk === "") return [1];
      // What the filter answers when it has no more.
      const done: Chunk = isTrue(chunk) ? "" : null;
      let made = await filtered(through, chunk);
      for (;;) {
        const [ok, why] = await call(behind, made, orNil(err));
        if (!isTrue(ok)) return [null, orNil(why)];
        if (made === done) return [1];
        made = await filtered(through, done);
      }
    };
  },
};
