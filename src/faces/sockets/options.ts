// What a call says, and what a socket has to know of it.

import { quote } from "../../bytes.ts";
import { checkOptions, checkPort } from "../../check.ts";
import type { OpenOptions } from "../../connect.ts";
import { parseTarget } from "../../target.ts";
import type { TlsOptions as CoreTlsOptions } from "../../tls.ts";
import type { Address } from "../../transport.ts";
import { SocketError } from "./error.ts";

/**
 * Where to connect to.
 *
 * @example
 * ```ts
 * import type { SocketAddress } from "@cosocket/cosocket/sockets";
 *
 * const address: SocketAddress = { hostname: "::1", port: 6379 };
 * ```
 */
export interface SocketAddress {
  /** A name or an IP address. */
  hostname: string;
  /** The port. */
  port: number;
}

/**
 * Where to connect to; text is `"host:port"` or `"[::1]:port"`.
 *
 * @example
 * ```ts
 * import type { AnySocketAddress } from "@cosocket/cosocket/sockets";
 *
 * const same: AnySocketAddress[] = ["[::1]:6379", { hostname: "::1", port: 6379 }];
 * ```
 */
export type AnySocketAddress = SocketAddress | string;

/**
 * When TLS begins: never, at once, or with `startTls`.
 *
 * @example
 * ```ts
 * import type { SecureTransportKind } from "@cosocket/cosocket/sockets";
 *
 * const kinds = new Map<number, SecureTransportKind>([[25, "starttls"], [465, "on"]]);
 * console.log(kinds.get(587) ?? "off"); // off
 * ```
 */
export type SecureTransportKind = "off" | "on" | "starttls";

/**
 * How to connect.
 *
 * @example
 * ```ts
 * import { connect, type SocketOptions } from "@cosocket/cosocket/sockets";
 *
 * const options: SocketOptions = { secureTransport: "on", alpn: ["http/1.1"] };
 * const open = (hostname: string) => connect({ hostname, port: 443 }, options);
 * ```
 */
export interface SocketOptions {
  /** When TLS begins. Default `"off"`. */
  secureTransport?: SecureTransportKind;
  /** Whether `writable` goes on after the peer has ended. Default `false`. */
  allowHalfOpen?: boolean;
  /** The name to ask for and to find in the certificate. Default: the address's. */
  sni?: string | null;
  /** Application protocols, the dearest first. */
  alpn?: readonly string[];
}

/**
 * How to start TLS.
 *
 * @example
 * ```ts
 * import type { Socket, TlsOptions } from "@cosocket/cosocket/sockets";
 *
 * const options: TlsOptions = { expectedServerHostname: "mail.example" };
 * const upgrade = (socket: Socket) => socket.startTls(options);
 * ```
 */
export interface TlsOptions {
  /** The name to ask for and to find in the certificate. */
  expectedServerHostname?: string;
}

/**
 * Settings that the API has no options for; what a call says goes before.
 *
 * @example
 * ```ts
 * import { createSockets, type SocketsSettings } from "@cosocket/cosocket/sockets";
 *
 * const settings: SocketsSettings = { family: 4, keepAliveMs: 30_000, timeoutMs: 5000 };
 * const { connect } = createSockets(settings);
 * ```
 */
export interface SocketsSettings extends Omit<OpenOptions, "tls" | "signal"> {
  /** Whom to trust, and as whom to come, where there is TLS. */
  tls?: CoreTlsOptions;
}

/** What a socket knows of its connection before there is one. */
export interface Plan {
  readonly secureTransport: SecureTransportKind;
  readonly allowHalfOpen: boolean;
  readonly tls: CoreTlsOptions;
}

/** The plan of a call; what makes no sense is refused. */
export function planOf(options: SocketOptions, settings: SocketsSettings): Plan {
  checkOptions("options", options);
  const { secureTransport = "off", allowHalfOpen, sni } = options;
  if (!["off", "on", "starttls"].includes(secureTransport)) {
    throw new SocketError(
      `secureTransport must be "off", "on" or "starttls", not ${quote(secureTransport)}`,
    );
  }
  const alpn = [...options.alpn ?? []].map(String);
  if (secureTransport === "off" && (typeof sni === "string" || alpn.length > 0)) {
    throw new SocketError('sni and alpn want a secureTransport of "on" or "starttls"');
  }
  const tls: CoreTlsOptions = {
    ...settings.tls,
    ...(typeof sni === "string" && { serverName: sni }),
    ...(alpn.length > 0 && { alpnProtocols: alpn }),
  };
  return { secureTransport, allowHalfOpen: Boolean(allowHalfOpen), tls };
}

/** The address that is meant. */
export function targetOf(address: AnySocketAddress): Address {
  try {
    if (typeof address === "string") {
      const target = parseTarget(address);
      if ("path" in target) throw new TypeError("there are no unix sockets in this API");
      return target;
    }
    const { hostname, port } = address;
    return parseTarget({ hostname: String(hostname), port: checkPort("port", Number(port)) });
  } catch (cause) {
    throw new SocketError(`Cannot connect: ${(cause as Error).message}`, { cause });
  }
}
