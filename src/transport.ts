import type { TlsInfo } from "./tls.ts";

/**
 * The address of one end of a connection.
 *
 * @example
 * ```ts
 * import { type Address, listen } from "@cosocket/cosocket";
 *
 * const text = (at: Address) => "path" in at ? at.path : `${at.hostname}, port ${at.port}`;
 *
 * await using server = await listen("127.0.0.1:0");
 * console.log(text(server.address)); // 127.0.0.1, port ...
 * ```
 */
export type Address =
  | { readonly hostname: string; readonly port: number }
  | { readonly path: string };

/** A switch of the system's that a transport may know. */
export type TransportOption = "noDelay" | "keepAlive";

/** A connected byte stream, as each runtime's driver provides it. */
export interface Transport {
  readonly localAddress: Address | null;
  readonly remoteAddress: Address | null;
  /** What TLS there is around it, if any. */
  readonly tls: TlsInfo | null;
  /**
   * At least one byte, or `null` if and only if the peer has ended. One pull at
   * a time; one that nobody waits for any more is left in flight, and its bytes
   * belong to whoever asks next. After an error every pull answers it again.
   *
   * @param into Memory the bytes may be put in, at its front. Otherwise they are
   *   in memory of the driver's, and valid until the next pull.
   */
  pull(into?: Uint8Array): Promise<Uint8Array | null>;
  /** Resolves when what the system already holds has answered a pull in flight. */
  settle(): Promise<void>;
  /**
   * Resolves once the system has every byte; the bytes may be used again then. It may
   * answer `TAKEN` if the system took them at once, so that nobody sets an alarm.
   */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends the write side; reading goes on. A second call does nothing. */
  closeWrite(): Promise<void>;
  /** Releases the connection; what is pending rejects with `closed`. Twice is fine. */
  close(): void;
  /** Like `close`, and tells the peer with a reset where the runtime can. */
  abort(): void;
  /**
   * Whether a pending pull keeps the program alive: `ref` yes, `unref` no. A
   * pull that starts while unreferenced is parked: it asks for little memory.
   */
  ref(): void;
  /** The opposite of `ref`. */
  unref(): void;
  /** Turns a switch; `false` if this transport has no such switch. */
  setOption(name: TransportOption, on: boolean): boolean;
}

/** What `write` of a transport may answer for bytes that the system took at once. */
export const TAKEN: Promise<void> = Promise.resolve();

/** An attempt to connect, or to shake hands, that can be given up. */
export interface Attempt {
  readonly opened: Promise<Transport>;
  /** Gives up: `opened` rejects, or what it opened after all is closed. */
  abandon(): void;
}

/** How a driver is to connect. */
export interface AttemptOptions {
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  readonly noDelay: boolean;
  /** Idle milliseconds before the first keep-alive probe; 0 for no probes. */
  readonly keepAliveMs: number;
}

/** How a driver is to listen. */
export interface ListenOptions {
  readonly backlog: number;
  /** Accepted connections that nobody took yet; one more is closed. */
  readonly maxPending: number;
  readonly noDelay: boolean;
  /** At `::` no IPv4 beside it; Deno takes both. */
  readonly ipv6Only?: boolean;
}

/** A listening socket. */
export interface Acceptor {
  readonly address: Address;
  /** The next connection, or `null` once closed. One call at a time. */
  accept(): Promise<Transport | null>;
  /** Stops listening; connections that nobody took are closed. */
  close(): void;
  /** Whether a pending accept keeps the program alive. */
  ref(): void;
  /** The opposite of `ref`. */
  unref(): void;
}

/** What a runtime provides. */
export interface Driver {
  /** Whether `connect` takes names and tries their addresses by itself. */
  readonly resolvesNames: boolean;
  connect(address: Address, options: AttemptOptions): Attempt;
  listen(at: Address, options: ListenOptions): Promise<Acceptor>;
  /** The addresses of a name, as the system gives them. */
  lookup(hostname: string): Promise<string[]>;
}

/**
 * An IP address and a port.
 *
 * @example
 * ```ts
 * import { datagram, type IpAddress } from "@cosocket/cosocket";
 *
 * await using sock = await datagram({ localAddress: "127.0.0.1" });
 * const { hostname, port }: IpAddress = sock.localAddress!;
 * console.log(hostname, port > 0); // 127.0.0.1 true
 * ```
 */
export interface IpAddress {
  /** The address, as text. */
  readonly hostname: string;
  /** The port. */
  readonly port: number;
}

/**
 * A datagram and where it came from.
 *
 * @example
 * ```ts
 * import { datagram } from "@cosocket/cosocket";
 *
 * await using sock = await datagram({ localAddress: "127.0.0.1" });
 * await sock.sendTo("to myself", sock.localAddress!);
 * const { data, from } = await sock.receiveFrom({ timeoutMs: 1000 });
 * console.log(data.length, from.port === sock.localAddress!.port); // 9 true
 * ```
 */
export interface Packet {
  /** What it carries; empty for an empty datagram. The receiver's own memory. */
  readonly data: Uint8Array;
  /** Who sent it, or says so: the source of a datagram is easy to forge. */
  readonly from: IpAddress;
}

/**
 * What can be set of a socket for datagrams, and the kind of value it takes.
 *
 * @example
 * ```ts
 * import { datagram } from "@cosocket/cosocket";
 *
 * await using sock = await datagram({ multicastTtl: 4 });
 * sock.setOption("broadcast", true);
 * console.log(sock.getOption("multicastTtl"), sock.getOption("broadcast")); // 4 true
 * ```
 */
