// The arguments of the object's methods: what the original takes, refuses and
// makes of them, in its words.

import type { Settings } from "./directives.ts";
import { badArgument, isTable, LuaError, textOf, toInt, toInteger, typeName } from "./lua.ts";
import type { PoolShape } from "./pools.ts";

/** Which pool a `connect` asks for, and how it is to be if it has to be made. */
export interface PoolChoice extends PoolShape {
  readonly name: string | undefined;
}

const MOST_TIMEOUT_MS = 2 ** 31;

/** Refuses a wrong number of arguments; `why` gets the number with the object counted. */
export function checkCount(
  args: readonly unknown[],
  least: number,
  most: number,
  why: (seen: number) => string,
): void {
  if (args.length < least || args.length > most) throw new LuaError(why(args.length + 1));
}

/** Reads the options table of `connect`. */
export function poolChoiceOf(options: object, count: number, settings: Settings): PoolChoice {
  const { pool = null, pool_size = null, backlog = null } = options as Record<string, unknown>;
  const bad = (why: string) => badArgument(count, "connect", `bad ${why}`);
  const size = toInteger(pool_size);
  if (size !== undefined && size <= 0) throw bad(`"pool_size" option value: ${toInt(size)}`);
  if (size === undefined && pool_size !== null) {
    throw bad(`"pool_size" option type: ${typeName(pool_size)}`);
  }
  const waiting = toInteger(backlog);
  if (waiting !== undefined && waiting < 0) throw bad(`"backlog" option value: ${toInt(waiting)}`);
  if (pool !== null && typeof pool !== "string" && typeof pool !== "number") {
    throw bad(`"pool" option type: ${typeName(pool)}`);
  }
  return {
    name: pool === null ? undefined : textOf(pool),
    size: size ?? (waiting === undefined ? 0 : settings.poolSize),
    backlog: waiting ?? -1,
  };
}

/** Whether the options table of `receiveuntil` asks for the pattern, too. */
export function isInclusive(options: unknown): boolean {
  if (!isTable(options)) {
    throw badArgument(2, "receiveuntil", `table expected, got ${typeName(options)}`);
  }
  const inclusive = (options as Record<string, unknown>)["inclusive"] ?? false;
  if (typeof inclusive === "boolean") return inclusive;
  throw new LuaError(`bad "inclusive" option value type: ${typeName(inclusive)}`);
}

/** A timeout in milliseconds; 0 for what is no number. */
export function timeoutOf(value: unknown): number {
  const ms = toInteger(value) ?? 0;
  if (ms < 0 || ms >= MOST_TIMEOUT_MS) throw new LuaError("bad timeout value");
  return ms;
}

/** Whether an argument is nil, or not there. */
export function isNil(value: unknown): boolean {
  return value === null || value === undefined;
}
