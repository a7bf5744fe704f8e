// The programs of docs/, each as a process of its own: they end by themselves, and print what the
// comments behind their calls say.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { promisify } from "node:util";

const top = new URL("../", import.meta.url);
const { name, exports } = JSON.parse(readFileSync(new URL("deno.json", top), "utf8"));

const folder = mkdtempSync(join(tmpdir(), "cosocket-docs-"));
after(() => rmSync(folder, { recursive: true, force: true }));

// What these print has times in it: `deno test --doc` runs them, and that is all.
const TIMED = ["diagnostics.md"];
const pages = readdirSync(new URL("docs/", top))
  .filter((it) => it.endsWith(".md") && !TIMED.includes(it));

for (const page of pages) {
  const text = readFileSync(new URL(`docs/${page}`, top), "utf8");
  for (const { line, program } of programsOf(text)) {
    test(`the program at line ${line} of docs/${page} prints what it says`, async () => {
      const path = join(folder, "program.mts");
      writeFileSync(path, withPlaces(program));
      const flags = "Deno" in globalThis ? ["run", "-A"] : [];
      const { stdout } = await promisify(execFile)(process.execPath, [...flags, path]);
      assert.equal(stdout, expectedOf(program));
    });
  }
}

function programsOf(text: string): { line: number; program: string }[] {
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(({ index, 1: program }) => ({
    line: text.slice(0, index).split("\n").length,
    program: program!,
  }));
}

/** Imports of the package by where its sources are. */
function withPlaces(program: string): string {
  return program.replace(/ from "(@[^"]+)";$/gm, (_, specifier: string) => {
    const entry: string = exports[specifier.replace(name, ".")];
    return ` from ${JSON.stringify(new URL(entry, top).href)};`;
  });
}

/** What the comments behind the calls that print say. */
function expectedOf(program: string): string {
  const calls = program.matchAll(/^.*?\b(?:console\.log|ngx\.say)\(.*\)[;,]? \/\/ (.*)$/gm);
  return [...calls].map(([, line]) => `${line}\n`).join("");
}
