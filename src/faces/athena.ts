/**
 * The small `socket` library of Athena, for programs that come from there. What the
 * original returns as several values, a call here gives as an array of them, `null`
 * for nil; what takes its time is to be awaited. Strings are byte strings: one
 * character per byte.
 *
 * The original is not public: there is a page about it, and it is written in Go. What
 * the page does not say is here as Go's `net` has it, with the texts of its errors.
 *
 * Where this differs from the original:
 *
 * - TLS verifies: the certificate must be trusted, and be for the host that was
 *   connected to, or the one given to `servername`. `tls` may be an object of the
 *   core's options instead of `true`; that is the way out:
 *   `{ tls: { dangerouslySkipChainVerification: true, dangerouslySkipNameVerification: true } }`.
 * - `dial tcp ...` names the host as it was given, not the address that was found.
 * - A failed TLS handshake is told in our words.
 * - After a `send` that timed out nobody knows how much of it is gone, so all later
 *   ones fail; `recv` goes on.
 * - TLS over UDP, which the original does not mention, is refused by `connect`.
 *
 * @example A program of Athena's, line by line
 * ```ts
 * import { listen } from "@cosocket/cosocket";
 * import { socket } from "@cosocket/cosocket/athena";
 *
 * await using server = await listen("127.0.0.1:0");
 * const { port } = server.address as { port: number };
 * server.accept().then((guest) => guest?.send("hello, too"));
 *
 * const sock = socket.new({ timeout: 10 });
 * const [status, err] = await sock.connect("tcp", "127.0.0.1", port);
 * if (err !== null) throw new Error(err);
 * console.log(status); // true
 * await sock.send("hello");
 * const [msg, length, err2] = await sock.recv(1024);
 * if (err2 !== null) throw new Error(err2);
 * console.log(msg, length); // hello, too 10
 * sock.close();
 * ```
 *
 * @module
 */

import { bytesOf, byteString } from "../bytes.ts";
import { lookup, openStream } from "../connect.ts";
import { type Datagram, datagram } from "../datagram.ts";
import { SocketError } from "../errors.ts";
import { any, asByteString } from "../framing.ts";
import { held } from "../held.ts";
import type { Limits, Stream } from "../stream.ts";
import type { TlsOptions } from "../tls.ts";
import { type Address, addressText } from "../transport.ts";
import { checkString, isTable, LuaError, toNumber, typeName } from "./lua.ts";
import { wordFor } from "./ngx/words.ts";

/**
 * What `socket.new` may be told.
 *
 * @example
 * ```ts
 * import { socket } from "@cosocket/cosocket/athena";
 *
 * const sock = socket.new({ timeout: 10, tls: true });
 * sock.servername("mail.example"); // so that an address can be connected to
 * const [status, err] = await sock.connect("tcp", "127.0.0.1", 1);
 * console.log(status, err); // null "dial tcp 127.0.0.1:1: connect: connection refused"
 * ```
 */
export interface AthenaOptions {
  /** TLS from the first byte on: `true`, or how. Default: none. */
  tls?: boolean | AthenaTls;
  /** Seconds for each call that waits; 0 waits for ever. Default 0. */
  timeout?: number;
}

/**
 * How to trust a server, and be trusted by it.
 *
 * @example
 * ```ts
 * import { type AthenaTls, socket } from "@cosocket/cosocket/athena";
 *
 * // For a server in a test, with a certificate that nobody signed.
 * const anybody: AthenaTls = {
 *   dangerouslySkipChainVerification: true,
 *   dangerouslySkipNameVerification: true,
 * };
 * socket.new({ tls: anybody }).close();
 * ```
 */
export interface AthenaTls {
  /** Certificates to trust, PEM; they replace the runtime's roots. */
  caCerts?: string | readonly string[];
  /** Our own certificate and its chain, PEM. */
  cert?: string;
  /** The private key of `cert`, PEM. */
  key?: string;
  /** Trusts whoever answers, whatever certificate it shows. The name is still checked. */
  dangerouslySkipChainVerification?: boolean;
  /** Takes a certificate for any name. Its chain is still checked. */
  dangerouslySkipNameVerification?: boolean;
}

/**
 * The module `socket`.
 *
 * @example
 * ```ts
 * import { type AthenaModule, socket } from "@cosocket/cosocket/athena";
 *
 * // What takes the module as an argument can be tested with another one.
 * async function reachable({ lookup }: AthenaModule, host: string): Promise<boolean> {
 *   const [ip] = await lookup(host);
 *   return ip !== null;
 * }
 * console.log(await reachable(socket, "localhost")); // true
 * ```
 */
export interface AthenaModule {
  /**
   * Looks up a name.
   *
   * @returns Its first address, or `null` and why there is none.
   */
  lookup(domain: string): Promise<[ip: string, err: null] | [ip: null, err: string]>;
  /** Makes a socket, which is not connected yet. */
  readonly new: NewSocket;
}

