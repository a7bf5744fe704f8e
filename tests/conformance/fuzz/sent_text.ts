/** What a `send` sends, as far as the fuzzers need it. */

import { numberText } from "../../../src/faces/lua.ts";
import { byteStringOf, type Repeated } from "../byte_values.ts";

const LONG_BYTES = 1_000_000;

/** What a value is sent as; `undefined` if it throws. */
export function textOf(data: unknown): string | undefined {
  if (typeof data === "string") return data;
  if (typeof data === "number") return numberText(data);
  if (data === null) return "nil";
  if (typeof data === "boolean") return String(data);
  if (typeof data !== "object") return undefined;
  if ("rep" in data) return repeated(data as Repeated);
  return Array.isArray(data) ? joined(data) : undefined;
}

/** The last long one is kept: it is asked for again and again. */
function repeated(value: Repeated): string {
  const [text, count] = value.rep;
  if (text.length * count < LONG_BYTES) return byteStringOf(value);
  if (longest?.key !== `${text}*${count}`) {
    longest = { key: `${text}*${count}`, text: byteStringOf(value) };
  }
  return longest.text;
}

let longest: { key: string; text: string } | undefined;

function joined(list: readonly unknown[]): string | undefined {
  let text = "";
  for (const item of list) {
    const isFine = typeof item === "string" || typeof item === "number" || Array.isArray(item);
    const some = isFine ? textOf(item) : undefined;
    if (some === undefined) return undefined;
    text += some;
  }
  return text;
}
