/**
 * Where we answer differently on purpose (a letter of the design's list), or
 * because a runtime cannot do better (a program that shows it).
 */

import { readFileSync } from "node:fs";
import type { Result, Scenario } from "./scenario.ts";

export type Deviation = Reason & {
  readonly why: string;
  readonly expect: readonly Result[];
  readonly expect_in?: readonly unknown[];
};

type Reason =
  /** Of the list of deviations from OpenResty. */
  | { readonly letter: string }
  /** A program in `tests/runtime_limits/`, and who is limited; all if none is named. */
  | { readonly limit: string; readonly runtimes?: readonly RuntimeName[] };

export type RuntimeName = "bun" | "deno" | "node";

export type Expectation = {
  readonly results: readonly Result[];
  /** What each connection of the first server received, if that matters. */
  readonly received: readonly unknown[] | undefined;
};

/** By scenario id. */
export const DEVIATIONS: Readonly<Record<string, Deviation>> = JSON.parse(
  readFileSync(new URL("deviations.json", import.meta.url), "utf8"),
);

/** What the original answers, in its newest form. */
export function original(scenario: Scenario): Expectation {
  return {
    results: scenario.expect_head ?? scenario.expect ?? [],
    received: scenario.expect_in,
  };
}

/** What we have to answer. */
export function expectation(scenario: Scenario): Expectation {
  const deviation = DEVIATIONS[scenario.id];
  if (!deviation || !applies(deviation)) return original(scenario);
  return {
    results: deviation.expect,
    received: deviation.expect_in ?? scenario.expect_in,
  };
}

function applies(deviation: Deviation): boolean {
  if (!("limit" in deviation) || !deviation.runtimes) return true;
  return deviation.runtimes.includes(runtimeName());
}

function runtimeName(): RuntimeName {
  if ("Deno" in globalThis) return "deno";
  return "Bun" in globalThis ? "bun" : "node";
}
