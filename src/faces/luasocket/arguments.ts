// Arguments as the original's C takes them: numbers become text and text numbers,
// all else is refused in its words.

import { byteString } from "../../bytes.ts";
import {
  badArgument,
  cText,
  type LuaError,
  numberText,
  toNumber as toLuaJitNumber,
  typeName,
} from "../lua.ts";

/** The arguments of a call; what is not there is not nil. */
export type Args = readonly unknown[];

/** The number a value is or, as a string, looks like. */
export function toNumber(value: unknown): number | undefined {
  // Only LuaJIT knows binary digits.
  if (typeof value === "string" && /^\s*[+-]?0b/i.test(value)) return undefined;
  return toLuaJitNumber(value);
}

/** Whether an argument is nil, or not there. */
export function isNil(value: unknown): boolean {
  return value === null || value === undefined;
}

/** The complaint about the type of an argument. */
export function wrongType(args: Args, at: number, method: string, wanted: string): LuaError {
  const got = at < args.length ? typeName(args[at]) : "no value";
  return badArgument(at + 1, method, `${wanted} expected, got ${got}`);
}

/** The byte string of a string or a number, which it must be. */
export function checkText(args: Args, at: number, method: string): string {
  const value = args[at];
  if (typeof value === "string") return value;
  if (typeof value === "number") return numberText(value);
  if (value instanceof Uint8Array) return byteString(value);
  throw wrongType(args, at, method, "string");
}

/** The same up to the first NUL, where the original ends its strings there. */
export function checkName(args: Args, at: number, method: string): string {
  return cText(checkText(args, at, method));
}

/** The same, or what nil stands for. */
export function optionalText<T>(args: Args, at: number, method: string, otherwise: T): string | T {
  return isNil(args[at]) ? otherwise : checkText(args, at, method);
}

/** The number of an argument, which must be one. */
export function checkNumber(args: Args, at: number, method: string): number {
  const number = toNumber(args[at]);
  if (number === undefined) throw wrongType(args, at, method, "number");
  return number;
}

/** The same, or what nil stands for. */
export function optionalNumber(args: Args, at: number, method: string, otherwise: number): number {
  return isNil(args[at]) ? otherwise : checkNumber(args, at, method);
}

/** True or false, and nothing that stands for them. */
export function checkBoolean(args: Args, at: number, method: string): boolean {
  const value = args[at];
  if (typeof value === "boolean") return value;
  throw wrongType(args, at, method, "boolean");
}

/** One of the words that an argument can be. */
export function checkWord<T extends string>(
  args: Args,
  at: number,
  method: string,
  words: readonly T[],
  otherwise: T,
): T {
  const word = isNil(args[at]) ? otherwise : checkName(args, at, method);
  if ((words as readonly string[]).includes(word)) return word as T;
  throw badArgument(at + 1, method, `invalid option '${word}'`);
}
