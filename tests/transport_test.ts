import assert from "node:assert/strict";
import { test } from "node:test";
import { type IpAddress, sameAddress } from "../src/transport.ts";

/** Two ways to write an address, and whether they mean the same. */
const pairs: { one: string; other: string; same: boolean }[] = [
  { one: "127.0.0.1", other: "127.0.0.1", same: true },
  { one: "127.0.0.1", other: "127.0.0.2", same: false },
  { one: "::1", other: "0:0:0:0:0:0:0:1", same: true },
  { one: "::1", other: "::2", same: false },
  { one: "2001:db8::A", other: "2001:db8:0:0::a", same: true },
  { one: "::ffff:127.0.0.1", other: "127.0.0.1", same: true },
  { one: "::ffff:7f00:1", other: "127.0.0.1", same: true },
  { one: "::ffff:127.0.0.2", other: "127.0.0.1", same: false },
  { one: "::127.0.0.1", other: "127.0.0.1", same: false },
  { one: "fe80::1%eth0", other: "fe80::1", same: true },
  { one: "::no::address", other: "::1", same: false },
  { one: "::no::address", other: "::no::address", same: true },
];

for (const { one, other, same } of pairs) {
  test(`${one} and ${other} are ${same ? "the same" : "different"}`, () => {
    const at = (hostname: string, port = 7): IpAddress => ({ hostname, port });
    assert.equal(sameAddress(at(one), at(other)), same);
    assert.equal(sameAddress(at(other), at(one)), same);
    assert.equal(sameAddress(at(one), at(one, 8)), false);
  });
}
