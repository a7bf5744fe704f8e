// What `send`, `say` and `print` make of their arguments.

import { bytesOf, byteString } from "../../bytes.ts";
import { Slab } from "../../slab.ts";
import { badArgument, NULL, numberText, typeName } from "../lua.ts";

const KINDS = "string, number, boolean, nil, or array table expected, got";
const SHOWN_KINDS = "string, number, boolean, nil, ngx.null, or array table expected, but got";

// Requests are short, and memory of its own costs one more than its bytes do.
const SHORT_CHARACTERS = 64;
const short = new Slab(8 * 1024);

/** The bytes that `send` sends for a value; short ones share memory with one another. */
export function sendBytes(data: unknown): Uint8Array {
  if (data instanceof Uint8Array) return data;
  const text = sendText(data);
  const ascii = text.length <= SHORT_CHARACTERS ? short.encode(text) : undefined;
  return ascii ?? bytesOf(text);
}

/** The byte string that `send` sends for a value. */
function sendText(data: unknown): string {
  if (typeof data === "string") return data;
  const text = typeName(data) === "table" ? tableText(data as unknown[], 1, "send") : plain(data);
  if (text === undefined) throw badArgument(1, "send", `${KINDS} ${typeName(data)}`);
  return text;
}

/** What `say` and `print` give out for an argument. */
export function shownText(value: unknown, position: number, method: string): string {
  if (typeName(value) === "table") return tableText(value as unknown[], position, method, true);
  const text = value === NULL ? "null" : plain(value);
  if (text !== undefined) return text;
  throw badArgument(position, method, `${SHOWN_KINDS} ${typeName(value)}`);
}

/** What `log` writes for an argument. */
export function loggedText(value: unknown, position: number): string {
  const text = value === NULL ? "null" : plain(value);
  if (text !== undefined) return text;
  const why = typeName(value) === "table"
    ? "expected table to have __tostring metamethod"
    : `string, number, boolean, or nil expected, got ${typeName(value)}`;
  throw badArgument(position, "log", why);
}

/** The text of a value that is no table, or `undefined` where there is none. */
function plain(value: unknown): string | undefined {
  switch (typeName(value)) {
    case "string":
      return typeof value === "string" ? value : byteString(value as Uint8Array);
    case "number":
      return sentNumber(value as number);
    case "nil":
      return "nil";
    case "boolean":
      return String(value);
    default:
      return undefined;
  }
}

/** The text of a table of strings, numbers and such tables; `isShown` takes all that `say` does. */
function tableText(
  table: Record<string, unknown> | unknown[],
  position: number,
  method: string,
  isShown = false,
): string {
  let text = "";
  for (const item of itemsOf(table, position, method)) {
    const kind = typeName(item);
    if (kind === "table") {
      text += tableText(item as unknown[], position, method, isShown);
    } else if (kind === "string" || kind === "number" || isShown && kind in LENIENT) {
      text += plain(item);
    } else if (isShown && item === NULL) {
      text += "null";
    } else {
      throw badArgument(position, method, `bad data type ${kind} found`);
    }
  }
  return text;
}

const LENIENT = { nil: true, boolean: true };

/** The items 1 to n, holes too; nils at the end are not there, as in Lua. */
function* itemsOf(
  table: Record<string, unknown> | unknown[],
  position: number,
  method: string,
): Generator<unknown> {
  if (Array.isArray(table)) {
    let length = table.length;
    while (length > 0 && (table[length - 1] ?? null) === null) length--;
    for (let at = 0; at < length; at++) yield table[at];
    return;
  }
  let last = 0;
  for (const [key, value] of Object.entries(table)) {
    if ((value ?? null) === null) continue;
    if (!/^[1-9]\d*$/.test(key)) throw badArgument(position, method, "non-array table found");
    last = Math.max(last, Number(key));
  }
  for (let at = 1; at <= last; at++) yield table[at];
}

/** Whole numbers of 32 bits as such; all others as Lua prints them. */
function sentNumber(value: number): string {
  return value === (value | 0) ? String(value | 0) : numberText(value);
}
