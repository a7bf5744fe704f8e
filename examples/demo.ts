/**
 * Shows the library at work, step by step: what is called, what comes back, how long it took.
 *
 *     deno task demo                  talks to a server of its own
 *     deno task demo example.com:80   talks to that HTTP server
 *
 * Ends with status 0 only if every step gave what it should.
 *
 * @module
 */

import process from "node:process";
import { Screen } from "./demo/print.ts";
import type { Stage, Step } from "./demo/stage.ts";
import { FIRST, STEPS } from "./demo/steps.ts";

const [given] = process.argv.slice(2);
const startMs = performance.now();
const stage: Stage = {
  screen: new Screen(),
  target: given ?? "",
  server: undefined,
  sock: undefined,
  head: { status: "", headers: new Map() },
};
const { screen } = stage;
const failed: string[] = [];
let leftOut = 0;

screen.say("A socket in straight lines: each step shows what is called and what comes back.");
if (given === undefined) await take(FIRST);
else screen.leftOut(FIRST.title, `since we talk to ${given}`);
for (const step of STEPS) {
  const why = whyNot(step);
  if (why === undefined) {
    await take(step);
  } else {
    screen.leftOut(step.title, why);
    leftOut++;
  }
}
stage.sock?.close();
await stage.server?.close();

const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
const left = leftOut > 0 ? `, ${leftOut} left out` : "";
if (failed.length === 0) {
  screen.verdict(true, `Every step gave what it should${left} (${seconds} s)`);
} else {
  screen.verdict(false, `Not as they should be${left}: ${failed.join("; ")}`);
  process.exitCode = 1;
}

async function take(step: Step): Promise<void> {
  screen.step(step.title);
  try {
    await step.run(stage);
  } catch (error) {
    screen.wrong(error);
    failed.push(step.title);
    // What was to follow on this connection would only fail, too.
    stage.sock?.close();
    stage.sock = undefined;
  }
}

function whyNot({ needs }: Step): string | undefined {
  if (stage.target === "") return "for want of a server";
  if (needs === "connection" && !stage.sock) return "for want of a connection";
  if (needs === "own server" && !stage.server) return "it needs the server of the demonstration";
  return undefined;
}
