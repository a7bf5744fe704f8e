// Filters.

import { LuaError } from "../../lua.ts";
import { assertTrue, call, isTrue, orNil } from "../calls.ts";
import type { Chunk, Filter, FilterLike } from "./types.ts";

/**
 * The filters of LTN12.
 *
 * @example
 * ```ts
 * import { ltn12 } from "@cosocket/cosocket/luasocket";
 *
 * const shout = ltn12.filter.chain((it) => it && it.toUpperCase(), (it) => it && `${it}!`);
 * console.log(await shout("hello"), await shout(null)); // [ "HELLO!" ] [ null ]
 * ```
 */
export interface Filters {
  /**
   * Makes a filter of a function without a memory: it is called with a context,
   * the chunk and `extra`, and gives a chunk and the next context.
   */
  cycle<C, E>(low: LowFilter<C, E>, context?: C, extra?: E): Filter;
  /** Makes one filter of many: what comes out of one goes into the next. */
  chain(...filters: FilterLike[]): Filter;
}

/**
 * A filter without a memory.
 *
 * @example
 * ```ts
 * import { type LowFilter, ltn12 } from "@cosocket/cosocket/luasocket";
 *
 * // Numbers the chunks: the context is the last number.
 * const numbered: LowFilter<number, string> = (last, chunk, mark) =>
 *   chunk ? [`${last + 1}${mark} ${chunk}`, last + 1] : [chunk, last];
 * const filter = ltn12.filter.cycle(numbered, 0, ".");
 * console.log(await filter("one"), await filter("two")); // [ "1. one" ] [ "2. two" ]
 * ```
 */
// deno-lint-ignore no-explicit-any -- the context is its own affair
export type LowFilter<C = any, E = any> = (context: C, chunk: Chunk, extra: E) => unknown;

export const filter: Filters = {
  cycle(low, context, extra) {
    assertTrue(low);
    let state: unknown = orNil(context);
    return async (chunk) => {
      const [made, next] = await call(low, state, orNil(chunk), orNil(extra));
      state = orNil(next);
      return [orNil(made) as Chunk];
    };
  },

  chain(...filters) {
    const last = filters.length - 1;
    // Those before `first` have ended. It is the only one that is told of the end;
    // the ones behind it are asked for more until they have none.
    let first = 0;
    let at = 0;
    let ask: Chunk = "";
    return async (given) => {
      let chunk = orNil(given);
      if (!isTrue(chunk)) ask = null;
      for (;;) {
        const isFirst = at === first;
        chunk = await filtered(filters[at], isFirst || isTrue(chunk) ? chunk : "");
        if (isFirst && (chunk === "" || first === last)) return [chunk];
        if (chunk === "") {
          at--;
          chunk = ask;
        } else if (isTrue(chunk)) {
          if (at === last) return [chunk];
          at++;
        } else if (isFirst) {
          first++;
          at = first;
        } else {
          throw new LuaError("filter returned inappropriate nil");
        }
      }
    };
  },
};

/** What a filter makes of a chunk. */
export async function filtered(filter: unknown, chunk: Chunk): Promise<Chunk> {
  const [made] = await call(filter, chunk);
  return orNil(made) as Chunk;
}
