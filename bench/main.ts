/**
 * Measures the library beside what it stands on and what it is made after: the raw runtimes, and
 * OpenResty's cosocket where nginx has its Lua module.
 *
 *     deno task bench [--runtime deno,bun,node] [--case ping,lines] [--contestant raw,core]
 *                     [--seconds 150 | --full] [--before folder] [--json file]
 *
 * A client runs on one core and its server on another; each has a process of its own. A table
 * tells, for each contestant, its rate, the CPU time that the client needs, and both compared with
 * the raw runtime: the median over the rounds, and the quartiles. `--seconds` is roughly the time
 * of the whole run; `--full` takes as long as twenty rounds of all cases do. `--before` names another
 * checkout of the project, to tell what a change has done: both are measured side by side. Figures
 * of a machine that is busy with other things are worth little; the CPU time suffers least.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { resolve } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { CASES } from "./cases.ts";
import { CONTESTANTS, contestantsOn } from "./contestants.ts";
import { type Effort, measure } from "./measure.ts";
import { measureIdle } from "./memory.ts";
import { canPin } from "./program.ts";
import { caseTable, idleTable } from "./report.ts";
import { findRuntime, type RuntimeName, RUNTIMES, thisRuntime } from "./runtimes.ts";

const IDLE = "idle";
const IDLE_CONNECTIONS = 1000;
const SLICE_MS = 200;
const FULL_SLICES = 20;
const LEAST_SLICES = 3;
// What starting and warming one contestant up takes.
const OVERHEAD_MS = 600;

const { values } = parseArgs({
  options: {
    runtime: { type: "string", default: RUNTIMES.join() },
    case: { type: "string", default: [...CASES.map(({ name }) => name), IDLE].join() },
    contestant: { type: "string", default: CONTESTANTS.join() },
    seconds: { type: "string", default: "150" },
    full: { type: "boolean", default: false },
    before: { type: "string" },
    json: { type: "string" },
  },
});

const names = chosen("runtime", values.runtime, RUNTIMES) as RuntimeName[];
const cases = chosen("case", values.case, [...CASES.map(({ name }) => name), IDLE]);
const kinds = chosen("contestant", values.contestant, CONTESTANTS);

const runtimes = [];
for (const name of names) runtimes.push(await findRuntime(name));
const contestants = contestantsOn(runtimes, kinds, {
  host: thisRuntime(),
  before: values.before && resolve(values.before),
});
// Node writes fastest.
const host = runtimes.find(({ name }) => name === "node") ?? thisRuntime();
const effort = effortOf(contestants.length * cases.filter((name) => name !== IDLE).length);

const about = {
  date: new Date().toISOString(),
  cpu: cpus()[0]?.model ?? "unknown",
  cores: cpus().length,
  pinned: canPin(),
  runtimes: Object.fromEntries(runtimes.map(({ name, version }) => [name, version])),
  ...effort,
};
console.log(
  `${runtimes.map(({ name, version }) => `${name} ${version}`).join(", ")}; ` +
    `${about.cpu}, ${about.cores} cores${about.pinned ? "" : ", not pinned"}; ` +
    `${effort.slices} slices of ${effort.sliceMs} ms\n`,
);

const results: Record<string, unknown> = {};
for (const it of CASES.filter(({ name }) => cases.includes(name))) {
  const tell = (what: string) => progress(`${it.name}: ${what}`);
  const figures = await measure(it, contestants, effort, host, tell);
  results[it.name] = figures;
  progress("");
  console.log(caseTable(it, figures));
}
if (cases.includes(IDLE)) {
  const tell = (what: string) => progress(`${IDLE}: ${what}`);
  const figures = await measureIdle(contestants, IDLE_CONNECTIONS, host, tell);
  results[IDLE] = figures;
  progress("");
  console.log(idleTable(IDLE_CONNECTIONS, figures));
}
if (values.json !== undefined) {
  writeFileSync(values.json, JSON.stringify({ about, results }, null, 2) + "\n");
}

/** As many rounds as the time allows. */
function effortOf(pairs: number): Effort {
  const ms = Number(values.seconds) * 1000;
  if (!(ms > 0)) throw new Error(`--seconds must be a number above 0, not "${values.seconds}"`);
  const fit = Math.floor((ms / Math.max(pairs, 1) - OVERHEAD_MS) / SLICE_MS);
  const slices = values.full ? FULL_SLICES : Math.min(Math.max(fit, LEAST_SLICES), FULL_SLICES);
  return { slices, sliceMs: SLICE_MS, warmUpMs: 300 };
}

function chosen(option: string, list: string, known: readonly string[]): string[] {
  const wanted = list.split(",");
  const unknown = wanted.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new Error(`--${option} knows ${known.join(", ")}, not ${unknown.join(", ")}`);
  }
  return wanted;
}

/** One line that is written over, on a terminal; else a line each. */
function progress(what: string): void {
  const { stderr } = process;
  if (stderr.isTTY) stderr.write(`\r\x1b[K${what}`);
  else if (what !== "") stderr.write(`${what}\n`);
}
