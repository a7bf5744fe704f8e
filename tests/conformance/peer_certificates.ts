/** The certificates of the peers, under the names that scenarios have for them. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createSecureContext, type SecureContext, type SecureVersion } from "node:tls";
import {
  type Certificate,
  type CertificateName,
  type Certificates,
  certificates,
} from "../helpers/certificates.ts";

/** What the step `starttls` can be told. */
export type TlsOptions = {
  /** One of the original's certificates, or any of ours; `good` unless named. */
  readonly cert?: string;
  /** TLS 1.2 and 1.3 unless named. */
  readonly minVersion?: SecureVersion;
  readonly maxVersion?: SecureVersion;
  readonly requestCert?: boolean;
  /** Beside `requestCert`: refuses a client that has none. */
  readonly requireCert?: boolean;
};

/** What the original had, and how it is called with us. */
const ORIGINAL: Readonly<Record<string, CertificateName>> = {
  ca: "ca",
  good: "good",
  client: "client",
  expired: "expired",
  selfsigned: "selfSigned",
};

/** Fills the folder that `$CERTS` stands for. */
export async function writeCertificates(folder: string): Promise<void> {
  const all = await certificates();
  for (const [name, ours] of Object.entries(ORIGINAL)) {
    writeFileSync(join(folder, `${name}.crt`), all[ours].cert);
    writeFileSync(join(folder, `${name}.key`), all[ours].key);
  }
}

/** What a peer needs to answer a handshake; one for all that want the same. */
export async function secureContext(options: TlsOptions): Promise<SecureContext> {
  const key = JSON.stringify(options);
  const context = contexts.get(key) ?? newContext(await certificates(), options);
  contexts.set(key, context);
  return context;
}

const contexts = new Map<string, SecureContext>();

function newContext(all: Certificates, options: TlsOptions): SecureContext {
  const { cert = "good", minVersion = "TLSv1.2", maxVersion = "TLSv1.3" } = options;
  const certificate: Certificate | undefined = all[ORIGINAL[cert] ?? cert as CertificateName];
  if (!certificate) throw new SyntaxError(`Unknown certificate "${cert}"`);
  // The original's peers send the root along, since OpenSSL takes it from `ca` when nothing else
  // is said. Bun does so, too; Deno also where a chain is given, or the leaf signed itself.
  const sendsRoot = cert in ORIGINAL && cert !== "selfsigned";
  return createSecureContext({
    ...certificate,
    ca: sendsRoot || options.requestCert ? all.ca.cert : undefined,
    minVersion,
    maxVersion,
    // A client that offers to resume is turned away without one, if it has a certificate.
    sessionIdContext: "peers",
  });
}
