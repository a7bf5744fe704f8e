/**
 * The chart of a run: how many lines each of them reads in a second of CPU time, and how much of other
 * work the core does in it, compared with OpenResty. Its colours are for light and dark pages.
 *
 *     deno run -A bench/chart.ts
 *
 * draws `bench/results.json` again.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { withUnit } from "./report.ts";
import { type CaseRecord, readRecorded, type Recorded } from "./results.ts";
import { type RuntimeName, RUNTIMES } from "./runtimes.ts";
import { writeFormatted } from "./write_formatted.ts";

const WIDTH = 760;
const LEFT = 250;
const RIGHT = 70;
const ROW = 26;
const FIRST_ROW = 44;
const BOTTOM = 34;

// Readers that know of no preference get grey, which can be read on both.
const STYLE = `
text { font: 13px system-ui, sans-serif; fill: #6e7781; }
.title { font-size: 15px; font-weight: 600; }
.quiet { font-size: 12px; }
.grid { stroke: #8c959f; stroke-opacity: 0.3; }
.one { stroke: #6e7781; stroke-width: 1.5; }
.deno { fill: #2da44e; }
.bun { fill: #d4731c; }
.node { fill: #3b82f6; }
.other { fill: #8c959f; }
@media (prefers-color-scheme: light) { text { fill: #424a53; } }
@media (prefers-color-scheme: dark) { text { fill: #c9d1d9; } }`;

const NAMES: Readonly<Record<RuntimeName, string>> = { deno: "Deno", bun: "Bun", node: "Node" };

// How the others stand in the chart; of those that run on several runtimes the fastest.
const OTHERS = {
  OpenResty: "OpenResty",
  LuaSocket: "LuaSocket",
  readline: "node:readline",
  "promise-socket": "promise-socket",
  "web-streams": "Web Streams",
};

const COMPARED = {
  "lines-16": "lines of 16 bytes",
  "lines": "lines of 64 bytes",
  "lines-1k": "lines of 1 KiB",
  "exact-16": "exactly 16 bytes",
  "exact-4k": "exactly 4 KiB",
  "until": "up to a delimiter, 1 KiB",
  "until-10m": "up to a delimiter, 10 MiB",
  "any": "whatever there is",
  "send-nested": "sends in nested arrays",
  "ping": "ask and answer",
  "ping-64": "ask and answer, 64 at once",
  "pool-ask": "the same out of a pool",
  "udp": "a datagram there and back",
};

/** The chart as SVG. */
export function chart(results: Recorded): string {
  const lines = linePanel(results.cases.lines ?? {});
  const dots = dotPanel(results.cases);
  const height = lines.height + dots.height;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img">
<title>cosocket beside OpenResty, LuaSocket and what JavaScript offers</title>
<style>${STYLE}
</style>
${lines.svg}
<g transform="translate(0 ${lines.height})">
${dots.svg}
</g>
</svg>
`;
}

interface Panel {
  readonly svg: string;
  readonly height: number;
}

function linePanel(all: Readonly<Record<string, CaseRecord>>): Panel {
  const bars = RUNTIMES.flatMap((runtime) =>
    barOf(`cosocket on ${NAMES[runtime]}`, runtime, all, (title) => title === `${runtime} core`)
  );
  for (const [name, label] of Object.entries(OTHERS)) {
    bars.push(...barOf(label, "other", all, (title) => title.split(" ").at(-1) === name));
  }
  const x = scale(0, Math.max(1, ...bars.map(({ rate }) => rate)), (it) => it);
  const rows = bars.map(({ label, kind, rate }, at) => {
    const y = FIRST_ROW + at * ROW;
    return [
      `<text x="${LEFT - 12}" y="${y + 14}" text-anchor="end">${label}</text>`,
      `<rect class="${kind}" x="${LEFT}" y="${y + 1}" width="${
        x(rate) - LEFT
      }" height="17" rx="2"/>`,
      `<text class="quiet" x="${(x(rate) + 6).toFixed(1)}" y="${y + 14}">${
        withUnit(rate, "")
      }</text>`,
    ].join("\n");
  });
  const svg = [
    `<text class="title" x="0" y="22">Lines of 64 bytes in a second of CPU time</text>`,
    ...rows,
  ];
  return { svg: svg.join("\n"), height: FIRST_ROW + bars.length * ROW + 18 };
}

/** The fastest of those whom `is` picks. */
function barOf(
  label: string,
  kind: string,
  all: Readonly<Record<string, CaseRecord>>,
  is: (title: string) => boolean,
): { label: string; kind: string; rate: number }[] {
  const rates = Object.entries(all).filter(([title]) => is(title))
    .map(([, { cpuNanos }]) => 1e9 / cpuNanos[0]);
  return rates.length === 0 ? [] : [{ label, kind, rate: Math.max(...rates) }];
}

function dotPanel(cases: Recorded["cases"]): Panel {
  const rows = Object.entries(COMPARED).flatMap(([name, label]) => {
    const base = cases[name]?.OpenResty;
    if (base === undefined) return [];
    const dots = RUNTIMES.flatMap((runtime) => {
      const ours = cases[name]![`${runtime} core`];
      return ours ? [{ runtime, times: base.cpuNanos[0] / ours.cpuNanos[0] }] : [];
    });
    return [{ label, dots }];
  });
  const all = [0.5, 2, ...rows.flatMap(({ dots }) => dots.map(({ times }) => times))];
  const least = 2 ** Math.floor(Math.log2(Math.min(...all)));
  const most = 2 ** Math.ceil(Math.log2(Math.max(...all)));
  const x = scale(least, most, Math.log2);
  const end = FIRST_ROW + rows.length * ROW;
  const svg = [
    `<text class="title" x="0" y="22">Work per CPU time, compared with OpenResty</text>`,
    ...RUNTIMES.map((runtime, at) => {
      const left = WIDTH - RIGHT - 190 + at * 70;
      return `<circle class="${runtime}" cx="${left}" cy="17" r="6"/>` +
        `<text x="${left + 12}" y="22">${NAMES[runtime]}</text>`;
    }),
  ];
  for (let times = least; times <= most; times *= 2) {
    const at = x(times).toFixed(1);
    const kind = times === 1 ? "one" : "grid";
    svg.push(
      `<line class="${kind}" x1="${at}" x2="${at}" y1="${FIRST_ROW - 6}" y2="${end}"/>`,
      `<text class="quiet" x="${at}" y="${end + 18}" text-anchor="middle">${
        times < 1 ? `1/${1 / times}` : times
      }×</text>`,
    );
  }
  rows.forEach(({ label, dots }, at) => {
    const y = FIRST_ROW + at * ROW + ROW / 2;
    svg.push(
      `<text x="${LEFT - 12}" y="${y + 4}" text-anchor="end">${label}</text>`,
      ...dots.map(({ runtime, times }) =>
        `<circle class="${runtime}" cx="${
          x(times).toFixed(1)
        }" cy="${y}" r="6" fill-opacity="0.85"/>`
      ),
    );
  });
  return { svg: svg.join("\n"), height: end + BOTTOM };
}

/** From a figure to its place between the margins. */
function scale(from: number, to: number, by: (it: number) => number): (it: number) => number {
  const room = WIDTH - LEFT - RIGHT;
  return (it) => LEFT + (by(it) - by(from)) / (by(to) - by(from)) * room;
}

/** Writes `bench/chart.svg`. */
export function drawChart(results: Recorded): void {
  writeFormatted(fileURLToPath(new URL("chart.svg", import.meta.url)), chart(results));
}

if (import.meta.main) drawChart(readRecorded(new URL("results.json", import.meta.url)));
