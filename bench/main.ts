/**
 * Measures the library beside what it stands on, what it is made after, and what people use today:
 * the raw runtimes, OpenResty's cosocket and LuaSocket where they are installed, and packages of
 * npm, which are installed in `.tools/bench/` for it.
 *
 *     deno task bench [--runtime deno,bun,node] [--case ping,lines] [--contestant raw,core]
 *                     [--seconds 600 | --slices 20] [--held 10000] [--before folder]
 *                     [--json file] [--record]
 *
 * A client runs on one core and its server on another; each has a process of its own. A table
 * tells, for each contestant, its rate, the CPU time that the client needs, and both compared with
 * the raw runtime: the median over the rounds, and the quartiles. `--seconds` is roughly the time
 * of the whole run, `--slices` the number of rounds of 200 ms. `--held` is how many connections are
 * held to see what one takes. `--before` names another checkout of the project, to tell what a
 * change has done: both are measured side by side. `--record` measures all, and writes
 * `bench/results.json` and `bench/chart.svg`. Figures of a machine that is busy with other things
 * are worth little; the CPU time suffers least.
 *
 * @module
 */
import { cpus } from "node:os";
import { resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { CASES } from "./cases.ts";
import { drawChart } from "./chart.ts";
import type { Held } from "./contest.ts";
import { CONTESTANTS, contestantsOn, needPackages } from "./contestants.ts";
import { type Effort, type Figures, knowledgeOf, measure } from "./measure.ts";
import { type HeldFigures, holdable, measureHeld } from "./memory.ts";
import { installPackages } from "./packages.ts";
import { canPin } from "./program.ts";
import { caseTable, heldTable, loadsTable, startTable, targetTable } from "./report.ts";
import { type About, recorded } from "./results.ts";
import { findRuntime, type RuntimeName, RUNTIMES, thisRuntime } from "./runtimes.ts";
import { type LoadFigures, measureLoads, measureStart, type StartFigures } from "./startup.ts";
import { judged } from "./targets.ts";
import { writeFormatted } from "./write_formatted.ts";

const HELD: readonly Held[] = ["idle", "active"];
const ALL = [...CASES.map(({ name }) => name), ...HELD, "start", "loads"];
const SLICE_MS = 200;
const MOST_SLICES = 20;
const LEAST_SLICES = 3;
const STARTS = 15;
// What starting and warming one contestant up takes, and all that is no case.
const OVERHEAD_MS = 600;
const OTHERS_MS = 90_000;

const { values } = parseArgs({
  options: {
    runtime: { type: "string", default: RUNTIMES.join() },
    case: { type: "string", default: ALL.join() },
    contestant: { type: "string", default: CONTESTANTS.join() },
    seconds: { type: "string", default: "600" },
    slices: { type: "string" },
    held: { type: "string", default: "1000" },
    before: { type: "string" },
    json: { type: "string" },
    record: { type: "boolean", default: false },
  },
});

const names = chosen("runtime", values.runtime, RUNTIMES) as RuntimeName[];
const wanted = new Set(chosen("case", values.case, ALL));
const kinds = chosen("contestant", values.contestant, CONTESTANTS);
const cases = CASES.filter(({ name }) => wanted.has(name));
if (values.record && (wanted.size < ALL.length || kinds.length < CONTESTANTS.length)) {
  throw new Error("--record is for all cases and contestants");
}

const runtimes = [];
for (const name of names) runtimes.push(await findRuntime(name));
if (needPackages(kinds)) await installPackages();
if (wanted.has("loads") || (wanted.has("start") && names.some((name) => name !== "deno"))) {
  progress("packs the package");
  const { pack } = await import("../scripts/pack.ts");
  await pack();
}
const contestants = contestantsOn(runtimes, kinds, {
  host: thisRuntime(),
  before: values.before && resolve(values.before),
});
progress("asks all what they know");
const knowledge = await knowledgeOf(contestants);
const who = (name: string, work: string) =>
  contestants.filter((one) =>
    knowledge.get(one)!.has(work) && (one.only === undefined || one.only.includes(name))
  );
// Node writes fastest.
const host = runtimes.find(({ name }) => name === "node") ?? thisRuntime();
const effort = effortOf(cases.reduce((sum, { name, work }) => sum + who(name, work).length, 0));

const about: About = {
  date: new Date().toISOString(),
  cpu: cpus()[0]?.model ?? "unknown",
  cores: cpus().length,
  pinned: canPin(),
  runtimes: Object.fromEntries(runtimes.map(({ name, version }) => [name, version])),
  slices: effort.slices,
  sliceMs: effort.sliceMs,
  heldConnections: holdable(whole("held", values.held)),
};
progress("");
console.log(
  `${runtimes.map(({ name, version }) => `${name} ${version}`).join(", ")}; ` +
    `${about.cpu}, ${about.cores} cores${about.pinned ? "" : ", not pinned"}; ` +
    `${effort.slices} slices of ${effort.sliceMs} ms\n`,
);

const found = {
  cases: {} as Record<string, Figures[]>,
  held: {} as Partial<Record<Held, HeldFigures[]>>,
  start: [] as StartFigures[],
  loads: [] as LoadFigures[],
};
for (const [at, it] of cases.entries()) {
  // The server has all of them at once.
  const connections = (it.connections ?? 1) * who(it.name, it.work).length + (it.crowd ?? 0);
  if (connections > holdable(connections)) {
    show(`${it.name}: left out, since it needs more descriptors than "ulimit -n" allows\n`);
    continue;
  }
  const tell = (what: string) => progress(`${at + 1}/${cases.length} ${it.name}: ${what}`);
  const figures = await measure(it, who(it.name, it.work), effort, host, tell);
  found.cases[it.name] = figures;
  show(caseTable(it, figures));
}
for (const held of HELD.filter((name) => wanted.has(name))) {
  const tell = (what: string) => progress(`${held}: ${what}`);
  const figures = await measureHeld(held, who(held, "hold"), about.heldConnections, host, tell);
  found.held[held] = figures;
  show(heldTable(held, about.heldConnections, figures));
}
if (wanted.has("start")) {
  found.start = await measureStart(runtimes, STARTS, host, (what) => progress(`start: ${what}`));
  show(startTable(found.start));
}
if (wanted.has("loads")) {
  found.loads = measureLoads();
  show(loadsTable(found.loads));
}
const verdicts = judged(found);
if (verdicts.length > 0) console.log(targetTable(verdicts));

const record = recorded(about, found, verdicts);
const text = JSON.stringify(record);
if (values.json !== undefined) writeFormatted(values.json, text);
if (values.record) {
  writeFormatted(fileURLToPath(new URL("results.json", import.meta.url)), text);
  drawChart(record);
}

/** As many rounds as the time allows. */
function effortOf(pairs: number): Effort {
  const ms = whole("seconds", values.seconds) * 1000 - (wanted.has("idle") ? OTHERS_MS : 0);
  const fit = Math.floor((ms / Math.max(pairs, 1) - OVERHEAD_MS) / SLICE_MS);
  const slices = values.slices === undefined
    ? Math.min(Math.max(fit, LEAST_SLICES), MOST_SLICES)
    : whole("slices", values.slices);
  return { slices, sliceMs: SLICE_MS, warmUpMs: 300 };
}

function whole(option: string, text: string): number {
  const figure = Number(text);
  if (Number.isInteger(figure) && figure > 0) return figure;
  throw new Error(`--${option} must be a whole number above 0, not "${text}"`);
}

function chosen(option: string, list: string, known: readonly string[]): string[] {
  const picked = list.split(",");
  const unknown = picked.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new Error(`--${option} knows ${known.join(", ")}, not ${unknown.join(", ")}`);
  }
  return picked;
}

function show(table: string): void {
  progress("");
  console.log(table);
}

/** One line that is written over, on a terminal; else a line each. */
function progress(what: string): void {
  const { stderr } = process;
  if (stderr.isTTY) stderr.write(`\r\x1b[K${what}`);
  else if (what !== "") stderr.write(`${what}\n`);
}
