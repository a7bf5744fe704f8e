/** Figures as text. */

import type { Case } from "./cases.ts";
import type { Figures } from "./measure.ts";
import type { IdleFigures } from "./memory.ts";
import type { Spread } from "./statistics.ts";

/** The table of a case. */
export function caseTable({ name, title, operation, rate }: Case, all: readonly Figures[]): string {
  const inBytes = rate === "bytes";
  const rows = all.map((it) => [
    it.title,
    inBytes ? withUnit(it.bytesPerSecond, "B/s") : withUnit(it.operationsPerSecond, "/s"),
    withUnit((inBytes ? it.nanosPerKiB : it.nanosPerOperation) / 1e9, "s"),
    it.rateToRaw ? ratio(it.rateToRaw) : "",
    it.economyToRaw ? ratio(it.economyToRaw) : "",
  ]);
  const head = [
    "",
    inBytes ? "rate" : `${operation}s`,
    inBytes ? "CPU / KiB" : `CPU / ${operation}`,
  ];
  return `${name}: ${title}\n${table([[...head, "rate to raw", "CPU economy to raw"], ...rows])}`;
}

/** The table of idle connections. */
export function idleTable(connections: number, all: readonly IdleFigures[]): string {
  const rows = all.map(({ title, rssBytes, heapBytes }) => [
    title,
    kib(rssBytes),
    heapBytes === undefined ? "" : kib(heapBytes),
  ]);
  return `idle: memory of an idle connection, one of ${connections} in a pool (raw: just held, and listened to)\n` +
    table([["", "RSS", "heap, external"], ...rows]);
}

/** Three digits and a unit with its prefix: `7.25 GB/s`, `62.1 ns`. */
export function withUnit(figure: number, unit: string): string {
  if (!(figure > 0)) return `${figure} ${unit}`;
  const step = Math.min(Math.max(Math.floor(Math.log10(figure) / 3), -3), 3);
  const scaled = figure / 1000 ** step;
  return `${scaled.toFixed(scaled < 10 ? 2 : scaled < 100 ? 1 : 0)} ${PREFIXES[step + 3]}${unit}`;
}

const PREFIXES = ["n", "µ", "m", "", "k", "M", "G"];

function ratio({ median, lower, upper }: Spread): string {
  return `${median.toFixed(2)} (${lower.toFixed(2)} to ${upper.toFixed(2)})`;
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
