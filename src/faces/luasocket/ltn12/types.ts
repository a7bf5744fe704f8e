// What flows, and what it flows through. Whatever a user of the library hands in
// may answer at once or later, with an array of values or with the only one.

/**
 * A piece of data, as a byte string; `null` where there is no more.
 *
 * @example
 * ```ts
 * import type { Chunk } from "@cosocket/cosocket/luasocket";
 *
 * const sizeOf = (chunk: Chunk) => chunk === null ? 0 : chunk.length; // "" is not the end
 * console.log(sizeOf(""), sizeOf("\xff\0"), sizeOf(null)); // 0 2 0
 * ```
 */
export type Chunk = string | null;

/**
 * What a source gives: a chunk; or `null` at the end; or `null` and why it ended.
 *
 * @example
 * ```ts
 * import { ltn12, type SourceResult } from "@cosocket/cosocket/luasocket";
 *
 * const [chunk, err]: SourceResult = await ltn12.source.error("disk on fire")();
 * console.log(chunk, err); // null disk on fire
 * ```
 */
export type SourceResult = [chunk?: Chunk, err?: unknown];

/**
 * What a sink gives: something true; or `null`, why it takes no more, and how far it came.
 *
 * @example
 * ```ts
 * import { ltn12, type SinkResult } from "@cosocket/cosocket/luasocket";
 *
 * const [ok, err]: SinkResult = await ltn12.sink.error("disk full")("a chunk");
 * console.log(ok, err); // null disk full
 * ```
 */
export type SinkResult = [ok?: unknown, err?: unknown, ...more: unknown[]];

/**
 * Gives the next chunk. One call at a time.
 *
 * @example
 * ```ts
 * import { ltn12, type Source } from "@cosocket/cosocket/luasocket";
 *
 * const source: Source = ltn12.source.table(["one", "two"]);
 * for (let [it] = await source(); it; [it] = await source()) console.log(it); // one, then two
 * ```
 */
export interface Source {
  /** Gives the next chunk; of a rewindable source, takes one back. */
  (chunk?: Chunk): Promise<SourceResult>;
  /** Lets go of what the source stands on, where that makes sense. */
  cancel?(): unknown;
}

/**
 * Takes the next chunk; `null` is the end, and `null` with an error a bad one.
 *
 * @example
 * ```ts
 * import { ltn12, type Sink } from "@cosocket/cosocket/luasocket";
 *
 * const sink: Sink = ltn12.sink.null();
 * for (const chunk of ["one", "two", null]) console.log(await sink(chunk)); // [ 1 ] each time
 * ```
 */
export type Sink = (chunk: Chunk, err?: unknown) => Promise<SinkResult>;

/**
 * Makes a chunk of a chunk. Given `""` it says what else it has; it answers `""`
 * when it wants more. `null` is the end of what comes, and then of what goes.
 *
 * @example
 * ```ts
 * import type { Filter } from "@cosocket/cosocket/luasocket";
 *
 * let held = "";
 * const wholeLines: Filter = async (chunk) => {
 *   const text = held + (chunk ?? "");
 *   const end = chunk === null ? text.length : text.lastIndexOf("\n") + 1;
 *   held = text.slice(end);
 *   return [text.slice(0, end) || chunk && ""];
 * };
 * console.log(await wholeLines("a\nb"), await wholeLines("c")); // [ "a\n" ] [ "" ]
 * console.log(await wholeLines(null), await wholeLines(null)); // [ "bc" ] [ null ]
 * ```
 */
export type Filter = (chunk: Chunk) => Promise<[chunk?: Chunk]>;

/**
 * Moves one chunk from a source to a sink.
 *
 * @example
 * ```ts
 * import { ltn12, type Step } from "@cosocket/cosocket/luasocket";
 *
 * const step: Step = ltn12.pump.step;
 * console.log(await step(ltn12.source.string("x"), ltn12.sink.error("full"))); // [ null, "full" ]
 * ```
 */
export type Step = (source: SourceLike, sink: SinkLike) => Promise<[ok: 1] | [null, unknown]>;

/**
 * A source of the user's own.
 *
 * @example
 * ```ts
 * import { ltn12, type SourceLike } from "@cosocket/cosocket/luasocket";
 *
 * let left = 3;
 * const countdown: SourceLike = () => left > 0 ? `${left--} ` : null; // needs no promise, no array
 * const [sink, chunks] = ltn12.sink.table();
 * await ltn12.pump.all(countdown, sink);
 * console.log(chunks.join("")); // 3 2 1
 * ```
 */
export interface SourceLike {
  /** Gives the next chunk. */
  (): unknown;
  /** Lets go of what the source stands on. */
  cancel?(): unknown;
}

/**
 * A sink of the user's own.
 *
 * @example
 * ```ts
 * import { ltn12, type SinkLike } from "@cosocket/cosocket/luasocket";
 *
 * let size = 0;
 * const measure: SinkLike = (chunk) => (size += chunk?.length ?? 0, true);
 * await ltn12.pump.all(ltn12.source.string("some text"), measure);
 * console.log(size); // 9
 * ```
 */
export type SinkLike = (chunk: Chunk, err?: unknown) => unknown;

/**
 * A filter of the user's own.
 *
 * @example
 * ```ts
 * import { type FilterLike, ltn12 } from "@cosocket/cosocket/luasocket";
 *
 * const unix: FilterLike = (chunk) => chunk && chunk.replaceAll("\r\n", "\n");
 * console.log(await ltn12.source.chain(ltn12.source.string("a\r\nb"), unix)()); // [ "a\nb" ]
 * ```
 */
export type FilterLike = (chunk: Chunk) => unknown;

/**
 * A step of the user's own.
 *
 * @example
 * ```ts
 * import { ltn12, type StepLike } from "@cosocket/cosocket/luasocket";
 *
 * let chunks = 0;
 * const counting: StepLike = (source, sink) => (chunks++, ltn12.pump.step(source, sink));
 * await ltn12.pump.all(ltn12.source.string("x".repeat(3000)), ltn12.sink.null(), counting);
 * console.log(chunks); // 3: two chunks, and the end
 * ```
 */
export type StepLike = (source: SourceLike, sink: SinkLike) => unknown;

/**
 * How much of a file or a string makes a chunk; looked at anew for each.
 *
 * @example
 * ```ts
 * import { type Block, ltn12 } from "@cosocket/cosocket/luasocket";
 *
 * const block: Block = ltn12;
 * const usual = block.BLOCKSIZE;
 * block.BLOCKSIZE = 4;
 * console.log(await ltn12.source.string("some text")()); // [ "some" ]
 * block.BLOCKSIZE = usual;
 * ```
 */
export interface Block {
  /** Bytes. */
  BLOCKSIZE: number;
}
