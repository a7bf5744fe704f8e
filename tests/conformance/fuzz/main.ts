/**
 * Random conversations, played against the original and against us: what differs is shown, made
 * smaller, and kept as a file that `deno task conformance:ngx` plays.
 *
 *     deno task fuzz:ngx [--seed n] [--count n] [--runtime deno,bun,node] [--jobs n]
 *         [--against recorded.json] [--save recorded.json]
 *
 * `--save` keeps what the original answered, and `--against` needs no original then. Each seed is
 * one conversation: `--seed n --count 1` plays it again.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { summary } from "../../../scripts/counts.ts";
import { top } from "../../../scripts/run.ts";
import { scenarioText } from "../oracle/scenario_text.ts";
import type { Outcome } from "../run_scenarios.ts";
import { loadScenarios, type Op, type Scenario } from "../scenario.ts";
import { generate } from "./generate.ts";
import { isKeptAfterFailure } from "./kept_after_failure.ts";
import { type Answers, hasOriginal, record } from "./original.ts";
import { playOn, type RuntimeName, RUNTIMES } from "./runtimes.ts";
import { shrink } from "./shrink.ts";
import { tellsOfRefusal } from "./tells_of_refusal.ts";
import { undetermined } from "./world_model.ts";

/** As many are recorded and played at a time. */
const BATCH = 500;
/** As many differences of a runtime are made smaller. */
const MOST_SHRUNK = 3;

const kept = new URL("dist/fuzz/", top);
const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    count: { type: "string", default: "100" },
    runtime: { type: "string", default: RUNTIMES.join(",") },
    jobs: { type: "string", default: "8" },
    against: { type: "string" },
    save: { type: "string" },
  },
});
const [seed, count, jobs] = [values.seed, values.count, values.jobs].map(Number) as Numbers;
type Numbers = [number, number, number];
const runtimes = values.runtime.split(",") as RuntimeName[];
const isWrong = ![seed, count, jobs].every(Number.isInteger) || count < 1 || jobs < 1 ||
  !runtimes.every((it) => RUNTIMES.includes(it));
if (isWrong) {
  console.error("Usage: deno task fuzz:ngx [--seed n] [--count n] [--runtime deno,bun,node]");
  Deno.exit(2);
}
if (values.against === undefined && !hasOriginal()) {
  console.error("Cannot fuzz: there is no nginx with the Lua module");
  Deno.exit(2);
}

const counts = new Map(
  runtimes.map((it) => [it, { same: 0, different: 0, again: 0, deviating: 0, limited: 0 }]),
);
const all: Scenario[] = [];
let unsteady = 0;
const scenarios = values.against === undefined
  ? Array.from({ length: count }, (_, at) => generate(seed + at))
  : loadScenarios(values.against);
for (let at = 0; at < scenarios.length; at += BATCH) {
  await playBatch(scenarios.slice(at, at + BATCH));
}
if (values.save !== undefined) await Deno.writeTextFile(values.save, scenarioText(all));

const what = values.against ?? `seeds ${seed} to ${seed + count - 1}`;
const ops = scenarios.reduce((sum, { client }) => sum + opsIn(client), 0);
console.log(`${scenarios.length} conversations, ${ops} ops, ${what}`);
if (unsteady > 0) console.log(`  ${unsteady} to which the original gave more than one answer`);
const total = { passed: 0, failed: unsteady };
for (const [runtime, { same, different, again, deviating, limited }] of counts) {
  const tries = again > 0 ? ` (${again} not before a second try, alone)` : "";
  const left = (deviating > 0 ? `, ${deviating} by deviation (c)` : "") +
    (limited > 0 ? `, ${limited} by what the runtime does not tell` : "");
  console.log(`  ${runtime}: ${same} the same${tries}${left}, ${different} different`);
  total.passed += same;
  total.failed += different;
}
console.log(summary(total));
Deno.exit(total.failed === 0 ? 0 : 1);

