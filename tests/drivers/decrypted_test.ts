// What TLS has decrypted comes out as it went in, and its memory is given back: never
// memory that holds anything else, and never before its bytes were used.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { Decrypted } from "../../src/drivers/decrypted.ts";

const RECORD_BYTES = 16 * 1024;

function record(fill: number, size = RECORD_BYTES): Uint8Array<ArrayBuffer> {
  return new Uint8Array(size).fill(fill);
}

test("Decrypted hands a piece on as it is, a Buffer as a plain array", () => {
  const decrypted = new Decrypted();
  const piece = Buffer.from(record(1).buffer, 8, 100);
  decrypted.push(piece);
  assert.equal(decrypted.length, 100);
  const taken = decrypted.take(undefined);
  assert.equal(taken.constructor, Uint8Array);
  assert.deepEqual([taken.buffer, taken.byteOffset, taken.length], [piece.buffer, 8, 100]);
  assert.equal(decrypted.length, 0);
});

test("Decrypted puts pieces together in their order, as far as there is room", () => {
  for (const sizes of [[1, 2, 3], [5000, 1, 7000], [RECORD_BYTES, RECORD_BYTES, 10], [70_000, 1]]) {
    const all = Buffer.concat(sizes.map((size, at) => record(at + 1, size)));
    for (const room of [1, 2, 4999, 5000, 5001, RECORD_BYTES, 100_000, undefined]) {
      if (room !== undefined && room < 4999 && all.length > 100) continue;
      const decrypted = new Decrypted();
      sizes.forEach((size, at) => decrypted.push(record(at + 1, size)));
      const got: Uint8Array[] = [];
      for (let left = all.length; left > 0; left -= got.at(-1)!.length) {
        assert.equal(decrypted.length, left);
        decrypted.next();
        got.push(decrypted.take(room === undefined ? undefined : new Uint8Array(room)).slice());
      }
      assert.equal(decrypted.length, 0);
      assert.deepEqual(Buffer.concat(got), all, `${sizes} into ${room}`);
    }
  }
});

test("Decrypted gives a piece's memory back with the next pull, and not before", () => {
  const decrypted = new Decrypted();
  const piece = record(1);
  decrypted.push(piece);
  const taken = decrypted.take(undefined);
  decrypted.push(record(2));
  assert.deepEqual(taken, record(1));
  decrypted.next();
  assert.equal(piece.buffer.byteLength, 0);
  assert.deepEqual(decrypted.take(undefined), record(2));
});

test("Decrypted gives the memory of pieces back as soon as it has copied them", () => {
  for (const into of [undefined, new Uint8Array(2 * RECORD_BYTES)]) {
    const decrypted = new Decrypted();
    const pieces = [record(1), record(2)];
    pieces.forEach((it) => decrypted.push(it));
    assert.deepEqual(
      Buffer.from(decrypted.take(into)),
      Buffer.concat([record(1), record(2)]),
    );
    for (const { buffer } of pieces) assert.equal(buffer.byteLength, 0);
  }
});

test("Decrypted leaves memory alone that holds anything else", () => {
  const decrypted = new Decrypted();
  const slab = new Uint8Array(4 * RECORD_BYTES).fill(7);
  for (const at of [0, 1, 3]) {
    decrypted.push(slab.subarray(at * RECORD_BYTES, (at + 1) * RECORD_BYTES));
    if (at === 1) decrypted.take(undefined);
  }
  decrypted.take(undefined);
  decrypted.next();
  assert.equal(slab.buffer.byteLength, 4 * RECORD_BYTES);
});

test("Decrypted leaves a piece alone of which a part was taken", () => {
  const decrypted = new Decrypted();
  const piece = record(1);
  decrypted.push(piece);
  decrypted.take(new Uint8Array(10));
  decrypted.next();
  assert.deepEqual(decrypted.take(undefined), record(1, RECORD_BYTES - 10));
});

test("Decrypted forgets all with clear()", () => {
  const decrypted = new Decrypted();
  const [taken, left] = [record(1), record(2)];
  decrypted.push(taken);
  const bytes = decrypted.take(undefined);
  decrypted.push(left);
  decrypted.clear();
  decrypted.next();
  assert.equal(decrypted.length, 0);
  // Somebody may still look at it.
  assert.deepEqual(bytes, record(1));
});
