// TLS as its users ask for it, and as drivers are told: every option checked,
// every default filled in, every name in one form. What a runtime cannot do its
// driver says; what makes no sense is said here.

import { quote } from "./bytes.ts";
import { checkFlag, checkMs, checkOptions, checkText, wrongType } from "./check.ts";
import { ipFamily } from "./ip.ts";

/**
 * A version of the protocol.
 *
 * @example
 * ```ts
 * import { connect, type TlsVersion } from "@cosocket/cosocket";
 *
 * const minVersion: TlsVersion = "TLSv1.3";
 * const failed = connect("127.0.0.1:1", { tls: { minVersion, maxVersion: "TLSv1.2" } });
 * await failed.catch((error) => console.log(error.message)); // minVersion must not ...
 * ```
 */
export type TlsVersion = "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3";

/**
 * What both ends of TLS may be told.
 *
 * @example
 * ```ts
 * import type { CommonTlsOptions, TlsIdentity, TlsOptions } from "@cosocket/cosocket";
 *
 * const both: CommonTlsOptions = { alpnProtocols: ["chat/2", "chat/1"], minVersion: "TLSv1.3" };
 * const ofClients: TlsOptions = { ...both, serverName: "chat.example" };
 * const ofServer = (identity: TlsIdentity) => ({ ...both, ...identity });
 * console.log(ofClients.minVersion); // TLSv1.3
 * ```
 */
export interface CommonTlsOptions {
  /** Application protocols (ALPN), the dearest first. */
  alpnProtocols?: readonly string[];
  /** The oldest version to speak. Default `"TLSv1.2"`; Deno knows none before it. */
  minVersion?: TlsVersion;
  /** The newest version to speak. Default `"TLSv1.3"`. */
  maxVersion?: TlsVersion;
  /** Ciphers in OpenSSL's notation. Not on Deno, which has its own choice. */
  ciphers?: string;
}

/**
 * How to reach, trust and be trusted by a server. Absent options mean: the
 * runtime's roots, the target's name, TLS 1.2 or 1.3, no certificate of our own.
 *
 * @example
 * ```ts
 * import { connect } from "@cosocket/cosocket";
 *
 * // A server under our own authority, which wants to know who comes.
 * async function openVault(caCerts: string, cert: string, key: string) {
 *   const tls = { serverName: "vault.internal", caCerts, cert, key };
 *   return await connect("unix:/run/vault.sock", { tls });
 * }
 *
 * // Mistakes are told before anything happens.
 * const failed = connect("127.0.0.1:1", { tls: { caCerts: "not PEM" } });
 * await failed.catch((error) => console.log(error.message)); // caCerts must be PEM, ...
 * ```
 */
export interface TlsOptions extends CommonTlsOptions {
  /**
   * The name to ask for and to find in the certificate: a DNS name, or an IP
   * address. Default: the target's; a unix socket has none, so there it is needed.
   */
  serverName?: string;
  /** Certificates to trust, PEM; they replace the runtime's roots. */
  caCerts?: string | readonly string[];
  /** Our own certificate and its chain, PEM. */
  cert?: string;
  /** The private key of `cert`, PEM. */
  key?: string;
  /** SHA-256 fingerprints, in hex; the server's certificate must have one of them, besides all else. */
  fingerprints?: readonly string[];
  /** A session of an earlier connection with the same options, to be resumed. Not on Deno. */
  session?: TlsSession;
  /** Trusts whoever answers, whatever certificate it shows. The name is still checked. */
  dangerouslySkipChainVerification?: boolean;
  /** Takes a certificate for any name. Its chain is still checked. */
  dangerouslySkipNameVerification?: boolean;
}

/**
 * A certificate of our own, and its key.
 *
 * @example
 * ```ts
 * import { listen, type TlsIdentity } from "@cosocket/cosocket";
 *
 * async function serve(usual: TlsIdentity, others: Record<string, TlsIdentity>) {
 *   return await listen("0.0.0.0:443", { tls: { ...usual, sni: others } });
 * }
 * ```
 */
export interface TlsIdentity {
  /** The certificate and its chain, PEM. */
  cert: string;
  /** Its private key, PEM. */
  key: string;
}

/**
 * How to serve TLS.
 *
 * @example
 * ```ts
 * import { listen, type TlsServerOptions } from "@cosocket/cosocket";
 *
 * // Who comes shows a certificate of the staff's, or is turned away.
 * async function forStaff(cert: string, key: string, caCerts: string) {
 *   const tls: TlsServerOptions = { cert, key, clientCerts: "require", caCerts };
 *   return await listen("0.0.0.0:8443", { tls });
 * }
 * ```
 */
