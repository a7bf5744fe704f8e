/** A client script as a chunk for `reference.lua`. */

import type { Call, Variables } from "./play.ts";

/** The chunk that plays a script, with the connection `c` if there is a port for it. */
export function chunkOf(client: readonly Call[], variables: Variables, connects: boolean): string {
  const lines = Object.entries(variables).map(([name, value]) => `V.${name} = ${literal(value)}`);
  if (connects) lines.push('step({"c"}, function() return socket.connect(V.HOST, V.PORT) end)');
  return [...lines, ...client.map(stepOf)].join("\n");
}

function stepOf([head, ...args]: Call): string {
  const [, names, target] = /^(?:([\w,]+)=)?(.+)$/.exec(head)!;
  if (target === "@sync") return `sync(${literal(args[0])})`;
  const keep = `{${(names?.split(",") ?? []).map((it) => `"${it}"`).join(", ")}}`;
  const isQuiet = target === "@quiet";
  return `step(${keep}, function() ${bodyOf(target!, args)} end${isQuiet ? ", true" : ""})`;
}

function bodyOf(target: string, args: readonly unknown[]): string {
  switch (target) {
    case "@quiet":
      return `return ${callOf(String(args[0]), [])}`;
    case "@stats":
      return `local r, s = V.${args[0] ?? "c"}:getstats() return r, s`;
    case "@from":
      return `local d, ip = ${callOf(`${args[0]}:receivefrom`, args.slice(1))} return d, ip`;
  }
  return `return ${callOf(target, args)}`;
}

/** As a program would write it: then the original's messages name the method. */
function callOf(target: string, args: readonly unknown[]): string {
  const given = `(${args.map(literal).join(", ")})`;
  if (target.includes(":")) return `V.${target}${given}`;
  return target.includes(".") ? target + given : `V.c:${target}${given}`;
}

/** A value of a scenario as Lua has it. */
function literal(value: unknown): string {
  if (value === null || value === undefined) return "nil";
  if (typeof value === "string") return quoted(value);
  if (typeof value !== "object") return String(value);
  if (Array.isArray(value)) return `{${value.map(literal).join(", ")}}`;
  const it = value as Record<string, unknown>;
  if ("$" in it) return `V.${it["$"]}`;
  if ("rep" in it) return `string.rep(${(it["rep"] as unknown[]).map(literal).join(", ")})`;
  if ("cat" in it) return `(${(it["cat"] as unknown[]).map(literal).join(" .. ")})`;
  return `{${Object.entries(it).map(([key, item]) => `${key} = ${literal(item)}`).join(", ")}}`;
}

function quoted(text: string): string {
  const escaped = text.replace(
    /[^ !#-[\]-~]/g,
    (it) => `\\${String(it.charCodeAt(0)).padStart(3, "0")}`,
  );
  return `"${escaped}"`;
}
