import assert from "node:assert/strict";
import { test } from "node:test";
import {
  bytesOf,
  byteString,
  decodeUtf8,
  encodeUtf8,
  isAscii,
  join,
  quote,
  textOf,
} from "../src/bytes.ts";
import { Random } from "./helpers/random.ts";
import { WithoutBuffer } from "./helpers/without_buffer.ts";

const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte);
const lengths = [0, 1, 2, 31, 32, 33, 63, 64, 65, 66, 4095, 4096, 4097, 100_000];

test("byteString() and bytesOf() undo one another, at every length", () => {
  for (const length of lengths) {
    const bytes = new Random(length).bytes(length);
    const text = byteString(bytes);
    assert.equal(text.length, length);
    assert.deepEqual(bytesOf(text), bytes);
  }
});

test("byteString() gives each byte the character of its number", () => {
  const text = byteString(everyByte);
  for (let byte = 0; byte < 256; byte++) assert.equal(text.charCodeAt(byte), byte);
});

test("byteString() cuts out what it is asked for, also of a part of memory", () => {
  const bytes = everyByte.subarray(65, 91);
  assert.equal(byteString(bytes, 1, 4), "BCD");
  assert.equal(byteString(bytes, 24), "YZ");
  assert.equal(byteString(bytes, 5, 5), "");
});

/** Texts with a character that is no byte, at their beginning, middle or end. */
const wides = [1, 64, 65, 1000].flatMap((length) =>
  ["\u0100", "\u0141", "\uffff", "\ud83d"].flatMap((wide) =>
    [0, length >> 1, length - 1].map((at) =>
      "\xff".repeat(at) + wide + "\xff".repeat(length - at - 1)
    )
  )
);

test("bytesOf() refuses a wide character anywhere, and says what to do", () => {
  for (const text of wides) assert.throws(() => bytesOf(text), /^TypeError: .*TextEncoder/);
});

test("byteString() and bytesOf() do the same where there is no Buffer", async () => {
  const there = new WithoutBuffer();
  try {
    for (const length of lengths) {
      const bytes = new Random(length).bytes(length);
      const text = byteString(bytes);
      assert.equal(await there.call("byteString", bytes), text);
      assert.deepEqual(await there.call("bytesOf", text), bytes);
    }
    assert.equal(await there.call("byteString", everyByte, 66, 69), "BCD");
    for (const text of wides) await assert.rejects(there.call("bytesOf", text), /TextEncoder/);
  } finally {
    await there.end();
  }
});

test("decodeUtf8() keeps a byte order mark", () => {
  assert.equal(decodeUtf8(encodeUtf8("\ufeffa\ufeff")), "\ufeffa\ufeff");
});

const badUtf8 = [
  { bytes: "a\x80b", text: "a\ufffdb" },
  { bytes: "\xc3", text: "\ufffd" },
  { bytes: "\xc0\xaf", text: "\ufffd\ufffd" },
  { bytes: "\xed\xa0\x80", text: "\ufffd\ufffd\ufffd" },
  { bytes: "\xf0\x9f\x98x", text: "\ufffdx" },
  { bytes: "\xff\xfe", text: "\ufffd\ufffd" },
];

for (const { bytes, text } of badUtf8) {
  test(`decodeUtf8() shows ${quote(bytes)} as ${quote(text)}`, () => {
    assert.equal(decodeUtf8(bytesOf(bytes)), text);
    assert.equal(textOf(bytes), text);
  });
}

test("textOf() gives the text whose UTF-8 a byte string holds", () => {
  for (const text of ["", "plain", "\x7f", "déjà", "\ufeffé", "日本", "😀"]) {
    assert.equal(textOf(byteString(encodeUtf8(text))), text);
  }
});

test("isAscii() sees a byte above 7F at every place and in every alignment", () => {
  const memory = new Uint8Array(64);
  for (let start = 0; start < 8; start++) {
    for (let end = start; end < 40; end++) {
      assert.equal(isAscii(memory, start, end), true);
      for (let at = 0; at < 48; at++) {
        memory[at] = 0x80;
        assert.equal(isAscii(memory, start, end), at < start || at >= end);
        memory[at] = 0;
      }
    }
  }
});

test("isAscii() is not misled by where a view begins", () => {
  const memory = new Uint8Array(64);
  for (let offset = 0; offset < 8; offset++) {
    const view = memory.subarray(offset, offset + 21);
    for (let at = 0; at < view.length; at++) {
      view[at] = 0xff;
      assert.equal(isAscii(view, 0, view.length), false);
      view[at] = 0x7f;
      assert.equal(isAscii(view, 0, view.length), true);
    }
  }
});

test("join() puts all pieces together", () => {
  assert.deepEqual(join([]), new Uint8Array(0));
  assert.deepEqual(join([bytesOf("ab")]), bytesOf("ab"));
  assert.deepEqual(join(["a", "", "bc", "d"].map(bytesOf)), bytesOf("abcd"));
});

const quoted = [
  { value: `a"b\n`, shown: '"a\\"b\\n"' },
  { value: "x".repeat(60), shown: `"${"x".repeat(60)}"` },
  { value: "x".repeat(61), shown: `"${"x".repeat(57)}..."` },
  { value: 1.5, shown: "1.5" },
  { value: null, shown: "null" },
  { value: undefined, shown: "undefined" },
  { value: [1], shown: "an array" },
  { value: new Map(), shown: "Map" },
  { value: Object.create(null), shown: "an object" },
  { value: Symbol("s"), shown: "Symbol(s)" },
  { value: 10n, shown: "10" },
];

for (const { value, shown } of quoted) {
  test(`quote() shows ${shown}`, () => assert.equal(quote(value), shown));
}
