// Lua's view of values: numbers as texts and texts as numbers, types, complaints.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  badArgument,
  checkInteger,
  checkString,
  cText,
  isTable,
  LuaError,
  NULL,
  numberText,
  textOf,
  toInt,
  toInteger,
  toNumber,
  typeName,
} from "../src/faces/lua.ts";

/** What Lua 5.1 made of them: `string.format("%.14g", value)`. */
const printed: [number, string][] = [
  [0, "0"],
  [1, "1"],
  [-1, "-1"],
  [7, "7"],
  [10, "10"],
  [100, "100"],
  [100000, "100000"],
  [123456, "123456"],
  [99999999999999, "99999999999999"],
  [100000000000000, "1e+14"],
  [1000000000000000, "1e+15"],
  [123456789012345, "1.2345678901234e+14"],
  [1234567890123456, "1.2345678901235e+15"],
  [0.10000000000000001, "0.1"],
  [0.20000000000000001, "0.2"],
  [0.30000000000000004, "0.3"],
  [0.33333333333333331, "0.33333333333333"],
  [0.66666666666666663, "0.66666666666667"],
  [1.5, "1.5"],
  [2.5, "2.5"],
  [-0.5, "-0.5"],
  [0.0001, "0.0001"],
  [1.0000000000000001e-05, "1e-05"],
  [0.00012344999999999999, "0.00012345"],
  [9.9999000000000003e-05, "9.9999e-05"],
  [123.456, "123.456"],
  [1e+21, "1e+21"],
  [1e+22, "1e+22"],
  [1e+100, "1e+100"],
  [1e-100, "1e-100"],
  [1.7976931348623157e+308, "1.7976931348623e+308"],
  [4.9406564584124654e-324, "4.9406564584125e-324"],
  [2.2250738585072014e-308, "2.2250738585072e-308"],
  [4294967295, "4294967295"],
  [4294967296, "4294967296"],
  [2147483647, "2147483647"],
  [-2147483648, "-2147483648"],
  [9007199254740992, "9.007199254741e+15"],
  [-9007199254740992, "-9.007199254741e+15"],
  [9.2233720368547758e+18, "9.2233720368548e+18"],
  [1.8446744073709552e+19, "1.844674407371e+19"],
  [9007199254740991, "9.007199254741e+15"],
  [0.5, "0.5"],
  [0.25, "0.25"],
  [0.125, "0.125"],
  [10000000000000.5, "10000000000000"],
  [1000000000000.25, "1000000000000.2"],
  [9.9999999999999503, "10"],
  [9.9999999999999947, "10"],
  [99999999999999.5, "1e+14"],
  [999999999999995, "1e+15"],
  [99999999999998.5, "99999999999998"],
  [0.99999999999999001, "0.99999999999999"],
  [0.999999999999999, "1"],
  [1.00000000000005, "1"],
  [1.0000000000000051, "1"],
  [12345678901234.5, "12345678901234"],
  [12345678901235.5, "12345678901236"],
  [3.14159265358979, "3.1415926535898"],
  [2.7182818284590451, "2.718281828459"],
  [6.0221407599999999e+23, "6.02214076e+23"],
  [6.6260701499999998e-34, "6.62607015e-34"],
  [9.9999999999999995e-08, "1e-07"],
  [1.2300000000000001e-05, "1.23e-05"],
  [100000000000001, "1e+14"],
  [100000000000000.5, "1e+14"],
  [3141592653.5897899, "3141592653.5898"],
  [100.25, "100.25"],
  [1000, "1000"],
  [0.00012, "0.00012"],
  [Infinity, "inf"],
  [-Infinity, "-inf"],
  [-0, "-0"],
  [NaN, "-nan"],
];

test("numberText prints as Lua 5.1 does", () => {
  for (const [value, text] of printed) assert.equal(numberText(value), text, String(value));
});

test("a number that was printed with 14 digits reads back as the same number", () => {
  for (const [, text] of printed) {
    const value = toNumber(text)!;
    assert.equal(numberText(value), text);
  }
});

/** What LuaJIT takes for a number, and which. */
const numbers: [string, number][] = [
  ["0", 0],
  ["12", 12],
  [" 12 ", 12],
  ["\t\n\v\f\r12\t\n\v\f\r", 12],
  ["+12", 12],
  ["-12", -12],
  ["012", 12],
  ["1.5", 1.5],
  [".5", 0.5],
  ["5.", 5],
  ["1e3", 1000],
  ["1E+3", 1000],
  ["1e-3", 0.001],
  ["0x10", 16],
  ["0XfF", 255],
  ["-0x10", -16],
  ["0x.8", 0.5],
  ["0x1.8p1", 3],
  ["0x1p-1", 0.5],
  ["0xffffffffff", 1099511627775],
  ["0b101", 5],
  ["0B1", 1],
  ["inf", Infinity],
  ["-Infinity", -Infinity],
  ["nan", NaN],
];

