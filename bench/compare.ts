/**
 * Compares two files of results, and says what became dearer or cheaper: CPU time per operation,
 * memory, start, bytes. What everybody's figures moved by, those of others than ours in the median,
 * is the machine's doing, and taken out. A change counts where the spreads do not touch.
 *
 *     deno task bench:compare bench/results.json new.json
 *
 * @module
 */
import process from "node:process";
import { readRecorded, type Recorded, type Triple } from "./results.ts";
import { median } from "./statistics.ts";

/** What changed beyond the spread. */
export interface Change {
  readonly case: string;
  readonly title: string;
  /** New costs as a multiple of the old ones, the machine taken out. */
  readonly times: number;
}

/** Two results side by side. */
export interface Comparison {
  /** By how much the costs of others grew. */
  readonly machine: number;
  readonly compared: number;
  /** The greatest first. */
  readonly dearer: readonly Change[];
  readonly cheaper: readonly Change[];
}

const OURS = /\b(?:core|ngx|luasocket)\b/;
// Figures that are counted once have no spread; less than this is nothing for any of them.
const NOTHING = 0.03;

/** What became of the costs. */
export function compared(before: Recorded, after: Recorded): Comparison {
  const old = costsOf(before);
  const pairs = [...costsOf(after)].flatMap(([key, now]) => {
    const then = old.get(key);
    return then === undefined ? [] : [{ key, then, now }];
  });
  const others = pairs.filter(({ key, then }) => isTime(key) && !OURS.test(key) && then[0] > 0);
  const machine = others.length > 0 ? median(others.map(({ now, then }) => now[0] / then[0])) : 1;
  const changes = pairs.flatMap(({ key, then, now }): Change[] => {
    const scale = isTime(key) ? machine : 1;
    const times = now[0] / scale / then[0];
    const apart = now[1] / scale > then[2] || now[2] / scale < then[1];
    if (!apart || !(Math.abs(times - 1) > NOTHING)) return [];
    const [name = "", title = ""] = key.split("\t");
    return [{ case: name, title, times }];
  });
  const byTimes = changes.toSorted((a, b) => b.times - a.times);
  return {
    machine,
    compared: pairs.length,
    dearer: byTimes.filter(({ times }) => times > 1),
    cheaper: byTimes.filter(({ times }) => times < 1).toReversed(),
  };
}

/** All costs, by case and contestant: less is better. */
function costsOf({ cases, held, startMs, loads }: Recorded): Map<string, Triple> {
  const found = new Map<string, Triple>();
  const once = (figure: number): Triple => [figure, figure, figure];
  for (const [name, all] of Object.entries(cases)) {
    for (const [title, it] of Object.entries(all)) found.set(`${name}\t${title}`, it.cpuNanos);
  }
  for (const [title, ms] of Object.entries(startMs)) found.set(`start\t${title}`, ms);
  for (const [name, all] of Object.entries(held)) {
    for (const [title, it] of Object.entries(all)) {
      found.set(`${name} bytes\t${title}`, once(it.rssBytes));
    }
  }
  for (const [title, it] of Object.entries(loads)) {
    found.set(`loads bytes\t${title}`, once(it.importBytes));
  }
  return found;
}

/** A slower machine takes more time, and no more bytes. */
function isTime(key: string): boolean {
  return !/^\w+ bytes\t/.test(key);
}

/** The comparison as text. */
export function comparisonText({ machine, compared, dearer, cheaper }: Comparison): string {
  const list = (word: string, all: readonly Change[]) =>
    all.length === 0 ? [] : [
      `\n${word}:`,
      ...all.map((it) => `  ${it.times.toFixed(2)} x  ${it.case}, ${it.title}`),
    ];
  return [
    `${compared} costs compared; the machine itself: ${machine.toFixed(2)} x (taken out)`,
    ...list("Dearer", dearer),
    ...list("Cheaper", cheaper),
    ...(dearer.length + cheaper.length === 0 ? ["Nothing changed beyond the spread"] : []),
  ].join("\n");
}

if (import.meta.main) {
  const [before, after] = process.argv.slice(2);
  if (before === undefined || after === undefined) {
    console.error("Usage: deno task bench:compare before.json after.json");
    process.exitCode = 2;
  } else {
    console.log(comparisonText(compared(readRecorded(before), readRecorded(after))));
  }
}
