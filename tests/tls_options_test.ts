// Options of TLS that make no sense are told at once, before anybody is connected
// to, and without a word of what is secret in them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "../src/cosocket.ts";
import type { TlsOptions } from "../src/tls.ts";
import { certificates } from "./helpers/certificates.ts";
import { failureOf } from "./helpers/failure_of.ts";
import { runtime } from "./helpers/native_pairs.ts";

const { ca, client, good } = await certificates();

const SECRET = "c2VjcmV0";
const badKey = `-----BEGIN PRIVATE KEY-----\n${SECRET}\n-----END PRIVATE KEY-----\n`;

const bad: Readonly<Record<string, { tls: unknown; is?: typeof TypeError | typeof RangeError }>> = {
  "a number": { tls: 1 },
  "null": { tls: null },
  "an unknown option": { tls: { rejectUnauthorized: false } },
  "an option of servers": { tls: { clientCerts: "require" } },
  "a flag that is none": { tls: { dangerouslySkipChainVerification: "yes" } },
  "a name with a space": { tls: { serverName: "a b" } },
  "a name with a NUL byte": { tls: { serverName: "a\0b" } },
  "an empty name": { tls: { serverName: "" }, is: RangeError },
  "cert without key": { tls: { cert: client.cert } },
  "key without cert": { tls: { key: client.key } },
  "the key of another certificate": { tls: { cert: client.cert, key: good.key } },
  "a key that cannot be read": { tls: { cert: client.cert, key: badKey } },
  "a key in place of a certificate": { tls: { cert: client.key, key: client.key } },
  "caCerts that are no PEM": { tls: { caCerts: SECRET } },
  "no caCerts at all": { tls: { caCerts: [] }, is: RangeError },
  "fingerprints too short": { tls: { fingerprints: ["00"] } },
  "no fingerprints at all": { tls: { fingerprints: [] }, is: RangeError },
  "a protocol too long": { tls: { alpnProtocols: ["x".repeat(256)] }, is: RangeError },
  "a version that there is not": { tls: { minVersion: "SSLv3" } },
  "versions the wrong way round": {
    tls: { minVersion: "TLSv1.3", maxVersion: "TLSv1.2" },
    is: RangeError,
  },
  "a session that is none": { tls: { session: {} } },
};

for (const [what, { tls, is = TypeError }] of Object.entries(bad)) {
  test(`connect() with ${what} for TLS connects to nobody`, async () => {
    // Nobody listens there: it would be refused.
    const call = connect("127.0.0.1:1", { tls: tls as TlsOptions });
    const error = await call.then(() => assert.fail("connected"), (error) => error);
    assert.ok(error instanceof is, String(error));
    const { message } = error;
    for (const secret of [SECRET, client.key, good.key, "BEGIN"]) {
      assert.ok(!message.includes(secret), message);
    }
  });
}

const unsupported: readonly TlsOptions[] = [
  { ciphers: "HIGH" },
  { minVersion: "TLSv1" },
  { minVersion: "TLSv1.1" },
];

for (const tls of unsupported) {
  const skip = runtime !== "Deno" && "Only Deno's TLS lacks it";
  test(`${JSON.stringify(tls)} is unsupported, and nobody is connected to`, { skip }, async () => {
    // Nobody listens there: it would be refused.
    await failureOf(connect("127.0.0.1:1", { tls: { ...tls, caCerts: ca.cert } }), "unsupported");
  });
}
