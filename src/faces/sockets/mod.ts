/**
 * The Web's sockets API, as WinterTC proposes it and Cloudflare's Workers have it: code
 * written for `cloudflare:sockets` runs on Deno, Bun and Node.
 *
 * The proposal leaves much open. What it says is kept to the letter, but for one thing; what
 * it does not say is as Workers do it:
 *
 * - `close()` first sends what was written, for a minute at most, as Workers do; by the
 *   proposal it would be lost. What is still being connected is given up.
 * - `readable` is a byte stream: it takes readers that bring their own memory. It never
 *   reads ahead of its reader. Canceling it leaves `writable` usable, and the other way
 *   round; once both are over the connection is let go of. Aborting `writable` cuts the
 *   connection off.
 * - `writable` takes text, too, which goes as UTF-8, as in the proposal's example.
 * - Bytes that lie unread when `startTls` is called were not protected by it; whoever can
 *   write on the wire may have planted them. They fail the new socket.
 * - `startTls` takes Cloudflare's `expectedServerHostname`. Without it the certificate must be
 *   for `sni`, or else for the host of the address. The old socket may stay locked.
 * - A reset fails what is read and written, and resolves `closed`, as the proposal has it. All
 *   else that goes wrong rejects it.
 * - What failed below, with its code, is the `cause` of a `SocketError`.
 * - Connecting and the handshake are given up after a minute; {@linkcode createSockets} makes
 *   a `connect` with other settings, such as certificates to trust.
 *
 * @example
 * ```ts
 * import { listen } from "@cosocket/cosocket";
 * import { connect } from "@cosocket/cosocket/sockets";
 *
 * const server = await listen("127.0.0.1:0");
 * server.accept().then((guest) => guest?.send("hello\n"));
 *
 * const { port } = server.address as { port: number };
 * const socket = connect({ hostname: "127.0.0.1", port });
 * const { value } = await socket.readable.getReader().read();
 * console.log(new TextDecoder().decode(value)); // hello
 * await socket.close();
 * await server.close();
 * ```
 *
 * @module
 */

import { checkOpenOptions } from "../../connect.ts";
import { connect as connectCore } from "../../cosocket.ts";
import {
  type AnySocketAddress,
  planOf,
  type SocketOptions,
  type SocketsSettings,
  targetOf,
} from "./options.ts";
import { type Socket, socketOf } from "./socket.ts";

export { SocketError } from "./error.ts";
export type {
  AnySocketAddress,
  SecureTransportKind,
  SocketAddress,
  SocketOptions,
  SocketsSettings,
  TlsOptions,
} from "./options.ts";
export { Socket, type SocketInfo } from "./socket.ts";

/**
 * Connects. The socket is there at once, and its streams can be used before there is a
 * connection; what goes wrong comes out of `opened`, `closed` and the streams.
 *
 * @throws {SocketError} If `address` or an option makes no sense.
 *
 * @example
 * ```ts
 * import { connect } from "@cosocket/cosocket/sockets";
 *
 * async function whois(name: string): Promise<string> {
 *   const socket = connect("whois.iana.org:43", { allowHalfOpen: true });
 *   const writer = socket.writable.getWriter();
 *   await writer.write(`${name}\r\n`);
 *   const answer = await new Response(socket.readable).text();
 *   await socket.close();
 *   return answer;
 * }
 * ```
 * @see https://sockets-api.proposal.wintertc.org
 */
export function connect(address: AnySocketAddress, options: SocketOptions = {}): Socket {
  return open(address, options, {});
}

/**
 * What a binding object has: all that a client needs to be handed.
 *
 * @example
 * ```ts
 * import type { Sockets } from "@cosocket/cosocket/sockets";
 *
 * async function isUp({ connect }: Sockets, address: string): Promise<boolean> {
 *   const socket = connect(address);
 *   const isOpen = await socket.opened.then(() => true, () => false);
 *   await socket.close().catch(() => {});
 *   return isOpen;
 * }
 * ```
 */
export interface Sockets {
  /** Connects; see {@linkcode connect}. */
  connect(address: AnySocketAddress, options?: SocketOptions): Socket;
}

/**
 * Makes a binding object, as the proposal calls it: a `connect` with settings that the API has
 * no options for.
 *
 * @example Trust a CA of one's own
 * ```ts
 * import { createSockets } from "@cosocket/cosocket/sockets";
 *
 * function secureSocket(caCerts: string) {
 *   const { connect } = createSockets({ tls: { caCerts }, timeoutMs: 5000 });
 *   return connect("db.example:5432", { secureTransport: "on" });
 * }
 * ```
 */
export function createSockets(settings: SocketsSettings = {}): Sockets {
  checkOpenOptions(settings);
  return { connect: (address, options = {}) => open(address, options, settings) };
}

function open(
  address: AnySocketAddress,
  options: SocketOptions,
  settings: SocketsSettings,
): Socket {
  const target = targetOf(address);
  const plan = planOf(options, settings);
  return socketOf(plan, (signal) =>
    connectCore(target, {
      ...settings,
      tls: plan.secureTransport === "on" && plan.tls,
      signal,
      // Streams wait for as long as it takes.
      readTimeoutMs: 0,
      sendTimeoutMs: 0,
    }));
}
