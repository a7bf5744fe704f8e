// Which way TLS is started: by the runtime's own where that can serve, otherwise
// by `node:tls`, which is loaded when it is first needed.

import { mapError } from "./map_error.ts";
import { SocketError } from "../errors.ts";
import type { ClientTls, ServerTls } from "../tls.ts";
import { type Address, addressText, type Attempt, type Transport } from "../transport.ts";

/** TLS, ready to be started. */
export interface Secure {
  /**
   * Whether it can be told first what the system holds unread: that leaves a pull
   * in flight, which Deno's own TLS cannot take over. There the handshake fails by
   * such bytes.
   */
  readonly looksFirst: boolean;
  /**
   * Starts TLS over a transport, which is the attempt's from then on: if it fails
   * it is closed.
   *
   * @param pull A pull of it that is in flight, and is the attempt's, too.
   */
  start(transport: Transport, pull?: Promise<Uint8Array | null>): Promise<Attempt>;
}

/**
 * Makes ready to be a client. What the options cannot be served for is said here.
 *
 * @param tellsWhy Whether it must be known what a certificate was refused for, and
 *   what was agreed on: Deno's own TLS says neither.
 */
export async function secureClient(settings: ClientTls, tellsWhy = false): Promise<Secure> {
  const native = tellsWhy || !isPlain(settings) ? undefined : await nativeTls();
  const prepared = native === undefined ? await general(settings) : undefined;
  return {
    looksFirst: native === undefined,
    start: async (transport, pull) => {
      const attempt = pull === undefined ? native?.(transport, settings) : undefined;
      return told(attempt ?? (prepared ?? await general(settings))(transport, pull), transport);
    },
  };
}

/** Makes ready to be a server. */
export async function secureServer(settings: ServerTls): Promise<Secure> {
  const { server } = await import("./tls.ts");
  const prepared = server(settings);
  return {
    looksFirst: true,
    start: (transport, pull) => Promise.resolve(told(prepared(transport, pull), transport)),
  };
}

/** Whether Deno's own TLS would mean the same by these options. */
export function isPlain(settings: ClientTls): boolean {
  const { caCerts, own, ciphers, session, minVersion, maxVersion } = settings;
  const { serverName, verifiesChain, verifiesName, fingerprints } = settings;
  return caCerts === undefined && own === undefined && ciphers === undefined &&
    session === undefined && minVersion === "TLSv1.2" && maxVersion === "TLSv1.3" &&
    serverName !== undefined && verifiesChain && verifiesName && fingerprints.length === 0;
}

async function general(settings: ClientTls) {
  return (await import("./tls.ts")).client(settings);
}

async function nativeTls() {
  if (!("Deno" in globalThis)) return undefined;
  return (await import("./deno.ts")).startTls;
}

/** An attempt whose failure says what could not be done. */
function told({ opened, abandon }: Attempt, transport: Transport): Attempt {
  const { remoteAddress } = transport;
  return {
    opened: opened.catch((error) => {
      throw named(error, remoteAddress);
    }),
    abandon,
  };
}

function named(error: unknown, peer: Address | null): unknown {
  if (error instanceof TypeError) return error;
  const address = peer === null ? undefined : addressText(peer);
  const what = `Cannot start TLS with ${address ?? "the peer"}`;
  if (!(error instanceof SocketError)) return mapError(error, "handshake", what, address);
  const { code, message, cause } = error;
  return new SocketError(code, `${what}: ${message}`, {
    op: "handshake",
    ...(address !== undefined && { address }),
    cause,
  });
}
