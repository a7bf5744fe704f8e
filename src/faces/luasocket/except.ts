// Exceptions for what a network does: `try` throws one, and only `protect` turns
// it back into nil and its message. All other errors go through both untouched.

import { badArgument, LuaError, toInt, toInteger, typeName } from "../lua.ts";
import { callable, isTrue, orNil, valuesOf } from "./calls.ts";

let finalized: (error: TryError) => Promise<unknown> | undefined;

/**
 * What a {@linkcode Try} throws.
 *
 * @example
 * ```ts
 * import { socket, TryError } from "@cosocket/cosocket/luasocket";
 *
 * try {
 *   socket.try(null, "timeout"); // without `protect` around it
 * } catch (error) {
 *   if (error instanceof TryError) console.log(error.value); // timeout
 * }
 * ```
 */
export class TryError extends Error {
  /** The second value that `try` was given: a text, or anything else. */
  readonly value: unknown;
  readonly #finalized: Promise<unknown> | undefined;

  /** For the library. */
  constructor(value: unknown, finalized?: Promise<unknown>) {
    super(String(value));
    this.name = "TryError";
    this.value = value;
    this.#finalized = finalized;
    // Whoever catches it outside of `protect` does not hear of it.
    finalized?.catch(() => {});
  }

  static {
    finalized = (error) => error.#finalized;
  }
}

/**
 * Gives back all it is given if the first of it is true to Lua: all but `null`,
 * `undefined` and `false`. Otherwise it throws a {@linkcode TryError} with the second.
 *
 * @example
 * ```ts
 * import { socket, type Try } from "@cosocket/cosocket/luasocket";
 *
 * const clean: Try = socket.newtry(() => console.log("closed"));
 * const [first, second] = clean("a value", 2); // as they were: closed is not said
 * console.log(first, second); // a value 2
 * ```
 */
export type Try = <T extends readonly unknown[]>(...values: T) => Passed<T>;

/**
 * What is left of a call's possible results when it did not fail.
 *
 * @example
 * ```ts
 * import { type Passed, socket, type TcpSocket } from "@cosocket/cosocket/luasocket";
 *
 * const server: Passed<[TcpSocket] | [null, string]> = socket.try(
 *   ...await socket.bind("127.0.0.1", 0),
 * );
 * console.log(server[0].class); // tcp{server}: nobody has to ask whether it is null
 * await server[0].close();
 * ```
 */
export type Passed<T extends readonly unknown[]> = T extends readonly [null | false, ...unknown[]]
  ? never
  : T;

/**
 * Makes a `try` that calls `finalizer`, without arguments, before it throws. A
 * finalizer that takes its time is waited for by `protect`, before that answers.
 * An error in it takes the place of the exception.
 *
 * @example
 * ```ts
 * import { socket } from "@cosocket/cosocket/luasocket";
 *
 * const said: string[] = [];
 * const attempt = socket.newtry(() => said.push("cleaned up"));
 * const talk = socket.protect(() => attempt(null, "timeout"));
 * const [ok, err] = await talk();
 * if (ok !== null || err !== "timeout" || said.length !== 1) throw new Error("No");
 * ```
 */
export function newtry(finalizer?: (() => unknown) | null): Try {
  return <T extends readonly unknown[]>(...values: T) => {
    if (isTrue(values[0])) return values as unknown as Passed<T>;
    const value = orNil(values[1]);
    if (orNil(finalizer) === null) throw new TryError(value);
    const result = callable(finalizer)();
    throw new TryError(value, isThenable(result) ? Promise.resolve(result) : undefined);
  };
}

/**
 * The `try` without a finalizer. A call's results are handed to it one by one:
 * `socket.try(...await sock.receive())`.
 */
export const plainTry: Try = newtry();

/**
 * Makes of `work` a function that does not throw what a {@linkcode Try} throws: it
 * answers `null` and the exception's value then. All other errors go through.
 *
 * @param work May be async. An array it gives is the list of its results, all else
 *   the only one.
 * @returns A function with the arguments of `work`, and a promise of its results.
 *
 * @example
 * ```ts
 * import { socket } from "@cosocket/cosocket/luasocket";
 *
 * const half = socket.protect((size: number) => {
 *   socket.try(size % 2 === 0, "it is odd");
 *   return size / 2;
 * });
 * const [four] = await half(8);
 * const [none, err] = await half(7);
 * if (four !== 4 || none !== null || err !== "it is odd") throw new Error("No");
 * ```
 */
