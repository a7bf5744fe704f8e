// TLS over any transport, by `node:tls` over a Duplex. One way for all runtimes,
// both ends, and every kind of connection, so that an option means the same
// everywhere; and we see the end that TLS does not tell of: whether a stream was
// ended or cut off.
//
// The engine verifies chains; names and fingerprints are compared here, since the
// engines would do so only where the chain is good, and fall back to a host of
// their own choice where a name is missing.

import { Buffer } from "node:buffer";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { setImmediate } from "node:timers";
import tls from "node:tls";
import { join } from "../bytes.ts";
import { SocketError } from "../errors.ts";
import {
  type ClientTls,
  identityFor,
  type PeerCertificate,
  type ServerTls,
  type TlsIdentity,
  type TlsInfo,
  TlsSession,
  trustOf,
} from "../tls.ts";
import type { Address, Attempt, Transport, TransportOption } from "../transport.ts";
import { ipFamily } from "../ip.ts";
import { closed, cut, writeEnded } from "./ends.ts";
import { serverNameOf } from "./client_hello.ts";
import { digest } from "./digest.ts";
import { type Over, TransportDuplex } from "./duplex.ts";
import { handshakeError, notVerified } from "./tls_errors.ts";

/** A handshake, ready to be made over a transport. */
export type Handshake = (
  transport: Transport,
  first?: Promise<Uint8Array | null>,
) => Attempt;

const isDeno = "Deno" in globalThis;

// Behind so many turns of the event loop the engine has told all that it made of
// the last bytes.
const TURNS = 2;

/**
 * Makes ready to be a client: what is wrong with the options shows here, before
 * anybody is connected to.
 */
export function client(settings: ClientTls): Handshake {
  refuseUnsupported(settings);
  const { serverName, session } = settings;
  const isName = serverName !== undefined && ipFamily(serverName) === 0;
  const identity = JSON.stringify(trustOf(settings, digest));
  if (session !== undefined && session.identity !== identity) {
    throw new TypeError("session must come from a connection with the same TLS options");
  }
  const options: tls.ConnectionOptions = {
    secureContext: tls.createSecureContext(contextOptions(settings, settings.own)),
    // In spite of the environment variable that would turn it off.
    rejectUnauthorized: settings.verifiesChain,
    checkServerIdentity: () => undefined,
    ...(isName && { servername: serverName }),
    ...alpn(settings),
    ...(session && { session: Buffer.from(session.bytes) }),
  };
  return (transport, first) =>
    attempt(transport, first, (wire, done, failed) => {
      const socket = tls.connect({ ...options, socket: wire });
      socket.on("error", failed);
      const sessions = new Sessions(socket, identity);
      socket.once("secureConnect", () => {
        const problem = identityProblem(settings, socket);
        if (problem === undefined) {
          const verified = settings.verifiesChain && settings.verifiesName;
          done(socket, (over) => new Info(socket, over, serverName ?? null, verified, sessions));
        } else {
          failed(problem);
        }
      });
      return socket;
    });
}

/** Makes ready to be a server. */
export function server(settings: ServerTls): Handshake {
  refuseUnsupported(settings);
  for (const identity of [settings.own, ...settings.sni.values()]) {
    tls.createSecureContext(contextOptions(settings, identity));
  }
  const { clientCerts } = settings;
  const begin = (identity: TlsIdentity) => (wire: TransportDuplex, done: Done, failed: Failed) => {
    // A server of its own for each: only so it is certain whose handshake ended how.
    const made = tls.createServer({
      ...contextOptions(settings, identity),
      ...alpn(settings),
      requestCert: clientCerts !== "none",
      rejectUnauthorized: clientCerts === "require",
      // The caller's limit is the one that counts; 0 would be none at all.
      handshakeTimeout: 2 ** 31 - 1,
    });
    made.once("tlsClientError", failed);
    made.once("secureConnection", (socket) => {
      socket.on("error", failed);
      const verified = clientCerts !== "none" && socket.authorized;
      done(socket, (over) => new Info(socket, over, askedName(socket), verified));
    });
    made.emit("connection", wire);
    return undefined;
  };
  if (settings.sni.size === 0) {
    return (transport, first) => attempt(transport, first, begin(settings.own));
  }
  return (transport, first) => {
    let abandoned = false;
    let inner: Attempt | undefined;
    const opened = readHello(transport, first).then(({ bytes, name }) => {
      inner = attempt(transport, Promise.resolve(bytes), begin(identityFor(settings, name)));
      if (abandoned) inner.abandon();
      return inner.opened;
    });
    return {
      opened,
      abandon: () => {
        abandoned = true;
        if (inner) inner.abandon();
        else transport.abort();
      },
    };
  };
}

