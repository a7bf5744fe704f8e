/** The values that scripts write in Lua: those that occur, each by its text. No Lua is run. */

import { coroutines, NULL } from "../../src/faces/lua.ts";
import { isParsed, parsedValue } from "./parsed_certificates.ts";

const nothing = () => [];
const coroutine = {};
coroutines.add(coroutine);

const VALUES: Readonly<Record<string, unknown>> = {
  "1/3": 1 / 3,
  "1/0": Infinity,
  "-1/0": -Infinity,
  "0/0": NaN,
  "-0.0": -0,
  "ngx.null": NULL,
  "function() end": nothing,
  "coroutine.create(function() end)": coroutine,
  "{[1]='a',[2]='b'}": ["a", "b"],
  "{'a', nil, 'c'}": ["a", null, "c"],
  "{[3]='x'}": { 3: "x" },
  "{[0]='x'}": { 0: "x" },
  "{[1.5]='x'}": { 1.5: "x" },
  "{'a', function() end}": ["a", nothing],
  "{'a', ngx.null}": ["a", NULL],
};

/** What is reckoned with a port, by the text behind it. */
const OF_PORT: Readonly<Record<string, (port: number) => unknown>> = {
  "$PORT + 0.5": (port) => port + 0.5,
  "$PORT * 100000 + 1": (port) => port * 100_000 + 1,
  "tostring($PORT * 100000 + 1)": (port) => String(port * 100_000 + 1),
};

/** Whether `luaValue` knows what a text stands for, its placeholders not filled in. */
export function knowsLua(text: string): boolean {
  return Object.hasOwn(VALUES, text) || Object.hasOwn(OF_PORT, text) || isParsed(text);
}

/** The value that a script wrote as `{"lua": text}`, its placeholders filled in. */
export function luaValue(script: { readonly certificates: string }, text: string): unknown {
  if (Object.hasOwn(VALUES, text)) return VALUES[text];
  if (isParsed(text)) return parsedValue(script, text);
  for (const [pattern, value] of Object.entries(OF_PORT)) {
    const [before, after] = pattern.split("$PORT") as [string, string];
    const port = text.slice(before.length, text.length - after.length);
    if (/^\d+$/.test(port) && text === before + port + after) return value(Number(port));
  }
  throw new SyntaxError(`Cannot play Lua: "${text}"`);
}
