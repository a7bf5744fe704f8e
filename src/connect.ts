// From a target to a connected transport: which driver, which addresses, and one
// limit of time over all of it.

import { quote } from "./bytes.ts";
import {
  checkFlag,
  checkFunction,
  checkMs,
  checkOptions,
  checkPort,
  checkSignal,
  checkText,
  wrongType,
} from "./check.ts";
import { attempted, bounded, type Course } from "./course.ts";
import { channelOf, nextConnection, telling } from "./diagnostics.ts";
import type { Network } from "./dns/exchange.ts";
import { DEFAULT_TRIES, DEFAULT_TRY_MS, type Inquiry } from "./dns/inquiry.ts";
import type { Found } from "./dns/resolver.ts";
import { parseServers } from "./dns/servers.ts";
import { channelsReady } from "./drivers/channel.ts";
import { systemClock } from "./drivers/clock.ts";
import { mapError } from "./drivers/map_error.ts";
import { onWorkers, refuseOnWorkers } from "./drivers/on_workers.ts";
import { type Secure, secureClient, secureServer } from "./drivers/secure.ts";
import { SocketError } from "./errors.ts";
import { ipFamily } from "./ip.ts";
import { race } from "./race.ts";
import { Stream } from "./stream.ts";
import { parseTarget, type Target } from "./target.ts";
import {
  type ClientTls,
  clientTls,
  serverTls,
  type TlsOptions,
  type TlsServerOptions,
} from "./tls.ts";
import {
  type Acceptor,
  type Address,
  addressText,
  type Attempt,
  type AttemptOptions,
  type Driver,
  type ListenOptions,
  type Transport,
} from "./transport.ts";

/**
 * Finds the addresses of a name, best first; `signal` says when nobody wants them any more.
 *
 * @example
 * ```ts
 * import { connect, listen, type Lookup } from "@cosocket/cosocket";
 *
 * const hosts: Record<string, string[]> = { "db.internal": ["127.0.0.1"] };
 * const lookup: Lookup = async (hostname) => hosts[hostname] ?? [];
 *
 * await using server = await listen("127.0.0.1:0");
 * const { port } = server.address as { port: number };
 * await using sock = await connect({ hostname: "db.internal", port }, { lookup });
 * console.log(sock.remoteAddress); // { hostname: "127.0.0.1", port: ... }
 * ```
 */
export type Lookup = (hostname: string, options: { signal: AbortSignal }) => Promise<string[]>;

/**
 * How to open a connection.
 *
 * @example
 * ```ts
 * import { connect, listen, type OpenOptions } from "@cosocket/cosocket";
 *
 * const patient: OpenOptions = { timeoutMs: 10_000, keepAliveMs: 30_000 };
 * await using server = await listen("127.0.0.1:0");
 * await using sock = await connect(server.address, { ...patient, localAddress: "127.0.0.1" });
 * console.log(sock.localAddress); // { hostname: "127.0.0.1", port: ... }
 * ```
 */
export interface OpenOptions {
  /** Milliseconds for look-up and connect together; 0 waits for ever. Default 60,000. */
  timeoutMs?: number;
  /** Gives up when aborted. */
  signal?: AbortSignal;
  /** Local IP address to connect from. */
  localAddress?: string;
  /** Local port to connect from. */
  localPort?: number;
  /** Only addresses of this family. */
  family?: 4 | 6;
  /** Finds addresses instead of the system; `createLookup` makes one that remembers. */
  lookup?: Lookup;
  /** Name servers to ask instead of the system: `["127.0.0.1:53", "[::1]:53"]`. */
  servers?: readonly string[];
  /** Sends small pieces at once (`TCP_NODELAY`). Default `true`. */
  noDelay?: boolean;
  /** Idle milliseconds, in whole seconds, before TCP keep-alive probes; 0 for none. Default 0. */
  keepAliveMs?: number;
  /** TLS from the first byte on; `true` for its defaults. Default: none. */
  tls?: boolean | TlsOptions;
}

/**
 * An address of a name.
 *
 * @example
 * ```ts
 * import { lookup } from "@cosocket/cosocket";
 *
 * for (const { address, family } of await lookup("localhost")) {
 *   console.log(family === 6 ? `[${address}]:80` : `${address}:80`); // 127.0.0.1:80
 * }
 * ```
 */
export interface ResolvedAddress {
  /** The IP address, as text. */
  readonly address: string;
  /** 4 or 6. */
  readonly family: 4 | 6;
}

/**
 * How to look a name up.
 *
 * @example
 * ```ts
 * import { lookup } from "@cosocket/cosocket";
 *
 * const [first] = await lookup("localhost", { family: 4, timeoutMs: 2000 });
 * console.log(first); // { address: "127.0.0.1", family: 4 }
 * ```
 */
