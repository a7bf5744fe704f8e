/**
 * Who is measured: a row per contestant, and a file per row in `contestants/`.
 *
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Runtime, RuntimeName } from "./runtimes.ts";

/** A kind of contestant. */
interface Row {
  readonly name: string;
  readonly file: string;
  /** The runtimes that it runs on; without any it brings its own, and runs once. */
  readonly on: readonly RuntimeName[];
  /** It measures this project's code. */
  readonly ours?: true;
}

/** `raw` is what the others of its runtime are compared with. */
const ROWS: readonly Row[] = [
  { name: "raw", file: "raw_deno.ts", on: ["deno"] },
  { name: "raw", file: "raw_bun.ts", on: ["bun"] },
  { name: "raw", file: "raw_node.ts", on: ["node"] },
  { name: "core", file: "core.ts", on: ["deno", "bun", "node"], ours: true },
  { name: "ngx", file: "ngx.ts", on: ["deno", "bun", "node"], ours: true },
  { name: "openresty", file: "openresty.ts", on: [] },
];

/** A contestant, ready to be started. */
export interface Contestant {
  /** Its name in tables: `"deno core"`, `"openresty"`. */
  readonly title: string;
  readonly name: string;
  readonly runtime: RuntimeName | undefined;
  /** What starts it; the case and the port are appended. */
  readonly command: readonly string[];
}

/** The names of all contestants. */
export const CONTESTANTS: readonly string[] = [...new Set(ROWS.map(({ name }) => name))];

/**
 * The contestants on these runtimes, grouped by runtime.
 *
 * @param options.host What runs those that bring a runtime of their own.
 * @param options.before The folder of another state of this project, whose own take part, too.
 */
export function contestantsOn(
  runtimes: readonly Runtime[],
  names: readonly string[],
  { host, before }: { host?: Runtime; before?: string | undefined } = {},
): Contestant[] {
  const found: Contestant[] = [];
  const add = (row: Row, runtime: Runtime | undefined, title: string, folder = HERE) => {
    const { command } = runtime ?? host!;
    const file = join(folder, "contestants", row.file);
    found.push({ title, name: row.name, runtime: runtime?.name, command: [...command, file] });
  };
  const rows = ROWS.filter(({ name }) => names.includes(name));
  for (const runtime of runtimes) {
    for (const row of rows.filter(({ on }) => on.includes(runtime.name))) {
      const title = `${runtime.name} ${row.name}`;
      add(row, runtime, title);
      if (before !== undefined && row.ours) {
        add(row, runtime, `${title} before`, join(before, "bench"));
      }
    }
  }
  if (host !== undefined) {
    for (const row of rows.filter(({ on }) => on.length === 0)) add(row, undefined, row.name);
  }
  return found;
}

const HERE = fileURLToPath(new URL(".", import.meta.url));
