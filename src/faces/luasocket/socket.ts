// The module's table.

import { type Args, checkName, checkNumber, checkWord, isNil } from "./arguments.ts";
import { type Dns, dns } from "./dns.ts";
import {
  type Choice,
  type Choose,
  choose,
  newtry,
  plainTry,
  protect,
  type Protected,
  skip,
  type Try,
} from "./except.ts";
import { addressesOf, type IpFamily } from "./resolve.ts";
import type { Failure } from "./results.ts";
import { MOST_DESCRIPTORS, select, type Selected } from "./select.ts";
import { type SocketStreams, socketStreams } from "./sinks.ts";
import { connectTcp, TcpSocket } from "./tcp.ts";
import { tuning } from "./tuning.ts";
import { DATAGRAM_BYTES, UdpSocket } from "./udp.ts";
import { type Unix, unix } from "./unix.ts";

/**
 * The module `socket`.
 *
 * @example
 * ```ts
 * import { socket, type SocketModule } from "@cosocket/cosocket/luasocket";
 *
 * const seconds = async ({ gettime, sleep }: SocketModule, wait: number) => {
 *   const [begin] = gettime();
 *   await sleep(wait);
 *   return gettime()[0] - begin;
 * };
 * console.log(await seconds(socket, 0.01) > 0); // true
 * ```
 */
export interface SocketModule extends SocketStreams {
  /** The version of LuaSocket that this behaves as. */
  readonly _VERSION: string;
  /** When set, `send` and `receive` give a fourth value: the seconds they took. */
  _DEBUG: unknown;
  /** How many bytes a datagram may have to be received whole by default. */
  readonly _DATAGRAMSIZE: number;
  /** How many descriptors `select` takes. */
  readonly _SETSIZE: number;
  /** What stands for no descriptor. */
  readonly _SOCKETINVALID: number;
  /** How many bytes a source of a socket receives at a time. */
  BLOCKSIZE: number;
  /** Names and addresses. */
  readonly dns: Dns;
  /** Sockets with paths for addresses. */
  readonly unix: Unix;
  /** Makes a TCP object; what it is of shows when it is bound or connected. */
  tcp(): TcpSocket;
  /** Makes a TCP object for IPv4. */
  tcp4(): TcpSocket;
  /** Makes a TCP object for IPv6. */
  tcp6(): TcpSocket;
  /** Makes a UDP object; what it is of shows when it is first used. */
  udp(): UdpSocket;
  /** Makes a UDP object for IPv4. */
  udp4(): UdpSocket;
  /** Makes a UDP object for IPv6. */
  udp6(): UdpSocket;
  /** Makes a server: `bind(host, port, backlog?)`; `"*"` for all addresses of the machine. */
  bind(...args: unknown[]): Promise<[TcpSocket] | Failure>;
  /** Makes a client: `connect(host, port, localHost?, localPort?, family?)`. */
  connect(...args: unknown[]): Promise<[TcpSocket] | Failure>;
  /** The same, where the local host is of IPv4. */
  connect4(...args: unknown[]): Promise<[TcpSocket] | Failure>;
  /** The same, where the local host is of IPv6. */
  connect6(...args: unknown[]): Promise<[TcpSocket] | Failure>;
  /** Waits until a member can be read, or written: `select(readers, writers, seconds?)`. */
  select(...args: unknown[]): Promise<Selected>;
  /** Waits for so many seconds. */
  sleep(...args: unknown[]): Promise<[]>;
  /** Seconds since 1970, with their fraction. */
  gettime(): [number];
  /** Drops as many arguments as the first one says, and gives the rest. */
  skip(...args: unknown[]): unknown[];
  /** Gives back what it is given, or throws what `protect` catches. */
  readonly try: Try;
  /** Makes a `try` that calls a finalizer first. */
  newtry(finalizer?: (() => unknown) | null): Try;
  /** Makes a function that answers nil and the message where a `try` throws. */
  protect<A extends unknown[], R>(
    work: (...args: A) => R,
  ): (...args: A) => Promise<Protected<Awaited<R>>>;
  /** Makes a function that chooses another by name. */
  choose<T>(table: Readonly<Record<string, Choice<T>>>): Choose<T>;
  /** Does nothing, as on other systems than Windows. */
  __unload(): [];
}