/**
 * Makes a socket; both ways to call it are in use.
 *
 * @example
 * ```ts
 * import { socket } from "@cosocket/cosocket/athena";
 *
 * const one = socket.new({ timeout: 5 });
 * const other = socket.new(socket, { timeout: 5 }); // `socket:new`
 * for (const sock of [one, other]) sock.close();
 * ```
 */
export interface NewSocket {
  /** In Lua `socket.new(options)`. */
  (options?: AthenaOptions | null): AthenaSocket;
  /** In Lua `socket:new(options)`. */
  (module: AthenaModule, options?: AthenaOptions | null): AthenaSocket;
}

/**
 * The module `socket`.
 *
 * @example
 * ```ts
 * import { socket } from "@cosocket/cosocket/athena";
 *
 * const [ip, err] = await socket.lookup("127.0.0.1");
 * if (err !== null) throw new Error(err);
 * console.log(ip); // 127.0.0.1
 * ```
 */
export const socket: AthenaModule = {
  async lookup(domain) {
    const name = checkString(domain, 1, "lookup");
    try {
      const [first] = await lookup(name, { timeoutMs: 0 });
      return [first!.address, null];
    } catch (error) {
      return [null, `lookup ${name}: ${goText(error)}`];
    }
  },

  new: (...args: unknown[]): AthenaSocket => {
    const options = args[0] === socket ? args[1] : args[0];
    if (options !== undefined && options !== null && !isTable(options)) {
      throw new LuaError(`bad argument #1 to new (table expected, got ${typeName(options)})`);
    }
    return newSocket((options ?? {}) as AthenaOptions);
  },
};

/** What a connected socket stands on, and what becomes of it when the socket is forgotten. */
interface Lease {
  stream: Stream | undefined;
  datagram: Datagram | undefined;
}

const forgotten = new FinalizationRegistry<Lease>(release);

let newSocket: (options: AthenaOptions) => AthenaSocket;

/**
 * A socket, made by `socket.new`.
 *
 * @example
 * ```ts
 * import { datagram } from "@cosocket/cosocket";
 * import { socket } from "@cosocket/cosocket/athena";
 *
 * await using server = await datagram({ localAddress: "127.0.0.1" });
 * server.receiveFrom().then(({ data, from }) => server.sendTo(data, from));
 *
 * const sock = socket.new({ timeout: 5 });
 * await sock.connect("udp", "127.0.0.1", server.localAddress!.port);
 * const [sent] = await sock.send("anybody there?");
 * const [msg, length, err] = await sock.recv(8);
 * console.log(sent, msg, length, err); // true "anybody " 8 null
 * sock.close();
 * ```
 */
export class AthenaSocket {
  readonly #lease: Lease = { stream: undefined, datagram: undefined };
  readonly #tls: TlsOptions | undefined;
  #serverName: string | undefined;
  #timeoutMs = 0;
  #connecting: AbortController | undefined;
  // Who is awaited is not forgotten: a call that waits refers to the socket by this.

