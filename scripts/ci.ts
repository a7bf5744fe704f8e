/**
 * Runs all that must hold, step by step; goes on after a failure, and ends with one line that sums
 * up what passed and failed. What a step prints is shown when it fails; all of it is in `dist/ci/`.
 *
 *     .ci/run [--only word] [--seed number] [--count number]
 *
 * @module
 */
import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { hasOriginal } from "../tests/conformance/fuzz/original.ts";
import { hasLuaSocket } from "../tests/conformance/luasocket/reference.ts";
import { type Counts, countsOf, summary } from "./counts.ts";
import { run, top } from "./run.ts";
import { bunProgram, esbuildProgram, workerdProgram } from "./tools.ts";

/** One command, and how its output is read. */
interface Step {
  readonly name: string;
  readonly command: readonly string[];
  readonly env?: Record<string, string>;
  /** It counts nothing: to end well is all that it has to do. */
  readonly countsNothing?: true;
  /** How long it may take, if that is not `STEP_MINUTES`. */
  readonly minutes?: number;
}

const STEP_MINUTES = 10;
const logs = new URL("dist/ci/", top);
const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    seed: { type: "string", default: "1" },
    count: { type: "string", default: "500" },
  },
});

await rm(logs, { recursive: true, force: true });
await Deno.mkdir(logs, { recursive: true });
const total = { passed: 0, failed: 0 };
const failed: string[] = [];
for (const step of (await steps()).filter(({ name }) => name.includes(values.only))) {
  const counts = await take(step);
  total.passed += counts.passed;
  total.failed += counts.failed;
  if (counts.failed > 0) failed.push(step.name);
}
if (failed.length > 0) console.log(`Failed: ${failed.join(", ")}`);
console.log(summary(total));
Deno.exit(total.failed > 0 || total.passed === 0 ? 1 : 0);

/** What is done, in order. */
async function steps(): Promise<Step[]> {
  const deno = Deno.execPath();
  const task = (...args: string[]) => [deno, "task", ...args];
  const inLogs = (name: string) => fileURLToPath(new URL(name, logs));
  const denoTest = ["test", "-A", "--v8-flags=--expose-gc"];
  const bun = await bunProgram();
  const { seed, count } = values;
  const fuzz = ["--seed", seed, "--count", count];
  const luasocketFuzz = "tests/conformance/luasocket_fuzz.ts";
  const onAll = (name: string, program: string, ...args: string[]): Step[] => [
    { name: `${name} on Deno`, command: [deno, "run", "-A", program, ...args] },
    { name: `${name} on Bun`, command: [bun, program, ...args] },
    { name: `${name} on Node`, command: task("test:node", "24", "--run", program, "--", ...args) },
  ];
  return [
    {
      // The command of the README, with nothing in any cache.
      name: "test",
      command: ["npx", "-y", "deno@2.9.6", "task", "test"],
      env: { npm_config_cache: inLogs("npm"), DENO_DIR: inLogs("deno") },
      minutes: 20,
    },
    { name: "check", command: task("check") },
    { name: "check:package", command: task("check:package") },
    { name: "test:bun", command: task("test:bun"), minutes: 20 },
    { name: "test:node", command: task("test:node"), minutes: 40 },
    { name: "test:servers", command: task("test:servers") },
    { name: "test:servers on Bun", command: task("test:bun", "tests/servers") },
    { name: "test:servers on Node", command: task("test:node", "24", "tests/servers") },
    ...await onWorkers(),
    { name: "test:faults", command: [deno, ...denoTest, "tests/faults/"] },
    { name: "test:faults on Bun", command: task("test:bun", "tests/faults") },
    { name: "test:faults on Node", command: task("test:node", "24", "tests/faults") },
    ...onAll("soak", "tests/faults/soak.ts"),
    ...onAll("conformance:ngx", "tests/conformance/ngx.ts"),
    ...onAll("conformance:luasocket", "tests/conformance/luasocket.ts"),
    { name: "demo", command: task("demo"), countsNothing: true },
    ...fuzzing(),
    ...(hasLuaSocket() ? onAll(`fuzz:luasocket (seed ${seed})`, luasocketFuzz, ...fuzz) : []),
  ];
}

/** The core on Cloudflare's Workers, where what runs them can be had. */
async function onWorkers(): Promise<Step[]> {
  const name = "test:workerd";
  try {
    await Promise.all([workerdProgram(), esbuildProgram()]);
  } catch (error) {
    console.log(`${name}: skipped, ${(error as Error).message}`);
    return [];
  }
  return [{ name, command: [Deno.execPath(), "task", name] }];
}

/** Random conversations, against the original where it is installed. */
function fuzzing(): Step[] {
  const { seed, count } = values;
  const name = `fuzz:ngx (seed ${seed})`;
  if (!hasOriginal()) {
    console.log(`${name}: skipped, there is no nginx with the Lua module`);
    return [];
  }
  const args = ["--seed", seed, "--count", count, "--jobs", "16"];
  return [{ name, command: [Deno.execPath(), "task", "fuzz:ngx", ...args], minutes: 30 }];
}

/** Runs a step and tells of it; a step that counts no test has failed. */
async function take(step: Step): Promise<Counts> {
  const { name, command, env, countsNothing, minutes = STEP_MINUTES } = step;
  const startedMs = performance.now();
  // `timeout` ends what the command started, too.
  const limit = ["timeout", "--kill-after=10", `${minutes}m`];
  const { code, output } = await run([...limit, ...command], {
    cwd: top,
    env: { NO_COLOR: "1", ...env },
    quiet: true,
  });
  const said = countsNothing ? { passed: code === 0 ? 1 : 0, failed: 0 } : countsOf(output);
  const { passed, failed } = said ?? { passed: 0, failed: 0 };
  const lost = failed === 0 && (code !== 0 || passed === 0);
  const counts = { passed, failed: lost ? 1 : failed };
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  await Deno.writeTextFile(new URL(`${name.replace(/\W+/g, "-")}.log`, logs), output);
  if (counts.failed > 0) console.log(output.replace(/^/gm, "  | "));
  const why = code === 124 ? `, not done in ${minutes} minutes` : `, ended with ${code}`;
  console.log(`${name}: ${summary(counts)} in ${seconds} s${code === 0 ? "" : why}`);
  return counts;
}
