/**
 * The runtimes that contestants run on.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { bunProgram, nodeProgram } from "../scripts/tools.ts";

/** A runtime by the name that options use. */
export type RuntimeName = "deno" | "bun" | "node";

/** A runtime: how it runs a file of TypeScript, with the garbage collector at hand. */
export interface Runtime {
  readonly name: RuntimeName;
  readonly version: string;
  readonly program: string;
  readonly command: readonly string[];
}

/** All names, in the order of the tables. */
export const RUNTIMES: readonly RuntimeName[] = ["deno", "bun", "node"];

const FLAGS: Readonly<Record<RuntimeName, readonly string[]>> = {
  deno: ["run", "-A", "--v8-flags=--expose-gc"],
  bun: ["run"],
  node: ["--expose-gc", "--disable-warning=MODULE_TYPELESS_PACKAGE_JSON"],
};

/** The runtime that runs this. */
export function thisRuntime(): Runtime {
  const { deno, bun } = process.versions as Record<string, string | undefined>;
  return runtime(deno ? "deno" : bun ? "bun" : "node", process.execPath);
}

/** A runtime that is installed, or that `scripts/tools.ts` installs. */
export async function findRuntime(name: RuntimeName): Promise<Runtime> {
  if (name === "deno") return runtime(name, process.execPath);
  return runtime(name, name === "bun" ? await bunProgram() : await recentNode());
}

function runtime(name: RuntimeName, program: string): Runtime {
  const command = [program, ...FLAGS[name]];
  return { name, version: versionOf(program) ?? "?", program, command };
}

/** The Node on PATH if it can run TypeScript, which it does from 22.18 on. */
async function recentNode(): Promise<string> {
  const [major = 0, minor = 0] = (versionOf("node") ?? "").split(".").map(Number);
  return major > 22 || (major === 22 && minor >= 18) ? "node" : await nodeProgram("24");
}

function versionOf(program: string): string | undefined {
  const { stdout } = spawnSync(program, ["--version"], { encoding: "utf8" });
  return /\d+\.\d+\.\d+/.exec(stdout ?? "")?.[0];
}
