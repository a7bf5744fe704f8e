// What flows, and what it flows through. Whatever a user of the library hands in
// may answer at once or later, with an array of values or with the only one.

/** A piece of data, as a byte string; `null` where there is no more. */
export type Chunk = string | null;

/** What a source gives: a chunk; or `null` at the end; or `null` and why it ended. */
export type SourceResult = [chunk?: Chunk, err?: unknown];

/** What a sink gives: something true; or `null`, why it takes no more, and how far it came. */
export type SinkResult = [ok?: unknown, err?: unknown, ...more: unknown[]];

/** Gives the next chunk. One call at a time. */
export interface Source {
  /** Gives the next chunk; of a rewindable source, takes one back. */
  (chunk?: Chunk): Promise<SourceResult>;
  /** Lets go of what the source stands on, where that makes sense. */
  cancel?(): unknown;
}

/** Takes the next chunk; `null` is the end, and `null` with an error a bad one. */
export type Sink = (chunk: Chunk, err?: unknown) => Promise<SinkResult>;

/**
 * Makes a chunk of a chunk. Given `""` it says what else it has; it answers `""`
 * when it wants more. `null` is the end of what comes, and then of what goes.
 */
export type Filter = (chunk: Chunk) => Promise<[chunk?: Chunk]>;

/** Moves one chunk from a source to a sink. */
export type Step = (source: SourceLike, sink: SinkLike) => Promise<[ok: 1] | [null, unknown]>;

/** A source of the user's own. */
export interface SourceLike {
  /** Gives the next chunk. */
  (): unknown;
  /** Lets go of what the source stands on. */
  cancel?(): unknown;
}

/** A sink of the user's own. */
export type SinkLike = (chunk: Chunk, err?: unknown) => unknown;

/** A filter of the user's own. */
export type FilterLike = (chunk: Chunk) => unknown;

/** A step of the user's own. */
export type StepLike = (source: SourceLike, sink: SinkLike) => unknown;

/** How much of a file or a string makes a chunk; looked at anew for each. */
export interface Block {
  /** Bytes. */
  BLOCKSIZE: number;
}
