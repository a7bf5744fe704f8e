/**
 * Plays random scenarios against our `./luasocket` and against LuaSocket, and compares.
 *
 *     deno run -A tests/conformance/luasocket_fuzz.ts [--seed n] [--count n]
 *
 * Runs under Bun and Node as well. Needs lua5.1 with LuaSocket: without it, it says so,
 * and ends well. Exits with 1 if something differs.
 */

import process from "node:process";
import { parseArgs } from "node:util";
import { fuzz } from "./luasocket/fuzz.ts";
import { hasLuaSocket } from "./luasocket/reference.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    count: { type: "string", default: "500" },
  },
});

if (!hasLuaSocket()) {
  console.log("Cannot compare: there is no lua5.1 with LuaSocket here");
  process.exit(0);
}
const differences = await fuzz(Number(values.seed), Number(values.count));
for (const difference of differences) console.log(difference);
const same = Number(values.count) - differences.length;
console.log(`Scenarios from seed ${values.seed} on`);
console.log(`${same} passed, ${differences.length} failed`);
process.exit(differences.length === 0 ? 0 : 1);
