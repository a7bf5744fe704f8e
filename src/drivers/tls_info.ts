// What TLS tells of a connection: what was agreed on, and who the peer is.

import { X509Certificate } from "node:crypto";
import type tls from "node:tls";
import { type PeerCertificate, type TlsInfo, TlsSession } from "../tls.ts";
import type { TlsOver } from "./tls_transport.ts";

/** What TLS a connection has; what costs something is found out when it is asked for. */
export class Info implements TlsInfo {
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
export class Sessions {
  last: TlsSession | null = null;

  constructor(socket: tls.TLSSocket, identity: string) {
    // Deno's are of no use to later connections.
    if ("Deno" in globalThis) return;
    socket.on("session", (bytes: Uint8Array) => {
      this.last = new TlsSession(new Uint8Array(bytes), identity);
    });
  }
}

/** SHA-256 of a certificate, in lower-case hex. */
export function fingerprintOf(der: Uint8Array): string {
  return new X509Certificate(der).fingerprint256.replaceAll(":", "").toLowerCase();
}

/** The certificate that the peer has shown, if any. */
export function peerDer(socket: tls.TLSSocket): Uint8Array | undefined {
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
