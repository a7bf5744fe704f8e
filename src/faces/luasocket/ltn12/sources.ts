// Sources.

import { isTable, LuaError } from "../../lua.ts";
import { assertTrue, call, dataText, isTrue, orNil } from "../calls.ts";
import { type ReadableFile, readFrom } from "./files.ts";
import { filter, filtered } from "./filters.ts";
import type { Block, Chunk, FilterLike, Source, SourceLike, SourceResult } from "./types.ts";

/**
 * The sources of LTN12.
 *
 * @example
 * ```ts
 * import { ltn12 } from "@cosocket/cosocket/luasocket";
 *
 * const { cat, rewind, string } = ltn12.source;
 * const source = rewind(cat(string("head "), string("body")));
 * const [chunk] = await source();
 * await source(chunk); // takes it back
 * console.log(await source(), await source()); // [ "head " ] [ "body" ]
 * ```
 */
export interface Sources {
  /** Makes a source that has nothing. */
  empty(): Source;
  /** Makes a source that has nothing but an error. */
  error(err: unknown): Source;
  /** Makes a source of a file, and closes it at its end. */
  file(handle: ReadableFile | null, ioErr?: unknown): Source;
  /** Makes a source of a source that may give, beside a chunk, the source to go on with. */
  simplify(source: SourceLike): Source;
  /** Makes a source of a byte string. */
  string(text?: string | Uint8Array | null): Source;
  /** Makes a source of the chunks in an array, up to the first hole. */
  table(chunks: readonly unknown[] | Readonly<Record<number, unknown>>): Source;
  /** Makes a source that takes chunks back, and gives the last of them first. */
  rewind(source: SourceLike): Source;
  /** Makes a source of what comes out of a source through filters. */
  chain(source: SourceLike, first: FilterLike, ...more: FilterLike[]): Source;
  /** Makes one source of many, one behind the other. */
  cat(...sources: SourceLike[]): Source;
}

/** The sources, which cut files and strings into blocks of that size. */
export function sourcesOf(block: Block): Sources {
  return {
    empty: () => async () => [null],

    error: (err) => async () => [null, orNil(err)],

    file(handle, ioErr) {
      if (!isTrue(handle)) return fails(isTrue(ioErr) ? ioErr : "unable to open file");
      const { read, close } = readFrom(handle!);
      return withCancel(() => read(block.BLOCKSIZE), close);
    },

    simplify(source) {
      assertTrue(source);
      let current: unknown = source;
      return withCancel(async () => {
        const [chunk, other] = await call(current);
        if (isTrue(other)) current = other;
        return isTrue(chunk) ? [chunk as Chunk] : [null, orNil(other)];
      }, () => cancel(current));
    },

    string(text) {
      if (!isTrue(text)) return async () => [null];
      let at = 0;
      return async () => {
        const all = dataText(text, "sub");
        const chunk = all.slice(at, at += block.BLOCKSIZE);
        return [chunk === "" ? null : chunk];
      };
    },

    table(chunks) {
      assertTrue(isTable(chunks));
      const base = Array.isArray(chunks) ? 0 : 1;
      let count = 0;
      return async () => [orNil((chunks as unknown[])[base + count++]) as Chunk];
    },

    rewind(source) {
      assertTrue(source);
      const back: Chunk[] = [];
      return withCancel(async (chunk) => {
        if (isTrue(chunk)) {
          back.push(chunk!);
          return [];
        }
        return back.length > 0 ? [back.pop()!] : [...await call(source)] as SourceResult;
      }, () => cancel(source));
    },

    chain(source, first, ...more) {
      const through = isTrue(more[0]) ? filter.chain(first, ...more) : first;
      assertTrue(isTrue(source) && isTrue(through));
      return withCancel(chained(source, through), () => cancel(source));
    },

    cat(...sources) {
      const left = [...sources];
      let current: unknown = left.shift();
      return withCancel(async () => {
        while (isTrue(current)) {
          const [chunk, err] = await call(current);
          if (isTrue(chunk)) return [chunk as Chunk];
          if (isTrue(err)) return [null, err];
          current = left.shift();
        }
        return [];
      }, () => {
        for (const source of [current, ...left.splice(0)]) cancel(source);
      });
    },
  };
}

function chained(source: SourceLike, through: FilterLike): () => Promise<SourceResult> {
  // What the filter was given last: a chunk once, and from then on what asks for more.
  let given: Chunk = "";
  let feeds = true;
  let ended = false;
  return async () => {
    if (ended) throw new LuaError("source is empty!");
    for (;;) {
      if (feeds) {
        const [chunk, err] = await call(source);
        given = orNil(chunk) as Chunk;
        if (isTrue(err)) return [null, err];
      }
      const made = await filtered(through, given);
      if (!isTrue(made)) {
        ended = true;
        if (isTrue(given)) throw new LuaError("filter returned inappropriate nil");
        return [null];
      }
      if (made !== "") {
        if (feeds && isTrue(given)) given = "";
        feeds = false;
        return [made];
      }
      if (!feeds && given !== "") throw new LuaError('filter returned ""');
      feeds = true;
    }
  };
}

/** A source that has nothing but an error. */
function fails(err: unknown): Source {
  return async () => [null, err];
}

/** A source that something lies below which may be let go of. */
export function withCancel(
  give: (chunk?: Chunk) => Promise<SourceResult>,
  cancel: () => unknown,
): Source {
  return Object.assign((chunk?: Chunk) => give(chunk), { cancel });
}

/** Lets go of what a source stands on. */
export function cancel(source: unknown): unknown {
  return (source as SourceLike | null | undefined)?.cancel?.();
}