async function playBatch(batch: readonly Scenario[]): Promise<void> {
  const answers: Answers = values.against === undefined
    ? await record(batch, jobs)
    : { recorded: batch, unsteady: [] };
  for (const { scenario, fault } of answers.unsteady) {
    unsteady++;
    console.log(`${scenario.id}: the original gives more than one answer\n${fault}`);
    await keep(scenario, "unsteady");
  }
  all.push(...answers.recorded);
  for (const runtime of runtimes) {
    const outcomes = await playOn(runtime, answers.recorded, jobs);
    for (const outcome of outcomes) await take(runtime, outcome, answers.recorded);
  }
}

/** Counts an outcome, and looks into it if it is a difference. */
async function take(
  runtime: RuntimeName,
  { id, status, detail, firstTry }: Outcome,
  recorded: readonly Scenario[],
): Promise<void> {
  const count = counts.get(runtime)!;
  if (status === "passed") {
    count.same++;
    if (firstTry !== undefined) count.again++;
    return;
  }
  const scenario = recorded.find((it) => it.id === id)!;
  if (isKeptAfterFailure(scenario)) {
    count.deviating++;
    return;
  }
  if (runtime === "deno" && tellsOfRefusal(scenario)) {
    count.limited++;
    return;
  }
  if (values.against === undefined && await isBusyness(runtime, scenario)) {
    count.same++;
    count.again++;
    return;
  }
  count.different++;
  console.log(`${id} differs on ${runtime}\n  ${detail.replaceAll("\n", "\n  ")}`);
  await keep(scenario, runtime);
  if (values.against !== undefined || count.different > MOST_SHRUNK) return;
  const small = await smallest(runtime, scenario, detail);
  console.log(`made smaller:\n${scenarioText([small])}`);
  await keep({ ...small, id: `${id}-small` }, runtime);
}

/** Whether a difference goes away with an answer that the original gives alone. */
async function isBusyness(runtime: RuntimeName, scenario: Scenario): Promise<boolean> {
  const { expect: _, expect_in: __, ...script } = scenario;
  const { recorded } = await record([script], 1);
  const [outcome] = await playOn(runtime, recorded, 1);
  return outcome?.status === "passed";
}

/** The smallest that still differs, with what the original answers. */
async function smallest(
  runtime: RuntimeName,
  scenario: Scenario,
  detail: string,
): Promise<Scenario> {
  const answered = new Map<string, Scenario>();
  const fails = async (candidates: readonly Scenario[]) => {
    const { recorded } = await record(candidates, candidates.length);
    // What ops return is enough, where it is enough: what the peer has received takes time.
    const some = isReturned ? recorded.map(({ expect_in: _, ...rest }) => rest) : recorded;
    for (const it of recorded) answered.set(keyOf(it), it);
    const outcomes = await playOn(runtime, some, candidates.length);
    const failed = new Set(outcomes.filter((it) => it.status === "failed").map((it) => it.id));
    return candidates.map((it) => failed.has(it.id));
  };
  // Nothing behind the first difference matters.
  const [, first] = /^op (\d+) /m.exec(detail) ?? [];
  const isReturned = first !== undefined;
  const { expect: _, expect_in: __, ...script } = scenario;
  const cut = { ...script, client: script.client.slice(0, isReturned ? Number(first) : undefined) };
  const isEnough = undetermined(cut) === undefined && (await fails([cut]))[0];
  const small = await shrink(isEnough ? cut : script, fails);
  return answered.get(keyOf(small)) ?? scenario;
}

function keyOf({ client, server, udp, conf }: Scenario): string {
  return JSON.stringify([client, server, udp, conf]);
}

async function keep(scenario: Scenario, why: string): Promise<void> {
  await Deno.mkdir(kept, { recursive: true });
  const file = new URL(`${scenario.id}-${why}.json`, kept);
  await Deno.writeTextFile(file, scenarioText([scenario]));
  console.log(`kept in ${fileURLToPath(file)}`);
}

/** Also those of threads. */
function opsIn(ops: readonly Op[]): number {
  return ops.reduce((sum, [head, given]) => {
    return sum + 1 + (head.startsWith("spawn") ? opsIn(given as readonly Op[]) : 0);
  }, 0);
}
