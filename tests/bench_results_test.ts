/** What is made of the figures of the benchmark: judgements, files, comparisons and the chart. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { CASES } from "../bench/cases.ts";
import { chart } from "../bench/chart.ts";
import { compared, comparisonText } from "../bench/compare.ts";
import type { Figures, SliceFigures } from "../bench/measure.ts";
import { type CaseRecord, type Recorded, recorded, type Results } from "../bench/results.ts";
import { spread } from "../bench/statistics.ts";
import { judged } from "../bench/targets.ts";
import { delimiterOf, unitOf } from "../bench/wire.ts";

const NOTHING: Results = { cases: {}, held: {}, start: [], loads: [] };

const ABOUT = {
  date: "2026-01-01T00:00:00.000Z",
  cpu: "a CPU",
  cores: 2,
  pinned: true,
  runtimes: { node: "24.0.0" },
  slices: 3,
  sliceMs: 200,
  heldConnections: 1000,
};

/** A contestant whose operations take so many nanoseconds of CPU time, round by round. */
function figures(title: string, nanos: readonly number[]): Figures {
  const slices: SliceFigures[] = nanos.map((it) => ({
    operations: 1e6,
    bytes: 64e6,
    cpuMicros: it * 1e3,
    micros: it * 2e3,
  }));
  const [runtime, name = title] = title.split(" ");
  return {
    title,
    name,
    runtime: name === title ? undefined : runtime,
    rate: spread(nanos.map((it) => 5e8 / it)),
    cpuNanos: spread(nanos),
    rateToRaw: undefined,
    economyToRaw: undefined,
    slices,
  };
}

test("a target is judged by the median of what the rounds give", () => {
  const lines = [figures("node core", [50, 80, 100]), figures("OpenResty", [100, 80, 50])];
  const [verdict, ...rest] = judged({ ...NOTHING, cases: { lines } });
  assert.deepEqual(rest, []);
  assert.deepEqual(verdict, {
    what: "64-byte lines to OpenResty",
    case: "lines",
    title: "node core",
    unit: "x",
    bound: { least: 1 },
    measured: 1,
    byRate: 1,
    met: true,
  });
});

test("a target is missed below its least, and above its most", () => {
  const cases = {
    "lines-1k": [figures("node core", [100]), figures("OpenResty", [199])],
    "ping-64": [figures("node core", [100])],
    "ping-1000": [figures("node core", [131])],
  };
  const verdicts = judged({ ...NOTHING, cases });
  assert.deepEqual(verdicts.map(({ measured, met }) => [measured, met]), [
    [1.99, false],
    [1.31, false],
  ]);
});

test("a target compares with the best of its own runtime", () => {
  const all = [
    figures("node core", [10]),
    figures("node readline", [60]),
    figures("node web-streams", [40]),
    figures("bun readline", [20]),
  ];
  const [verdict] = judged({ ...NOTHING, cases: { lines: all } });
  assert.equal(verdict?.measured, 4);
  assert.equal(verdict?.met, false);
});

test("the pool's own cost is what a cycle takes beside what it waits for", () => {
  const cases = { pool: [figures("bun core", [9000])], settle: [figures("bun core", [5500])] };
  const [verdict] = judged({ ...NOTHING, cases });
  assert.deepEqual([verdict?.measured, verdict?.unit, verdict?.met], [3.5, "µs", true]);
});

test("an idle connection is compared with that of its own runtime", () => {
  const held = (title: string, rssBytes: number) => {
    const [runtime, name] = title.split(" ");
    return { title, name: name!, runtime, rssBytes, heapBytes: undefined };
  };
  const idle = [held("node raw", 8192), held("bun raw", 1024), held("node core", 16384)];
  const [verdict] = judged({ ...NOTHING, held: { idle } });
  assert.deepEqual([verdict?.measured, verdict?.met], [8, false]);
});

/** A file of results with these costs, by case and contestant. */
function file(costs: Record<string, Record<string, number[]>>): Recorded {
  const record = (nanos: readonly number[]): CaseRecord => {
    const { median, lower, upper } = spread(nanos);
    return { rate: [1, 1, 1], cpuNanos: [median, lower, upper] };
  };
  const cases = Object.fromEntries(
    Object.entries(costs).map(([name, all]) => [
      name,
      Object.fromEntries(Object.entries(all).map(([title, nanos]) => [title, record(nanos)])),
    ]),
  );
  return { about: ABOUT, cases, held: {}, startMs: {}, loads: {}, targets: [] };
}

test("a comparison tells what moved beyond the spread, and which way", () => {
  const before = file({
    lines: { "node core": [10, 11, 12], "node ngx": [10, 11, 12], OpenResty: [9, 10, 11] },
    any: { "node core": [100, 110, 120] },
  });
  const after = file({
    lines: { "node core": [20, 22, 24], "node ngx": [11, 12, 13], OpenResty: [9, 10, 11] },
    any: { "node core": [50, 55, 60] },
  });
  const { machine, compared: count, dearer, cheaper } = compared(before, after);
  assert.equal(machine, 1);
  assert.equal(count, 4);
  assert.deepEqual(dearer, [{ case: "lines", title: "node core", times: 2 }]);
  assert.deepEqual(cheaper, [{ case: "any", title: "node core", times: 0.5 }]);
});

test("a comparison takes a slower machine out", () => {
  const before = file({ lines: { "node core": [10], OpenResty: [10], "node raw": [10] } });
  const after = file({ lines: { "node core": [20], OpenResty: [20], "node raw": [20] } });
  const found = compared(before, after);
  assert.equal(found.machine, 2);
  assert.match(comparisonText(found), /the machine itself: 2\.00 x[^]*Nothing changed/);
});

test("a comparison counts bytes as they are, whatever the machine", () => {
  const withBytes = (nanos: number, rssBytes: number): Recorded => ({
    ...file({ lines: { OpenResty: [nanos] } }),
    held: { idle: { "node core": { rssBytes } } },
  });
  const { dearer } = compared(withBytes(10, 1000), withBytes(20, 1500));
  assert.deepEqual(dearer, [{ case: "idle bytes", title: "node core", times: 1.5 }]);
});

test("a file of results has medians and quartiles, no slices, and no noise of digits", () => {
  const lines = [figures("node core", [1 / 3, 2 / 3, 1])];
  const { cases } = recorded(ABOUT, { ...NOTHING, cases: { lines } }, []);
  assert.deepEqual(cases.lines!["node core"]!.cpuNanos, [0.6667, 0.5, 0.8333]);
  assert.deepEqual(Object.keys(cases.lines!["node core"]!), ["rate", "cpuNanos"]);
});

test("the chart shows those that were measured, and compares with OpenResty", () => {
  const svg = chart(file({ lines: { "node core": [40], OpenResty: [80], "bun readline": [400] } }));
  for (const label of ["cosocket on Node", "OpenResty", "node:readline", "25.0 M"]) {
    assert.ok(svg.includes(`>${label}<`), label);
  }
  assert.ok(!svg.includes("cosocket on Bun"));
  assert.ok(!/NaN|undefined/.test(svg));
});

test("all cases have names of their own", () => {
  assert.equal(new Set(CASES.map(({ name }) => name)).size, CASES.length);
});

for (const it of CASES.filter(({ work }) => work === "lines" || work === "until")) {
  test(`${it.name} is sent as what it is said to be`, () => {
    const unit = unitOf(it);
    const end = it.work === "lines" ? "\r\n" : delimiterOf(it);
    assert.equal(unit.length, it.size! + (it.work === "lines" ? 0 : end.length));
    assert.equal(unit.indexOf(end), unit.length - end.length);
  });
}
