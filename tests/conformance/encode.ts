/** Results as the scenario files write them. */

import { Buffer } from "node:buffer";
import { CData } from "../../src/faces/lua.ts";
import { digest } from "./byte_values.ts";
import type { Result } from "./scenario.ts";

/** What a light thread of a script did. */
export class ThreadResults {
  readonly results: readonly Result[];

  constructor(results: readonly Result[]) {
    this.results = results;
  }
}

/** Numbers, booleans and short strings as they are; the rest by what Lua calls it. */
export function encode(value: unknown): unknown {
  switch (typeof value) {
    case "string":
      return isByteString(value) ? digest(Buffer.from(value, "latin1")) : { type: "text" };
    case "number":
      return Number.isFinite(value) ? value : { num: luaNumber(value) };
    case "object":
      if (value instanceof ThreadResults) return { results: value.results };
      return value === null ? null : { type: value instanceof CData ? "cdata" : "table" };
    case "boolean":
      return value;
    default:
      // Also "undefined", which nothing is compared with: nil must be `null`.
      return { type: typeof value };
  }
}

function isByteString(text: string): boolean {
  // deno-lint-ignore no-control-regex
  return /^[\x00-\xff]*$/.test(text);
}

function luaNumber(value: number): string {
  if (Number.isNaN(value)) return "nan";
  return value > 0 ? "inf" : "-inf";
}
