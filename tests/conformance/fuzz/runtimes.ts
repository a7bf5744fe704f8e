/** Our answers, on each runtime. */

import { fileURLToPath } from "node:url";
import { run, top } from "../../../scripts/run.ts";
import { bunProgram } from "../../../scripts/tools.ts";
import type { Outcome } from "../run_scenarios.ts";
import type { Scenario } from "../scenario.ts";

/** How a program of ours is started. */
const COMMANDS = {
  deno: () => [Deno.execPath(), "run", "-A"],
  bun: async () => [await bunProgram()],
  // With the packed package in place of the sources.
  node: () => [Deno.execPath(), "run", "-A", "scripts/test_node.ts", "24", "--run"],
} as const;

export type RuntimeName = keyof typeof COMMANDS;

export const RUNTIMES = Object.keys(COMMANDS) as readonly RuntimeName[];

/** Plays recorded scenarios on a runtime. */
export async function playOn(
  runtime: RuntimeName,
  scenarios: readonly Scenario[],
  jobs: number,
): Promise<Outcome[]> {
  if (scenarios.length === 0) return [];
  const folder = await Deno.makeTempDir({ prefix: "cosocket-fuzz-" });
  const [from, to] = [`${folder}/scenarios.json`, `${folder}/outcomes.json`];
  try {
    await Deno.writeTextFile(from, JSON.stringify({ scenarios, jobs }));
    const program = fileURLToPath(new URL("play_file.ts", import.meta.url));
    const command = [...await COMMANDS[runtime](), program, from, to];
    const { code, output } = await run(command, { cwd: top, quiet: true });
    if (code !== 0) throw new Error(`Cannot play on ${runtime}: it ended with ${code}\n${output}`);
    return JSON.parse(await Deno.readTextFile(to));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
