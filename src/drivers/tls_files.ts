// Certificates and keys as faces take them: from files and texts, checked at once.

import type { KeyObject, X509Certificate } from "node:crypto";
import type { SecureContextOptions } from "node:tls";

interface Builtins {
  readonly "node:crypto": {
    createPrivateKey(pem: string): KeyObject;
    X509Certificate: new (pem: string) => X509Certificate;
  };
  readonly "node:fs": { readFileSync(path: string, encoding: "latin1"): string };
  readonly "node:tls": { createSecureContext(options: SecureContextOptions): unknown };
}

/** Not imported: who uses no TLS need not load them. */
function builtin<Name extends keyof Builtins>(name: Name): Builtins[Name] {
  const { process } = globalThis as unknown as {
    process: { getBuiltinModule(name: Name): Builtins[Name] };
  };
  return process.getBuiltinModule(name);
}

/** The text of a file, as a byte string. */
export function readText(path: string): string {
  return builtin("node:fs").readFileSync(path, "latin1");
}

const CERTIFICATE =
  /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[^-]*-----END (?:X509 |TRUSTED )?CERTIFICATE-----/g;

/** The certificates in a text, each as PEM, as far as they can be read: none if one cannot. */
export function certificatesIn(pem: string): string[] {
  const { X509Certificate } = builtin("node:crypto");
  const found = (pem.match(CERTIFICATE) ?? []).map((it) => `${it}\n`);
  return found.every((it) => succeeds(() => new X509Certificate(it))) ? found : [];
}

/** Whether a text has a private key that is not encrypted. */
export function isPrivateKey(pem: string): boolean {
  return succeeds(() => builtin("node:crypto").createPrivateKey(pem));
}

/** Whether a private key is that of a certificate. */
export function isKeyOf(key: string, certificate: string): boolean {
  const { createPrivateKey, X509Certificate } = builtin("node:crypto");
  return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
}

/** Whether the runtime's TLS takes such options. */
export function takesOptions(options: { ciphers: string } | { crl: string }): boolean {
  return succeeds(() => builtin("node:tls").createSecureContext(options));
}

const isDeno = "Deno" in globalThis;

/** What the runtime's TLS lacks: it would leave it out in silence. */
export const lacks: Readonly<Record<"oldVersions" | "ciphers" | "crl" | "sessions", boolean>> = {
  oldVersions: isDeno,
  ciphers: isDeno,
  crl: isDeno,
  sessions: isDeno,
};

function succeeds(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch {
    // Why it failed is the caller's to say, in the words of the original.
    return false;
  }
}