export interface TlsServerOptions extends CommonTlsOptions, TlsIdentity {
  /**
   * Certificates for names that clients ask for: `"db.example"`, or
   * `"*.example"` for one label in place of the star. Who asks for none of them
   * gets `cert`.
   */
  sni?: Readonly<Record<string, TlsIdentity>>;
  /** Whether clients must show a certificate of `caCerts`. Default `"none"`. */
  clientCerts?: "none" | "request" | "require";
  /** Certificates that sign clients', PEM; needed where those are asked for. */
  caCerts?: string | readonly string[];
  /** Milliseconds for a handshake; 0 waits for ever. Default 60,000. */
  handshakeTimeoutMs?: number;
}

/**
 * A peer's certificate.
 *
 * @example
 * ```ts
 * import type { Cosocket, PeerCertificate } from "@cosocket/cosocket";
 *
 * const days = ({ validTo }: PeerCertificate) => (validTo.getTime() - Date.now()) / 86_400_000;
 *
 * function warn({ tls }: Cosocket): void {
 *   const certificate = tls?.peerCertificate;
 *   if (certificate && days(certificate) < 14) console.warn(`${certificate.subject} ends soon`);
 * }
 * ```
 */
export interface PeerCertificate {
  /** The certificate itself. */
  readonly der: Uint8Array;
  /** SHA-256 of it, in lower-case hex. */
  readonly fingerprint: string;
  /** Whom it is for, one attribute a line: `CN=db.example`. */
  readonly subject: string;
  /** Who issued it, likewise. */
  readonly issuer: string;
  /** The names it is for: `DNS:db.example, IP Address:127.0.0.1`; empty if none. */
  readonly subjectAltName: string;
  /** When it begins to be valid. */
  readonly validFrom: Date;
  /** When it ends to be valid. */
  readonly validTo: Date;
}

/**
 * What TLS a connection has.
 *
 * @example
 * ```ts
 * import type { TlsInfo } from "@cosocket/cosocket";
 * import { socketPair } from "@cosocket/cosocket/testing";
 *
 * const shown = (tls: TlsInfo | null) =>
 *   tls ? `${tls.protocol}, ${tls.verified ? "" : "not "}verified` : "in plain";
 *
 * const [sock] = socketPair();
 * console.log(shown(sock.tls)); // in plain; with TLS "TLSv1.3, verified"
 * ```
 */
export interface TlsInfo {
  /** The version of the protocol: `TLSv1.3`. */
  readonly protocol: string | null;
  /** The cipher, in the names of the standard. */
  readonly cipher: string | null;
  /** The application protocol that both agreed on. */
  readonly alpnProtocol: string | null;
  /** The name that was asked for, or verified; at a server, what the client asked for. */
  readonly serverName: string | null;
  /** The peer's certificate; not where a session was resumed. */
  readonly peerCertificate: PeerCertificate | null;
  /** Whether the peer's certificate was verified, its chain and, for a server's, its name. */
  readonly verified: boolean;
  /** Whether an earlier session was resumed. */
  readonly resumed: boolean;
  /** The session, to be resumed by a later connection; `null` before there is one. */
  readonly session: TlsSession | null;
  /**
   * Whether the peer ended as TLS demands; `null` as long as it has not ended. If
   * `false` somebody may have cut the stream off.
   */
  readonly closeNotify: boolean | null;
}

/**
 * What resumes a session; of use only with the options it was made with.
 *
 * @example
 * ```ts
 * import { connect, type TlsSession } from "@cosocket/cosocket";
 *
 * const sessions = new Map<string, TlsSession>();
 *
 * async function greeting(target: string): Promise<string> {
 *   const session = sessions.get(target);
 *   await using sock = await connect(target, { tls: session ? { session } : true });
 *   const line = await sock.receiveLine(); // what makes a session comes with it
 *   if (sock.tls?.session) sessions.set(target, sock.tls.session);
 *   return line;
 * }
 * ```
 */
export class TlsSession {
  /** The runtime's form of it. */
  readonly bytes: Uint8Array;
  /** What the connection it came from trusted. */
  readonly identity: string;

  /** For the library. */
  constructor(bytes: Uint8Array, identity: string) {
    this.bytes = bytes;
    this.identity = identity;
  }
}

interface CommonTls {
  readonly caCerts: readonly string[] | undefined;
  /** Certificates that were revoked, PEM; for the faces. */
  readonly crl?: string | undefined;
  readonly own: Readonly<TlsIdentity> | undefined;
  readonly alpnProtocols: readonly string[];
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
  readonly ciphers: string | undefined;
}

