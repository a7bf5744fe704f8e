/** Every recorded scenario as a test: our `./luasocket` against what LuaSocket answered. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { sameResults } from "./luasocket/matches.ts";
import { DEVIATIONS, loadScenarios, RECORDED, runScenarios } from "./luasocket/run_scenarios.ts";

const scenarios = RECORDED.flatMap((file) => loadScenarios(file));

// Played before the tests are named, side by side: one by one they take long.
const outcomes = await runScenarios(scenarios);

for (const { id, status, detail } of outcomes) {
  test(`luasocket plays "${id}" as LuaSocket does`, () => {
    assert.equal(status, "passed", detail);
  });
}

const head = readFileSync(new URL("../../src/faces/luasocket/mod.ts", import.meta.url), "utf8");

for (const [id, { letter, why, expect }] of Object.entries(DEVIATIONS)) {
  test(`the deviation in "${id}" differs from the original and is in the list`, () => {
    const scenario = scenarios.find((it) => it.id === id);
    assert.ok(scenario, "no such scenario");
    assert.ok(head.includes(` * - (${letter}) `), "no letter of the list");
    assert.notEqual(why, "");
    const isAsOriginal = expect.every((it, at) => sameResults(scenario.expect[at]!, it));
    assert.equal(isAsOriginal, false);
  });
}
