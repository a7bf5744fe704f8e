import assert from "node:assert/strict";
import { test } from "node:test";
import { quote } from "../src/bytes.ts";
import {
  checkFunction,
  checkMaxBytes,
  checkMs,
  checkOptions,
  checkPort,
  checkSignal,
  checkText,
  checkWhole,
} from "../src/check.ts";

/** A check, with what it lets through and what it refuses, and with what kind of error. */
interface Case {
  readonly check: string;
  readonly run: (value: unknown) => unknown;
  readonly good: readonly unknown[];
  readonly wrongType: readonly unknown[];
  readonly outOfRange: readonly unknown[];
}

const notNumbers = ["1", null, undefined, {}, [], 1n, true];

const cases: Case[] = [
  {
    check: "checkWhole",
    run: (value) => checkWhole("it", value),
    good: [0, 1, 2 ** 53 - 1],
    wrongType: notNumbers,
    outOfRange: [-1, 0.5, NaN, Infinity, -Infinity, 2 ** 53],
  },
  {
    check: "checkWhole of 3 and up",
    run: (value) => checkWhole("it", value, 3),
    good: [3, 4],
    wrongType: notNumbers,
    outOfRange: [2, 0, -3],
  },
  {
    check: "checkMs",
    run: (value) => checkMs("it", value),
    good: [0, 0.5, 1, 1e12, Infinity],
    wrongType: notNumbers,
    outOfRange: [-1, -0.1, NaN, -Infinity],
  },
  {
    check: "checkMaxBytes",
    run: (value) => checkMaxBytes("it", value),
    good: [1, 2 ** 40, Infinity],
    wrongType: notNumbers,
    outOfRange: [0, -1, 1.5, NaN],
  },
  {
    check: "checkPort",
    run: (value) => checkPort("it", value),
    good: [0, 1, 65535],
    wrongType: notNumbers,
    outOfRange: [-1, 65536, 0.5, NaN],
  },
  {
    check: "checkText",
    run: (value) => checkText("it", value),
    good: ["a", " "],
    wrongType: [1, null, undefined, ["a"]],
    outOfRange: [""],
  },
  {
    check: "checkOptions",
    run: (value) => checkOptions("it", value as object),
    good: [undefined, {}],
    wrongType: [null, 1, "a", true],
    outOfRange: [],
  },
  {
    check: "checkSignal",
    run: (value) => checkSignal(value),
    good: [undefined, new AbortController().signal],
    wrongType: [null, {}, new AbortController(), "a"],
    outOfRange: [],
  },
  {
    check: "checkFunction",
    run: (value) => checkFunction("it", value),
    good: [undefined, () => {}],
    wrongType: [null, {}, "a"],
    outOfRange: [],
  },
];

for (const { check, run, good, wrongType, outOfRange } of cases) {
  for (const value of good) {
    test(`${check} lets ${shown(value)} through`, () => assert.equal(run(value), value));
  }
  for (const value of wrongType) {
    test(`${check} refuses ${shown(value)} with a TypeError that names what it was`, () => {
      assert.throws(() => run(value), /^TypeError: (it|signal) must be .+, not .+/);
    });
  }
  for (const value of outOfRange) {
    test(`${check} refuses ${shown(value)} with a RangeError that names what it was`, () => {
      assert.throws(() => run(value), /^RangeError: it must /);
    });
  }
}

function shown(value: unknown): string {
  return typeof value === "bigint" ? `${value}n` : quote(value);
}
