// The core's handle. It holds names, units and the shapes of results; all that
// happens, happens in the stream below. A handle is one lend of a stream: after
// `close` or `release` it is dead for ever, whoever gets the stream next.

import { encodeUtf8 } from "./bytes.ts";
import { type CallOptions, limitsOf } from "./call_options.ts";
import { checkMaxBytes, checkMs, checkOptions, checkWhole, wrongType } from "./check.ts";
import {
  DEFAULT_TIMEOUT_MS,
  type HandshakeLimits,
  type OpenOptions,
  openStream,
  startTls,
} from "./connect.ts";
import { type WebDuplex, WebStreamsTransport } from "./drivers/web_streams.ts";
import { SocketError } from "./errors.ts";
import {
  all,
  any,
  arrival,
  asBytes,
  bytesLine,
  exactly,
  type Framer,
  into,
  lineAtHand,
  look,
  MOST_AT_HAND_BYTES,
  skipped,
  textLine,
  until,
} from "./framing.ts";
import { LineIterator } from "./line_iterator.ts";
import { Delimiter } from "./matcher.ts";
import { bytesToSend, type Data } from "./outgoing.ts";
import { PieceFramer } from "./parts.ts";
import { type Limits, Stream } from "./stream.ts";
import type { Target } from "./target.ts";
import type { TlsInfo, TlsOptions, TlsServerOptions } from "./tls.ts";
import type { Address, TransportOption } from "./transport.ts";
import { bodyOf, type Ends, readableOf, writableOf } from "./web_streams.ts";

/**
 * Options of a call whose result has no size of its own.
 *
 * @example
 * ```ts
 * import { socketPair } from "@cosocket/cosocket/testing";
 *
 * const [sock, peer] = socketPair();
 * await peer.send("a line of somebody who never ends it");
 * const failed = sock.receiveLine({ maxBytes: 16, timeoutMs: 1000 });
 * await failed.catch((error) => console.log(error.code)); // too large
 * ```
 */
export interface ReceiveOptions extends CallOptions {
  /** The most bytes to gather before `too large`. Default: the socket's. */
  maxBytes?: number;
}

/**
 * Options of {@linkcode Cosocket.receiveUntil} and {@linkcode Cosocket.parts}.
 *
 * @example
 * ```ts
 * import { socketPair } from "@cosocket/cosocket/testing";
 *
 * const [sock, peer] = socketPair();
 * await peer.send("<login/><get/>");
 * const tag = await sock.receiveUntil("/>", { inclusive: true, maxBytes: 1024 });
 * console.log(new TextDecoder().decode(tag)); // <login/>
 * ```
 */
export interface UntilOptions extends ReceiveOptions {
  /** Keeps the delimiter at the end of the result. Default `false`. */
  inclusive?: boolean;
}

/**
 * Settings a socket starts with.
 *
 * @example
 * ```ts
 * import { listen } from "@cosocket/cosocket";
 *
 * // Guests have ten seconds for each line, which is no longer than 4 KiB.
 * await using server = await listen("127.0.0.1:0", { readTimeoutMs: 10_000, maxBytes: 4096 });
 * console.log(server.address); // { hostname: "127.0.0.1", port: ... }
 * ```
 */
export interface SocketOptions {
  /** Milliseconds without progress before a send gives up; 0 never. Default 60,000. */
  sendTimeoutMs?: number;
  /** Milliseconds without a byte before a read gives up; 0 never. Default 60,000. */
  readTimeoutMs?: number;
  /** The most bytes that a read without a size gathers. Default 16 MiB. */
  maxBytes?: number;
}

/**
 * How to connect.
 *
 * @example
 * ```ts
 * import { connect, listen } from "@cosocket/cosocket";
 *
 * await using server = await listen("127.0.0.1:0");
 * await using sock = await connect(server.address, {
 *   timeoutMs: 1000, // to connect
 *   readTimeoutMs: 20, // and then for each call that receives
 * });
 * await sock.receiveLine().catch((error) => console.log(error.code)); // timeout
 * ```
 */
export interface ConnectOptions extends OpenOptions, SocketOptions {}

const DEFAULT_MAX_BYTES = 16 * 1024 * 1024;

/** What a pool knows of a connection it lends, and where it goes back to. */
export interface Loan {
  readonly reusedTimes: number;
  readonly idleMs: number;
  /** Whether a connection goes back that started TLS meanwhile. */
  readonly takesUpgraded: boolean;
  giveBack(isFit: boolean): Promise<boolean>;
}

