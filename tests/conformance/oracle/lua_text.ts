/** The ops of a script, placeholders filled in, as the Lua chunk that `driver.lua` loads. */

import { Buffer } from "node:buffer";
import { type Op, parseHead } from "../scenario.ts";

export function luaChunk(ops: readonly Op[]): string {
  const names = ["rep", "ref", "cert", "key"];
  const values = names.map((it) => `helpers.${it}`);
  return `local helpers = ... local ${names} = ${values} return ${luaOps(ops)}`;
}

function luaOps(ops: readonly Op[]): string {
  return `{${ops.map(luaOp).join(",\n")}}`;
}

function luaOp([head, ...given]: Op): string {
  const { name, socket, variable } = parseHead(head);
  const values = name === "spawn" ? [luaOps(given[0] as readonly Op[])] : given.map(luaValue);
  const fields = [
    `name=${luaString(name)}`,
    `socket=${luaString(socket)}`,
    `variable=${variable === undefined ? "nil" : luaString(variable)}`,
    `n=${values.length}`,
    `values={${values.map((value, at) => `[${at + 1}]=${value}`).join(",")}}`,
  ];
  return `{${fields.join(",")}}`;
}

function luaValue(value: unknown): string {
  if (value === null) return "nil";
  if (typeof value === "string") return luaString(value);
  if (typeof value !== "object") return String(value);
  if (Array.isArray(value)) return `{${value.map(luaValue).join(",")}}`;
  if ("lua" in value) return `(${value.lua})`;
  if ("str" in value) return luaString(String(value.str));
  if ("ref" in value) return `ref(${luaString(value.ref as string)})`;
  if ("rep" in value) {
    const [text, count] = value.rep as [string, number];
    return `rep(${luaString(text)},${count})`;
  }
  const fields = Object.entries(value).map(([key, it]) => `[${luaString(key)}]=${luaValue(it)}`);
  return `{${fields.join(",")}}`;
}

/** Byte by byte: the text is a byte string, and may hold anything. */
function luaString(text: string): string {
  const bytes = [...Buffer.from(text, "latin1")];
  const isPlain = (byte: number) => byte >= 32 && byte < 127 && byte !== 34 && byte !== 92;
  const escape = (byte: number) => `\\${String(byte).padStart(3, "0")}`;
  return `"${bytes.map((it) => isPlain(it) ? String.fromCharCode(it) : escape(it)).join("")}"`;
}
