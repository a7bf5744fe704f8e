/**
 * Programs of calls to LTN12, `try` and its kin, and to sources and sinks on sockets, which can be
 * played here and, by `player.lua`, on the original.
 */

/** A value that is handed over. */
export type Value =
  | null
  | boolean
  | number
  | string
  | readonly Value[]
  /** What an earlier step gave. */
  | { readonly $: string }
  /** A function that gives these answers, one a call; its arguments go to a log. */
  | { readonly answers: readonly Answer[]; readonly log?: string }
  /** One of the filters that both sides know. */
  | { readonly does: FilterName }
  /** A socket, by its methods. */
  | { readonly sock: Readonly<Record<string, Value>> };

/** The results of one call of a scripted function. */
export type Answer =
  | readonly Value[]
  | { readonly throws: Value }
  | { readonly calls: Step };

export const FILTER_NAMES = ["upper", "twice", "hold", "letters"] as const;
export type FilterName = typeof FILTER_NAMES[number];

/**
 * What is called, and its arguments. `"a,b=ltn12.sink.table"` keeps results in variables, `"$a"`
 * calls one. `"@value"` gives its arguments, `"@log"` the calls of a scripted function, and
 * `"@set"` changes a constant.
 */
export type Step = readonly [target: string, ...args: Value[]];

export interface Program {
  readonly name: string;
  readonly steps: readonly Step[];
}

/** What a step gave: its results, or what it raised. */
export type Row = readonly unknown[] | { readonly error: unknown };

export interface Recording extends Program {
  readonly expect: readonly Row[];
}

const RAISED_CALL = /^attempt to call (?:\w+ '[^']*' )?\(?(?:a )?(\w+) value\)?$/;

/** A row in which no names of the original's local variables are left. */
export function plainRow(row: Row): Row {
  if (!("error" in row) || typeof row.error !== "string") return row;
  return { error: row.error.replace(RAISED_CALL, "attempt to call a $1 value") };
}
