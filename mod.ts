/**
 * Sockets in straight lines, for Deno, Bun and Node: connect, send, receive a
 * line, so many bytes, all up to a boundary; timeouts that lose nothing;
 * connections kept alive in pools; servers; Web Streams in and out.
 *
 * @example
 * ```ts
 * import { connect, listen } from "@cosocket/cosocket";
 *
 * const server = await listen("127.0.0.1:0");
 * server.accept().then((guest) => guest?.send("+PONG\r\n"));
 *
 * await using sock = await connect(server.address);
 * await sock.send("PING\r\n");
 * console.log(await sock.receiveLine()); // +PONG
 * await server.close();
 * ```
 *
 * @module
 */

export type { CallOptions } from "./src/call_options.ts";
export {
  connect,
  type ConnectOptions,
  Cosocket,
  type PartReader,
  type ReceiveOptions,
  type SocketOptions,
  type UntilOptions,
} from "./src/cosocket.ts";
export {
  type HandshakeLimits,
  type Lookup,
  lookup,
  type LookupOptions,
  type OpenOptions,
  type ResolvedAddress,
} from "./src/connect.ts";
export {
  Pool,
  type PoolConnectOptions,
  type PoolOptions,
  type PoolStats,
} from "./src/connection_pool.ts";
export { Datagram, datagram } from "./src/datagram.ts";
export type { DatagramSocketOptions } from "./src/datagram_options.ts";
export type { DiagnosticEvents } from "./src/diagnostics.ts";
export { DnsError } from "./src/dns/failure.ts";
export {
  SocketError,
  type SocketErrorCode,
  type SocketErrorOptions,
  type SocketOperation,
} from "./src/errors.ts";
export { listen, Listener, type ListenerOptions } from "./src/listener.ts";
export {
  type CacheOptions,
  type CreatedLookup,
  createLookup,
  type CreateLookupOptions,
} from "./src/name_lookup.ts";
export type { Data } from "./src/outgoing.ts";
export type { Target } from "./src/target.ts";
export {
  type CommonTlsOptions,
  type PeerCertificate,
  type TlsIdentity,
  type TlsInfo,
  type TlsOptions,
  type TlsServerOptions,
  TlsSession,
  type TlsVersion,
} from "./src/tls.ts";
export type {
  Address,
  DatagramSettings,
  IpAddress,
  MulticastGroup,
  Packet,
} from "./src/transport.ts";
