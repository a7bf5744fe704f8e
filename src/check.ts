// What a caller did wrong is told at once, before anything happens: which
// argument, what it must be, and what it was.

import { quote } from "./bytes.ts";

/** A whole number of at least `least`. */
export function checkWhole(name: string, value: unknown, least = 0): number {
  if (typeof value !== "number") throw wrongType(name, "a number", value);
  if (!Number.isSafeInteger(value) || value < least) {
    throw new RangeError(`${name} must be a whole number of at least ${least}, not ${value}`);
  }
  return value;
}

/** Milliseconds: 0 or more, `Infinity` for no limit. */
export function checkMs(name: string, value: unknown): number {
  if (typeof value !== "number") throw wrongType(name, "a number of milliseconds", value);
  if (!(value >= 0)) throw new RangeError(`${name} must be at least 0, not ${value}`);
  return value;
}

/** A limit on bytes: a whole number of at least 1, or `Infinity`. */
export function checkMaxBytes(name: string, value: unknown): number {
  return value === Infinity ? Infinity : checkWhole(name, value, 1);
}

/** A port: 0 to 65535. */
export function checkPort(name: string, value: unknown): number {
  const port = checkWhole(name, value);
  if (port > 65535) throw new RangeError(`${name} must be at most 65535, not ${port}`);
  return port;
}

/** A string that is not empty. */
export function checkText(name: string, value: unknown): string {
  if (typeof value !== "string") throw wrongType(name, "a string", value);
  if (value === "") throw new RangeError(`${name} must not be empty`);
  return value;
}

/** An object of options, or nothing. */
export function checkOptions<T extends object>(name: string, value: T | undefined): T | undefined {
  if (value !== undefined && (typeof value !== "object" || value === null)) {
    throw wrongType(name, "an object", value);
  }
  return value;
}

/** A signal, or nothing. */
export function checkSignal(value: unknown): AbortSignal | undefined {
  if (value === undefined || value instanceof AbortSignal) return value;
  throw wrongType("signal", "an AbortSignal", value);
}

/** True, false, or nothing. */
export function checkFlag(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== "boolean") {
    throw wrongType(name, "true or false", value);
  }
}

/** A function, or nothing. */
export function checkFunction<T>(name: string, value: T): T {
  if (value === undefined || typeof value === "function") return value;
  throw wrongType(name, "a function", value);
}

/** The error for an argument of the wrong type. */
export function wrongType(name: string, wanted: string, value: unknown): TypeError {
  return new TypeError(`${name} must be ${wanted}, not ${kindOf(value)}`);
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === "string"
    ? `the string ${quote(value)}`
    : `${typeof value} ${quote(value)}`;
}