export function protect<A extends unknown[], R>(
  work: (...args: A) => R,
): (...args: A) => Promise<Protected<Awaited<R>>> {
  return async (...args) => {
    try {
      const result = await callable(work)(...args);
      return [...valuesOf(result)] as Protected<Awaited<R>>;
    } catch (error) {
      return [null, await valueOf(error)] as Protected<Awaited<R>>;
    }
  };
}

/** What an exception tells when its finalizer is done, which may throw one, too. */
async function valueOf(error: unknown): Promise<unknown> {
  if (!(error instanceof TryError)) throw error;
  try {
    await finalized(error);
  } catch (other) {
    return await valueOf(other);
  }
  return error.value;
}

/**
 * What a protected function gives: the results of the one it is made of, or null and a message.
 *
 * @example
 * ```ts
 * import { type Protected, socket } from "@cosocket/cosocket/luasocket";
 *
 * const digits = socket.protect((it: string) => socket.try(/^\d+$/.test(it) && it, "no number"));
 * const shown = ([value, err]: Protected<readonly unknown[]>) => value ?? err;
 * console.log(shown(await digits("42")), shown(await digits("x"))); // 42 no number
 * ```
 */
export type Protected<R> =
  // deno-lint-ignore no-explicit-any -- a message may be any value, and mostly is a text
  | [null, any]
  | (R extends readonly unknown[] ? R : R extends undefined | void ? [] : [R]);

/**
 * Drops as many arguments as the first one says, and gives the rest.
 *
 * @example
 * ```ts
 * import { socket } from "@cosocket/cosocket/luasocket";
 *
 * const [code, separator] = socket.skip(2, 1, 4, "250", "-");
 * if (code !== "250" || separator !== "-") throw new Error("No");
 * ```
 */
export function skip(...args: unknown[]): unknown[] {
  const [count] = args;
  const integer = toInteger(count);
  if (integer === undefined) {
    const kind = args.length === 0 ? "no value" : typeName(count);
    throw badArgument(1, "skip", `number expected, got ${kind}`);
  }
  const from = toInt(integer) + 1;
  // The original reads beyond its stack there.
  if (from < 0) throw badArgument(1, "skip", "out of range");
  return args.slice(from).map(orNil);
}

/**
 * Makes a function that chooses another by name, and calls it with the two
 * arguments behind the name. If the first argument is no string it is called
 * `"default"`, and all arguments are for it.
 *
 * @throws {LuaError} From that function: `unknown key (...)`.
 *
 * @example
 * ```ts
 * import { socket } from "@cosocket/cosocket/luasocket";
 *
 * const area = socket.choose({ default: (side) => side ** 2, oblong: (a, b) => a * b });
 * if (area(5) !== 25 || area("oblong", 2, 3) !== 6) throw new Error("No");
 * ```
 */
export function choose<T>(table: Readonly<Record<string, Choice<T>>>): Choose<T> {
  return (name, first, second) => {
    if (typeof name !== "string") [name, first, second] = ["default", name, first];
    const key = name as string;
    const chosen = Object.hasOwn(table, key) ? table[key] : undefined;
    if (!isTrue(chosen)) throw new LuaError(`unknown key (${key})`);
    return callable(chosen)(first, second) as T;
  };
}

/**
 * One of those that {@linkcode choose} chooses from.
 *
 * @example
 * ```ts
 * import { type Choice, socket } from "@cosocket/cosocket/luasocket";
 *
 * const sides: Record<string, Choice<number>> = { default: (side) => 4 * side };
 * sides["oblong"] = (one, other) => 2 * (one + other); // more may come later
 * console.log(socket.choose(sides)("oblong", 2, 3)); // 10
 * ```
 */
// deno-lint-ignore no-explicit-any -- each has arguments of its own
export type Choice<T> = (first: any, second: any) => T;

/**
 * What {@linkcode choose} makes.
 *
 * @example
 * ```ts
 * import { type Choose, socket } from "@cosocket/cosocket/luasocket";
 *
 * const shown: Choose<string> = socket.choose({
 *   default: (bytes) => `${bytes} B`,
 *   kilo: (bytes) => `${bytes / 1024} KiB`,
 * });
 * console.log(shown(2048), shown("kilo", 2048)); // 2048 B 2 KiB
 * ```
 */
export type Choose<T> = (name?: unknown, first?: unknown, second?: unknown) => T;

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === "function";
}