export interface LookupOptions {
  /** Milliseconds; 0 waits for ever. Default 60,000. */
  timeoutMs?: number;
  /** Gives up when aborted. */
  signal?: AbortSignal;
  /** Only addresses of this family. */
  family?: 4 | 6;
  /**
   * Name servers to ask instead of the system: `["127.0.0.1:53", "[::1]:53"]`; port
   * 53 may be left out. Each is given 5 seconds before the next is asked, and asked
   * twice at most. Nothing is added to the name, and no hosts file is read.
   */
  servers?: readonly string[];
}

export const DEFAULT_TIMEOUT_MS = 60_000;

// What Linux takes at most.
const MOST_KEEP_ALIVE_MS = 32_767_000;

const connecting = {
  start: channelOf("cosocket:connect:start"),
  end: channelOf("cosocket:connect:end"),
};
const securing = { start: channelOf("cosocket:tls:start"), end: channelOf("cosocket:tls:end") };

/** Opens a connection, with TLS if that is asked for. */
export async function openStream(target: Target, options: OpenOptions = {}): Promise<Stream> {
  const address = parseTarget(target);
  checkOpenOptions(options);
  const tls = tlsOf(address, options);
  const hostname = "path" in address ? undefined : address.hostname;
  await channelsReady();
  const connection = nextConnection();
  const about = { connection, address };
  const transport = await telling(connecting, about, () => open(address, options, tls));
  return new Stream(transport, undefined, { side: "client", hostname }, connection);
}

function open(
  address: Address,
  options: OpenOptions,
  tls: ClientTls | undefined,
): Promise<Transport> {
  const limits = { timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS, signal: options.signal };
  return bounded("connect", address, limits, async (course) => {
    const secure = tls && await clientSecurity(tls);
    const driver = await driverFor(options);
    course.goOn();
    const attempt = "path" in address || !wantsLookup(driver, address.hostname, options)
      ? driver.connect(address, attemptOptions(options))
      : await resolveAndRace(driver, address, options, course);
    course.onGiveUp(attempt.abandon);
    const transport = await attempt.opened;
    return secure === undefined ? transport : await secured(secure, transport, [], course);
  }, (transport) => transport.close());
}

/** The TLS that options ask for a connection to an address, if any. */
export function tlsOf(address: Address, { tls }: OpenOptions): ClientTls | undefined {
  if (tls === undefined || tls === false) return undefined;
  const hostname = "path" in address ? undefined : address.hostname;
  return clientTls(tls === true ? {} : tls, hostname);
}

/**
 * Limits of a handshake.
 *
 * @example
 * ```ts
 * import { socketPair } from "@cosocket/cosocket/testing";
 *
 * const [sock] = socketPair(); // its peer says nothing
 * const failed = sock.startTls({ serverName: "db.example", timeoutMs: 20 });
 * await failed.catch((error) => console.log(error.code)); // timeout
 * ```
 */
export interface HandshakeLimits {
  /** Milliseconds for the handshake; 0 waits for ever. Default 60,000. */
  timeoutMs?: number;
  /** Gives up when aborted. */
  signal?: AbortSignal;
}

/** Starts TLS on an open connection, as the end that it is. */
export async function startTls(
  stream: Stream,
  { timeoutMs, signal, ...options }: (TlsOptions | TlsServerOptions) & HandshakeLimits,
): Promise<void> {
  if (timeoutMs !== undefined) checkMs("timeoutMs", timeoutMs);
  checkSignal(signal);
  const { role } = stream;
  const secure = role.side === "server"
    ? await secureServer(serverTls(options as TlsServerOptions))
    : await clientSecurity(clientTls(options, role.hostname));
  await upgrade(stream, secure, { timeoutMs: timeoutMs ?? DEFAULT_TIMEOUT_MS, signal });
}

/** Puts TLS around an open connection, and closes it if that fails. */
export async function upgrade(
  stream: Stream,
  secure: Secure,
  limits: { timeoutMs: number; signal: AbortSignal | undefined },
): Promise<void> {
  const { signal } = limits;
  const { remoteAddress } = stream.transport;
  if (signal?.aborted) {
    throw new SocketError(
      "aborted",
      `${attempted("handshake", remoteAddress)}: the signal was aborted`,
      {
        op: "handshake",
        cause: signal.reason,
      },
    );
  }
  const begin = () =>
    stream.upgrade((transport, pulls) =>
      bounded(
        "handshake",
        remoteAddress,
        { ...limits, connection: stream.connection },
        (course) => secured(secure, transport, pulls, course),
        (made) => made.close(),
      )
    );
  const about = { connection: stream.connection, address: remoteAddress };
  await telling(securing, about, async () => {
    if (!onWorkers) return await begin();
    const { upgrading } = await workers();
    await upgrading(stream.transport, begin);
  }, () => ({ tls: stream.transport.tls ?? undefined }));
}

