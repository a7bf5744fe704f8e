/** Every recorded scenario as a test: our `ngx` against what OpenResty answered. */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { type Deviation, DEVIATIONS, original } from "./deviations.ts";
import { runScenarios } from "./ngx.ts";
import { same } from "./same.ts";
import { loadScenarios, RECORDED } from "./scenario.ts";

const scenarios = RECORDED.flatMap((file) => loadScenarios(file));

// Played before the tests are named, side by side: one by one they take minutes,
// and a test that waits for all the others would be stopped as too slow.
const outcomes = await runScenarios(scenarios);

for (const { id, status, detail } of outcomes) {
  test(`ngx plays "${id}" as OpenResty does`, { skip: status === "skipped" && detail }, () => {
    assert.equal(status, "passed", detail);
  });
}

for (const [id, deviation] of Object.entries(DEVIATIONS)) {
  test(`the deviation in "${id}" differs from the original and says why`, () => {
    const scenario = scenarios.find((it) => it.id === id);
    assert.ok(scenario, "no such scenario");
    assert.ok(hasReason(deviation), "neither a letter of the list nor a program that shows it");
    assert.notEqual(deviation.why, "");
    const { results, received } = original(scenario);
    const isAsOriginal = same(results, deviation.expect) &&
      (deviation.expect_in === undefined || same(received, deviation.expect_in));
    assert.equal(isAsOriginal, false);
  });
}

function hasReason(deviation: Deviation): boolean {
  if ("letter" in deviation) return /^[a-h]$/.test(deviation.letter);
  return existsSync(new URL(`../runtime_limits/${deviation.limit}.ts`, import.meta.url));
}
