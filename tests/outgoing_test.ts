import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesOf, byteString, encodeUtf8 } from "../src/bytes.ts";
import { bytesToSend, type Data } from "../src/outgoing.ts";

const raw = bytesOf("\x00\xff");

const cases: { name: string; data: Data; sent: string }[] = [
  { name: "text", data: "abc", sent: "abc" },
  { name: "text as UTF-8", data: "é😀", sent: byteString(encodeUtf8("é😀")) },
  { name: "nothing", data: "", sent: "" },
  { name: "bytes as they are", data: raw, sent: "\x00\xff" },
  { name: "no bytes", data: new Uint8Array(0), sent: "" },
  { name: "an empty array", data: [], sent: "" },
  { name: "arrays of nothing", data: [[], [[""]], new Uint8Array(0)], sent: "" },
  { name: "text and bytes in order", data: ["a", raw, "b", raw], sent: "a\x00\xffb\x00\xff" },
  { name: "neighbouring texts", data: ["a", "b", raw, "c", "d"], sent: "ab\x00\xffcd" },
  { name: "arrays in arrays", data: ["a", [["b", raw], "c"], ["d"]], sent: "ab\x00\xffcd" },
  { name: "a part of some memory", data: [raw.subarray(1), raw.subarray(0, 1)], sent: "\xff\x00" },
  { name: "a character cut in two texts", data: ["\ud83d", "\ude00"], sent: "\xf0\x9f\x98\x80" },
];

for (const { name, data, sent } of cases) {
  test(`bytesToSend() gives ${name}`, () => assert.equal(byteString(bytesToSend(data)), sent));
}

test("bytesToSend() does not copy bytes that stand alone", () => {
  assert.equal(bytesToSend(raw), raw);
});

test("bytesToSend() goes to any depth", () => {
  let data: Data = "x";
  for (let depth = 0; depth < 500; depth++) data = [data];
  assert.deepEqual(bytesToSend(data), bytesOf("x"));
});

for (const wrong of [null, undefined, 1, {}, new ArrayBuffer(1), new Uint16Array(1)]) {
  const what = Object.prototype.toString.call(wrong);
  test(`bytesToSend() refuses ${what}, alone and among others`, () => {
    assert.throws(() => bytesToSend(wrong as Data), /^TypeError: data must be text, bytes/);
    assert.throws(() => bytesToSend(["a", [wrong as Data]]), /^TypeError: an item of data must be/);
  });
}