async function secured(
  secure: Secure,
  transport: Transport,
  pulls: readonly Promise<Uint8Array | null>[],
  course: Course,
): Promise<Transport> {
  course.onGiveUp(() => transport.abort());
  const attempt = secure(transport, pulls);
  course.onGiveUp(attempt.abandon);
  return await attempt.opened;
}

/** Refuses options that no connection could be opened with. */
export function checkOpenOptions(options: OpenOptions): void {
  checkOptions("options", options);
  const { timeoutMs, signal, localAddress, localPort, family, keepAliveMs } = options;
  if (timeoutMs !== undefined) checkMs("timeoutMs", timeoutMs);
  if (keepAliveMs !== undefined && checkMs("keepAliveMs", keepAliveMs) > MOST_KEEP_ALIVE_MS) {
    throw new RangeError(`keepAliveMs must be at most ${MOST_KEEP_ALIVE_MS}, not ${keepAliveMs}`);
  }
  if (localPort !== undefined) checkPort("localPort", localPort);
  if (localAddress !== undefined && ipFamily(checkText("localAddress", localAddress)) === 0) {
    throw new TypeError(`localAddress must be an IP address, not ${quote(localAddress)}`);
  }
  checkFamily(family);
  checkFlag("noDelay", options.noDelay);
  checkFunction("lookup", options.lookup);
  checkServers(options);
  checkSignal(signal);
  const { tls } = options;
  if (tls !== undefined && typeof tls !== "boolean" && (typeof tls !== "object" || tls === null)) {
    throw wrongType("tls", "true, false or an object of options", tls);
  }
}

/**
 * Looks up the addresses of a name, as the system does, or at `servers`.
 *
 * @returns At least one address, in the system's order; from `servers` those of IPv6
 *   first, and the rest in their order.
 * @throws {SocketError} `not found`, `timeout`, `aborted` or `denied`; `refused` and
 *   the like where `servers` cannot be reached. What a server answered instead of
 *   addresses is the `cause`, a {@linkcode DnsError}.
 *
 * @example
 * ```ts
 * import { lookup } from "@cosocket/cosocket";
 *
 * for (const { address } of await lookup("localhost")) console.log(address);
 * ```
 */
export async function lookup(
  hostname: string,
  options: LookupOptions = {},
): Promise<ResolvedAddress[]> {
  checkText("hostname", hostname);
  checkOpenOptions(options);
  const { timeoutMs = DEFAULT_TIMEOUT_MS, signal } = options;
  const { addresses } = await findAddresses(hostname, wayOf(options), { timeoutMs, signal });
  return addresses.map((it) => ({ address: it, family: it.includes(":") ? 6 : 4 }));
}

/** Where addresses are sought: given by the caller's function, by servers, or by the system. */
export interface LookupWay {
  readonly family?: 4 | 6 | undefined;
  readonly lookup?: Lookup | undefined;
  readonly inquiry?: Omit<Inquiry, "family"> | undefined;
}

/** The addresses of a name, and how long that holds: 0 where nobody said. */
export function findAddresses(
  hostname: string,
  way: LookupWay,
  limits: { timeoutMs: number; signal: AbortSignal | undefined },
): Promise<Found> {
  return bounded("lookup", { hostname, port: 0 }, limits, async (course) => {
    return await resolve(await driverFor({}), hostname, way, course);
  });
}

function wayOf({ family, lookup, servers }: OpenOptions): LookupWay {
  const inquiry = servers && {
    servers: parseServers(servers),
    tryMs: DEFAULT_TRY_MS,
    tries: DEFAULT_TRIES,
    failsOver: true,
  };
  return { family, lookup, inquiry };
}

/** Opens a listening socket. */
export async function openListener(
  at: Address,
  options: ListenOptions,
  tls?: TlsServerOptions,
): Promise<Acceptor> {
  refuseOnWorkers(`Cannot listen at ${addressText(at)}`, "listen");
  await channelsReady();
  const secure = tls && await secureServer(serverTls(tls));
  const driver = await driverFor({});
  try {
    const acceptor = await driver.listen(at, options);
    if (secure === undefined) return acceptor;
    const timeoutMs = tls?.handshakeTimeoutMs ?? DEFAULT_TIMEOUT_MS;
    const { TlsAcceptor } = await import("./tls_acceptor.ts");
    return new TlsAcceptor(acceptor, secure, { timeoutMs, most: options.maxPending || 1 });
  } catch (error) {
    throw mapError(error, "listen", `Cannot listen at ${addressText(at)}`, addressText(at));
  }
}

