// What a handshake is asked for, what the connection is then known to be, and how
// its failures are told.

import { digest } from "../../drivers/digest.ts";
import { verificationOf } from "../../drivers/tls_errors.ts";
import { isKeyOf } from "../../drivers/tls_files.ts";
import { SocketError } from "../../errors.ts";
import { type ClientTls, clientTls, trustOf } from "../../tls.ts";
import { parseHost } from "./host.ts";
import type { Certificate, PrivateKey, SslSession, TrustedStore } from "./ssl.ts";
import type { SslSettings } from "./ssl_directives.ts";

/** What a call of `sslhandshake` says, and what its object was told before. */
export interface HandshakeCall {
  /** A session to resume. */
  readonly session: SslSession | undefined;
  /** Whether one is to be given back. */
  readonly wantsSession: boolean;
  /** The name to ask for and to find; `undefined` where the call has none. */
  readonly name: string | undefined;
  /** Whether to verify; `undefined` where the call does not say. */
  readonly verify: boolean | undefined;
  /** The object's own certificate. */
  readonly own: Own | undefined;
}

/** A certificate of our own, and its key. */
export interface Own {
  readonly certificate: Certificate;
  readonly key: PrivateKey;
}

/** What a connection with TLS is known to be, and what for. */
export interface Proven {
  /** The name its certificate was found to be for. */
  readonly name: string | undefined;
  /** Whether whom we trust has vouched for it. */
  readonly verified: boolean;
  /** Whom that was asked of, and how. */
  readonly trust: string;
  /** As whom we came. */
  readonly own: string;
}

/** A handshake that can be made. */
export interface Planned {
  readonly tls: ClientTls;
  readonly proven: Proven;
  /** The certificate cannot be for the name that was asked for. */
  readonly mismatches: boolean;
}

/** Why a handshake failed: a number of OpenSSL's, if it has one, and the words. */
export interface HandshakeFailure {
  readonly number: number;
  readonly why: string;
}

export const MISMATCH: HandshakeFailure = { number: 0, why: "certificate host mismatch" };
const UNTRUSTED: HandshakeFailure = { number: 27, why: "certificate not trusted" };
const OTHER_OWN: HandshakeFailure = { number: 0, why: "ssl set client certificate failed" };
const HOST_MISMATCH = 62;
const LONGEST_NAME = 255;

/**
 * Plans a handshake, or says why it cannot even begin.
 *
 * @param host The host given to `connect`.
 * @param store Certificates to trust in this handshake alone.
 */
export function plan(
  call: HandshakeCall,
  host: string,
  ssl: SslSettings,
  store: TrustedStore | undefined,
): Planned | string {
  const own = identityOf(call, ssl);
  if (own !== undefined && !isKeyOf(own.key, own.cert)) return "ssl set client private key failed";
  const { name, verify = true } = call;
  const session = call.session?.session;
  if (name !== undefined && (name === "" || name.length > LONGEST_NAME)) {
    return "SSL_set_tlsext_host_name failed";
  }
  const wanted = name ?? hostnameOf(host);
  const caCerts = store?.certificates ?? ssl.trusted;
  const options = {
    minVersion: ssl.versions.oldest,
    maxVersion: ssl.versions.newest,
    ...(ssl.ciphers !== undefined && { ciphers: ssl.ciphers }),
    ...(caCerts && { caCerts }),
    ...own,
    dangerouslySkipChainVerification: !verify,
    dangerouslySkipNameVerification: true,
  };
  const serverName = wanted === undefined ? undefined : canonicalName(wanted);
  const verifiesName = verify && serverName !== undefined;
  const tls: ClientTls = {
    ...clientTls(options, serverName),
    verifiesName,
    crl: ssl.crl,
    verifyDepth: ssl.verifyDepth,
  };
  const identity = JSON.stringify(trustOf(tls, digest));
  return {
    // One that was made with other options would be one of somebody else.
    tls: session?.identity === identity ? { ...tls, session } : tls,
    proven: provenBy(tls),
    mismatches: verify && wanted !== undefined && serverName === undefined,
  };
}

/** Whether a call asks anything of a connection that has TLS already. */
export function asksAnything({ name, verify, own }: HandshakeCall): boolean {
  return (verify ?? name !== undefined) || own !== undefined;
}

/** What is wrong with a connection, for a call that asks more of it than is known. */
export function excess(
  call: HandshakeCall,
  { proven, mismatches }: Planned,
  known: Proven,
): HandshakeFailure | undefined {
  const asksToVerify = call.verify ?? call.name !== undefined;
  if (asksToVerify && call.name !== undefined) {
    if (mismatches || !known.verified || known.name !== proven.name) return MISMATCH;
  }
  if (asksToVerify && (!known.verified || known.trust !== proven.trust)) return UNTRUSTED;
  return call.own !== undefined && known.own !== proven.own ? OTHER_OWN : undefined;
}

/** The original's words for a handshake that failed. */
export function failureOf(error: unknown, { trusted }: SslSettings): HandshakeFailure {
  if (!(error instanceof SocketError)) throw error;
  const verification = verificationOf(error);
  if (verification?.number === HOST_MISMATCH) return MISMATCH;
  if (verification !== undefined) {
    const { number, text } = verification;
    return exact({ number, why: text }, trusted !== undefined);
  }
  const isTimeout = error.code === "timeout" && error.cause === undefined;
  return { number: 0, why: isTimeout ? "timeout" : "handshake failed" };
}

/** Whether it was known before anybody was asked: plain bytes lay unread. */
export function failedAtOnce(error: unknown): boolean {
  return error instanceof SocketError && error.code === "tls" && error.cause === undefined;
}

// With certificates to trust the original hears the last that is wrong, otherwise
// the first: of a chain that is too long it is then that, and not that its end is
// missing; of a certificate alone, that its issuer is, and not that so nobody can
// check it.
function exact(failure: HandshakeFailure, hearsLast: boolean): HandshakeFailure {
  const { number } = failure;
  if (hearsLast ? number === 22 : number === 21) {
    return { number: 20, why: "unable to get local issuer certificate" };
  }
  return failure;
}

function identityOf(
  { own }: HandshakeCall,
  { certificate, key }: SslSettings,
): { cert: string; key: string } | undefined {
  if (own !== undefined) return { cert: own.certificate.chain.join(""), key: own.key.pem() };
  return certificate === undefined ? undefined : { cert: certificate, key: key! };
}

/** The name or address that a host text given to `connect` has. */
function hostnameOf(host: string): string | undefined {
  const parsed = parseHost(host, 1);
  if (parsed.kind === "name") return parsed.name.replace(/:.*/s, "").replace(/\.$/, "");
  if (parsed.kind === "bad" || "path" in parsed.address) return undefined;
  return parsed.address.hostname;
}

/** The form in which a name is compared; `undefined` where no certificate can be for it. */
function canonicalName(name: string): string | undefined {
  if (name.endsWith(".") || !/^[\x20-\x7e]+$/.test(name)) return undefined;
  try {
    return clientTls({ serverName: name }, undefined).serverName;
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

function provenBy(tls: ClientTls): Proven {
  const { serverName, verifiesChain, verifiesName, own, ...trust } = trustOf(tls, digest) as
    & Record<string, unknown>
    & ClientTls;
  return {
    name: verifiesName ? serverName : undefined,
    verified: verifiesChain,
    trust: JSON.stringify(trust),
    own: JSON.stringify(own),
  };
}
