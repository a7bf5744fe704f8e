// OpenSSL's words for chains that other engines refuse with one word for many cases.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type ChainLink, exactCode } from "../../src/drivers/tls_chain.ts";

const NOW = 1000;
const LEAF: ChainLink = { isSelfIssued: false, isForServers: true, fromMs: 0, untilMs: 2000 };
const ROOT: ChainLink = { ...LEAF, isSelfIssued: true };

const cases: { name: string; chain: ChainLink[]; code: string }[] = [
  { name: "a leaf alone", chain: [LEAF], code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" },
  { name: "a leaf that signed itself", chain: [ROOT], code: "DEPTH_ZERO_SELF_SIGNED_CERT" },
  { name: "a chain with its root", chain: [LEAF, ROOT], code: "SELF_SIGNED_CERT_IN_CHAIN" },
  {
    name: "a chain without its root",
    chain: [LEAF, LEAF],
    code: "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  },
  { name: "another purpose", chain: [{ ...LEAF, isForServers: false }], code: "INVALID_PURPOSE" },
  {
    name: "a leaf of yesterday, for another purpose",
    chain: [{ ...LEAF, isForServers: false, untilMs: NOW - 1 }, ROOT],
    code: "CERT_HAS_EXPIRED",
  },
  {
    name: "a leaf of tomorrow",
    chain: [{ ...LEAF, fromMs: NOW + 1 }, ROOT],
    code: "CERT_NOT_YET_VALID",
  },
  {
    name: "a root of yesterday",
    chain: [LEAF, { ...ROOT, untilMs: NOW - 1 }],
    code: "CERT_HAS_EXPIRED",
  },
];

for (const { name, chain, code } of cases) {
  test(`exactCode says ${code} of ${name}`, () => {
    assert.equal(exactCode("UNABLE_TO_VERIFY_LEAF_SIGNATURE", chain, NOW), code);
    assert.equal(exactCode("DEPTH_ZERO_SELF_SIGNED_CERT", chain, NOW), code);
  });
}

test("exactCode leaves what is exact already, and what nothing is known of", () => {
  assert.equal(exactCode("CERT_REVOKED", [ROOT], NOW), "CERT_REVOKED");
  assert.equal(exactCode("SELF_SIGNED_CERT_IN_CHAIN", [], NOW), "SELF_SIGNED_CERT_IN_CHAIN");
  assert.equal(exactCode("", [LEAF], NOW), "");
});
