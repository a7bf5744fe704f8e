/** That the certificates which other tests rely on are what their names say. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { test } from "node:test";
import { type CertificateName, certificates } from "./helpers/certificates.ts";

const all = await certificates();

/** What each is; the rest is the same for all: see `usual`. */
const cases: {
  name: CertificateName;
  subject?: string;
  names?: string;
  by?: CertificateName;
  chain?: CertificateName[];
  state?: "valid" | "expired" | "not yet";
  keyType?: string;
  authority?: boolean;
}[] = [
  { name: "ca", subject: "CN=Test CA", authority: true },
  { name: "otherCa", subject: "CN=Other CA", authority: true },
  { name: "intermediate", subject: "CN=Intermediate CA", by: "ca", authority: true },
  { name: "intermediate2", subject: "CN=Intermediate CA 2", by: "intermediate", authority: true },
  { name: "good", names: "DNS:test.example", by: "ca" },
  {
    name: "localhost",
    subject: "CN=localhost",
    names: "DNS:localhost, IP Address:127.0.0.1, IP Address:::1",
    by: "ca",
  },
  { name: "address", subject: "CN=address", names: "IP Address:127.0.0.1", by: "ca" },
  { name: "nameAsAddress", subject: "CN=address", names: "DNS:127.0.0.1", by: "ca" },
  { name: "other", subject: "CN=other.example", names: "DNS:other.example", by: "ca" },
  { name: "wildcard", subject: "CN=wildcard", names: "DNS:*.test.example", by: "ca" },
  {
    name: "international",
    subject: "CN=international",
    names: "DNS:xn--bcher-kva.example",
    by: "ca",
  },
  { name: "commonNameOnly", by: "ca" },
  { name: "expired", names: "DNS:test.example", by: "ca", state: "expired" },
  { name: "notYet", names: "DNS:test.example", by: "ca", state: "not yet" },
  { name: "clientUsage", names: "DNS:test.example", by: "ca" },
  { name: "client", subject: "CN=client.example", names: "DNS:client.example", by: "ca" },
  { name: "otherClient", subject: "CN=client.example", names: "DNS:client.example", by: "otherCa" },
  { name: "rsa", names: "DNS:test.example", by: "ca", keyType: "rsa" },
  { name: "revoked", names: "DNS:test.example", by: "ca" },
  { name: "selfSigned", names: "DNS:test.example" },
  { name: "withRoot", names: "DNS:test.example", by: "ca", chain: ["ca"] },
  {
    name: "viaIntermediate",
    names: "DNS:test.example",
    by: "intermediate",
    chain: ["intermediate"],
  },
  {
    name: "viaTwo",
    names: "DNS:test.example",
    by: "intermediate2",
    chain: ["intermediate2", "intermediate"],
  },
];

for (const { name, by = name, chain = [], state = "valid", ...rest } of cases) {
  const { subject = "CN=test.example", names, keyType = "ec", authority = false } = rest;
  test(`the certificate "${name}" is what it says`, () => {
    const certificate = parsed(name);
    assert.equal(certificate.subject, subject);
    // Deno writes it as below, the others with all its zeros.
    assert.equal(certificate.subjectAltName?.replace("0:0:0:0:0:0:0:1", "::1"), names);
    assert.equal(certificate.ca, authority);
    assert.equal(certificate.issuer, parsed(by).subject);
    assert.equal(certificate.verify(parsed(by).publicKey), true);
    assert.equal(stateOf(certificate), state);
    assert.equal(certificate.publicKey.asymmetricKeyType, keyType);
    assert.deepEqual(blocks(name).slice(1), chain.map((it) => blocks(it)[0]));
  });
}

test("a name with a NUL byte has it in the certificate", () => {
  for (const name of ["nul", "nulCommonName"] as const) {
    const { raw } = new X509Certificate(all[name].cert);
    assert.ok(raw.toString("latin1").includes("test.example\0.evil.example"), name);
  }
});

test("every key is the one of its certificate", () => {
  for (const name of names()) {
    const wanted = parsed(name).publicKey.export({ type: "spki", format: "der" });
    const key = createPublicKey(createPrivateKey(all[name].key));
    assert.deepEqual(key.export({ type: "spki", format: "der" }), wanted, name);
  }
});

test("no two certificates have the same serial number", () => {
  const numbers = names().map((name) => parsed(name).serialNumber);
  assert.equal(new Set(numbers).size, numbers.length);
});

test("the certificates for clients say so, and no others do", () => {
  const forClients = names().filter((name) => parsed(name).raw.includes(CLIENT_AUTH));
  assert.deepEqual(forClients.sort(), ["client", "clientUsage", "otherClient"]);
});

test("the revocation list has the number of the revoked certificate, and of no other", () => {
  assert.match(all.crl, /^-----BEGIN X509 CRL-----\n[^-]+-----END X509 CRL-----\n$/);
  const list = Buffer.from(all.crl.replace(/-----.*-----/g, ""), "base64");
  const listed = names().filter((name) => list.includes(integer(parsed(name).serialNumber)));
  assert.deepEqual(listed, ["revoked"]);
});

/** 1.3.6.1.5.5.7.3.2 in DER. */
const CLIENT_AUTH = Buffer.from("06082b06010505070302", "hex");

function names(): CertificateName[] {
  return Object.keys(all).filter((name): name is CertificateName => name !== "crl");
}

/** The leaf. */
function parsed(name: CertificateName): X509Certificate {
  return new X509Certificate(blocks(name)[0]!);
}

function blocks(name: CertificateName): string[] {
  return all[name].cert.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/g)!;
}

function stateOf({ validFrom, validTo }: X509Certificate): "valid" | "expired" | "not yet" {
  const nowMs = Date.now();
  if (nowMs < Date.parse(validFrom)) return "not yet";
  return nowMs < Date.parse(validTo) ? "valid" : "expired";
}

/** In DER. */
function integer(hex: string): Buffer {
  const bytes = Buffer.from(hex, "hex");
  return Buffer.from([2, bytes.length, ...bytes]);
}
