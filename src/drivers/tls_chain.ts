// A peer's certificates, as far as is needed to tell why they were refused. It only
// chooses the word for that: whether they are trusted is the engine's to say.

import { X509Certificate } from "node:crypto";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";

/** One certificate of a chain. */
export interface ChainLink {
  /** Whether its issuer has its own name: a root, or one that nobody stands for. */
  readonly isSelfIssued: boolean;
  readonly isForServers: boolean;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** The peer's certificate, and those behind it, as far as they are known. */
export function peerChain(socket: TLSSocket): ChainLink[] {
  const chain: ChainLink[] = [];
  const seen = new Set<string>();
  let it: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  // A root is its own issuer.
  for (; it?.raw && !seen.has(it.fingerprint256); it = it.issuerCertificate) {
    seen.add(it.fingerprint256);
    const { subject, issuer, validFrom, validTo } = new X509Certificate(it.raw);
    chain.push({
      isSelfIssued: subject === issuer,
      isForServers: isForServers(it.raw),
      fromMs: Date.parse(validFrom),
      untilMs: Date.parse(validTo),
    });
  }
  return chain;
}

// What engines say that do not tell the cases apart.
const COARSE: readonly string[] = [
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
];

/**
 * OpenSSL's code for a chain that an engine refused.
 *
 * Of several reasons OpenSSL tells the last, and it looks for an issuer first, at
 * the purpose then, and at the time last of all. Deno says "no issuer" for most of
 * them, and Bun for who signed itself.
 *
 * @param code The engine's code.
 * @param chain The peer's certificates, its own first.
 */
export function exactCode(code: string, chain: readonly ChainLink[], nowMs: number): string {
  const [leaf] = chain;
  if (!COARSE.includes(code) || leaf === undefined) return code;
  for (const { fromMs, untilMs } of chain) {
    if (nowMs < fromMs) return "CERT_NOT_YET_VALID";
    if (nowMs > untilMs) return "CERT_HAS_EXPIRED";
  }
  if (!leaf.isForServers) return "INVALID_PURPOSE";
  if (leaf.isSelfIssued) return "DEPTH_ZERO_SELF_SIGNED_CERT";
  if (chain.at(-1)!.isSelfIssued) return "SELF_SIGNED_CERT_IN_CHAIN";
  if (chain.length > 1) return "UNABLE_TO_GET_ISSUER_CERT_LOCALLY";
  return "UNABLE_TO_VERIFY_LEAF_SIGNATURE";
}

const EXTENDED_KEY_USAGE = [6, 3, 0x55, 0x1d, 0x25];
const SERVER = [6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1];
const ANY = [6, 4, 0x55, 0x1d, 0x25, 0];

/** Whether a certificate may be a server's: its purposes, which Deno does not show. */
function isForServers(der: Uint8Array): boolean {
  const at = indexOf(der, EXTENDED_KEY_USAGE);
  if (at < 0) return true;
  // Behind the name: whether it is critical, if it is; then the purposes, few and short.
  const isCritical = der[at + EXTENDED_KEY_USAGE.length] === 1;
  const start = at + EXTENDED_KEY_USAGE.length + (isCritical ? 3 : 0) + 2;
  const purposes = der.subarray(start, start + der[start - 1]!);
  return indexOf(purposes, SERVER) >= 0 || indexOf(purposes, ANY) >= 0;
}

function indexOf(bytes: Uint8Array, wanted: readonly number[]): number {
  return bytes.findIndex((_, at) => wanted.every((byte, on) => bytes[at + on] === byte));
}
