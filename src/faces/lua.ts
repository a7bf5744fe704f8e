// What Lua makes of values: their types, their numbers, their texts.

/**
 * What the original raises; the message is its own.
 *
 * @example
 * ```ts
 * import { createNgx, LuaError } from "@cosocket/cosocket/ngx";
 *
 * // Mistakes are thrown; what the network does is returned.
 * try {
 *   createNgx({ lua_socket_read_timout: "5s" });
 * } catch (error) {
 *   if (error instanceof LuaError) console.log(error.message); // unknown directive ...
 * }
 * ```
 */
export class LuaError extends Error {
  /** Makes the error. */
  constructor(message: string) {
    super(message);
    this.name = "LuaError";
  }
}

/** The original's complaint about argument `position` of `method`, the object not counted. */
export function badArgument(position: number, method: string, why: string): LuaError {
  const what = position === 0
    ? `calling '${method}' on bad self`
    : `bad argument #${position} to '${method}'`;
  return new LuaError(`${what} (${why})`);
}

/**
 * The type of `ngx.null`, which nothing else has.
 *
 * @example
 * ```ts
 * import { createNgx, type Null } from "@cosocket/cosocket/ngx";
 *
 * const ngx = createNgx();
 * const row: (string | Null)[] = ["Ada", ngx.null]; // as from a database
 * console.log(row[1] === ngx.null); // true: but it is not `null`
 * ngx.say(row[1]); // null
 * ```
 */
export class Null {
  // Without it anything with a text would be one to the compiler.
  readonly #brand = "null";

  /** `"null"`. */
  toString(): string {
    return this.#brand;
  }
}

/** Stands for `ngx.null`: nothing, as a value. */
export const NULL: Null = new Null();
Object.freeze(NULL);

/** Stands for a pointer of C's: something to hand over, and not to look into. */
export class CData {
  get [Symbol.toStringTag](): string {
    return "cdata";
  }
}

/** What is a coroutine to Lua: light threads. */
export const coroutines: WeakSet<object> = new WeakSet<object>();

/** The name of a value's Lua type. */
export function typeName(value: unknown): string {
  if (value === null || value === undefined) return "nil";
  if (value instanceof Uint8Array) return "string";
  if (value instanceof CData) return "cdata";
  switch (typeof value) {
    case "boolean":
    case "number":
    case "string":
    case "function":
      return typeof value;
    case "object":
      if (coroutines.has(value as object)) return "thread";
      return isTable(value) ? "table" : "userdata";
    default:
      return "userdata";
  }
}

/** Whether a value is a table: an array, or a plain object. */
export function isTable(value: unknown): value is Record<string, unknown> | unknown[] {
  if (typeof value !== "object" || value === null || value === NULL) return false;
  const prototype = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === Object.prototype || prototype === null;
}

const SPACED = /^[ \t-\r]*([+-]?)(.*?)[ \t-\r]*$/is;
const DECIMAL = /^(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
const HEXADECIMAL = /^0x(?=\.?[\da-f])([\da-f]*)\.?([\da-f]*)(?:p([+-]?\d+))?$/i;
const BINARY = /^0b[01]+$/i;

/** The number a value is or, as a string, looks like to LuaJIT; else `undefined`. */
export function toNumber(value: unknown): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value !== "string") return undefined;
  const [, sign, digits] = SPACED.exec(value)!;
  const size = sizeOf(digits!);
  return sign === "-" && size !== undefined ? -size : size;
}

function sizeOf(digits: string): number | undefined {
  if (DECIMAL.test(digits) || BINARY.test(digits)) return Number(digits);
  if (/^inf(?:inity)?$/i.test(digits)) return Infinity;
  if (/^nan$/i.test(digits)) return NaN;
  const match = HEXADECIMAL.exec(digits);
  if (match === null) return undefined;
  const [, whole, rest, exponent = "0"] = match;
  return Number(`0x${whole}${rest}`) * 2 ** (Number(exponent) - 4 * rest!.length);
}

const LEAST_INTEGER = -(2 ** 63);

/** The whole number `toNumber` gives, decimals cut. */
export function toInteger(value: unknown): number | undefined {
  const number = toNumber(value);
  if (number === undefined) return undefined;
  const integer = Math.trunc(number) + 0;
  // What is none, or has no room in 64 bits, becomes the least of all in C.
  return integer >= LEAST_INTEGER && integer < -LEAST_INTEGER ? integer : LEAST_INTEGER;
}

/** A whole number as an `int` of C: its lower 32 bits. */
export function toInt(integer: number): number {
  return integer | 0;
}

/** The whole number of an argument, which must be one. */
export function checkInteger(value: unknown, position: number, method: string): number {
  const number = toInteger(value);
  if (number !== undefined) return number;
  throw badArgument(position, method, `number expected, got ${typeName(value)}`);
}

/** The text of a string or number argument, which must be one. */
export function checkString(value: unknown, position: number, method: string): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return numberText(value);
  throw badArgument(position, method, `string expected, got ${typeName(value)}`);
}

const DIGITS = 14;

/** A number as Lua prints it: C's `%.14g`. */
export function numberText(value: number): string {
  if (Number.isNaN(value)) return "-nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const rounded = roundToEven(value);
  const exponent = Number(rounded.toExponential().split("e")[1]);
  if (exponent < -4 || exponent >= DIGITS) {
    const [digits] = rounded.toExponential(DIGITS - 1).split("e");
    const sign = exponent < 0 ? "-" : "+";
    return `${trimmed(digits!)}e${sign}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  return trimmed(rounded.toFixed(DIGITS - 1 - exponent));
}

/** Rounds to 14 digits; what lies in the middle goes to the even side, as in C, not up. */
function roundToEven(value: number): number {
  const [exact, exponent] = value.toExponential(60).split("e");
  const cut = exact!.length - 60 + DIGITS - 1;
  const isMiddle = /^50*$/.test(exact!.slice(cut));
  const isEven = /[02468]$/.test(exact!.slice(0, cut));
  return Number(
    isMiddle && isEven ? `${exact!.slice(0, cut)}e${exponent}` : value.toPrecision(DIGITS),
  );
}

function trimmed(digits: string): string {
  return digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits;
}

/** A text as C prints it: up to the first NUL. */
export function cText(text: string): string {
  const end = text.indexOf("\0");
  return end < 0 ? text : text.slice(0, end);
}

/** A value as `tostring` gives it. */
export function textOf(value: unknown): string {
  if (value === null || value === undefined) return "nil";
  return typeof value === "number" ? numberText(value) : String(value);
}