const LONGEST_MS = 2 ** 31 - 1;

const sizes = { BLOCKSIZE: 2048 };

/**
 * The module `socket`.
 *
 * @example
 * ```ts
 * import { socket } from "@cosocket/cosocket/luasocket";
 *
 * const server = socket.try(...await socket.bind("127.0.0.1", 0))[0];
 * const [, port] = server.getsockname();
 * const client = socket.try(...await socket.connect("127.0.0.1", port))[0];
 * const [guest] = await server.accept();
 * await guest!.send("welcome\n");
 * console.log(await client.receive()); // [ "welcome", null, null ]
 * for (const it of [client, guest, server]) await it!.close();
 * ```
 */
export const socket: SocketModule = {
  _VERSION: "LuaSocket 3.1.0",
  get _DEBUG(): unknown {
    return tuning.debug;
  },
  set _DEBUG(value: unknown) {
    tuning.debug = value;
  },
  _DATAGRAMSIZE: DATAGRAM_BYTES,
  _SETSIZE: MOST_DESCRIPTORS,
  _SOCKETINVALID: -1,
  get BLOCKSIZE(): number {
    return sizes.BLOCKSIZE;
  },
  set BLOCKSIZE(size: number) {
    sizes.BLOCKSIZE = size;
  },
  dns,
  unix,
  tcp: () => new TcpSocket(),
  tcp4: () => new TcpSocket("inet"),
  tcp6: () => new TcpSocket("inet6"),
  udp: () => new UdpSocket(),
  udp4: () => new UdpSocket("inet"),
  udp6: () => new UdpSocket("inet6"),
  bind,
  connect,
  connect4: (...args) => connect(...given(args, 4), "inet"),
  connect6: (...args) => connect(...given(args, 4), "inet6"),
  select,
  sleep,
  gettime: () => [Date.now() / 1000 + microseconds()],
  skip,
  try: plainTry,
  newtry,
  protect,
  choose,
  ...socketStreams(sizes),
  __unload: () => [],
};

async function bind(...args: unknown[]): Promise<[TcpSocket] | Failure> {
  const [host, port, backlog] = given(args, 3);
  const found = host === "*"
    ? [{ addr: "0.0.0.0", family: "inet" } as const]
    : await addressesOf(checkName([host], 0, "getaddrinfo"));
  if (typeof found === "string") return [null, found];
  let failure: Failure = [null, "no info on address"];
  for (const { addr, family } of found) {
    const server = new TcpSocket(family);
    server.setoption("reuseaddr", true);
    let done: [1] | Failure = await server.bind(addr, port);
    if (done[0] !== null) done = await server.listen(backlog);
    if (done[0] !== null) return [server];
    failure = done;
    await server.close();
  }
  return failure;
}

async function connect(...args: unknown[]): Promise<[TcpSocket] | Failure> {
  const host = checkName(args, 0, "connect");
  const service = checkName(args, 1, "connect");
  const localHost = isNil(args[2]) ? undefined : checkName(args, 2, "connect");
  const localService = isNil(args[3]) ? "0" : checkName(args, 3, "connect");
  const family = checkWord(args, 4, "connect", ["inet", "inet6", "unspec"], "unspec");
  return await connectTcp(
    [host, service],
    localHost === undefined ? undefined : [localHost, localService],
    family === "unspec" ? undefined : family satisfies IpFamily,
  );
}

async function sleep(...args: unknown[]): Promise<[]> {
  let ms = checkNumber(args, 0, "sleep") * 1000;
  for (; ms > 0; ms -= LONGEST_MS) {
    await new Promise((resolve) => setTimeout(resolve, Math.min(ms, LONGEST_MS)));
  }
  return [];
}

/** What the wall clock leaves out, by one that does not jump. */
function microseconds(): number {
  return (performance.timeOrigin + performance.now()) % 1 / 1000;
}

/** So many arguments, nil where none is. */
function given(args: Args, count: number): unknown[] {
  return Array.from({ length: count }, (_, at) => args[at] ?? null);
}
