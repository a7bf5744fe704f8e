/**
 * Makes every certificate that the tests need, and writes them as one JSON file: see `Certificates`
 * in `tests/helpers/certificates.ts`, which runs this.
 *
 *     deno run -A tests/certificates/make.ts <path>
 *
 * Made anew each day, since nothing that is checked in stays valid. It runs on Deno alone: the
 * library comes from npm, and on Bun and Node the tests run without any.
 *
 * @module
 */
import "npm:reflect-metadata@0.2.2";
import * as x509 from "npm:@peculiar/x509@2.2.0";
import type { Certificate, CertificateName, Certificates } from "../helpers/certificates.ts";

const DAY_MS = 86_400_000;
const EC = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const RSA = {
  name: "RSASSA-PKCS1-v1_5",
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: "SHA-256",
};
const { clientAuth } = x509.ExtendedKeyUsage;
const dns = (value: string) => ({ type: "dns" as const, value });
const ip = (value: string) => ({ type: "ip" as const, value });
const EXAMPLE = [dns("test.example")];

/** What one certificate has that the others have not. */
type Description = {
  commonName?: string;
  /** The names and addresses it is for; in the common name alone if there are none. */
  names?: readonly { type: "dns" | "ip"; value: string }[];
  usage?: string;
  authority?: boolean;
  /** Begins and ends so many days from now. */
  fromDays?: number;
  untilDays?: number;
  keyType?: typeof EC | typeof RSA;
  /** Who signs it, and must stand above it; itself unless named. */
  by?: CertificateName;
  /** What a server sends along. */
  chain?: readonly CertificateName[];
};

const DESCRIPTIONS: Readonly<Record<CertificateName, Description>> = {
  ca: { commonName: "Test CA", authority: true },
  otherCa: { commonName: "Other CA", authority: true },
  intermediate: { commonName: "Intermediate CA", authority: true, by: "ca" },
  intermediate2: { commonName: "Intermediate CA 2", authority: true, by: "intermediate" },

  good: { names: EXAMPLE, by: "ca" },
  localhost: {
    commonName: "localhost",
    names: [dns("localhost"), ip("127.0.0.1"), ip("::1")],
    by: "ca",
  },
  address: { commonName: "address", names: [ip("127.0.0.1")], by: "ca" },
  nameAsAddress: { commonName: "address", names: [dns("127.0.0.1")], by: "ca" },
  other: { commonName: "other.example", names: [dns("other.example")], by: "ca" },
  wildcard: { commonName: "wildcard", names: [dns("*.test.example")], by: "ca" },
  international: {
    commonName: "international",
    names: [dns("xn--bcher-kva.example")],
    by: "ca",
  },
  commonNameOnly: { by: "ca" },
  nul: { commonName: "nul", names: [dns("test.example\0.evil.example")], by: "ca" },
  nulCommonName: { commonName: "test.example\0.evil.example", by: "ca" },
  expired: { names: EXAMPLE, fromDays: -10, untilDays: -1, by: "ca" },
  // Two days, since the file is read until the end of the day.
  notYet: { names: EXAMPLE, fromDays: 2, by: "ca" },
  clientUsage: { names: EXAMPLE, usage: clientAuth, by: "ca" },
  client: {
    commonName: "client.example",
    names: [dns("client.example")],
    usage: clientAuth,
    by: "ca",
  },
  otherClient: {
    commonName: "client.example",
    names: [dns("client.example")],
    usage: clientAuth,
    by: "otherCa",
  },
  rsa: { names: EXAMPLE, keyType: RSA, by: "ca" },
  revoked: { names: EXAMPLE, by: "ca" },
  selfSigned: { names: EXAMPLE },
  withRoot: { names: EXAMPLE, by: "ca", chain: ["ca"] },
  viaIntermediate: { names: EXAMPLE, by: "intermediate", chain: ["intermediate"] },
  viaTwo: { names: EXAMPLE, by: "intermediate2", chain: ["intermediate2", "intermediate"] },
};

