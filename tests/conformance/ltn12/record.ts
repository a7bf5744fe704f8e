/**
 * Records in ltn12.json what the original answers; needs lua5.1 and lua-socket.
 *
 *     deno run -A tests/conformance/ltn12/record.ts
 *
 * @module
 */

import { writeFileSync } from "node:fs";
import { canonicNamesOnLua, playOnLua } from "./lua.ts";
import { PROGRAMS } from "./programs.ts";

const rows = await playOnLua(PROGRAMS);
const programs = PROGRAMS.map((program, at) => JSON.stringify({ ...program, expect: rows[at] }));
const canonic = JSON.stringify(await canonicNamesOnLua());
const text = `{\n"canonic": ${canonic},\n"programs": [\n${programs.join(",\n")}\n]\n}\n`;
writeFileSync(new URL("../ltn12.json", import.meta.url), text);
console.log(`${programs.length} programs`);
