// LTN12, `try` and its kin, and sources and sinks against what the original answered.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { headers } from "../src/faces/luasocket/headers.ts";
import { hasLua, playOnLua } from "./conformance/ltn12/lua.ts";
import { play } from "./conformance/ltn12/play.ts";
import type { Recording } from "./conformance/ltn12/program.ts";
import { PROGRAMS } from "./conformance/ltn12/programs.ts";
import { randomPrograms } from "./conformance/ltn12/random_programs.ts";

interface Recordings {
  readonly canonic: Record<string, string>;
  readonly programs: readonly Recording[];
}

const file = new URL("./conformance/ltn12.json", import.meta.url);
const recorded: Recordings = JSON.parse(readFileSync(file, "utf8"));

test("what was recorded are the programs", () => {
  const steps = recorded.programs.map(({ name, steps }) => ({ name, steps }));
  assert.deepEqual(steps, JSON.parse(JSON.stringify(PROGRAMS)));
});

test("headers.canonic is the original's", () => {
  assert.deepEqual({ ...headers.canonic }, recorded.canonic);
});

for (const program of recorded.programs) {
  test(`as the original: ${program.name}`, async () => {
    assert.deepEqual(await play(program), program.expect);
  });
}

test("random programs give what the original gives", { skip: !await hasLua() }, async () => {
  const programs = randomPrograms(500, Math.floor(Math.random() * 2 ** 32));
  const theirs = await playOnLua(programs);
  for (const [at, program] of programs.entries()) {
    assert.deepEqual(await play(program), theirs[at], JSON.stringify(program));
  }
});