// A driver is loaded when it is first needed. What Deno's own sockets lack,
// such as a local address, Deno's `node:net` has.
async function driverFor(options: OpenOptions): Promise<Driver> {
  if (onWorkers) return (await workers()).driver;
  const { localAddress, localPort, keepAliveMs } = options;
  if (!("Deno" in globalThis)) return (await import("./drivers/node.ts")).driver;
  const needsNode = localAddress !== undefined || localPort !== undefined || (keepAliveMs ?? 0) > 0;
  if (!needsNode) return (await import("./drivers/deno.ts")).driver;
  return (await import("./drivers/deno_node.ts")).driver;
}

async function clientSecurity(tls: ClientTls): Promise<Secure> {
  return onWorkers ? (await workers()).secureClient(tls) : secureClient(tls);
}

// Cloudflare's Workers have sockets of their own, and TLS for them.
function workers(): Promise<typeof import("./drivers/workers.ts")> {
  return import("./drivers/workers.ts");
}

function wantsLookup(driver: Driver, hostname: string, options: OpenOptions): boolean {
  const literal = ipFamily(hostname);
  if (literal !== 0) return options.family !== undefined && options.family !== literal;
  const { lookup, servers, family } = options;
  return !driver.resolvesNames || (lookup ?? servers ?? family) !== undefined;
}

async function resolveAndRace(
  driver: Driver,
  address: { hostname: string; port: number },
  options: OpenOptions,
  course: Course,
): Promise<Attempt> {
  const { hostname, port } = address;
  const { addresses } = await resolve(driver, hostname, wayOf(options), course);
  course.goOn();
  const how = attemptOptions(options);
  return race(addresses, (it) => driver.connect({ hostname: it, port }, how));
}

async function resolve(
  driver: Driver,
  hostname: string,
  way: LookupWay,
  course: Course,
): Promise<Found> {
  const { addresses, ttlMs } = await sought(driver, hostname, way, course);
  const { family } = way;
  const fit = family === undefined ? addresses : addresses.filter((it) => ipFamily(it) === family);
  if (fit.length > 0) return { addresses: fit, ttlMs };
  const kind = family === undefined ? "address" : `IPv${family} address`;
  throw new SocketError("not found", `Cannot look up ${quote(hostname)}: it has no ${kind}`, {
    op: "lookup",
  });
}

async function sought(
  driver: Driver,
  hostname: string,
  { family, lookup, inquiry }: LookupWay,
  course: Course,
): Promise<Found> {
  if (ipFamily(hostname) !== 0) return { addresses: [hostname], ttlMs: Infinity };
  if (!lookup && !inquiry) return { addresses: await driver.lookup(hostname), ttlMs: 0 };
  const controller = new AbortController();
  const { signal } = controller;
  course.onGiveUp(() => controller.abort());
  if (inquiry) {
    const { resolveName } = await import("./dns/resolver.ts");
    return await resolveName(hostname, { ...inquiry, family }, await networkOf(driver), signal);
  }
  const addresses = await lookup!(hostname, { signal });
  checkFound(addresses);
  return { addresses, ttlMs: 0 };
}

/** What name servers are asked with. */
async function networkOf(driver: Driver): Promise<Network> {
  refuseOnWorkers("Cannot ask name servers", "lookup");
  const { openDatagram } = await import("./drivers/datagram.ts");
  const connect = (server: Address) => driver.connect(server, attemptOptions({}));
  return { openDatagram, connect, clock: systemClock };
}

function checkFound(found: unknown): void {
  const good = Array.isArray(found) &&
    found.every((it) => typeof it === "string" && ipFamily(it) !== 0);
  if (!good) throw new TypeError(`lookup must give an array of IP addresses, not ${quote(found)}`);
}

function attemptOptions(options: OpenOptions): AttemptOptions {
  return {
    localAddress: options.localAddress,
    localPort: options.localPort,
    noDelay: options.noDelay ?? true,
    keepAliveMs: options.keepAliveMs ?? 0,
  };
}

function checkServers({ lookup, servers }: OpenOptions): void {
  if (servers === undefined) return;
  parseServers(servers);
  if (lookup !== undefined) throw new TypeError("lookup and servers exclude each other");
}

function checkFamily(family: unknown): void {
  if (family !== undefined && family !== 4 && family !== 6) {
    throw new RangeError(`family must be 4 or 6, not ${quote(family)}`);
  }
}
