import assert from "node:assert/strict";
import { test } from "node:test";
import { ipFamily, ipText } from "../src/ip.ts";
import { Random } from "./helpers/random.ts";

const families = [
  { text: "127.0.0.1", family: 4 },
  { text: "::1", family: 6 },
  { text: "::ffff:127.0.0.1", family: 6 },
  { text: "fe80::1%eth0", family: 6 },
  { text: "127.1", family: 0 },
  { text: "localhost", family: 0 },
  { text: "1.2.3.4.test", family: 0 },
];

for (const { text, family } of families) {
  test(`ipFamily(${JSON.stringify(text)}) is ${family}`, () => {
    assert.equal(ipFamily(text), family);
  });
}

const texts = [
  { groups: [0, 0, 0, 0, 0, 0, 0, 0], text: "::" },
  { groups: [0, 0, 0, 0, 0, 0, 0, 1], text: "::1" },
  { groups: [1, 0, 0, 0, 0, 0, 0, 0], text: "1::" },
  { groups: [0x2001, 0xdb8, 0, 0, 1, 0, 0, 1], text: "2001:db8::1:0:0:1" },
  { groups: [1, 0, 0, 2, 0, 0, 0, 3], text: "1:0:0:2::3" },
  { groups: [1, 0, 2, 3, 4, 5, 6, 7], text: "1:0:2:3:4:5:6:7" },
  { groups: [0xa0, 0, 0, 0xb, 1, 2, 3, 0xc0], text: "a0::b:1:2:3:c0" },
  { groups: [0, 0, 0, 0, 0, 0xffff, 0x7f00, 1], text: "::ffff:127.0.0.1" },
];

for (const { groups, text } of texts) {
  test(`ipText() writes ${text}`, () => {
    assert.equal(ipText(bytesOf(groups)), text);
  });
}

test("ipText() writes IPv6 as URLs do, and IPv4 with its dots (seeds)", () => {
  for (let seed = 1; seed <= 2000; seed++) {
    const random = new Random(seed);
    // A run of zeros is rare, unless there are many of them.
    const groups = Array.from({ length: 8 }, () => random.onceIn(2) ? 0 : random.below(0x10000));
    const long = groups.map((it) => it.toString(16)).join(":");
    const text = ipText(bytesOf(groups));
    assert.equal(new URL(`http://[${text}]`).hostname, new URL(`http://[${long}]`).hostname);
    if (!text.includes(".")) assert.equal(`[${text}]`, new URL(`http://[${long}]`).hostname);
    const four = random.bytes(4);
    assert.equal(ipText(four), four.join("."));
    assert.equal(ipFamily(ipText(four)), 4);
  }
});

function bytesOf(groups: readonly number[]): Uint8Array {
  return Uint8Array.from(groups.flatMap((it) => [it >> 8, it & 0xff]));
}
