import assert from "node:assert/strict";
import { test } from "node:test";
import { LAYERS, problems } from "../scripts/check_layers.ts";
import { codeOnly, importsOf } from "../scripts/source_text.ts";

const layers = [
  ["src/errors.ts", "src/bytes.ts"],
  ["src/drivers/"],
  ["src/connect.ts", "src/pool.ts"],
  ["src/cosocket.ts"],
  ["src/faces/"],
  ["mod.ts"],
];

const sound: Record<string, string> = {
  "src/errors.ts": `/** No Deno here, and no \`import("jsr:x")\`. */ export class SocketError {}`,
  "src/bytes.ts": `export const bytes = "Deno and process";`,
  "src/drivers/workers.ts": `await import(MODULE); // the one that may`,
  "src/drivers/node.ts": `import net from "node:net"; import { bytes } from "../bytes.ts";`,
  "src/connect.ts": `const driver = "Deno" in globalThis && import("./drivers/node.ts");`,
  "src/pool.ts": `import type { Target } from "./connect.ts";`,
  "src/cosocket.ts": `export { connect } from "./connect.ts"; import "./errors.ts";`,
  "src/faces/ngx/mod.ts": `import { it } from "../../cosocket.ts"; import "./codes.ts";`,
  "src/faces/ngx/codes.ts": "export const codes = {};",
  "mod.ts": `export { it } from "./src/cosocket.ts";`,
  "tests/it_test.ts": `import "../src/drivers/node.ts"; import process from "node:process";`,
};

const faults = [
  {
    name: "an import that points up",
    path: "src/pool.ts",
    text: `import { it } from "./cosocket.ts";`,
    problem: "src/pool.ts imports src/cosocket.ts, a layer above it",
  },
  {
    name: "a type import that points up",
    path: "src/errors.ts",
    text: `import type { Driver } from "./drivers/node.ts";`,
    problem: "src/errors.ts imports src/drivers/node.ts, a layer above it",
  },
  {
    name: "an export that points up",
    path: "src/cosocket.ts",
    text: `export {\n  codes,\n} from "./faces/ngx/codes.ts";`,
    problem: "src/cosocket.ts imports src/faces/ngx/codes.ts, a layer above it",
  },
  {
    name: "a dynamic import that points up",
    path: "src/pool.ts",
    text: `await import(\n  "./faces/ngx/codes.ts"\n);`,
    problem: "src/pool.ts imports src/faces/ngx/codes.ts, a layer above it",
  },
  {
    name: "the type of an import that points up",
    path: "src/bytes.ts",
    text: `export type It = import("./faces/ngx/codes.ts").It;`,
    problem: "src/bytes.ts imports src/faces/ngx/codes.ts, a layer above it",
  },
  {
    name: "an import of a computed name",
    path: "src/connect.ts",
    text: "await import(`./drivers/${name}.ts`);",
    problem: "src/connect.ts imports a computed name",
  },
  {
    name: "a file without a layer",
    path: "src/utils.ts",
    text: "",
    problem: "src/utils.ts has no layer: name it in scripts/check_layers.ts",
  },
  {
    name: "an import of a file that is not there",
    path: "src/pool.ts",
    text: `import "./shelves.ts";`,
    problem: "src/pool.ts imports src/shelves.ts: No such file",
  },
  {
    name: "an import of a test",
    path: "src/pool.ts",
    text: `import "../tests/it_test.ts";`,
    problem: "src/pool.ts imports tests/it_test.ts, which is not shipped",
  },
  {
    name: "a circle, even of types",
    path: "src/connect.ts",
    text: `import type { Pool } from "./pool.ts";`,
    problem: "src/connect.ts -> src/pool.ts -> src/connect.ts is a circle",
  },
  {
    name: "a dependency",
    path: "src/bytes.ts",
    text: `import "npm:iconv-lite@1.0.0";`,
    problem: `src/bytes.ts imports "npm:iconv-lite@1.0.0": There are no dependencies`,
  },
  {
    name: "the name Deno",
    path: "src/pool.ts",
    text: "Deno.pid;",
    problem: "src/pool.ts names Deno: Runtimes are named in src/drivers/ and src/connect.ts",
  },
  {
    name: "the name Bun behind globalThis",
    path: "mod.ts",
    text: "export const is = globalThis.Bun;",
    problem: "mod.ts names Bun: Runtimes are named in src/drivers/ and src/connect.ts",
  },
  {
    name: "the name process",
    path: "src/faces/ngx/codes.ts",
    text: `if (/["']/.test(x)) process.exit(1);`,
    problem:
      "src/faces/ngx/codes.ts names process: Runtimes are named in src/drivers/ and src/connect.ts",
  },
  {
    name: "the question whether this is Deno",
    path: "src/pool.ts",
    text: `export const is = "Deno" in globalThis;`,
    problem: "src/pool.ts names Deno: Runtimes are named in src/drivers/ and src/connect.ts",
  },
  {
    name: "a module of Node",
    path: "src/errors.ts",
    text: `import { constants } from "node:os";`,
    problem: "src/errors.ts names node:: Runtimes are named in src/drivers/ and src/connect.ts",
  },
  {
    name: "an import that no machine here can fetch",
    path: "tests/it_test.ts",
    text: `import "jsr:@std/assert@1";`,
    problem: `tests/it_test.ts imports "jsr:@std/assert@1"`,
  },
  {
    name: "latin1, which TextDecoder reads as windows-1252",
    path: "tests/it_test.ts",
    text: `new TextDecoder("latin1", { fatal: true })`,
    problem:
      "tests/it_test.ts decodes windows-1252 under another name: Bytes 0x80 to 0x9F would change",
  },
  {
    name: "a using declaration",
    path: "src/drivers/node.ts",
    text: "await using socket = await connect();",
    problem: "src/drivers/node.ts has a using declaration",
  },
];

test("problems() finds none in a tree whose imports point down", () => {
  assert.deepEqual(problems(sound, layers), []);
});

for (const { name, path, text, problem } of faults) {
  test(`problems() finds ${name}`, () => {
    assert.deepEqual(problems({ ...sound, [path]: text }, layers), [problem]);
  });
}

test("LAYERS names no place twice", () => {
  const places = LAYERS.flat();
  assert.equal(new Set(places).size, places.length);
});

test("importsOf() is not misled by comments, strings and regular expressions", () => {
  const text = [
    `// import "./a.ts"`,
    `const quote = /["'\`]/g; import "./b.ts";`,
    `const text = 'import "./c.ts"'; /* from "./d.ts" */`,
    'const url = `http://${host}/`; Array.from("e");',
    `import { type F } from './f.ts'; const half = a / 2; export * from "./g.ts"; // "`,
  ].join("\n");
  assert.deepEqual(importsOf(text), ["./b.ts", "./f.ts", "./g.ts"]);
});

test("codeOnly() keeps every position", () => {
  const text = `const a = "x//y"; /* b\n */ c(/\\/"/, d);`;
  assert.equal(codeOnly(text), `const a = "    "; ${" ".repeat(4)}\n    c(/   /, d);`);
});
