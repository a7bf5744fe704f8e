// What `ngx.ssl` gives: certificates, keys and stores, to be handed to sockets.

import { certificatesIn, isPrivateKey } from "../../drivers/tls_files.ts";
import type { TlsSession } from "../../tls.ts";
import { CData, LuaError, typeName } from "../lua.ts";

/** A certificate and its chain, parsed. */
export class Certificate extends CData {
  /** Each as PEM, its own first. */
  readonly chain: readonly string[];

  constructor(chain: readonly string[]) {
    super();
    this.chain = chain;
  }
}

/** A private key, parsed. */
export class PrivateKey extends CData {
  readonly #pem: string;

  constructor(pem: string) {
    super();
    this.#pem = pem;
  }

  /** Not for a log that looks into objects. */
  pem(): string {
    return this.#pem;
  }
}

/** Certificates to trust. */
export class TrustedStore extends CData {
  readonly certificates: readonly string[];

  constructor(certificates: readonly string[]) {
    super();
    this.certificates = certificates;
  }
}

/** A session, which may resume nothing. */
export class SslSession extends CData {
  readonly session: TlsSession | null;

  constructor(session: TlsSession | null) {
    super();
    this.session = session;
  }
}

/**
 * The functions of `ngx.ssl` that sockets need.
 *
 * @example
 * ```ts
 * import { createNgx, type TcpSocket } from "@cosocket/cosocket/ngx";
 *
 * const { ssl } = createNgx();
 *
 * function comeAs(sock: TcpSocket, certPem: string, keyPem: string) {
 *   const [cert] = ssl.parse_pem_cert(certPem);
 *   const [key] = ssl.parse_pem_priv_key(keyPem);
 *   return sock.setclientcert(cert, key);
 * }
 *
 * console.log(ssl.parse_pem_cert("no PEM")); // [ null, "PEM_read_bio_X509_AUX() failed" ]
 * ```
 */
export interface NgxSsl {
  /** Parses a certificate, and the chain behind it if there is one. */
  parse_pem_cert(pem: unknown): [object] | [null, string];
  /** Parses a private key that is not encrypted. */
  parse_pem_priv_key(pem: unknown): [object] | [null, string];
  /**
   * Parses certificates to trust, for `settrustedstore`. The original has no such
   * function: there a store comes from another library.
   */
  parse_pem_store(pem: unknown): [object] | [null, string];
}

/** The module `ngx.ssl`. */
export const ngxSsl: NgxSsl = {
  parse_pem_cert(pem) {
    const chain = certificatesIn(textOf(pem));
    return chain.length > 0 ? [new Certificate(chain)] : [null, "PEM_read_bio_X509_AUX() failed"];
  },
  parse_pem_priv_key(pem) {
    const text = textOf(pem);
    return isPrivateKey(text) ? [new PrivateKey(text)] : [null, "PEM_read_bio_PrivateKey() failed"];
  },
  parse_pem_store(pem) {
    const certificates = certificatesIn(textOf(pem));
    return certificates.length > 0
      ? [new TrustedStore(certificates)]
      : [null, "PEM_read_bio_X509() failed"];
  },
};

function textOf(pem: unknown): string {
  if (typeof pem === "string") return pem;
  throw new LuaError(`attempt to get length of local 'pem' (a ${typeName(pem)} value)`);
}