test("toNumber takes what LuaJIT takes for a number", () => {
  for (const [text, number] of numbers) assert.equal(toNumber(text), number, text);
});

test("toNumber takes nothing else", () => {
  const others = [
    "",
    " ",
    ".",
    "e1",
    "1e",
    "1e+",
    "1 2",
    "+ 1",
    "--1",
    "1_0",
    "1,5",
    "0x",
    "0x.",
    "0xg",
    "0x1p",
    "0b",
    "0b2",
    "0b1.1",
    "1l",
    "1i",
    "infinite",
    "nano",
    "1\0",
    "\u00a01",
    "\u0661",
    "one",
  ];
  for (const text of others) assert.equal(toNumber(text), undefined, JSON.stringify(text));
  for (const value of [null, undefined, true, {}, [], () => 1, new Uint8Array(1)]) {
    assert.equal(toNumber(value), undefined);
  }
});

test("toInteger cuts decimals", () => {
  assert.equal(toInteger(2.9), 2);
  assert.equal(toInteger(-2.9), -2);
  assert.ok(Object.is(toInteger(-0.5), 0));
  assert.equal(toInteger("0x1.8"), 1);
  assert.equal(toInteger("x"), undefined);
});

test("toInteger makes the least integer of what has no room in 64 bits, as C does", () => {
  for (const value of [NaN, Infinity, -Infinity, 1e300, -1e300, 2 ** 63, "inf", "nan"]) {
    assert.equal(toInteger(value), -(2 ** 63));
  }
  assert.equal(toInteger(-(2 ** 63)), -(2 ** 63));
  assert.equal(toInteger(2 ** 62), 2 ** 62);
});

test("toInt keeps the lower 32 bits", () => {
  assert.equal(toInt(65536), 65536);
  assert.equal(toInt(2 ** 31), -(2 ** 31));
  assert.equal(toInt(2 ** 32 + 80), 80);
  assert.equal(toInt(-(2 ** 63)), 0);
});

test("cText ends at the first NUL", () => {
  assert.equal(cText("abc"), "abc");
  assert.equal(cText("a\0b\0c"), "a");
  assert.equal(cText("\0"), "");
});

test("typeName gives the names of Lua's types", () => {
  const values: [unknown, string][] = [
    [null, "nil"],
    [undefined, "nil"],
    [true, "boolean"],
    [1, "number"],
    ["", "string"],
    [new Uint8Array(1), "string"],
    [() => 1, "function"],
    [[], "table"],
    [{}, "table"],
    [Object.create(null), "table"],
    [NULL, "userdata"],
    [new Map(), "userdata"],
    [new Date(0), "userdata"],
    [Symbol("x"), "userdata"],
    [1n, "userdata"],
  ];
  for (const [value, name] of values) assert.equal(typeName(value), name, String(name));
});

test("isTable takes arrays and plain objects, not ngx.null", () => {
  assert.ok(isTable([]));
  assert.ok(isTable({}));
  assert.ok(!isTable(null));
  assert.ok(!isTable(NULL));
  assert.ok(!isTable(new Set()));
});

test("textOf prints as tostring does", () => {
  assert.equal(textOf(null), "nil");
  assert.equal(textOf(undefined), "nil");
  assert.equal(textOf(true), "true");
  assert.equal(textOf(1e15), "1e+15");
  assert.equal(textOf("x"), "x");
  assert.equal(textOf(NULL), "null");
});

test("complaints name the argument, the object not counted", () => {
  const raises = (work: () => unknown, message: string) => {
    assert.throws(work, (error) => error instanceof LuaError && error.message === message);
  };
  raises(() => checkInteger("x", 2, "f"), "bad argument #2 to 'f' (number expected, got string)");
  raises(() => checkInteger(null, 1, "f"), "bad argument #1 to 'f' (number expected, got nil)");
  raises(() => checkString({}, 1, "f"), "bad argument #1 to 'f' (string expected, got table)");
  raises(
    () => {
      throw badArgument(0, "f", "why");
    },
    "calling 'f' on bad self (why)",
  );
  assert.equal(checkInteger("12", 1, "f"), 12);
  assert.equal(checkString(1.5, 1, "f"), "1.5");
});
