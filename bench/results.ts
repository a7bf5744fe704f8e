/**
 * What a run found out: in memory with all its slices, and as it is written to a file, where of
 * these only medians and quartiles are left.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import type { Held } from "./contest.ts";
import type { Figures } from "./measure.ts";
import type { HeldFigures } from "./memory.ts";
import type { LoadFigures, StartFigures } from "./startup.ts";
import type { Spread } from "./statistics.ts";
import type { Verdict } from "./targets.ts";

/** Where and how it was measured. */
export interface About {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly pinned: boolean;
  readonly runtimes: Readonly<Record<string, string>>;
  readonly slices: number;
  readonly sliceMs: number;
  readonly heldConnections: number;
}

/** All figures of a run; what was not measured is empty. */
export interface Results {
  readonly cases: Readonly<Record<string, readonly Figures[]>>;
  readonly held: Readonly<Partial<Record<Held, readonly HeldFigures[]>>>;
  readonly start: readonly StartFigures[];
  readonly loads: readonly LoadFigures[];
}

/** A median and its quartiles. */
export type Triple = readonly [median: number, lower: number, upper: number];

/** A file of results; contestants by their titles. */
export interface Recorded {
  readonly about: About;
  readonly cases: Readonly<Record<string, Readonly<Record<string, CaseRecord>>>>;
  readonly held: Readonly<Record<string, Readonly<Record<string, HeldRecord>>>>;
  readonly startMs: Readonly<Record<string, Triple>>;
  readonly loads: Readonly<Record<string, LoadRecord>>;
  readonly targets: readonly Verdict[];
}

/** A contestant's figures in a case. */
export interface CaseRecord {
  readonly rate: Triple;
  readonly cpuNanos: Triple;
}

/** Bytes for a connection. */
export interface HeldRecord {
  readonly rssBytes: number;
  readonly heapBytes?: number;
}

/** Bytes of modules. */
export interface LoadRecord {
  readonly importBytes: number;
  readonly driverBytes: number;
}

/** What is kept of a run. */
export function recorded(about: About, results: Results, verdicts: readonly Verdict[]): Recorded {
  const { cases, held, start, loads } = results;
  return {
    about,
    cases: mapped(
      cases,
      (all) =>
        byTitle(all, ({ rate, cpuNanos }) => ({ rate: triple(rate), cpuNanos: triple(cpuNanos) })),
    ),
    held: mapped(held, (all) =>
      byTitle(all ?? [], ({ rssBytes, heapBytes }) => ({
        rssBytes: Math.round(rssBytes),
        ...(heapBytes === undefined ? {} : { heapBytes: Math.round(heapBytes) }),
      }))),
    startMs: byTitle(start, ({ ms }) => triple(ms)),
    loads: byTitle(loads, ({ importBytes, driverBytes }) => ({ importBytes, driverBytes })),
    targets: verdicts.map(({ byRate, ...it }) => ({
      ...it,
      measured: rounded(it.measured),
      ...(byRate === undefined ? {} : { byRate: rounded(byRate) }),
    })),
  };
}

/** Reads a file of results. */
export function readRecorded(file: string | URL): Recorded {
  return JSON.parse(readFileSync(file, "utf8")) as Recorded;
}

function triple({ median, lower, upper }: Spread): Triple {
  return [rounded(median), rounded(lower), rounded(upper)];
}

/** More digits than four are noise. */
function rounded(figure: number): number {
  return Number(figure.toPrecision(4));
}

function byTitle<T extends { title: string }, U>(
  all: readonly T[],
  record: (it: T) => U,
): Record<string, U> {
  return Object.fromEntries(all.map((it) => [it.title, record(it)]));
}

function mapped<T, U>(all: Readonly<Record<string, T>>, of: (it: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(all).map(([name, it]) => [name, of(it)]));
}