type Made = { certificate: x509.X509Certificate; keys: CryptoKeyPair };

const made = new Map<CertificateName, Made>();

for (const [name, description] of Object.entries(DESCRIPTIONS)) {
  made.set(name as CertificateName, await make(description));
}
await Deno.writeTextFile(Deno.args[0]!, JSON.stringify(await everything(), null, 2));

async function make(description: Description): Promise<Made> {
  const { commonName = "test.example", keyType = EC, fromDays = -1, untilDays = 30 } = description;
  const keys = await crypto.subtle.generateKey(keyType, true, ["sign", "verify"]) as CryptoKeyPair;
  const subject = nameOf(commonName);
  const issuer = description.by === undefined ? undefined : known(description.by);
  const signer = issuer ?? { certificate: { subjectName: subject }, keys };
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: (0x1000 + made.size).toString(16),
    subject,
    issuer: signer.certificate.subjectName,
    notBefore: daysFromNow(fromDays),
    notAfter: daysFromNow(untilDays),
    publicKey: keys.publicKey,
    signingKey: signer.keys.privateKey,
    signingAlgorithm: issuer ? EC : keyType,
    extensions: await extensions(description, keys, signer.keys),
  });
  return { certificate, keys };
}

async function extensions(
  { authority = false, names, usage }: Description,
  own: CryptoKeyPair,
  signer: CryptoKeyPair,
): Promise<x509.Extension[]> {
  const { keyCertSign, cRLSign, digitalSignature } = x509.KeyUsageFlags;
  const list: x509.Extension[] = [
    new x509.BasicConstraintsExtension(authority, undefined, true),
    new x509.KeyUsagesExtension(authority ? keyCertSign | cRLSign : digitalSignature, true),
    await x509.SubjectKeyIdentifierExtension.create(own.publicKey),
    await x509.AuthorityKeyIdentifierExtension.create(signer.publicKey),
  ];
  if (names) list.push(new x509.SubjectAlternativeNameExtension([...names]));
  if (usage) list.push(new x509.ExtendedKeyUsageExtension([usage]));
  return list;
}

async function everything(): Promise<Certificates> {
  const pairs: [string, Certificate][] = [];
  for (const [name, { certificate, keys }] of made) {
    const chain = DESCRIPTIONS[name].chain ?? [];
    const all = [certificate, ...chain.map((it) => known(it).certificate)];
    const key = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
    pairs.push([name, {
      cert: all.map((it) => `${it.toString("pem")}\n`).join(""),
      key: `${x509.PemConverter.encode(key, x509.PemConverter.PrivateKeyTag)}\n`,
    }]);
  }
  const named = Object.fromEntries(pairs) as Record<CertificateName, Certificate>;
  return { ...named, crl: await revocationList() };
}

/** The list of the CA, with the one certificate that it revoked. */
async function revocationList(): Promise<string> {
  const { certificate, keys } = known("ca");
  const list = await x509.X509CrlGenerator.create({
    issuer: certificate.subjectName,
    thisUpdate: daysFromNow(-1),
    nextUpdate: daysFromNow(30),
    entries: [{
      serialNumber: known("revoked").certificate.serialNumber,
      revocationDate: daysFromNow(-1),
      // Without any, the library writes an empty list of extensions, which must not be.
      reason: x509.X509CrlReason.keyCompromise,
    }],
    signingKey: keys.privateKey,
    signingAlgorithm: EC,
  });
  // The library says "CRL", which OpenSSL does not know.
  return `${x509.PemConverter.encode(list.rawData, "X509 CRL")}\n`;
}

/** Not as text, in which a NUL byte would have to be escaped. */
function nameOf(commonName: string): x509.Name {
  return new x509.Name([{ CN: [{ utf8String: commonName }] }]);
}

function known(name: CertificateName): Made {
  const it = made.get(name);
  if (!it) throw new RangeError(`Cannot sign: "${name}" must stand above what it signs`);
  return it;
}

function daysFromNow(days: number): Date {
  return new Date(Date.now() + days * DAY_MS);
}
