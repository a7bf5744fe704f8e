/**
 * What the library is to reach: a row per target, judged on the results of one run. A target that
 * was not measured is not judged.
 *
 * @module
 */
import { caseOf } from "./cases.ts";
import { economyOf, type Figures, rateOf, ratioOf } from "./measure.ts";
import type { Results } from "./results.ts";
import type { RuntimeName } from "./runtimes.ts";

/** A bound, in the unit of what is bounded. */
type Bound = { readonly least: number } | { readonly most: number };

/** One figure of one of ours. */
interface Measured {
  readonly case: string;
  readonly title: string;
  readonly measured: number;
  /** The same by what was done in a second of any time, where that can be told. */
  readonly byRate?: number;
}

/** A row of the table. */
export interface Target {
  readonly what: string;
  readonly unit: Unit;
  readonly bound: Bound;
  readonly measured: (results: Results) => Measured[];
}

/** Of a ratio, of a time, or of an amount. */
export type Unit = "x" | "µs" | "ms" | "KiB" | "KB";

/** How it came out. */
export interface Verdict extends Measured {
  readonly what: string;
  readonly unit: Unit;
  readonly bound: Bound;
  readonly met: boolean;
}

const LINES = ["core", "ngx"];
const OURS = ["core", "ngx", "luasocket"];

/** All of them. Ratios are those of the work that is done in a second of the client's CPU time. */
export const TARGETS: readonly Target[] = [
  ratio("64-byte lines to OpenResty", 1.2, ["lines"], "OpenResty", { who: LINES, on: ["deno"] }),
  ratio("64-byte lines to OpenResty", 1.0, ["lines"], "OpenResty", {
    who: LINES,
    on: ["bun", "node"],
  }),
  ratio("the same at default buffers", 1.0, ["lines-default"], "OpenResty", { who: LINES }),
  ratio("1 KiB lines to OpenResty", 2, ["lines-1k"], "OpenResty", { who: LINES }),
  ratio("16-byte lines to OpenResty", 0.75, ["lines-16"], "OpenResty", { who: LINES }),
  ratio("16-byte lines, then", 0.9, ["lines-16"], "OpenResty", { who: LINES }),
  ratio("until to OpenResty", 1.5, ["until", "until-64k", "until-10m"], "OpenResty"),
  ratio("until, adversarial, to OpenResty", 0.5, ["until-adverse"], "OpenResty"),
  growth("until, adversarial, is linear", 12, "until-adverse-10", "until-adverse"),
  ratio("whatever there is, to raw", 0.9, ["any", "into-4k", "into-1m"], "raw"),
  ratio("exactly, to a raw loop that keeps", 0.9, ["exact-4k", "exact-1m"], "raw"),
  ratio("exactly, to LuaSocket", 2, ["exact-4k", "exact-1m"], "LuaSocket"),
  ratio("ask and answer, to raw", 0.95, ["ping", "ping-64", "ping-1000"], "raw"),
  ratio("64 side by side, to OpenResty", 0.85, ["ping-64"], "OpenResty", { on: ["bun"] }),
  ratio("pool with an exchange, to OpenResty", 0.95, ["pool-ask"], "OpenResty"),
  {
    what: "the pool's own cost, settle apart",
    unit: "µs",
    bound: { most: 5 },
    measured: ({ cases }) =>
      ours(cases.pool, ["core"]).flatMap((it) => {
        const settle = cases.settle?.find(({ title }) => title === it.title);
        if (settle === undefined) return [];
        const micros = (it.cpuNanos.median - settle.cpuNanos.median) / 1000;
        return [{ case: "pool", title: it.title, measured: micros }];
      }),
  },
  ratio("TLS bulk, to raw", 0.9, ["tls-into"], "raw"),
  ratio("TLS ask and answer, to raw", 0.9, ["tls-ping"], "raw"),
  ratio("luasocket lines, to LuaSocket", 1.0, ["lines"], "LuaSocket", { who: ["luasocket"] }),
  ratio("lines, to the best of today's ways", 5, ["lines"], [
    "promise-socket",
    "readline",
    "web-streams",
  ], { who: LINES }),
  ratio("Redis GET by 100, to the best client", 1.2, ["redis-get-100"], ["ioredis", "node-redis"]),
  {
    what: "an idle pooled connection, over raw",
    unit: "KiB",
    bound: { most: 4 },
    measured: ({ held: { idle = [] } }) =>
      idle.filter(({ name }) => OURS.includes(name)).flatMap(({ title, runtime, rssBytes }) => {
        const raw = idle.find((it) => it.name === "raw" && it.runtime === runtime);
        if (raw === undefined) return [];
        return [{ case: "idle", title, measured: (rssBytes - raw.rssBytes) / 1024 }];
      }),
  },
  {
    what: "import to first byte, over an empty program",
    unit: "ms",
    bound: { most: 15 },
    measured: ({ start }) =>
      start.filter(({ name }) => name === "core").map(({ title, ms }) => ({
        case: "start",
        title,
        measured: ms.median,
      })),
  },
  {
    what: "bytes that an import of the core loads",
    unit: "KB",
    bound: { most: 60 },
    measured: ({ loads }) =>
      loads.filter(({ title }) => title.startsWith("core")).slice(0, 1).map((it) => ({
        case: "loads",
        title: "core",
        measured: it.importBytes / 1000,
      })),
  },
  growth("1000 side by side, to 64", 1.3, "ping-1000", "ping-64"),
  growth("the pool among 10,000, to alone", 1.3, "pool-crowd", "pool"),
];

