/** What is to happen to a connection on its way. */

/** What may happen at one place of what one side says. */
export type Fault =
  /** Nothing more comes: the other side is told that this was the end. */
  | "end"
  /** Both connections are cut off. */
  | "reset"
  /** Nothing more comes, and nobody says so. */
  | "stall"
  /** What comes from here on is no end of rubbish. */
  | "flood"
  /** The last bytes come once more. */
  | "repeat";

/** How the bytes of one side are handed on. */
export interface Course {
  /** One by one, or all that comes within a while at once, or with a pause before each piece. */
  readonly pace?: "bytes" | "merged" | "slow";
  /** What happens behind so many bytes. */
  readonly fault?: Fault;
  readonly at?: number;
}

/** What happens to a connection: to what its client says, and to what is said back. */
export interface Plan {
  readonly there?: Course;
  readonly back?: Course;
}

/** How many bytes a `repeat` says again. */
export const REPEATED_BYTES = 3;
