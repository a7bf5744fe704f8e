// What went wrong with a handshake, by the runtime's code for it. What the peer
// sent is not repeated: before the handshake nobody knows who it is.

import { SocketError } from "../errors.ts";

/** Verification errors: OpenSSL's number, its words, and ours. */
interface Verification {
  readonly number: number;
  readonly text: string;
  readonly why: string;
}

const VERIFICATION: Readonly<Record<string, Verification>> = {
  UNABLE_TO_GET_ISSUER_CERT: {
    number: 2,
    text: "unable to get issuer certificate",
    why: "its issuer is missing",
  },
  UNABLE_TO_GET_CRL: {
    number: 3,
    text: "unable to get certificate CRL",
    why: "the list of revoked ones is missing",
  },
  CERT_SIGNATURE_FAILURE: {
    number: 7,
    text: "certificate signature failure",
    why: "its signature is wrong",
  },
  CERT_NOT_YET_VALID: {
    number: 9,
    text: "certificate is not yet valid",
    why: "it is not valid yet",
  },
  CERT_HAS_EXPIRED: { number: 10, text: "certificate has expired", why: "it has expired" },
  CRL_HAS_EXPIRED: {
    number: 12,
    text: "CRL has expired",
    why: "the list of revoked ones has expired",
  },
  DEPTH_ZERO_SELF_SIGNED_CERT: {
    number: 18,
    text: "self-signed certificate",
    why: "it has signed itself",
  },
  SELF_SIGNED_CERT_IN_CHAIN: {
    number: 19,
    text: "self-signed certificate in certificate chain",
    why: "its chain ends at a root that is not trusted",
  },
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: {
    number: 20,
    text: "unable to get local issuer certificate",
    why: "nobody trusted has issued it",
  },
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: {
    number: 21,
    text: "unable to verify the first certificate",
    why: "nobody trusted has issued it",
  },
  CERT_CHAIN_TOO_LONG: {
    number: 22,
    text: "certificate chain too long",
    why: "its chain is too long",
  },
  CERT_REVOKED: { number: 23, text: "certificate revoked", why: "it was revoked" },
  INVALID_CA: {
    number: 24,
    text: "invalid CA certificate",
    why: "it was issued by one that must issue none",
  },
  PATH_LENGTH_EXCEEDED: {
    number: 25,
    text: "path length constraint exceeded",
    why: "its chain is too long",
  },
  INVALID_PURPOSE: {
    number: 26,
    text: "unsuitable certificate purpose",
    why: "it is for another purpose",
  },
  CERT_UNTRUSTED: { number: 27, text: "certificate not trusted", why: "it is not trusted" },
  CERT_REJECTED: { number: 28, text: "certificate rejected", why: "it is not trusted" },
  HOSTNAME_MISMATCH: { number: 62, text: "hostname mismatch", why: "it is for another name" },
  ERR_TLS_CERT_ALTNAME_INVALID: {
    number: 62,
    text: "hostname mismatch",
    why: "it is for another name",
  },
  ERR_FINGERPRINT_MISMATCH: {
    number: 50,
    text: "application verification failure",
    why: "it has none of the fingerprints",
  },
};

/** What a certificate was refused for, if that is why a handshake failed. */
export function verificationOf(error: unknown): Verification | undefined {
  for (let it = error; it instanceof Error; it = it.cause) {
    const { code } = it as { code?: unknown };
    if (typeof code === "string" && Object.hasOwn(VERIFICATION, code)) return VERIFICATION[code];
  }
  return undefined;
}

/** The error for a certificate that we refuse ourselves. */
export function notVerified(code: string): SocketError {
  const known = Object.hasOwn(VERIFICATION, code) ? code : "CERT_REJECTED";
  return handshakeError(Object.assign(new Error("Not verified"), { code: known })) as SocketError;
}

/** The error for who has not the key of its certificate. */
export function badSignature(): Error {
  return Object.assign(new Error("Bad signature"), { code: "ERR_TLS_BAD_SIGNATURE" });
}

/** A handshake's error as ours; what is not of TLS stays what it is. */
export function handshakeError(error: unknown): unknown {
  const verification = verificationOf(error);
  if (error instanceof SocketError) return error;
  if (verification === undefined && !isOfTls(error)) return error;
  const why = verification === undefined
    ? `the handshake failed (${(error as { code: string }).code})`
    : `the certificate was refused, ${verification.why}`;
  return new SocketError("tls", why, { op: "handshake", cause: error });
}

/** The same behind the handshake, such as an alert of a peer that refuses us only then. */
export function tlsError(error: unknown): unknown {
  if (!isOfTls(error)) return error;
  const why = `Cannot go on: TLS failed (${(error as { code: string }).code})`;
  return new SocketError("tls", why, { cause: error });
}

function isOfTls(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === "string" && /^ERR_(SSL|TLS|OSSL|BORINGSSL|CRYPTO)/.test(code);
}
