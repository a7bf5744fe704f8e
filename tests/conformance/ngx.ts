/**
 * Plays scenarios against our `ngx` and compares with what OpenResty answered.
 *
 *     deno run -A tests/conformance/ngx.ts [--only id,id] [--jobs n] [file...]
 *
 * Runs under Bun and Node as well. Without a file it takes all that was recorded.
 * Exits with 1 if something differs, with 2 if called wrongly.
 */

import process from "node:process";
import { parseArgs } from "node:util";
import { type Outcome, runScenarios } from "./run_scenarios.ts";
import { loadScenarios, RECORDED, type Scenario } from "./scenario.ts";

export { runScenarios };

type Choice = { scenarios: Scenario[]; jobs: number };

/** @throws If the arguments make no sense. */
function choose(): Choice {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { only: { type: "string" }, jobs: { type: "string", default: "8" } },
  });
  const jobs = Number(values.jobs);
  if (!Number.isInteger(jobs) || jobs < 1) throw new RangeError(`Bad number: "${values.jobs}"`);
  const files = positionals.length === 0 ? RECORDED : positionals;
  const scenarios = files.flatMap((file) => loadScenarios(file));
  if (values.only === undefined) return { scenarios, jobs };
  const ids = values.only.split(",");
  const unknown = ids.filter((id) => !scenarios.some((it) => it.id === id));
  if (unknown.length > 0) throw new RangeError(`No such scenario: ${unknown.join(", ")}`);
  return { scenarios: scenarios.filter((it) => ids.includes(it.id)), jobs };
}

function chooseOrExit(): Choice {
  try {
    return choose();
  } catch (error) {
    console.error(`${error}\nUsage: ngx.ts [--only id,id] [--jobs n] [file...]`);
    process.exit(2);
  }
}

/** Returns the exit status. */
function print(outcomes: readonly Outcome[]): number {
  const of = (status: Outcome["status"]) => outcomes.filter((it) => it.status === status);
  for (const { id, detail } of of("failed")) {
    console.log(`${id}\n  ${detail.replaceAll("\n", "\n  ")}`);
  }
  for (const reason of new Set(of("skipped").map((it) => it.detail))) {
    const ids = of("skipped").filter((it) => it.detail === reason).map((it) => it.id);
    console.log(`skipped, ${reason}: ${ids.join(" ")}`);
  }
  const again = outcomes.filter((it) => it.status === "passed" && it.firstTry !== undefined);
  if (again.length > 0) console.log(`second try, alone: ${again.map((it) => it.id).join(" ")}`);
  const count = (status: Outcome["status"]) => `${of(status).length} ${status}`;
  console.log(`${count("passed")}, ${count("failed")}, ${count("skipped")}`);
  return of("failed").length === 0 ? 0 : 1;
}

if (import.meta.main) {
  const { scenarios, jobs } = chooseOrExit();
  // What a failed script left behind must not hold the process.
  process.exit(print(await runScenarios(scenarios, { jobs })));
}
