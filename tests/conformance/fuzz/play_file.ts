/**
 * Plays a file of scenarios on the runtime at hand, and writes down what came of each.
 *
 *     deno run -A tests/conformance/fuzz/play_file.ts scenarios.json outcomes.json
 */

import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { runScenarios } from "../run_scenarios.ts";

const [from, to] = process.argv.slice(2);
if (from === undefined || to === undefined) throw new TypeError("Cannot play: no files");
const { scenarios, jobs } = JSON.parse(readFileSync(from, "utf8"));
writeFileSync(to, JSON.stringify(await runScenarios(scenarios, { jobs })));
// What a failed script left behind must not hold the process.
process.exit(0);
