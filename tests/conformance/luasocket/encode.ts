/** Results as the scenario files write them: what Lua would have shown of them. */

import { Buffer } from "node:buffer";
import { Ready } from "../../../src/faces/luasocket/select.ts";

const MOST_BYTES = 200;
const END_BYTES = 16;

/** The variables that objects are known by. */
export type Names = ReadonlyMap<unknown, string>;

/** A value as a result of a scenario. */
export function encode(value: unknown, names: Names): unknown {
  if (value === null || value === undefined) return null;
  if (typeof value === "string") return shown(value);
  if (typeof value === "number") return Number.isFinite(value) ? value : { num: numberName(value) };
  if (typeof value === "boolean") return value;
  const name = names.get(value);
  if (name !== undefined && classOf(value) !== "function") {
    return { obj: name, class: classOf(value) };
  }
  if (value instanceof Uint8Array) return { bytes: value.length };
  if (value instanceof Ready) return ready(value, names);
  if (Array.isArray(value)) return value.map((it) => encode(it, names));
  // Sources and sinks are tables that can be called, there.
  if (typeof value === "function" && "getfd" in value) return { dirty: FUNCTION, getfd: FUNCTION };
  if (!isPlain(value)) return { class: classOf(value) };
  const fields = Object.entries(value as object).map(([key, it]) => [key, encode(it, names)]);
  return Object.fromEntries(fields);
}

const FUNCTION = { class: "function" };

/** What the original says the thing is. */
export function classOf(value: unknown): string {
  if (typeof value === "function") return "getfd" in value ? "table" : "function";
  return /^(.+?): /.exec(String(value))?.[1] ?? typeof value;
}

/** Whether it is an object of the face's own: what a program would close, and name. */
export function isObject(value: unknown): boolean {
  if (typeof value === "function") return true;
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isPlain(value);
}

/** The byte string, or its length, checksum and ends. */
export function shown(text: string): unknown {
  if (text.length <= MOST_BYTES) return text;
  return {
    len: text.length,
    adler32: adler32(Buffer.from(text, "latin1")),
    head: text.slice(0, END_BYTES),
    tail: text.slice(-END_BYTES),
  };
}

function numberName(value: number): string {
  if (Number.isNaN(value)) return "nan";
  return value > 0 ? "inf" : "-inf";
}

function ready(list: Ready, names: Names): unknown {
  if (list.length === 0) return [];
  const entries = [...list].map((it) => [names.get(it) ?? "?", list.get(it)]);
  return { list: [...list].map((it) => encode(it, names)), map: Object.fromEntries(entries) };
}

function isPlain(value: unknown): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function adler32(bytes: Uint8Array): number {
  let low = 1;
  let high = 0;
  for (const byte of bytes) {
    low = (low + byte) % 65521;
    high = (high + low) % 65521;
  }
  return high * 65536 + low;
}
