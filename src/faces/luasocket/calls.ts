// Calling a function of somebody else's as Lua does: what it gives is a list of
// values, it may take its time, and only nil and false are false.

import { byteString } from "../../bytes.ts";
import { checkString, LuaError, typeName } from "../lua.ts";

/** The values a call gave: an array is the list of them, all else is the only one. */
export function valuesOf(result: unknown): readonly unknown[] {
  if (Array.isArray(result)) return result;
  return result === undefined ? [] : [result];
}

/** Whether a condition in Lua would hold for a value: 0 and "" are true. */
export function isTrue(value: unknown): boolean {
  return value !== null && value !== undefined && value !== false;
}

/** What Lua's `assert` does with a value and no message. */
export function assertTrue(value: unknown): void {
  if (!isTrue(value)) throw new LuaError("assertion failed!");
}

/** A value that is about to be called. */
export function callable(value: unknown): (...args: unknown[]) => unknown {
  if (typeof value === "function") return value as (...args: unknown[]) => unknown;
  throw new LuaError(`attempt to call a ${typeName(value)} value`);
}

/** Calls, and waits for the values. */
export async function call(callee: unknown, ...args: unknown[]): Promise<readonly unknown[]> {
  return valuesOf(await callable(callee)(...args));
}

/** `undefined` has no place in a list of Lua's values. */
export function orNil<T>(value: T | undefined): T | null {
  return value === undefined ? null : value;
}

/** The byte string of an argument that Lua's string library would take. */
export function dataText(value: unknown, method: string): string {
  return value instanceof Uint8Array ? byteString(value) : checkString(value, 1, method);
}