type Done = (
  socket: tls.TLSSocket,
  info: (over: () => TlsOver | undefined) => TlsInfo,
) => void;
type Failed = (error: unknown) => void;
type Begin = (wire: TransportDuplex, done: Done, failed: Failed) => tls.TLSSocket | undefined;

/** One handshake; whatever goes wrong closes the transport. */
function attempt(
  transport: Transport,
  first: Promise<Uint8Array | null> | undefined,
  begin: Begin,
): Attempt {
  const wire = new TransportDuplex(transport, first);
  let giveUp: Failed = () => {};
  const opened = new Promise<Transport>((resolve, reject) => {
    let socket: tls.TLSSocket | undefined;
    let isOver = false;
    const failed = (error: unknown) => {
      if (isOver) return;
      isOver = true;
      socket?.destroy();
      wire.destroy();
      transport.close();
      reject(handshakeError(error));
    };
    giveUp = failed;
    wire.on("error", ignore);
    wire.onOver = () => {
      const { over } = wire;
      // The engine may have an alert to tell of that came before it.
      turns(() => failed(over === "end" ? ended() : over!.error));
    };
    try {
      socket = begin(wire, (made, info) => {
        if (isOver) return;
        isOver = true;
        resolve(new TlsTransport(transport, wire, made, info));
      }, (error) => failed(wire.writeFailure ?? error));
      socket?.on("error", ignore);
    } catch (error) {
      failed(error);
    }
  });
  return {
    opened,
    abandon: () => giveUp(new SocketError("closed", "The handshake was given up")),
  };
}

/** How what the peer sends is over, as TLS sees it. */
type TlsOver = Over | "cut";

interface Pull {
  resolve(bytes: Uint8Array | null): void;
  reject(error: unknown): void;
}

// Reading stops at so much that nobody asked for.
const MOST_EARLY_BYTES = 64 * 1024;

/** A transport within another. */
class TlsTransport implements Transport {
  readonly localAddress: Address | null;
  readonly remoteAddress: Address | null;
  readonly tls: TlsInfo;
  readonly #inner: Transport;
  readonly #wire: TransportDuplex;
  readonly #socket: tls.TLSSocket;
  #pull: Pull | undefined;
  #early: Uint8Array[] = [];
  #earlyBytes = 0;
  #over: TlsOver | undefined;
  #writeEnded = false;
  #writing = false;
  #closed = false;