const NO_LOAN: Loan = {
  reusedTimes: 0,
  idleMs: 0,
  takesUpgraded: false,
  giveBack: () => Promise.resolve(false),
};

/** What becomes of the stream of a handle that was forgotten. */
interface Lease {
  stream: Stream | undefined;
}

// Only handles are registered, and streams refer to none: with the state in the
// handle itself, a pending pull would keep it from ever being collected.
const forgotten = new FinalizationRegistry<Lease>((lease) => lease.stream?.close());

/** For the other parts of the library: a handle on a stream. */
export let cosocketOn: (stream: Stream, options: SocketOptions, loan?: Loan) => Cosocket;

/**
 * A connected socket that is read and written in straight lines.
 *
 * One call may read and one may write at a time; a second of either is refused
 * with `busy`. A framed read that times out or is aborted takes nothing: the
 * next one starts at the same byte. At the end of the stream what is left of a
 * frame is taken, as `partial` of the `closed` error.
 *
 * Bytes handed out are the caller's for ever. Small results share memory with
 * one another, as a `Buffer` of Node's does: copy one (`slice()`) before you
 * transfer its `ArrayBuffer` to somebody.
 *
 * @example
 * ```ts
 * import { connect, listen } from "@cosocket/cosocket";
 *
 * await using server = await listen("127.0.0.1:0");
 * server.accept().then((guest) => guest?.send("$5\r\nhello\r\n"));
 *
 * await using sock = await connect(server.address);
 * const size = Number((await sock.receiveLine()).slice(1));
 * console.log(new TextDecoder().decode(await sock.receiveExactly(size))); // hello
 * ```
 */
export class Cosocket implements AsyncDisposable {
  readonly #lease: Lease;
  readonly #loan: Loan;
  readonly #options = new Map<TransportOption, boolean>();
  #upgraded = false;
  #readLimits: Limits;
  #sendLimits: Limits;
  #maxBytes: number;
  #readable: ReadableStream<Uint8Array> | undefined;
  #writable: WritableStream<Uint8Array | string> | undefined;
  // Delimiters come again and again: the last one's table is kept.
  #delimiterText: string | undefined;
  #delimiter: Delimiter | undefined;

