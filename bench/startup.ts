/**
 * What it takes to start: the time of a program that imports the library, connects and gets one
 * byte, over that of an empty one; and the bytes of the modules that this loads. Bun and Node get
 * the packed package, as their users do.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { importsOf } from "../scripts/source_text.ts";
import { caseOf } from "./cases.ts";
import { startPeer } from "./peers.ts";
import { pinned } from "./program.ts";
import type { Runtime } from "./runtimes.ts";
import { type Spread, spread } from "./statistics.ts";

/** Milliseconds over an empty program. */
export interface StartFigures {
  readonly title: string;
  readonly name: string;
  readonly runtime: string;
  readonly ms: Spread;
}

/** Bytes of modules. */
export interface LoadFigures {
  readonly title: string;
  readonly importBytes: number;
  /** The driver comes with the first connection. */
  readonly driverBytes: number;
}

const PROGRAMS = { "node:net": "node_net.mjs", core: "core.mjs" };
const top = new URL("../", import.meta.url);
const packed = new URL("dist/package/", top);

/** Measures all of these in turn, so many times. */
export async function measureStart(
  runtimes: readonly Runtime[],
  times: number,
  host: Runtime,
  progress: (what: string) => void = () => {},
): Promise<StartFigures[]> {
  const peer = await startPeer(caseOf("ping"), host);
  const found: StartFigures[] = [];
  try {
    for (const { name: runtime, program, version } of runtimes) {
      progress(`${runtime} ${version}`);
      const module = runtime === "deno" ? new URL("mod.ts", top) : new URL("mod.js", packed);
      const command = runtime === "deno" ? [program, "run", "-A"] : [program];
      const run = (file: string) =>
        wallMs([
          ...command,
          fileURLToPath(new URL(`startup/${file}`, import.meta.url)),
          module.href,
          `${peer!.port}`,
        ]);
      const over: Record<string, number[]> = {};
      // The first round fills the caches.
      for (let round = 0; round <= times; round++) {
        const empty = await run("empty.mjs");
        for (const [name, file] of Object.entries(PROGRAMS)) {
          const ms = await run(file) - empty;
          if (round > 0) (over[name] ??= []).push(ms);
        }
      }
      for (const [name, all] of Object.entries(over)) {
        found.push({ title: `${runtime} ${name}`, name, runtime, ms: spread(all) });
      }
    }
  } finally {
    await peer!.stop();
  }
  return found;
}

function wallMs(command: readonly string[]): Promise<number> {
  const [program = "", ...args] = pinned("client", command);
  const startMs = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", "ignore", "inherit"] });
    child.on("error", reject);
    child.on("exit", (code) => {
      if (code === 0) resolve(performance.now() - startMs);
      else reject(new Error(`Cannot measure the start: "${command.join(" ")}" ended with ${code}`));
    });
  });
}

/** What the packed package loads. */
export function measureLoads(): LoadFigures[] {
  const entries = {
    core: "mod.js",
    ngx: "src/faces/ngx/mod.js",
    luasocket: "src/faces/luasocket/mod.js",
  };
  return Object.entries(entries).flatMap(([name, entry]) => {
    const imported = graphOf(new URL(entry, packed));
    return ["deno", "node"].map((driver) => {
      const all = graphOf(new URL(`src/drivers/${driver}.js`, packed), new Map(imported));
      const importBytes = sum(imported);
      return {
        title: `${name}, driver ${driver}`,
        importBytes,
        driverBytes: sum(all) - importBytes,
      };
    });
  });
}

/** The sizes of a module and of all that it imports at once, by their addresses. */
function graphOf(entry: URL, found = new Map<string, number>()): Map<string, number> {
  if (found.has(entry.href)) return found;
  const text = readFileSync(entry, "utf8");
  found.set(entry.href, statSync(entry).size);
  // What is imported when it is needed counts when it is.
  for (const specifier of importsOf(text.replace(/\bimport\s*\(/g, "later("))) {
    if (specifier?.startsWith(".")) graphOf(new URL(specifier, entry), found);
  }
  return found;
}

function sum(sizes: ReadonlyMap<string, number>): number {
  return [...sizes.values()].reduce((all, size) => all + size, 0);
}