/** Judges what was measured of them. */
export function judged(results: Results, targets: readonly Target[] = TARGETS): Verdict[] {
  return targets.flatMap(({ what, unit, bound, measured }) =>
    measured(results).map((it) => ({
      what,
      ...it,
      unit,
      bound,
      met: "least" in bound ? it.measured >= bound.least : it.measured <= bound.most,
    }))
  );
}

interface RatioOptions {
  readonly who?: readonly string[];
  readonly on?: readonly RuntimeName[];
}

/** Ours to others: those of the same runtime, or those that have their own; the best of them. */
function ratio(
  what: string,
  least: number,
  names: readonly string[],
  others: string | readonly string[],
  { who = LINES, on }: RatioOptions = {},
): Target {
  return {
    what,
    unit: "x",
    bound: { least },
    measured: ({ cases }) =>
      names.flatMap((name) => {
        const all = cases[name] ?? [];
        const it = caseOf(name);
        return ours(all, who, on).flatMap(({ title, runtime, slices }) => {
          const rivals = all
            .filter((other) => other.runtime === undefined || other.runtime === runtime)
            .filter((other) => [others].flat().includes(other.name));
          if (rivals.length === 0) return [];
          const worst = (figure: ReturnType<typeof rateOf>) =>
            Math.min(...rivals.map((rival) => ratioOf(figure, slices, rival.slices).median));
          return [{
            case: name,
            title,
            measured: worst(economyOf(it)),
            byRate: worst(rateOf(it)),
          }];
        });
      }),
  };
}

/** What an operation of one case costs, as a multiple of that of another. */
function growth(what: string, most: number, large: string, small: string): Target {
  return {
    what,
    unit: "x",
    bound: { most },
    measured: ({ cases }) =>
      ours(cases[large], OURS).flatMap(({ title, cpuNanos }) => {
        const base = cases[small]?.find((it) => it.title === title);
        if (base === undefined) return [];
        return [{ case: large, title, measured: cpuNanos.median / base.cpuNanos.median }];
      }),
  };
}

function ours(
  all: readonly Figures[] = [],
  who: readonly string[],
  on?: readonly string[],
): Figures[] {
  return all.filter(({ name, runtime }) =>
    who.includes(name) && (on === undefined || (runtime !== undefined && on.includes(runtime)))
  );
}