  private constructor(stream: Stream, options: SocketOptions, loan: Loan) {
    this.#lease = { stream };
    this.#loan = loan;
    this.#readLimits = { timeoutMs: options.readTimeoutMs ?? DEFAULT_TIMEOUT_MS };
    this.#sendLimits = { timeoutMs: options.sendTimeoutMs ?? DEFAULT_TIMEOUT_MS };
    this.#maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
    forgotten.register(this, this.#lease, this.#lease);
  }

  static {
    cosocketOn = (stream, options, loan = NO_LOAN) => new Cosocket(stream, options, loan);
  }

  /**
   * Makes a socket of any two Web Streams that belong together. Both are locked
   * until the end of the socket.
   *
   * @example
   * ```ts
   * import { Cosocket } from "@cosocket/cosocket";
   *
   * const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
   * const sock = Cosocket.over({ readable, writable });
   * const [line] = await Promise.all([sock.receiveLine(), sock.send("to myself\r\n")]);
   * console.log(line);
   * ```
   */
  static over(
    duplex: { readable: ReadableStream<Uint8Array>; writable: WritableStream<Uint8Array> },
    options: SocketOptions = {},
  ): Cosocket {
    if (typeof duplex !== "object" || duplex === null) {
      throw wrongType("duplex", "an object with readable and writable", duplex);
    }
    if (typeof duplex.readable?.getReader !== "function") {
      throw wrongType("duplex.readable", "a ReadableStream", duplex.readable);
    }
    if (typeof duplex.writable?.getWriter !== "function") {
      throw wrongType("duplex.writable", "a WritableStream", duplex.writable);
    }
    for (const name of ["readable", "writable"] as const) {
      if (duplex[name].locked) throw new TypeError(`duplex.${name} must not be locked`);
    }
    checkSocketOptions(options);
    return new Cosocket(new Stream(new WebStreamsTransport(duplex as WebDuplex)), options, NO_LOAN);
  }

  /**
   * Sends text as UTF-8, bytes, or nested arrays of them. Bytes must not change
   * until the call ends; if it fails, until the socket is closed, for the system
   * may still be taking them.
   *
   * @returns How many bytes were sent, once the system has all of them.
   * @throws {SocketError} `timeout`, `aborted`, `closed` or `reset`. How much was
   *   sent is unknown then, so the write side is over; reading goes on.
   */
  send(data: Data, options?: CallOptions): Promise<number> {
    try {
      const bytes = bytesToSend(data);
      const limits = limitsOf(options, this.#sendLimits);
      return this.#live("send").write(bytes, limits, this);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Sends as much as the peer takes in time. Where `send` would fail this goes on:
   * call it again with the rest.
   *
   * @param options.deadlineMs 0 hands over what the system takes at once.
   * @returns How many bytes were handed over: fewer than all if a limit passed, or if
   *   the connection broke under way. What is on its way when a limit passes counts,
   *   up to 64 KiB of it; it goes out before what is sent later.
   * @throws {SocketError} `closed` or `reset`, if nothing was handed over; `aborted`,
   *   which ends the write side, as it does in `send`.
   *
   * @example Drop what a slow reader has no room for
   * ```ts
   * import { connect, listen } from "@cosocket/cosocket";
   *
   * await using server = await listen("127.0.0.1:0");
   * await using sock = await connect(server.address);
   * const picture = new Uint8Array(50_000_000);
   * const sent = await sock.sendSome(picture, { timeoutMs: 50 });
   * if (sent < picture.length) console.log("nobody reads that fast");
   * ```
   */
  async sendSome(data: Data, options?: CallOptions): Promise<number> {
    const bytes = bytesToSend(data);
    const limits = limitsOf(options, this.#sendLimits);
    return await this.#live("send").writeSome(bytes, limits, this);
  }

  /**
   * Waits until there is something to receive, and takes nothing.
   *
   * @returns `false` at the end of the stream.
   * @throws {SocketError} `timeout`, `aborted`, `closed` or `reset`.
   *
   * @example Who of many has something to say
   * ```ts
   * import type { Cosocket } from "@cosocket/cosocket";
   *
   * async function first(socks: Cosocket[]): Promise<Cosocket> {
   *   const others = new AbortController();
   *   const { signal } = others;
   *   const found = socks.map((it) => it.waitReadable({ timeoutMs: 0, signal }).then(() => it));
   *   try {
   *     return await Promise.any(found);
   *   } finally {
   *     others.abort();
   *   }
   * }
   * ```
   * @see LuaSocket, `socket.select`
   */
  waitReadable(options?: CallOptions): Promise<boolean> {
    return this.#receive(() => arrival, options);
  }

  /**
   * Receives a line: all up to LF, which is dropped, as is a CR before it.
   *
   * @param options.as `"bytes"` gives bytes; otherwise the line is text, from
   *   UTF-8: a byte order mark is kept, bad bytes become U+FFFD.
   * @throws {SocketError} `closed` or `reset`, with the rest of the stream as
   *   `partial`; `timeout`, `aborted` or `too large`, after which nothing was taken.
   * @see OpenResty, lua-nginx-module README, `tcpsock:receive`
   */
  receiveLine(options?: ReceiveOptions & { as?: "text" }): Promise<string>;
  /** Receives a line as bytes, without its line end. */
  receiveLine(options: ReceiveOptions & { as: "bytes" }): Promise<Uint8Array>;
  receiveLine(options?: ReceiveOptions & { as?: "text" | "bytes" }): Promise<string | Uint8Array> {
    if (options === undefined) {
      try {
        const ready = this.#lineAtHand();
        if (ready !== undefined) return Promise.resolve(ready);
        return this.#live("receive").read(textLine(this.#maxBytes), this.#readLimits, this);
      } catch (error) {
        return Promise.reject(error);
      }
    }
    return this.#receive<string | Uint8Array>(() => {
      const { as = "text" } = checkOptions("options", options) ?? {};
      if (as === "text") return textLine(this.#max(options));
      if (as === "bytes") return bytesLine(this.#max(options));
      throw wrongType("as", '"text" or "bytes"', as);
    }, options);
  }

  /**
   * Receives exactly so many bytes.
   *
   * @returns The bytes, the caller's own.
   * @throws {SocketError} `closed` or `reset`, with what there was as `partial`;
   *   `timeout` or `aborted`, after which nothing was taken.
   */
  receiveExactly(size: number, options?: CallOptions): Promise<Uint8Array> {
    return this.#receive(() => exactly(checkWhole("size", size), asBytes), options);
  }

  /**
   * Receives up to the delimiter, and drops it.
   *
   * @param delimiter Text or bytes to stop at; at least one byte, of any length.
   * @param options.inclusive Keeps the delimiter at the end of the result.
   * @returns The bytes before the delimiter, the caller's own; empty if it came first.
   * @throws {SocketError} `closed` or `reset`, with the rest of the stream as
   *   `partial`; `timeout`, `aborted` or `too large`, after which nothing was taken.
   * @throws {RangeError} If `delimiter` is empty.
   * @see OpenResty, lua-nginx-module README, `tcpsock:receiveuntil`
   */
  receiveUntil(delimiter: string | Uint8Array, options?: UntilOptions): Promise<Uint8Array> {
    return this.#receive(() => {
      const inclusive = checkInclusive(options);
      return until(this.#delimiterOf(delimiter), inclusive, asBytes, this.#max(options));
    }, options);
  }

  /**
   * Receives what there is, up to `maxBytes`, and waits only if there is nothing.
   *
   * @returns At least one byte, or `null` at the end of the stream.
   * @see OpenResty, lua-nginx-module README, `tcpsock:receiveany`
   */
  receiveAny(maxBytes: number, options?: CallOptions): Promise<Uint8Array | null> {
    return this.#receive(() => any(checkWhole("maxBytes", maxBytes, 1), asBytes), options);
  }

  /** Receives all up to the end of the stream, which is success here. */
  receiveAll(options?: ReceiveOptions): Promise<Uint8Array> {
    return this.#receive(() => all(asBytes, this.#max(options)), options);
  }

  /** Looks at the next `size` bytes, or fewer at the end of the stream; takes nothing. */
  peek(size: number, options?: CallOptions): Promise<Uint8Array> {
    return this.#receive(() => look(checkWhole("size", size, 1)), options);
  }

  /**
   * `skip(size)` is `receiveExactly(size)` with the bytes thrown away as they
   * come: after a timeout, those that came are gone.
   */
  async skip(size: number, options?: CallOptions): Promise<void> {
    await this.#receive(() => skipped(checkWhole("size", size)), options);
  }

  /**
   * Copies what there is into `view`, and waits only if there is nothing.
   *
   * @returns How many bytes it wrote at the front of `view`; 0 at the end of the stream.
   */
  readInto(view: Uint8Array, options?: CallOptions): Promise<number> {
    return this.#receive(() => into(checkView(view)), options);
  }

  /**
   * Reads the stream as parts that a delimiter ends, each whole or in pieces.
   *
   * @example
   * ```ts
   * import { Cosocket } from "@cosocket/cosocket";
   *
   * async function sizes(sock: Cosocket): Promise<number> {
   *   let size = 0;
   *   for await (const piece of sock.parts("\r\n--boundary")) size += piece.length;
   *   return size; // of one part; iterate again for the next
   * }
   * ```
   */
  parts(delimiter: string | Uint8Array, options: UntilOptions = {}): PartReader {
    checkOptions("options", options);
    const framer = new PieceFramer(this.#delimiterOf(delimiter), checkInclusive(options));
    const read = async (size: number | undefined, call: ReceiveOptions | undefined) => {
      const most = size === undefined ? Infinity : checkWhole("size", size, 1);
      const both = { ...options, ...checkOptions("options", call) };
      const maxBytes = this.#max(both);
      // A piece of so many bytes needs no other limit.
      const frame = framer.next(most, size === undefined ? maxBytes : Infinity);
      return await this.#read(frame, both);
    };
    return {
      read,
      async *[Symbol.asyncIterator]() {
        for (;;) {
          const piece = await read(PIECE_BYTES, undefined);
          if (piece === null) return;
          yield piece;
        }
      },
    };
  }

  /**
   * Iterates over the lines up to the end of the stream; the last may lack its line
   * end. Leaving the iteration ends a read of its own at once, and takes nothing: the
   * next read goes on behind the last line. (That read counts as aborted, so the
   * connection does not go back to its pool; leaving between two lines does not.)
   */
  lines(options?: ReceiveOptions): AsyncGenerator<string, void, void> {
    return new LineIterator({
      atHand: () => this.#lineAtHand(options),
      limits: () => limitsOf(options, this.#readLimits),
      receive: (limits) => this.#live("receive").read(textLine(this.#max(options)), limits, this),
      isCutOff: () => this.tls?.closeNotify === false,
    });
  }

  /**
   * All that comes, as a byte stream that never reads ahead of its reader. Mixed
   * with other reads during one of its own, they are `busy`; between them they
   * are not. Cancelling it closes the socket.
   */
  get readable(): ReadableStream<Uint8Array> {
    this.#live("receive");
    return this.#readable ??= readableOf(this.#ends());
  }

  /** Sends what is written to it; closing it is `closeWrite`, aborting it `abort`. */
  get writable(): WritableStream<Uint8Array | string> {
    this.#live("send");
    return this.#writable ??= writableOf(this.#ends());
  }

  /** The next `size` bytes as a byte stream; behind them the socket reads on. */
  body(size: number): ReadableStream<Uint8Array> {
    checkWhole("size", size);
    this.#live("receive");
    return bodyOf(this.#ends(), size);
  }

  /**
   * Starts TLS on the connection, which goes on under it: as a client, or on an
   * accepted socket as a server. What the peer says behind it is protected; what
   * lies unread before it is refused with `tls`, and closes the socket, as does
   * every handshake that fails. A socket of a pool is closed when it is released,
   * unless the pool's `key` sets such connections apart.
   *
   * @param options At a client `serverName` is the target's host by default; at a
   *   server `cert` and `key` are needed.
   * @param options.timeoutMs Milliseconds for the handshake; 0 waits for ever.
   *   Default 60,000.
   * @throws {SocketError} `tls`, `timeout`, `aborted`, `closed`, `reset`, `busy`,
   *   and `unsupported`, after which the socket is as it was.
   *
   * @example
   * ```ts
   * import type { Cosocket } from "@cosocket/cosocket";
   *
   * async function upgrade(smtp: Cosocket): Promise<void> {
   *   await smtp.send("STARTTLS\r\n");
   *   const answer = await smtp.receiveLine();
   *   if (!answer.startsWith("220 ")) throw new Error("The server has no TLS");
   *   await smtp.startTls();
   * }
   * ```
   * @see OpenResty, lua-nginx-module README, `tcpsock:sslhandshake`
   */
  startTls(options?: TlsOptions & HandshakeLimits): Promise<TlsInfo>;
  /** Starts TLS as a server, on a socket that was accepted. */
  startTls(options: TlsServerOptions & HandshakeLimits): Promise<TlsInfo>;
  async startTls(
    options: (TlsOptions | TlsServerOptions) & HandshakeLimits = {},
  ): Promise<TlsInfo> {
    checkOptions("options", options);
    const stream = this.#live("handshake");
    await startTls(stream, options);
    this.#upgraded = true;
    return stream.transport.tls!;
  }

  /**
   * Ends the write side, which the peer sees as the end; reading goes on.
   *
   * @throws {SocketError} `closed` after a send that failed: the peer is not told
   *   that a part is the whole.
   */
  async closeWrite(): Promise<void> {
    await this.#live("send").closeWrite();
  }

  /** Closes the socket; whoever waits on it is told `closed`. Twice is fine. */
  close(): void {
    this.#end()?.close();
  }

  /** Closes the socket at once, with a reset where the runtime can. Twice is fine. */
  abort(): void {
    this.#end()?.abort();
  }

  /**
   * Gives the connection back to its pool: the last step of a dialogue that went
   * well. It is closed instead if any call failed, timed out or was aborted, if
   * something lies unread or came unasked, if a call is under way, if a switch
   * of it was turned, if it started TLS (but see `startTls`), or if it is of no
   * pool. The socket is dead afterwards, either way.
   *
   * @returns Whether it went back to the pool.
   * @throws {TypeError} If the socket was released or closed before.
   */
  async release(): Promise<boolean> {
    const stream = this.#end();
    if (stream === undefined) {
      throw new TypeError("Cannot release the socket: it was released or closed before");
    }
    // A switch that was turned would be a surprise to whoever gets it next.
    const fit = !stream.failed && !stream.reading && !stream.writing && !stream.readEnded &&
      !stream.writeEnded && stream.buffer.length === 0 && this.#options.size === 0 &&
      (!this.#upgraded || this.#loan.takesUpgraded);
    const kept = this.#loan.giveBack(fit);
    if (fit && await kept) return true;
    stream.close();
    return false;
  }

  /** Closes the socket. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  /** Changes the limits that calls have by default, in milliseconds; 0 for none. */
  setTimeouts(timeouts: { sendMs?: number; readMs?: number }): void {
    if (timeouts === undefined) throw wrongType("timeouts", "an object", timeouts);
    checkOptions("timeouts", timeouts);
    const { sendMs, readMs } = timeouts;
    if (sendMs !== undefined) checkMs("sendMs", sendMs);
    if (readMs !== undefined) checkMs("readMs", readMs);
    if (sendMs !== undefined) this.#sendLimits = { timeoutMs: sendMs };
    if (readMs !== undefined) this.#readLimits = { timeoutMs: readMs };
  }

  /**
   * Turns a switch of the connection: `"noDelay"` (send small pieces at once) or
   * `"keepAlive"` (probe an idle peer).
   *
   * @throws {SocketError} `unsupported` where the transport has no such switch.
   */
  setOption(name: "noDelay" | "keepAlive", on: boolean): void {
    const stream = this.#live("send");
    checkOptionName(name);
    if (typeof on !== "boolean") throw wrongType("on", "true or false", on);
    if (!stream.transport.setOption(name, on)) {
      throw new SocketError("unsupported", `Cannot set ${name}: this transport has no such switch`);
    }
    this.#options.set(name, on);
  }

  /** How a switch stands, if it was set on this socket; else `undefined`. */
  getOption(name: "noDelay" | "keepAlive"): boolean | undefined {
    checkOptionName(name);
    return this.#options.get(name);
  }

  /** Our end, where there is one. */
  get localAddress(): Address | null {
    return this.#lease.stream?.transport.localAddress ?? null;
  }

  /** The peer's end, where there is one. */
  get remoteAddress(): Address | null {
    return this.#lease.stream?.transport.remoteAddress ?? null;
  }

  /** What TLS the connection has; `null` if none. */
  get tls(): TlsInfo | null {
    return this.#lease.stream?.transport.tls ?? null;
  }

  /** How often the connection came out of its pool; 0 when it is new. */
  get reusedTimes(): number {
    return this.#loan.reusedTimes;
  }

  /** How long the connection had lain in its pool. */
  get idleMs(): number {
    return this.#loan.idleMs;
  }

  /** Bytes the connection has received since it was opened. */
  get bytesRead(): number {
    return this.#lease.stream?.bytesRead ?? 0;
  }

  /** Bytes the connection has sent since it was opened. */
  get bytesWritten(): number {
    return this.#lease.stream?.bytesWritten ?? 0;
  }

  /** How long the connection has been open. */
  get ageMs(): number {
    return this.#lease.stream?.ageMs ?? 0;
  }

  /** Whether the socket was closed or released, by this handle or below it. */
  get closed(): boolean {
    return this.#lease.stream?.closed ?? true;
  }

  #live(op: "send" | "receive" | "handshake"): Stream {
    const { stream } = this.#lease;
    if (stream !== undefined) return stream;
    const what = op === "handshake" ? "start TLS" : op;
    throw new SocketError("closed", `Cannot ${what}: the socket was closed or released`, { op });
  }

  #end(): Stream | undefined {
    const { stream } = this.#lease;
    this.#lease.stream = undefined;
    forgotten.unregister(this.#lease);
    return stream;
  }

  #ends(): Ends {
    return {
      live: () => this.#live("receive"),
      limits: () => this.#readLimits,
      send: (data, options) => this.send(data, options),
      closeWrite: () => this.closeWrite(),
      close: () => this.close(),
      abort: () => this.abort(),
    };
  }

  /** On a hit a promise that is kept already; only a miss waits. */
  #receive<T>(framer: () => Framer<T>, options: ReceiveOptions | undefined): Promise<T> {
    try {
      const frame = framer();
      const stream = this.#live("receive");
      if (options === undefined) {
        const ready = stream.take(frame);
        if (ready !== undefined) return Promise.resolve(ready);
        return stream.read(frame, this.#readLimits, this);
      }
      return stream.read(frame, limitsOf(options, this.#readLimits), this);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** A line that is there; else a miss. */
  #lineAtHand(options?: ReceiveOptions): string | undefined {
    // What is at hand is short: only a limit below that has to be looked at.
    if (this.#max(options) < MOST_AT_HAND_BYTES) return undefined;
    if (limitsOf(options, this.#readLimits).signal?.aborted) return undefined;
    return this.#lease.stream?.take(lineAtHand);
  }

  #read<T>(frame: Framer<T>, options: ReceiveOptions): Promise<T> {
    const limits = limitsOf(options, this.#readLimits);
    return this.#live("receive").read(frame, limits, this);
  }

  #max(options: ReceiveOptions | undefined): number {
    const maxBytes = options?.maxBytes;
    return maxBytes === undefined ? this.#maxBytes : checkMaxBytes("maxBytes", maxBytes);
  }

  #delimiterOf(delimiter: string | Uint8Array): Delimiter {
    if (delimiter instanceof Uint8Array) return new Delimiter(delimiter);
    if (typeof delimiter !== "string") throw wrongType("delimiter", "text or bytes", delimiter);
    if (delimiter !== this.#delimiterText) {
      this.#delimiter = new Delimiter(encodeUtf8(delimiter));
      this.#delimiterText = delimiter;
    }
    return this.#delimiter!;
  }
}

/**
 * Reads the parts of a stream; see {@linkcode Cosocket.parts}.
 *
 * @example
 * ```ts
 * import { socketPair } from "@cosocket/cosocket/testing";
 *
 * const [sock, peer] = socketPair();
 * await peer.send("head--body--");
 * const parts = sock.parts("--");
 * console.log((await parts.read(3))?.length); // 3: "hea"
 * console.log((await parts.read())?.length); // 1: "d", the rest
 * console.log(await parts.read()); // null: the part has ended
 * for await (const piece of parts) console.log(piece.length); // 4: "body"
 * ```
 */
export interface PartReader extends AsyncIterable<Uint8Array> {
  /**
   * Receives a piece of the part: at most `size` bytes, or all the rest of it.
   *
   * @returns Never an empty piece; `null` behind the last one, and then the next
   *   part begins.
   * @throws {SocketError} As {@linkcode Cosocket.receiveUntil} does.
   */
  read(size?: number, options?: ReceiveOptions): Promise<Uint8Array | null>;
}

// What an iteration over a part gives at a time.
const PIECE_BYTES = 64 * 1024;

/**
 * Connects to a server.
 *
 * @param target `"host:port"`, `"[::1]:port"`, `"unix:/path"`, or an object.
 * @throws {SocketError} `refused`, `unreachable`, `not found`, `denied`,
 *   `timeout`, `aborted` and others; where several addresses were tried, the
 *   message lists each of them.
 * @throws {TypeError} If an argument has the wrong type.
 *
 * @example
 * ```ts
 * import { connect, listen, SocketError } from "@cosocket/cosocket";
 *
 * const server = await listen("127.0.0.1:0");
 * const sock = await connect(server.address, { timeoutMs: 1000 });
 * sock.close();
 * await server.close();
 * const error = await connect(server.address).catch((error) => error);
 * if (error instanceof SocketError) console.log(error.code); // refused
 * ```
 */
export async function connect(target: Target, options: ConnectOptions = {}): Promise<Cosocket> {
  checkSocketOptions(options);
  return cosocketOn(await openStream(target, options), options);
}

/** Refuses settings that no socket could have. */
export function checkSocketOptions(options: SocketOptions): void {
  checkOptions("options", options);
  const { sendTimeoutMs, readTimeoutMs, maxBytes } = options;
  if (sendTimeoutMs !== undefined) checkMs("sendTimeoutMs", sendTimeoutMs);
  if (readTimeoutMs !== undefined) checkMs("readTimeoutMs", readTimeoutMs);
  if (maxBytes !== undefined) checkMaxBytes("maxBytes", maxBytes);
}

function checkInclusive(options: UntilOptions | undefined): boolean {
  const inclusive = options?.inclusive;
  if (inclusive === undefined) return false;
  if (typeof inclusive !== "boolean") throw wrongType("inclusive", "true or false", inclusive);
  return inclusive;
}

function checkView(view: unknown): Uint8Array {
  if (!(view instanceof Uint8Array)) throw wrongType("view", "a Uint8Array", view);
  if (view.length === 0) throw new RangeError("view must have room for at least one byte");
  return view;
}

function checkOptionName(name: unknown): void {
  if (name !== "noDelay" && name !== "keepAlive") {
    throw wrongType("name", '"noDelay" or "keepAlive"', name);
  }
}