/** What a client's driver is told. */
export interface ClientTls extends CommonTls {
  readonly serverName: string | undefined;
  readonly verifiesChain: boolean;
  readonly verifiesName: boolean;
  readonly fingerprints: readonly string[];
  readonly session: TlsSession | undefined;
  /** How many certificates may stand between the server's and a root; for the faces. */
  readonly verifyDepth?: number | undefined;
}

/** What a server's driver is told. */
export interface ServerTls extends CommonTls {
  readonly own: Readonly<TlsIdentity>;
  readonly sni: ReadonlyMap<string, Readonly<TlsIdentity>>;
  readonly clientCerts: "none" | "request" | "require";
}

const VERSIONS: readonly TlsVersion[] = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];

const COMMON = ["alpnProtocols", "minVersion", "maxVersion", "ciphers", "caCerts", "cert", "key"];

const OF_CLIENTS = [
  ...COMMON,
  "serverName",
  "fingerprints",
  "session",
  "dangerouslySkipChainVerification",
  "dangerouslySkipNameVerification",
];

const OF_SERVERS = [...COMMON, "sni", "clientCerts", "handshakeTimeoutMs"];

/**
 * Options of a client, checked and filled in.
 *
 * @param hostname The name of the target; `undefined` where it has none.
 */
export function clientTls(options: TlsOptions, hostname: string | undefined): ClientTls {
  checkNames(options, OF_CLIENTS);
  const { cert, key, session } = options;
  checkFlag("dangerouslySkipChainVerification", options.dangerouslySkipChainVerification);
  checkFlag("dangerouslySkipNameVerification", options.dangerouslySkipNameVerification);
  if (session !== undefined && !(session instanceof TlsSession)) {
    throw wrongType("session", "a TlsSession", session);
  }
  if ((cert === undefined) !== (key === undefined)) {
    throw new TypeError("cert and key must be given together");
  }
  const name = options.serverName ?? hostname;
  const verifiesName = !options.dangerouslySkipNameVerification;
  if (name === undefined && verifiesName) {
    throw new TypeError("serverName is needed: this connection has no host name to verify");
  }
  return {
    ...commonTls(options),
    own: cert === undefined ? undefined : identityOf("", { cert, key: key! }),
    serverName: name === undefined ? undefined : canonicalName("serverName", name),
    verifiesChain: !options.dangerouslySkipChainVerification,
    verifiesName,
    fingerprints: (options.fingerprints === undefined ? [] : texts(
      "fingerprints",
      options.fingerprints,
    ))
      .map(fingerprintOf),
    session,
  };
}

/** Options of a server, checked and filled in. */
export function serverTls(options: TlsServerOptions): ServerTls {
  checkNames(options, OF_SERVERS);
  const { clientCerts = "none", sni = {}, handshakeTimeoutMs } = options;
  if (clientCerts !== "none" && clientCerts !== "request" && clientCerts !== "require") {
    throw wrongType("clientCerts", '"none", "request" or "require"', clientCerts);
  }
  if (handshakeTimeoutMs !== undefined) checkMs("handshakeTimeoutMs", handshakeTimeoutMs);
  checkOptions("sni", sni);
  const common = commonTls(options);
  if (clientCerts !== "none" && common.caCerts === undefined) {
    throw new TypeError("caCerts is needed: clients' certificates are to be verified");
  }
  const contexts = Object.entries(sni).map(([name, identity]) => {
    const wild = name.startsWith("*.") ? "*." : "";
    const canonical = wild + canonicalName("a name in sni", name.slice(wild.length));
    return [canonical, identityOf(`sni[${quote(name)}].`, identity)] as const;
  });
  return { ...common, own: identityOf("", options), sni: new Map(contexts), clientCerts };
}

/** The identity for a name that a client asked for. */
export function identityFor({ sni, own }: ServerTls, name: string | undefined): TlsIdentity {
  if (name === undefined) return own;
  const canonical = name.toLowerCase().replace(/\.$/, "");
  return sni.get(canonical) ?? sni.get(canonical.replace(/^[^.]*/, "*")) ?? own;
}

/**
 * All that decides whom a client trusts and as whom it comes, as plain data: two
 * connections stand in for one another only if all of it is the same.
 *
 * @param digest Hides what is secret, and long.
 */
