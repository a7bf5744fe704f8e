// What `send`, `say` and `print` make of values.

import assert from "node:assert/strict";
import { test } from "node:test";
import { byteString } from "../src/bytes.ts";
import { LuaError, NULL } from "../src/faces/lua.ts";
import { loggedText, sendBytes, shownText } from "../src/faces/ngx/outgoing.ts";

const texts: [unknown, string][] = [
  ["abc", "abc"],
  ["", ""],
  ["\xe9", "\xe9"],
  ["x".repeat(65), "x".repeat(65)],
  [`\0${"x".repeat(62)}\xff`, `\0${"x".repeat(62)}\xff`],
  [new Uint8Array([0, 128, 255]), "\0\x80\xff"],
  [1, "1"],
  [-7, "-7"],
  [0, "0"],
  [-0, "0"],
  [1.5, "1.5"],
  [2147483647, "2147483647"],
  [2147483648, "2147483648"],
  [100000000000000, "1e+14"],
  [2 ** 53, "9.007199254741e+15"],
  [1e-6, "1e-06"],
  [Infinity, "inf"],
  [NaN, "-nan"],
  [null, "nil"],
  [undefined, "nil"],
  [true, "true"],
  [false, "false"],
  [[], ""],
  [{}, ""],
  [["a", 1, "b"], "a1b"],
  [["a", ["b", ["c", 2.5]], []], "abc2.5"],
  [["a", new Uint8Array([98])], "ab"],
  [["a", null], "a"],
  [["a", undefined, null], "a"],
  [[null], ""],
  [{ 1: "a", 2: ["b"] }, "ab"],
  [{ 2: "b", 1: "a" }, "ab"],
  [{ 1: "a", x: undefined }, "a"],
];

for (const [value, text] of texts) {
  test(`sendBytes makes ${JSON.stringify(text)} of ${shown(value)}`, () => {
    assert.equal(byteString(sendBytes(value)), text);
  });
}

test("what sendBytes has made does not change when more is made", () => {
  const made = texts.map(([value, text]) => ({ bytes: sendBytes(value), text }));
  for (const { bytes, text } of made) assert.equal(byteString(bytes), text);
});

const refused: [unknown, string][] = [
  [["a", true], "bad data type boolean found"],
  [["a", null, "c"], "bad data type nil found"],
  [[["a", null, "c"]], "bad data type nil found"],
  [{ 2: "b" }, "bad data type nil found"],
  [{ 4294967295: "far" }, "bad data type nil found"],
  [["a", () => 1], "bad data type function found"],
  [["a", NULL], "bad data type userdata found"],
  [{ a: "x" }, "non-array table found"],
  [{ 0: "x" }, "non-array table found"],
  [{ "1.5": "x" }, "non-array table found"],
  [["a", { b: 1 }], "non-array table found"],
  [
    () => 1,
    "string, number, boolean, nil, or array table expected, got function",
  ],
  [NULL, "string, number, boolean, nil, or array table expected, got userdata"],
  [
    new Map(),
    "string, number, boolean, nil, or array table expected, got userdata",
  ],
];

for (const [value, why] of refused) {
  test(`sendBytes refuses ${shown(value)}: ${why}`, () => {
    const message = `bad argument #1 to 'send' (${why})`;
    assert.throws(() => sendBytes(value), (error) => {
      return error instanceof LuaError && error.message === message;
    });
  });
}

test("shownText takes what say takes, in tables, too", () => {
  const values: [unknown, string][] = [
    [[true, false, "x", 1.5, [2, [null]], []], "truefalsex1.52"],
    [[1, null, 3], "1nil3"],
    [[1, NULL, 3], "1null3"],
    [{ 2: "b" }, "nilb"],
    [NULL, "null"],
    [null, "nil"],
    [1e14, "1e+14"],
    [-0, "0"],
    [Infinity, "inf"],
  ];
  for (const [value, text] of values) assert.equal(shownText(value, 1, "say"), text);
});

test("shownText names the method and the argument", () => {
  const refused: [unknown, string][] = [
    [[() => 1], "bad data type function found"],
    [[1, [new Map()]], "bad data type userdata found"],
    [{ a: 1 }, "non-array table found"],
    [
      () => 1,
      "string, number, boolean, nil, ngx.null, or array table expected, but got function",
    ],
  ];
  for (const [value, why] of refused) {
    const message = `bad argument #2 to 'print' (${why})`;
    assert.throws(() => shownText(value, 2, "print"), { message });
  }
});

test("loggedText takes no tables", () => {
  const texts = [null, true, NULL, 1.5, "x"].map((it) => loggedText(it, 1)).join(" ");
  assert.equal(texts, "nil true null 1.5 x");
  assert.throws(() => loggedText([], 1), {
    message: "bad argument #1 to 'log' (expected table to have __tostring metamethod)",
  });
  assert.throws(() => loggedText(() => 1, 3), {
    message: "bad argument #3 to 'log' (string, number, boolean, or nil expected, got function)",
  });
});

function shown(value: unknown): string {
  if (typeof value === "function") return "a function";
  return JSON.stringify(value, (_, it) => it === undefined ? "nothing" : it) ?? String(value);
}
