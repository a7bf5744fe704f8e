// LTN12: sources, sinks, filters between them, and pumps that move chunks. Where it
// differs from the original: a file that cannot be read is an error of its source,
// not its end; and of files it knows those that the runtimes have.

import { filter, type Filters } from "./ltn12/filters.ts";
import { pump, type Pumps } from "./ltn12/pumps.ts";
import { sink, type Sinks } from "./ltn12/sinks.ts";
import { type Sources, sourcesOf } from "./ltn12/sources.ts";
import type { Block } from "./ltn12/types.ts";

/**
 * The module `ltn12`.
 *
 * @example
 * ```ts
 * import { type Ltn12, ltn12 } from "@cosocket/cosocket/luasocket";
 *
 * const count = async ({ source, sink, pump, BLOCKSIZE }: Ltn12, size: number) => {
 *   const [chunks, all] = sink.table();
 *   await pump.all(source.string("x".repeat(size)), chunks);
 *   return `${all.length} chunks of at most ${BLOCKSIZE}`;
 * };
 * console.log(await count(ltn12, 5000)); // 3 chunks of at most 2048
 * ```
 */
export interface Ltn12 extends Block {
  /** The version of the original. */
  _VERSION: string;
  /** Filters make chunks of chunks. */
  filter: Filters;
  /** Sources give chunks. */
  source: Sources;
  /** Sinks take chunks. */
  sink: Sinks;
  /** Pumps move chunks from a source to a sink. */
  pump: Pumps;
}

const module: Block = { BLOCKSIZE: 2048 };

/**
 * The module `ltn12`. Sources, sinks, filters and pumps are async functions here,
 * and answer with an array of what the original's answer with; those that are
 * handed in may also answer at once, and with a value alone.
 *
 * @example A text in upper case, chunk by chunk
 * ```ts
 * import { ltn12 } from "@cosocket/cosocket/luasocket";
 *
 * const source = ltn12.source.chain(
 *   ltn12.source.cat(ltn12.source.string("one, "), ltn12.source.table(["two", ", three"])),
 *   (chunk) => chunk && chunk.toUpperCase(),
 * );
 * const [sink, chunks] = ltn12.sink.table();
 * const [ok, err] = await ltn12.pump.all(source, sink);
 * if (!ok) throw new Error(`${err}`);
 * if (chunks.join("") !== "ONE, TWO, THREE") throw new Error(chunks.join(""));
 * ```
 */
export const ltn12: Ltn12 = Object.assign(module, {
  _VERSION: "LTN12 1.0.3",
  filter,
  source: sourcesOf(module),
  sink,
  pump,
});
