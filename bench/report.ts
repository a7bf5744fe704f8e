/** Figures as text. */

import type { Case } from "./cases.ts";
import type { Held } from "./contest.ts";
import type { Figures } from "./measure.ts";
import type { HeldFigures } from "./memory.ts";
import type { LoadFigures, StartFigures } from "./startup.ts";
import type { Spread } from "./statistics.ts";
import type { Verdict } from "./targets.ts";

/** The table of a case. */
export function caseTable({ name, title, operation, rate }: Case, all: readonly Figures[]): string {
  const inBytes = rate === "bytes";
  const rows = all.map((it) => [
    it.title,
    withUnit(it.rate.median, inBytes ? "B/s" : "/s"),
    withUnit(it.cpuNanos.median / 1e9, "s"),
    it.rateToRaw ? spreadOf(it.rateToRaw, 2) : "",
    it.economyToRaw ? spreadOf(it.economyToRaw, 2) : "",
  ]);
  const head = [
    "",
    inBytes ? "rate" : `${operation}s`,
    inBytes ? "CPU / KiB" : `CPU / ${operation}`,
  ];
  return `${name}: ${title}\n${table([[...head, "rate to raw", "CPU economy to raw"], ...rows])}`;
}

/** The table of held connections. */
export function heldTable(held: Held, connections: number, all: readonly HeldFigures[]): string {
  const rows = all.map(({ title, rssBytes, heapBytes }) => [
    title,
    kib(rssBytes),
    heapBytes === undefined ? "" : kib(heapBytes),
  ]);
  const what = held === "idle" ? "lies idle, in a pool where there is one" : "waits for an answer";
  return `${held}: memory of a connection that ${what}, one of ${connections}\n` +
    table([["", "RSS", "heap, external"], ...rows]);
}

/** The table of starts. */
export function startTable(all: readonly StartFigures[]): string {
  const rows = all.map(({ title, ms }) => [title, `${spreadOf(ms, 1)} ms`]);
  return `start: to the first byte of an answer, over an empty program\n${
    table([["", "time"], ...rows])
  }`;
}

/** The table of what is loaded. */
export function loadsTable(all: readonly LoadFigures[]): string {
  const rows = all.map(({ title, importBytes, driverBytes }) => [
    title,
    withUnit(importBytes, "B"),
    withUnit(driverBytes, "B"),
  ]);
  return `loads: bytes of modules of the package, by import and by the first connection\n${
    table([["", "import", "connect"], ...rows])
  }`;
}

/** The table of targets, and how many were met. */
export function targetTable(all: readonly Verdict[]): string {
  const rows = all.map(({ what, bound, unit, measured, ...it }, at) => [
    all[at - 1]?.what === what ? "" : what,
    it.case,
    it.title,
    "least" in bound ? `at least ${bound.least} ${unit}` : `at most ${bound.most} ${unit}`,
    `${measured.toFixed(2)} ${unit}`,
    it.byRate === undefined ? "" : it.byRate.toFixed(2),
    it.met ? "met" : "missed",
  ]);
  const met = all.filter((it) => it.met).length;
  return `targets: ${met} of ${all.length} met\n${
    table([["", "case", "who", "target", "measured", "by rate", ""], ...rows])
  }`;
}

/** Three digits and a unit with its prefix: `7.25 GB/s`, `62.1 ns`. */
export function withUnit(figure: number, unit: string): string {
  if (!(figure > 0)) return `${figure} ${unit}`;
  const step = Math.min(Math.max(Math.floor(Math.log10(figure) / 3), -3), 3);
  const scaled = figure / 1000 ** step;
  return `${scaled.toFixed(scaled < 10 ? 2 : scaled < 100 ? 1 : 0)} ${PREFIXES[step + 3]}${unit}`;
}

const PREFIXES = ["n", "µ", "m", "", "k", "M", "G"];

function spreadOf({ median, lower, upper }: Spread, digits: number): string {
  return `${median.toFixed(digits)} (${lower.toFixed(digits)} to ${upper.toFixed(digits)})`;
}

function kib(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KiB`;
}

/** Columns as wide as their widest text; the first to the left, the others to the right. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    "  " + row.map((text, column) =>
      column === 0 ? text.padEnd(widths[column]!) : text.padStart(widths[column]! + 3)
    ).join("").trimEnd() + "\n"
  ).join("");
}
