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
  /** It is a package of npm, which must be installed. */
  readonly npm?: true;
  /** The cases that it is there for; otherwise all whose work it knows. */
  readonly only?: readonly string[];
}

// The other forms of a runtime's sockets are there to see that `raw` is the best of them, and what
// people use today to see what a line costs them: a run takes long enough.
const FORMS = ["ping", "ping-64", "lines", "exact-4k", "any", "into-4k", "into-1m", "tls-into"];
const TODAY = ["ping", "lines"];

const EVERYWHERE = ["deno", "bun", "node"] as const;

/** `raw` is what the others of its runtime are compared with. */
const ROWS: readonly Row[] = [
  { name: "raw", file: "raw_deno.ts", on: ["deno"] },
  { name: "raw", file: "raw_bun.ts", on: ["bun"] },
  { name: "raw", file: "raw_onread.ts", on: ["node"] },
  { name: "onread", file: "raw_onread.ts", on: ["bun"], only: FORMS },
  { name: "events", file: "raw_events.ts", on: ["bun", "node"], only: FORMS },
  { name: "core", file: "core.ts", on: EVERYWHERE, ours: true },
  { name: "ngx", file: "ngx.ts", on: EVERYWHERE, ours: true },
  { name: "luasocket", file: "luasocket.ts", on: EVERYWHERE, ours: true },
  { name: "readline", file: "readline.ts", on: EVERYWHERE, only: TODAY },
  { name: "web-streams", file: "web_streams.ts", on: EVERYWHERE, only: TODAY },
  { name: "promise-socket", file: "promise_socket.ts", on: EVERYWHERE, npm: true, only: TODAY },
  { name: "ioredis", file: "ioredis.ts", on: EVERYWHERE, npm: true },
  { name: "node-redis", file: "node_redis.ts", on: EVERYWHERE, npm: true },
  { name: "bun-redis", file: "bun_redis.ts", on: ["bun"] },
  { name: "OpenResty", file: "openresty.ts", on: [] },
  { name: "LuaSocket", file: "lua_luasocket.ts", on: [] },
];

/** A contestant, ready to be started. */
export interface Contestant {
  /** Its name in tables: `"deno core"`, `"OpenResty"`. */
  readonly title: string;
  readonly name: string;
  readonly runtime: RuntimeName | undefined;
  /** What starts it; the case and the port are appended. */
  readonly command: readonly string[];
  readonly only?: readonly string[] | undefined;
}

/** The names of all contestants. */
export const CONTESTANTS: readonly string[] = [...new Set(ROWS.map(({ name }) => name))];

/** Whether one of them must be installed first. */
export function needPackages(names: readonly string[]): boolean {
  return ROWS.some(({ name, npm }) => npm && names.includes(name));
}

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
    const { name, only } = row;
    found.push({ title, name, runtime: runtime?.name, command: [...command, file], only });
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