  private constructor({ tls, timeout }: AthenaOptions) {
    this.#tls = tls === true ? {} : tls || undefined;
    if (timeout !== undefined && timeout !== null) this.timeout(timeout);
    forgotten.register(this, this.#lease);
  }

  static {
    newSocket = (options) => new AthenaSocket(options);
  }

  /** Sets how many seconds each call may wait: `connect`, `send`, `recv`; 0 for ever. */
  timeout(seconds: number): [] {
    this.#timeoutMs = Math.max(0, checkNumber(seconds, "timeout") * 1000);
    return [];
  }

  /** Sets the name to ask for and to verify, so that an IP address can be connected to. */
  servername(hostname: string): [] {
    this.#serverName = checkString(hostname, 1, "servername");
    return [];
  }

  /**
   * Connects, by `"tcp"` or `"udp"`, and shakes hands if there is to be TLS. What it
   * was connected to before is closed.
   *
   * @returns True, or `null` and why not.
   */
  async connect(
    type: "tcp" | "udp",
    hostname: string,
    port: number | string,
  ): Promise<[status: true, err: null] | [status: null, err: string]> {
    const network = checkString(type, 1, "connect");
    const host = checkString(hostname, 2, "connect");
    const portText = checkString(port, 3, "connect");
    this.close();
    const dial = `dial ${network}`;
    if (network !== "tcp" && network !== "udp") {
      return [null, `${dial}: unknown network ${network}`];
    }
    if (!/^\d{1,5}$/.test(portText) || Number(portText) > 65535) {
      return [null, `${dial}: address ${portText}: invalid port`];
    }
    if (network === "udp" && this.#tls) return [null, `${dial}: TLS is not possible over UDP`];
    // To Go an address in brackets is one, too, and no host is this one.
    const target = {
      hostname: host.replace(/^\[(.*)\]$/, "$1") || "localhost",
      port: Number(portText),
    };
    const course = this.#connecting = new AbortController();
    try {
      return await held(this, this.#open(network, target, course.signal));
    } catch (error) {
      return [null, dialText(dial, target, error)];
    } finally {
      if (this.#connecting === course) this.#connecting = undefined;
    }
  }

  async #open(
    network: "tcp" | "udp",
    target: { hostname: string; port: number },
    signal: AbortSignal,
  ): Promise<[true, null]> {
    const limits = { timeoutMs: this.#timeoutMs, signal };
    const opened: Lease = { stream: undefined, datagram: undefined };
    if (network === "udp") {
      opened.datagram = await datagram({ remote: target, ...limits });
    } else {
      const name = this.#serverName;
      const tls = this.#tls && { ...this.#tls, ...(name !== undefined && { serverName: name }) };
      opened.stream = await openStream(target, { ...limits, ...(tls && { tls }) });
    }
    if (signal.aborted) {
      // It was closed between the last step and this turn.
      release(opened);
      throw new SocketError("aborted", "Cannot connect: the socket was closed");
    }
    Object.assign(this.#lease, opened);
    return [true, null];
  }

  /** Sends all of the data; whether it could is the answer. */
  async send(data: string | Uint8Array): Promise<[status: boolean]> {
    const bytes = data instanceof Uint8Array ? data : bytesOf(checkString(data, 1, "send"));
    const { stream, datagram } = this.#lease;
    try {
      if (datagram) await held(this, datagram.send(bytes, this.#limits()));
      else if (stream) await held(this, stream.write(bytes, this.#limits()));
      return [datagram !== undefined || stream !== undefined];
    } catch (error) {
      goText(error);
      return [false];
    }
  }

  /**
   * Receives what there is, at most `size` bytes, and waits only if there is nothing;
   * over UDP the next datagram, of which what has no room is lost.
   *
   * @returns The bytes, how many, and `null`; or nothing, 0 and why: `"EOF"` at the end.
   */
  async recv(
    size: number,
  ): Promise<[msg: string, length: number, err: null] | [msg: "", length: 0, err: string]> {
    const count = Math.trunc(checkNumber(size, "recv"));
    if (!(count >= 0 && count < Infinity)) {
      throw new LuaError("bad argument #1 to recv (a size expected)");
    }
    const { stream, datagram } = this.#lease;
    try {
      if (datagram) {
        const bytes = await held(this, datagram.receive(this.#limits()));
        const msg = byteString(bytes, 0, Math.min(count, bytes.length));
        return [msg, msg.length, null];
      }
      if (!stream) return ["", 0, "use of closed network connection"];
      if (count === 0) return ["", 0, null];
      const msg = await held(this, stream.read(any(count, asByteString), this.#limits()));
      return msg === null ? ["", 0, "EOF"] : [msg, msg.length, null];
    } catch (error) {
      const ends = datagram ?? stream!.transport;
      // Cut off, where TLS demands to be told of the end.
      const isCut = stream?.closed === false && (error as SocketError).code === "closed";
      const why = isCut ? "unexpected EOF" : goText(error);
      return ["", 0, `read ${datagram ? "udp" : "tcp"} ${endsText(ends)}: ${why}`];
    }
  }

  /** Closes the connection; whoever waits on it is told so. Twice is fine. */
  close(): [] {
    this.#connecting?.abort();
    release(this.#lease);
    return [];
  }

  #limits(): Limits & { timeoutMs: number } {
    const deadlineMs = this.#timeoutMs;
    return deadlineMs > 0 ? { timeoutMs: 0, deadlineMs } : { timeoutMs: 0 };
  }
}

function release(lease: Lease): void {
  const { stream, datagram } = lease;
  lease.stream = lease.datagram = undefined;
  stream?.close();
  datagram?.close();
}

/** The number of an argument, as the original's Lua sees it. */
function checkNumber(value: unknown, method: string): number {
  const number = toNumber(value);
  if (number !== undefined && !Number.isNaN(number)) return number;
  throw new LuaError(`bad argument #1 to ${method} (number expected, got ${typeName(value)})`);
}

/** What Go says of an error of ours; a bug stays a bug. */
function goText(error: unknown): string {
  if (!(error instanceof SocketError)) throw error;
  switch (error.code) {
    case "timeout":
      return error.cause === undefined ? "i/o timeout" : wordFor(error);
    case "not found":
      return "no such host";
    case "aborted":
      return "operation was canceled";
    case "closed":
      return "use of closed network connection";
    case "refused":
    case "reset":
    case "unreachable":
    case "address in use":
    case "address not available":
      return wordFor(error);
    default:
      return error.message;
  }
}

/** What Go says of an attempt to connect. */
function dialText(
  dial: string,
  target: { hostname: string; port: number },
  error: unknown,
): string {
  const why = goText(error);
  const { code } = error as SocketError;
  if (code === "not found") return `${dial}: lookup ${target.hostname}: ${why}`;
  const isSystems = code !== "timeout" && code !== "aborted" && code !== "tls";
  return `${dial} ${addressText(target)}: ${isSystems ? "connect: " : ""}${why}`;
}

function endsText(
  ends: { readonly localAddress: Address | null; readonly remoteAddress: Address | null },
): string {
  const text = (address: Address | null) => address === null ? "" : addressText(address);
  return `${text(ends.localAddress)}->${text(ends.remoteAddress)}`;
}