export function trustOf(tls: ClientTls, digest: (text: string) => string): object {
  const { session: _, own, caCerts, ...rest } = tls;
  return {
    ...rest,
    own: own === undefined ? null : [digest(own.cert), digest(own.key)],
    caCerts: caCerts === undefined ? null : caCerts.map(digest),
  };
}

function commonTls(options: CommonTlsOptions & { caCerts?: string | readonly string[] }) {
  const { alpnProtocols, ciphers, caCerts } = options;
  const { minVersion = "TLSv1.2", maxVersion = "TLSv1.3" } = options;
  const [oldest, newest] = [
    versionOf("minVersion", minVersion),
    versionOf("maxVersion", maxVersion),
  ];
  if (oldest > newest) {
    throw new RangeError(`minVersion must not be above maxVersion: ${minVersion}, ${maxVersion}`);
  }
  if (ciphers !== undefined) checkText("ciphers", ciphers);
  return {
    alpnProtocols: alpnProtocols === undefined ? [] : protocols(alpnProtocols),
    // A maxVersion below the default minVersion would say nothing otherwise.
    minVersion,
    maxVersion,
    ciphers,
    caCerts: caCerts === undefined
      ? undefined
      : texts("caCerts", typeof caCerts === "string" ? [caCerts] : caCerts).map((it) =>
        checkPem("caCerts", it, "CERTIFICATE")
      ),
  };
}

/** A mistyped option would be an option without effect. */
function checkNames(options: unknown, known: readonly string[]): void {
  if (typeof options !== "object" || options === null) {
    throw wrongType("tls", "an object", options);
  }
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw new TypeError(`tls has no option ${quote(name)} here`);
  }
}

function identityOf(where: string, identity: TlsIdentity): TlsIdentity {
  checkOptions(`${where}identity`, identity);
  return {
    cert: checkPem(`${where}cert`, identity?.cert, "CERTIFICATE"),
    key: checkPem(`${where}key`, identity?.key, "PRIVATE KEY"),
  };
}

function checkPem(name: string, value: unknown, what: string): string {
  const text = checkText(name, value);
  // Whoever reads it may be a log: what is in it is not shown.
  if (!text.includes(`${what}-----`)) throw new TypeError(`${name} must be PEM, with a ${what}`);
  return text;
}

function versionOf(name: string, version: unknown): number {
  const at = VERSIONS.indexOf(version as TlsVersion);
  if (at < 0) throw wrongType(name, `one of ${VERSIONS.join(", ")}`, version);
  return at;
}

function texts(name: string, values: unknown): string[] {
  if (!Array.isArray(values)) throw wrongType(name, "an array of strings", values);
  if (values.length === 0) throw new RangeError(`${name} must not be empty`);
  return values.map((it) => checkText(`an item of ${name}`, it));
}

function protocols(values: readonly string[]): string[] {
  return texts("alpnProtocols", values).map((it) => {
    if (new TextEncoder().encode(it).length <= 255) return it;
    throw new RangeError(`an item of alpnProtocols must be of at most 255 bytes`);
  });
}

function fingerprintOf(text: string): string {
  const hex = text.replaceAll(":", "").toLowerCase();
  if (/^[\da-f]{64}$/.test(hex)) return hex;
  throw new TypeError(`an item of fingerprints must be SHA-256 in hex, not ${quote(text)}`);
}

/**
 * The one form in which a name is asked for, verified, and part of a pool's key:
 * lower case, no dot at the end, international ones in ASCII (`xn--`).
 */
function canonicalName(what: string, name: string): string {
  const given = checkText(what, name);
  const bare = given.startsWith("[") && given.endsWith("]") ? given.slice(1, -1) : given;
  if (ipFamily(bare) !== 0) return bare.toLowerCase();
  const ascii = asciiName(bare).replace(/\.$/, "");
  const isName = ascii.length <= 253 && /^[a-z\d_-]{1,63}(\.[a-z\d_-]{1,63})*$/.test(ascii);
  if (isName) return ascii;
  throw new TypeError(`${what} must be a DNS name or an IP address, not ${quote(name)}`);
}

function asciiName(name: string): string {
  // deno-lint-ignore no-control-regex -- what is beyond ASCII is what is looked for
  if (!/[^\x00-\x7f]/.test(name)) return name.toLowerCase();
  // Characters that a URL would cut the name at, or an escape, are no part of one.
  // deno-lint-ignore no-control-regex -- control characters are among them
  if (/[\x00-\x20%/\\?#@:\[\]\x7f]/.test(name)) return "";
  const url = URL.parse(`http://${name}/`);
  return url === null || ipFamily(url.hostname) !== 0 ? "" : url.hostname;
}