export interface DatagramSettings {
  /** Whether it may send to broadcast addresses. */
  broadcast: boolean;
  /** How many routers a datagram passes at most: 1 to 255. */
  ttl: number;
  /** The same for multicast: 0 to 255. */
  multicastTtl: number;
  /** Whether this machine's own members of a group get what is sent to it. */
  multicastLoopback: boolean;
  /** The interface multicast leaves by: its address, or for IPv6 `::%name`. */
  multicastInterface: string;
  /** How much the system holds for us; Linux doubles it. */
  receiveBufferBytes: number;
  /** How much the system holds until the network takes it; Linux doubles it. */
  sendBufferBytes: number;
}

/** How a driver is to open a socket for datagrams. */
export interface DatagramOptions {
  readonly family: 4 | 6;
  /** The IP address to bind. Default: every one of the machine. */
  readonly localAddress?: string | undefined;
  /** The port to bind. Default 0: any free one. */
  readonly localPort?: number | undefined;
  /** Whether others that also say so may have the same address and port. */
  readonly reuseAddress?: boolean | undefined;
  /** The same, and the system spreads among them what comes. */
  readonly reusePort?: boolean | undefined;
  /** Of family 6: no IPv4 beside it. */
  readonly ipv6Only?: boolean | undefined;
  /** Datagrams that wait until they are received; one more is dropped. Default 1024. */
  readonly maxQueued?: number | undefined;
  /** Bytes of datagrams that wait; one that exceeds them is dropped. Default 1 MiB. */
  readonly maxQueuedBytes?: number | undefined;
}

/**
 * A group to receive the multicast of.
 *
 * @example
 * ```ts
 * import { datagram, type MulticastGroup } from "@cosocket/cosocket";
 *
 * const mdns: MulticastGroup = { group: "224.0.0.251", interface: "127.0.0.1" };
 * await using sock = await datagram({ reuseAddress: true });
 * sock.join(mdns);
 * sock.leave(mdns);
 * ```
 */
export interface MulticastGroup {
  /** The group's address. */
  readonly group: string;
  /** The interface to receive it on: its address, or for IPv6 `::%name`. */
  readonly interface?: string | undefined;
  /** Only what this address sends to it; IPv4 only. */
  readonly source?: string | undefined;
}

/** A socket for datagrams, as the driver provides it. */
export interface DatagramTransport {
  readonly localAddress: IpAddress;
  /** The one peer, while there is one. */
  readonly remoteAddress: IpAddress | null;
  /** Datagrams that came and were dropped, for nobody received those before them. */
  readonly dropped: number;
  /**
   * The next datagram; while connected, of the peer. An error that the network sent
   * back to something sent to the peer rejects one call, this or `send`, and all
   * goes on. One call at a time; one that nobody waits for any more is left in flight.
   */
  receive(): Promise<Packet>;
  /**
   * Resolves once the system has it; the bytes may be used again then.
   *
   * @param to An IP address and a port; none while connected.
   */
  send(data: Uint8Array, to?: Address): Promise<void>;
  /**
   * From now on one peer, instead of another if there was one. Datagrams of others
   * are ignored, those that wait, too. After an error there is no peer.
   */
  connect(to: Address): Promise<void>;
  /** From now on no peer in particular. Without one it does nothing. */
  disconnect(): void;
  /** Sets a setting. What this runtime cannot set is `unsupported`. */
  set<Name extends keyof DatagramSettings>(name: Name, value: DatagramSettings[Name]): void;
  /** Begins to receive what is sent to a group. */
  join(group: MulticastGroup): void;
  /** The opposite of `join`. */
  leave(group: MulticastGroup): void;
  /** Releases the socket; what is pending rejects with `closed`. Twice is fine. */
  close(): void;
  /** Whether a pending receive or send keeps the program alive, as it does at first. */
  ref(): void;
  /** The opposite of `ref`. */
  unref(): void;
}

/** An address as text: `127.0.0.1:80`, `[::1]:80`, `unix:/run/x.sock`. */
export function addressText(address: Address): string {
  if ("path" in address) return `unix:${address.path.replace(/^\0/, "@")}`;
  const { hostname, port } = address;
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/** Whether two addresses are the same, however they are written. */
export function sameAddress(one: IpAddress, other: IpAddress): boolean {
  if (one.port !== other.port) return false;
  return one.hostname === other.hostname || canonical(one.hostname) === canonical(other.hostname);
}

/** One form for each address; without the interface, which not every runtime tells. */
function canonical(hostname: string): string {
  const bare = hostname.replace(/%.*$/, "");
  const url = `http://[${bare}]`;
  if (!bare.includes(":") || !URL.canParse(url)) return bare;
  const text = new URL(url).hostname;
  const mapped = /^\[::ffff:([0-9a-f]+):([0-9a-f]+)\]$/.exec(text);
  if (mapped === null) return text;
  const words = [parseInt(mapped[1]!, 16), parseInt(mapped[2]!, 16)];
  return words.flatMap((word) => [word >> 8, word & 0xff]).join(".");
}

/** An IPv4 address as such, where a socket for both families writes it as IPv6. */
export function unmapped(hostname: string): string {
  return hostname.startsWith("::ffff:") && hostname.includes(".") ? hostname.slice(7) : hostname;
}

/**
 * Whether a datagram can carry these bytes, by IPv4 or by IPv6. What is too large the
 * system refuses before it tells of anything else.
 */
export function fitsDatagram(data: Uint8Array, { hostname }: IpAddress): boolean {
  return data.length <= (hostname.includes(":") ? 65_527 : 65_507);
}
