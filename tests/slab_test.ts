/** Pieces of memory that results share. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Slab, uninitialized } from "../src/slab.ts";
import { Random } from "./helpers/random.ts";

test("copies are equal to what they were made of, and stay so", () => {
  const random = new Random(1);
  const slab = new Slab(256);
  const kept: { copy: Uint8Array; wanted: Uint8Array }[] = [];
  for (let round = 0; round < 500; round++) {
    const from = random.bytes(random.between(1, 200));
    const at = random.below(from.length);
    const size = random.below(from.length - at + 1);
    const wanted = from.slice(at, at + size);
    kept.push({ copy: slab.copy(from, at, size), wanted });
    from.fill(0);
  }
  for (const { copy, wanted } of kept) assert.deepEqual([...copy], [...wanted]);
});

const texts = [
  { text: "", bytes: [] },
  { text: "a\r\n\0\x7f", bytes: [97, 13, 10, 0, 127] },
  { text: "caf\u00e9", bytes: undefined },
  { text: "\u{1f600}", bytes: undefined },
];

for (const { text, bytes } of texts) {
  test(`encode() gives ${bytes ? "the bytes" : "nothing"} of ${JSON.stringify(text)}`, () => {
    const encoded = new Slab(64).encode(text);
    assert.deepEqual(encoded && [...encoded], bytes);
  });
}

test("a text that is no ASCII leaves no trace behind its neighbours", () => {
  const slab = new Slab(64);
  const before = slab.encode("before")!;
  assert.equal(slab.encode("\u00e9\u00e9"), undefined);
  const after = slab.encode("after")!;
  assert.deepEqual(String.fromCharCode(...before, ...after), "beforeafter");
  assert.equal(after.byteOffset, before.byteOffset + before.length);
});

test("a slab that somebody transferred is not used again", () => {
  const slab = new Slab(64);
  const first = slab.copy(new Uint8Array([1, 2, 3]), 0, 3);
  structuredClone(first.buffer, { transfer: [first.buffer as ArrayBuffer] });
  assert.deepEqual([...slab.copy(new Uint8Array([4, 5]), 0, 2)], [4, 5]);
  assert.deepEqual([...slab.encode("a")!], [97]);
});

test("memory that is not cleared has the size that was asked for", () => {
  for (const size of [0, 1, 4096, 70_000]) assert.equal(uninitialized(size).length, size);
});
