/** The benchmark itself: that it runs and gives figures, not which. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { CASES } from "../bench/cases.ts";
import { contestantsOn } from "../bench/contestants.ts";
import { type Figures, measure } from "../bench/measure.ts";
import { caseTable, withUnit } from "../bench/report.ts";
import { thisRuntime } from "../bench/runtimes.ts";
import { spread } from "../bench/statistics.ts";

test("a measurement gives finite, positive figures for each contestant", async () => {
  const runtime = thisRuntime();
  const lines = CASES.find(({ name }) => name === "lines")!;
  const contestants = contestantsOn([runtime], ["raw", "core"]);
  const effort = { slices: 3, sliceMs: 20, warmUpMs: 20 };
  const all = await measure(lines, contestants, effort, runtime);
  assert.deepEqual(all.map(({ title }) => title), [`${runtime.name} raw`, `${runtime.name} core`]);
  for (const figures of all) assertSound(figures);
  const [raw, core] = all;
  assert.equal(raw!.rateToRaw, undefined);
  assert.ok(core!.rateToRaw!.lower <= core!.rateToRaw!.median);
  assert.ok(core!.rateToRaw!.median <= core!.rateToRaw!.upper);
  const table = caseTable(lines, all);
  for (const { title } of all) assert.match(table, new RegExp(`^  ${title} +[\\d.]+ .?/s`, "m"));
});

function assertSound({ title, rate, cpuNanos, slices }: Figures): void {
  for (const [name, figure] of Object.entries({ rate, cpuNanos })) {
    const { median } = figure;
    assert.ok(Number.isFinite(median) && median > 0, `${title}: ${name} is ${median}`);
  }
  assert.equal(slices.length, 3);
}

test("a spread is made of the quartiles", () => {
  assert.deepEqual(spread([4, 1, 3, 2, 5]), { median: 3, lower: 2, upper: 4 });
  assert.deepEqual(spread([1, 2]), { median: 1.5, lower: 1.25, upper: 1.75 });
  assert.deepEqual(spread([7]), { median: 7, lower: 7, upper: 7 });
});

const figures = [
  { figure: 7.25e9, unit: "B/s", text: "7.25 GB/s" },
  { figure: 12_345_678, unit: "/s", text: "12.3 M/s" },
  { figure: 999, unit: "/s", text: "999 /s" },
  { figure: 62.14e-9, unit: "s", text: "62.1 ns" },
  { figure: 0, unit: "/s", text: "0 /s" },
];
for (const { figure, unit, text } of figures) {
  test(`${figure} is written as "${text}"`, () => assert.equal(withUnit(figure, unit), text));
}