  constructor(
    inner: Transport,
    wire: TransportDuplex,
    socket: tls.TLSSocket,
    info: (over: () => TlsOver | undefined) => TlsInfo,
  ) {
    this.#inner = inner;
    this.#wire = wire;
    this.#socket = socket;
    this.localAddress = inner.localAddress;
    this.remoteAddress = inner.remoteAddress;
    this.tls = info(() => this.#over);
    socket.on("data", (bytes: Uint8Array) => this.#came(bytes));
    socket.on("end", () => this.#end("end"));
    socket.on("error", (error) => this.#end({ error: wire.writeFailure ?? error }));
    socket.on("close", () => this.#end("cut"));
    wire.onOver = () => this.#wireOver();
    if (wire.over !== undefined) this.#wireOver();
  }

  pull(): Promise<Uint8Array | null> {
    if (this.#closed) return Promise.reject(closed());
    if (this.#early.length > 0) return Promise.resolve(this.#takeEarly());
    if (this.#over !== undefined) return this.#answerOver();
    return new Promise((resolve, reject) => {
      this.#pull = { resolve, reject };
      this.#socket.resume();
    });
  }

  async settle(): Promise<void> {
    await this.#inner.settle();
    await new Promise<void>((resolve) => turns(resolve));
    await new Promise<void>((resolve) => turns(resolve));
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#closed) return Promise.reject(closed());
    if (this.#writeEnded) return Promise.reject(writeEnded());
    if (bytes.length === 0) return Promise.resolve();
    this.#writing = true;
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => {
        this.#writing = false;
        if (error) reject(this.#closed ? closed() : this.#wire.writeFailure ?? this.#why(error));
        else resolve();
      });
    });
  }

  closeWrite(): Promise<void> {
    if (this.#writeEnded || this.#socket.destroyed) return Promise.resolve();
    this.#writeEnded = true;
    return new Promise((resolve) => this.#socket.end(resolve));
  }

  close(): void {
    // A peer that is told nothing cannot tell an end from a cut; one that takes
    // nothing is not waited for.
    if (this.#closed || this.#writeEnded || this.#writing) return this.#release(false);
    this.#socket.end(() => this.#release(false));
    this.#detach();
    turns(() => turns(() => this.#release(false)));
  }

  abort(): void {
    this.#release(true);
  }

  ref(): void {
    this.#inner.ref();
  }

  unref(): void {
    this.#inner.unref();
  }

  setOption(name: TransportOption, on: boolean): boolean {
    return this.#inner.setOption(name, on);
  }

  #came(bytes: Uint8Array): void {
    if (this.#closed) return;
    const pull = this.#pull;
    if (pull !== undefined) {
      this.#pull = undefined;
      return pull.resolve(bytes);
    }
    this.#early.push(bytes);
    this.#earlyBytes += bytes.length;
    if (this.#earlyBytes >= MOST_EARLY_BYTES) this.#socket.pause();
  }

  #takeEarly(): Uint8Array {
    this.#earlyBytes = 0;
    const early = this.#early;
    this.#early = [];
    return join(early);
  }

  /** Nothing more comes on the wire: unless the engine says that it ended, it was cut. */
  #wireOver(): void {
    const { over } = this.#wire;
    // A socket that is stopped still has what came before.
    this.#socket.resume();
    turns(() => this.#end(over === "end" ? "cut" : over!));
  }

  #end(over: TlsOver): void {
    if (this.#over !== undefined) return;
    this.#over = over;
    const pull = this.#pull;
    this.#pull = undefined;
    if (pull !== undefined) this.#answerOver().then(pull.resolve, pull.reject);
  }

  #answerOver(): Promise<null> {
    const over = this.#over!;
    if (over === "end") return Promise.resolve(null);
    return Promise.reject(over === "cut" ? cut() : over.error);
  }

  #why(error: unknown): unknown {
    return typeof this.#over === "object" ? this.#over.error : error;
  }

  #detach(): void {
    this.#closed = true;
    this.#early = [];
    const pull = this.#pull;
    this.#pull = undefined;
    pull?.reject(closed());
  }

  #release(withReset: boolean): void {
    this.#detach();
    this.#socket.destroy();
    this.#wire.destroy();
    if (withReset) this.#inner.abort();
    else this.#inner.close();
  }
}

/** What TLS a connection has; what costs something is found out when it is asked for. */
class Info implements TlsInfo {
  readonly protocol: string | null;
  readonly cipher: string | null;
  readonly alpnProtocol: string | null;
  readonly serverName: string | null;
  readonly verified: boolean;
  readonly resumed: boolean;
  readonly #der: Uint8Array | undefined;
  readonly #over: () => TlsOver | undefined;
  readonly #sessions: Sessions | undefined;
  #peerCertificate: PeerCertificate | null | undefined;

  constructor(
    socket: tls.TLSSocket,
    over: () => TlsOver | undefined,
    serverName: string | null,
    verified: boolean,
    sessions?: Sessions,
  ) {
    const cipher = socket.getCipher();
    this.protocol = socket.getProtocol();
    this.cipher = cipher?.standardName ?? cipher?.name ?? null;
    this.alpnProtocol = socket.alpnProtocol || null;
    this.serverName = serverName;
    this.verified = verified;
    this.resumed = socket.isSessionReused();
    this.#der = peerDer(socket);
    this.#over = over;
    this.#sessions = sessions;
  }

  get peerCertificate(): PeerCertificate | null {
    if (this.#peerCertificate === undefined) {
      this.#peerCertificate = this.#der === undefined ? null : readCertificate(this.#der);
    }
    return this.#peerCertificate;
  }

  get session(): TlsSession | null {
    return this.#sessions?.last ?? null;
  }

  get closeNotify(): boolean | null {
    const over = this.#over();
    return over === undefined ? null : over === "end";
  }
}

/** The sessions that a server gives; with TLS 1.3 they come behind the handshake. */
class Sessions {
  last: TlsSession | null = null;

  constructor(socket: tls.TLSSocket, identity: string) {
    if (isDeno) return;
    socket.on("session", (bytes: Uint8Array) => {
      this.last = new TlsSession(new Uint8Array(bytes), identity);
    });
  }
}

/** Why a server is not the one that was meant, as far as the engine has not looked. */
function identityProblem(settings: ClientTls, socket: tls.TLSSocket): SocketError | undefined {
  // The session remembers a server that was looked at, with these same options.
  if (socket.isSessionReused()) return undefined;
  const { serverName, verifiesName, fingerprints } = settings;
  const certificate = socket.getPeerCertificate();
  if (verifiesName) {
    // Names stand in one place only: the common name was never meant to be one.
    const named = certificate?.subjectaltname && serverName !== undefined &&
      tls.checkServerIdentity(serverName, certificate) === undefined;
    if (!named) return notVerified("ERR_TLS_CERT_ALTNAME_INVALID");
  }
  if (fingerprints.length === 0) return undefined;
  const der = peerDer(socket);
  const found = der && fingerprints.includes(fingerprintOf(der));
  return found ? undefined : notVerified("ERR_FINGERPRINT_MISMATCH");
}

function fingerprintOf(der: Uint8Array): string {
  return new X509Certificate(der).fingerprint256.replaceAll(":", "").toLowerCase();
}

function peerDer(socket: tls.TLSSocket): Uint8Array | undefined {
  const { raw } = socket.getPeerCertificate() ?? {};
  return raw && new Uint8Array(raw);
}

function readCertificate(der: Uint8Array): PeerCertificate {
  const it = new X509Certificate(der);
  return {
    der,
    fingerprint: fingerprintOf(der),
    subject: it.subject,
    issuer: it.issuer,
    subjectAltName: it.subjectAltName ?? "",
    validFrom: new Date(it.validFrom),
    validTo: new Date(it.validTo),
  };
}

function askedName(socket: tls.TLSSocket): string | null {
  return (socket as { servername?: string | false | null }).servername || null;
}

/** The first message of a client, as far as it is needed, and the name in it. */
async function readHello(
  transport: Transport,
  first: Promise<Uint8Array | null> | undefined,
): Promise<{ bytes: Uint8Array | null; name: string | undefined }> {
  const pieces: Uint8Array[] = [];
  try {
    for (let pull = first ?? transport.pull();; pull = transport.pull()) {
      const piece = await pull;
      // The engine will say what is wrong with a message that breaks off.
      if (piece === null) {
        return { bytes: pieces.length > 0 ? join(pieces) : null, name: undefined };
      }
      pieces.push(piece.slice());
      const bytes = join(pieces);
      const name = serverNameOf(bytes);
      if (name !== undefined) return { bytes, name: name ?? undefined };
    }
  } catch (error) {
    transport.close();
    throw handshakeError(error);
  }
}

function contextOptions(
  settings: ClientTls | ServerTls,
  own: TlsIdentity | undefined,
): tls.SecureContextOptions {
  const { caCerts, minVersion, maxVersion, ciphers } = settings;
  if (own !== undefined) checkIdentity(own);
  caCerts?.forEach(checkCertificate);
  return {
    minVersion,
    maxVersion,
    ...(caCerts && { ca: [...caCerts] }),
    ...(own && { cert: own.cert, key: own.key }),
    ...(ciphers !== undefined && { ciphers }),
  };
}

function alpn({ alpnProtocols }: ClientTls | ServerTls): { ALPNProtocols?: string[] } {
  return alpnProtocols.length === 0 ? {} : { ALPNProtocols: [...alpnProtocols] };
}

// Some runtimes go on without a certificate that they cannot read.
function checkIdentity({ cert, key }: TlsIdentity): void {
  const own = checkCertificate(cert);
  let known: ReturnType<typeof createPrivateKey>;
  try {
    known = createPrivateKey(key);
  } catch (cause) {
    throw new TypeError("key must be an unencrypted private key in PEM", { cause });
  }
  if (!own.checkPrivateKey(known)) throw new TypeError("key must be the private key of cert");
}

function checkCertificate(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new TypeError("A certificate must be X.509 in PEM: this one cannot be read", { cause });
  }
}

/** What Deno's TLS lacks it would leave out in silence. */
function refuseUnsupported(settings: ClientTls | ServerTls): void {
  if (!isDeno) return;
  const { minVersion, ciphers } = settings;
  const isOld = minVersion === "TLSv1" || minVersion === "TLSv1.1";
  const what = ciphers !== undefined
    ? "ciphers"
    : "session" in settings && settings.session !== undefined
    ? "session"
    : isOld
    ? `minVersion ${minVersion}`
    : undefined;
  if (what === undefined) return;
  throw new SocketError("unsupported", `Cannot start TLS: Deno's TLS knows no ${what}`, {
    op: "handshake",
  });
}

/** Runs behind all that the engine has to do now. */
function turns(run: () => void, left = TURNS): void {
  setImmediate(() => left > 1 ? turns(run, left - 1) : run());
}

function ended(): SocketError {
  return new SocketError("closed", "The peer has ended");
}

function ignore(): void {}
