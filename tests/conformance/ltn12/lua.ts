/** Plays programs on the original, where it is installed. */

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Answer, plainRow, type Program, type Row, type Step, type Value } from "./program.ts";

const player = fileURLToPath(new URL("player.lua", import.meta.url));

/** Whether lua5.1 and lua-socket are here. */
export async function hasLua(): Promise<boolean> {
  try {
    await promisify(execFile)("lua5.1", ["-e", 'require("socket"); require("ltn12")']);
    return true;
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}

/** What each step of each program gives there. */
export async function playOnLua(programs: readonly Program[]): Promise<Row[][]> {
  const folder = mkdtempSync(join(tmpdir(), "ltn12-"));
  try {
    const path = join(folder, "programs.lua");
    const text = programs.map(({ steps }) => `{${steps.map(stepText).join(",")}},\n`).join("");
    writeFileSync(path, `return {\n${text}}\n`, "latin1");
    const options = { maxBuffer: 2 ** 28, encoding: "latin1", timeout: 60_000 } as const;
    const { stdout } = await promisify(execFile)("lua5.1", [player, path], options);
    return stdout.trimEnd().split("\n").map((line) => (JSON.parse(line) as Row[]).map(plainRow));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function stepText([target, ...args]: Step): string {
  return `{target=${quoted(target)},${listText(args)}}`;
}

function listText(values: readonly Value[]): string {
  return `n=${values.length},${values.map(valueText).join(",")}`;
}

function valueText(value: Value): string {
  if (value === null) return "NIL";
  if (typeof value === "string") return quoted(value);
  if (typeof value !== "object") return String(value);
  if (Array.isArray(value)) return `{${listText(value)}}`;
  if ("$" in value) return `{ref=${quoted(value.$)}}`;
  if ("does" in value) return `{does=${quoted(value.does)}}`;
  if ("sock" in value) {
    const methods = Object.entries(value.sock).map(([name, it]) => `${name}=${valueText(it)}`);
    return `{sock={${methods.join(",")}}}`;
  }
  if ("answers" in value) {
    const log = value.log === undefined ? "" : `,log=${quoted(value.log)}`;
    return `{answers={${value.answers.map(answerText).join(",")}}${log}}`;
  }
  throw new TypeError(`Not a value: ${JSON.stringify(value)}`);
}

function answerText(answer: Answer): string {
  if ("throws" in answer) return `{throws={${valueText(answer.throws)}}}`;
  if ("calls" in answer) return `{calls=${stepText(answer.calls)}}`;
  return `{${listText(answer)}}`;
}

function quoted(text: string): string {
  // deno-lint-ignore no-control-regex -- what Lua would not take as it is
  const escaped = text.replace(/[\x00-\x1f"\\\x7f-\xff]/g, (it) => {
    return `\\${String(it.charCodeAt(0)).padStart(3, "0")}`;
  });
  return `"${escaped}"`;
}

/** The original's table of the names of header fields. */
export async function canonicNamesOnLua(): Promise<Record<string, string>> {
  const script = 'for k, v in pairs(require("socket.headers").canonic) do print(k, v) end';
  const { stdout } = await promisify(execFile)("lua5.1", ["-e", script]);
  return Object.fromEntries(stdout.trim().split("\n").sort().map((line) => line.split("\t")));
}
