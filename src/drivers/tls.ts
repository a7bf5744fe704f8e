// TLS over any transport, by `node:tls` over a Duplex. One way for all runtimes,
// both ends, and every kind of connection, so that an option means the same
// everywhere; and we see the end that TLS does not tell of: whether a stream was
// ended or cut off.
//
// The engine verifies chains, and we ask what it found: only then there are
// certificates to tell from why one was refused. Names and fingerprints are compared
// here, since the engines would do so only where the chain is good, and fall back to
// a host of their own choice where a name is missing.

import { Buffer } from "node:buffer";
import { createPrivateKey, randomBytes, X509Certificate } from "node:crypto";
import tls from "node:tls";
import { join } from "../bytes.ts";
import { SocketError } from "../errors.ts";
import { ipFamily } from "../ip.ts";
import {
  type ClientTls,
  identityFor,
  type ServerTls,
  type TlsIdentity,
  type TlsInfo,
  trustOf,
} from "../tls.ts";
import type { Attempt, Transport } from "../transport.ts";
import { serverNameOf } from "./client_hello.ts";
import { digest } from "./digest.ts";
import { TransportDuplex } from "./duplex.ts";
import { exactCode, peerChain } from "./tls_chain.ts";
import { badSignature, handshakeError, notVerified, verificationOf } from "./tls_errors.ts";
import { fingerprintOf, Info, peerDer, Sessions } from "./tls_info.ts";
import { type TlsOver, TlsTransport, turns } from "./tls_transport.ts";

/** A handshake, ready to be made over a transport. */
export type Handshake = (
  transport: Transport,
  first?: readonly Promise<Uint8Array | null>[],
) => Attempt;

const isDeno = "Deno" in globalThis;

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
    // All engines verify all the same, whatever an environment variable says, and
    // say in `authorized` what came of it; that the server has the key of its
    // certificate is checked before that.
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
    ...(isName && { servername: serverName }),
    ...alpn(settings),
    ...(session && { session: Buffer.from(session.bytes) }),
  };
  return (transport, first = []) =>
    attempt(transport, first, (wire, done, failed) => {
      const socket = tls.connect({ ...options, socket: wire });
      // Deno has one word for this and for a certificate that is not trusted.
      socket.on("error", (error) => failed(verificationOf(error) ? badSignature() : error));
      const sessions = new Sessions(socket, identity);
      socket.once("secureConnect", () => {
        const problem = chainProblem(settings, socket) ?? identityProblem(settings, socket);
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
  const contexts = new Map<TlsIdentity, tls.SecureContextOptions>();
  for (const identity of [settings.own, ...settings.sni.values()]) {
    const context = contextOptions(settings, identity);
    tls.createSecureContext(context);
    contexts.set(identity, context);
  }
  const { clientCerts } = settings;
  // So that who comes again may resume a session of another of these servers.
  const ticketKeys = randomBytes(48);
  const begin = (identity: TlsIdentity) => (wire: TransportDuplex, done: Done, failed: Failed) => {
    // A server of its own for each: only so it is certain whose handshake ended how.
    const made = tls.createServer({
      ...contexts.get(identity),
      ...alpn(settings),
      ticketKeys,
      requestCert: clientCerts !== "none",
      rejectUnauthorized: clientCerts === "require",
      // The caller's limit is the one that counts, and on Deno and Bun this timer outlives a
      // handshake that fails. 0 would be a default, two minutes; below that there is none.
      handshakeTimeout: -1,
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
    return (transport, first = []) => attempt(transport, first, begin(settings.own));
  }
  return (transport, first = []) => {
    let abandoned = false;
    let inner: Attempt | undefined;
    const opened = readHello(transport, first).then(({ bytes, name }) => {
      inner = attempt(transport, [Promise.resolve(bytes)], begin(identityFor(settings, name)));
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
  first: readonly Promise<Uint8Array | null>[],
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

/** Why a server's certificate is not trusted, by what the engine has found. */
function chainProblem(settings: ClientTls, socket: tls.TLSSocket): SocketError | undefined {
  const { verifiesChain, verifyDepth, caCerts } = settings;
  if (!verifiesChain) return undefined;
  if (!socket.authorized) {
    const found = socket.authorizationError as unknown as string | { code?: string } | null;
    const code = typeof found === "object" ? found?.code : found;
    return notVerified(exactCode(code ?? "", peerChain(socket), Date.now()));
  }
  // The session remembers a server that was looked at, with these same options.
  if (socket.isSessionReused() || (caCerts ?? verifyDepth) === undefined) return undefined;
  const chain = peerChain(socket);
  // To Deno whoever is trusted ends a chain; to OpenSSL only one who signed himself.
  if (caCerts && !chain.at(-1)?.isSelfIssued) return notVerified("UNABLE_TO_GET_ISSUER_CERT");
  const between = chain.slice(1).filter((it) => !it.isSelfIssued).length;
  return between > (verifyDepth ?? Infinity) ? notVerified("CERT_CHAIN_TOO_LONG") : undefined;
}

/** Why a server is not the one that was meant, as far as the engine has not looked. */
function identityProblem(settings: ClientTls, socket: tls.TLSSocket): SocketError | undefined {
  // The session remembers a server that was looked at, with these same options.
  if (socket.isSessionReused()) return undefined;
  const { serverName, verifiesName, fingerprints } = settings;
  const certificate = socket.getPeerCertificate();
  const der = peerDer(socket);
  if (verifiesName) {
    const isNamed = der !== undefined && serverName !== undefined &&
      (ipFamily(serverName) === 0
        // Names stand in one place only: the common name was never meant to be one.
        ? !!certificate.subjectaltname &&
          tls.checkServerIdentity(serverName, certificate) === undefined
        // Node 22 writes those of IPv6 in a way that it does not know again.
        : new X509Certificate(der).checkIP(serverName) !== undefined);
    if (!isNamed) return notVerified("ERR_TLS_CERT_ALTNAME_INVALID");
  }
  if (fingerprints.length === 0) return undefined;
  const found = der && fingerprints.includes(fingerprintOf(der));
  return found ? undefined : notVerified("ERR_FINGERPRINT_MISMATCH");
}

function askedName(socket: tls.TLSSocket): string | null {
  return (socket as { servername?: string | false | null }).servername || null;
}

/** The first message of a client, as far as it is needed, and the name in it. */
async function readHello(
  transport: Transport,
  first: readonly Promise<Uint8Array | null>[],
): Promise<{ bytes: Uint8Array | null; name: string | undefined }> {
  const pieces: Uint8Array[] = [];
  try {
    for (let turn = 0;; turn++) {
      const piece = await (first[turn] ?? transport.pull());
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
  const { caCerts, crl, minVersion, maxVersion, ciphers } = settings;
  if (own !== undefined) checkIdentity(own);
  caCerts?.forEach(checkCertificate);
  return {
    minVersion,
    maxVersion,
    ...(caCerts && { ca: [...caCerts] }),
    ...(crl !== undefined && { crl }),
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

function ended(): SocketError {
  return new SocketError("closed", "The peer has ended");
}

function ignore(): void {}
