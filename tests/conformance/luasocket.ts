/**
 * Plays scenarios against our `./luasocket` and compares with what LuaSocket answered.
 *
 *     deno run -A tests/conformance/luasocket.ts [--only id,id] [--jobs n] [file...]
 *
 * Runs under Bun and Node as well. Without a file it takes all that was recorded.
 * Exits with 1 if something differs.
 */

import process from "node:process";
import { parseArgs } from "node:util";
import { loadScenarios, RECORDED, runScenarios } from "./luasocket/run_scenarios.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: "string" }, jobs: { type: "string", default: "4" } },
});
const files = positionals.length === 0 ? RECORDED : positionals;
const ids = values.only?.split(",");
const scenarios = files.flatMap((file) => loadScenarios(file))
  .filter((it) => ids === undefined || ids.includes(it.id));
const outcomes = await runScenarios(scenarios, { jobs: Number(values.jobs) });
const failed = outcomes.filter((it) => it.status === "failed");
for (const { id, detail } of failed) console.log(`${id}\n  ${detail.replaceAll("\n", "\n  ")}`);
console.log(`${outcomes.length - failed.length} passed, ${failed.length} failed`);
// What a failed script left behind must not hold the process.
process.exit(failed.length === 0 ? 0 : 1);
