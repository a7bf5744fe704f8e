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

import { quote } from "../bytes.ts";
import { checkOptions, checkPort } from "../check.ts";
import { checkOpenOptions, DEFAULT_TIMEOUT_MS, type OpenOptions } from "../connect.ts";
import { connect as connectCore, type Cosocket } from "../cosocket.ts";
import { systemClock } from "../drivers/clock.ts";
import { SocketError as CoreError } from "../errors.ts";
import { parseTarget } from "../target.ts";
import type { TlsOptions as CoreTlsOptions } from "../tls.ts";
import { type Address, addressText } from "../transport.ts";

/** Where to connect to. */
export interface SocketAddress {
  /** A name or an IP address. */
  hostname: string;
  /** The port. */
  port: number;
}

/** Where to connect to; text is `"host:port"` or `"[::1]:port"`. */
export type AnySocketAddress = SocketAddress | string;

/** When TLS begins: never, at once, or with `startTls`. */
export type SecureTransportKind = "off" | "on" | "starttls";

/** How to connect. */
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

/** How to start TLS. */
export interface TlsOptions {
  /** The name to ask for and to find in the certificate. */
  expectedServerHostname?: string;
}

/** What an open socket tells of itself. */
export interface SocketInfo {
  /** The peer's end, as `host:port`. */
  readonly remoteAddress: string | null;
  /** Our end. */
  readonly localAddress: string | null;
  /** The application protocol that both agreed on. */
  readonly alpn: string | null;
}

/** Settings that the API has no options for; what a call says goes before. */
export interface SocketsSettings extends Omit<OpenOptions, "tls" | "signal"> {
  /** Whom to trust, and as whom to come, where there is TLS. */
  tls?: CoreTlsOptions;
}

/** What a binding object has. */
export interface Sockets {
  /** Connects; see {@linkcode connect}. */
  connect(address: AnySocketAddress, options?: SocketOptions): Socket;
}

/**
 * What went wrong with a socket.
 *
 * @example
 * ```ts
 * import { connect, SocketError } from "@cosocket/cosocket/sockets";
 *
 * const error = await connect("127.0.0.1:0").opened.catch((error) => error);
 * console.log(error instanceof SocketError, error instanceof TypeError); // true true
 * ```
 */
export class SocketError extends TypeError {
  /** Makes an error; `"SocketError: "` goes before the message. */
  constructor(message: string, options?: ErrorOptions) {
    super(`SocketError: ${message}`, options);
  }
}

/** All that is known of a connection before there is one. */
interface Plan {
  readonly secureTransport: SecureTransportKind;
  readonly allowHalfOpen: boolean;
  readonly tls: CoreTlsOptions;
}

type Open = (signal: AbortSignal) => Promise<Cosocket>;

let socketOf: (plan: Plan, open: Open) => Socket;

// What a read takes at most, where its reader brings no memory.
const CHUNK_BYTES = 16 * 1024;

/** A connection, or one that is to be; {@linkcode connect} makes them. */
export class Socket {
  /** What the peer sends, as a byte stream. */
  readonly readable: ReadableStream<Uint8Array>;
  /** Sends bytes, or text as UTF-8. */
  readonly writable: WritableStream<BufferSource | string>;
  /** Resolves once there is a connection, and TLS around it if that was asked for. */
  readonly opened: Promise<SocketInfo>;
  /** Resolves when the socket is closed; rejects if it could not be opened, or broke. */
  readonly closed: Promise<void>;
  readonly #plan: Plan;
  readonly #core: Promise<Cosocket>;
  readonly #opening = Promise.withResolvers<SocketInfo>();
  readonly #closing = Promise.withResolvers<void>();
  // Gives up what is under way: the connecting, or a read.
  readonly #abandoned = new AbortController();
  #input!: ReadableByteStreamController;
  #output!: WritableStreamDefaultController;
  #isOpen = false;
  // Closed, broken, or handed over to TLS: no more is taken from its user.
  #isOver = false;
  #reason: unknown;
  #upgraded = false;
  #inputEnded = false;
  #outputEnded = false;
  // What was written and is not sent yet.
  #unsent = 0;
  #whenSent: (() => void) | undefined;

  private constructor(plan: Plan, open: Open) {
    this.#plan = plan;
    this.opened = handled(this.#opening.promise);
    this.closed = handled(this.#closing.promise);
    this.#core = handled(
      open(this.#abandoned.signal).catch((error) => {
        throw wrapped(error);
      }),
    );
    this.#core.then((sock) => this.#open(sock), (error) => this.#fail(error));
    const start = () => this.#core.then(() => {});
    this.readable = new ReadableStream({
      type: "bytes",
      autoAllocateChunkSize: CHUNK_BYTES,
      start: (controller) => {
        this.#input = controller;
        return start();
      },
      pull: () => this.#pull(),
      cancel: () => this.#endInput(),
    });
    this.writable = new WritableStream<BufferSource | string>({
      start: (controller) => {
        this.#output = controller;
        return start();
      },
      write: (chunk, { signal }) => this.#write(chunk, signal),
      close: () => this.#closeWrite(),
      abort: () => this.#cutOff(),
    }, {
      highWaterMark: 1,
      // Called for each chunk that is written, as soon as it is.
      size: () => {
        if (!this.#isOver) this.#unsent++;
        return 1;
      },
    });
  }

  static {
    socketOf = (plan, open) => new Socket(plan, open);
  }

  /** Whether `startTls` was called: another socket has the connection then. */
  get upgraded(): boolean {
    return this.#upgraded;
  }

  /** When TLS begins, or `"on"` at a socket that `startTls` gave. */
  get secureTransport(): SecureTransportKind {
    return this.#plan.secureTransport;
  }

  /**
   * Sends what was written, and closes the socket.
   *
   * @param reason What later writes fail with, and `opened` if it is pending.
   * @returns `closed`. Twice is fine.
   */
  close(reason?: unknown): Promise<void> {
    if (this.#isOver) return this.closed;
    this.#end(reason ?? new SocketError("The socket was closed"));
    if (this.#isOpen) {
      this.#closeCore();
    } else {
      this.#opening.reject(this.#reason);
      this.#endStreams();
      this.#closing.resolve();
    }
    return this.closed;
  }

  /**
   * Starts TLS, after what was written is sent.
   *
   * @returns The socket that has the connection from now on; this one is closed.
   * @throws {SocketError} If there is TLS already, or it was not planned.
   */
  startTls(options: TlsOptions = {}): Socket {
    checkOptions("options", options);
    const { secureTransport, tls } = this.#plan;
    if (secureTransport === "on") throw new SocketError("Cannot startTls on a TLS socket");
    if (secureTransport === "off") {
      throw new SocketError('Cannot startTls: secureTransport must be "starttls" for that');
    }
    if (this.#upgraded) throw new SocketError("Cannot startTls: it was called before");
    if (this.#isOver) throw new SocketError("Cannot startTls: the socket was closed");
    this.#upgraded = true;
    this.#end(new SocketError("The socket was closed: startTls gave another one"));
    const { expectedServerHostname } = options;
    const named = expectedServerHostname === undefined
      ? tls
      : { ...tls, serverName: String(expectedServerHostname) };
    const plan: Plan = { ...this.#plan, secureTransport: "on" };
    return socketOf(plan, (signal) => this.#handOver(named, signal));
  }

  async #handOver(tls: CoreTlsOptions, signal: AbortSignal): Promise<Cosocket> {
    const sock = await this.#core;
    const giveUp = () => sock.close();
    signal.addEventListener("abort", giveUp);
    try {
      await this.#flush();
      // Bytes that a reader had asked for, and did not wait for.
      const isUnread = (this.#input.desiredSize ?? 0) < 0;
      this.#endStreams();
      this.#closing.resolve();
      if (isUnread) throw new SocketError("Cannot startTls: plain bytes lie unread");
      await sock.startTls({ ...tls, signal });
      return sock;
    } catch (error) {
      sock.close();
      throw error;
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }

  #open(sock: Cosocket): void {
    // It was closed meanwhile.
    if (this.#isOver && !this.#upgraded) return sock.close();
    this.#isOpen = true;
    this.#opening.resolve({
      remoteAddress: textOf(sock.remoteAddress),
      localAddress: textOf(sock.localAddress),
      alpn: sock.tls?.alpnProtocol ?? null,
    });
  }

  /** It could not be opened; the streams see that by themselves. */
  #fail(error: SocketError): void {
    this.#end(error);
    this.#opening.reject(error);
    this.#closing.reject(error);
  }

  async #pull(): Promise<void> {
    const sock = await this.#core;
    const { signal } = this.#abandoned;
    let count: number;
    try {
      const { buffer, byteOffset, byteLength } = this.#input.byobRequest!.view!;
      count = await sock.readInto(new Uint8Array(buffer, byteOffset, byteLength), { signal });
    } catch (error) {
      if (this.#inputEnded) return;
      throw this.#broken(error);
    }
    if (this.#inputEnded) return;
    if (count > 0) return this.#input.byobRequest!.respond(count);
    this.#inputEnded = true;
    closeInput(this.#input);
    if (this.#plan.allowHalfOpen) return this.#letGo(sock);
    if (this.#isOver) return;
    this.#end(new SocketError("The socket was closed: the peer has ended"));
    this.#closeCore();
  }

  async #write(chunk: BufferSource | string, signal: AbortSignal): Promise<void> {
    // Written when it was over already, and still before the stream knew.
    if (this.#isOver && this.#unsent === 0) throw this.#reason;
    try {
      await (await this.#core).send(bytesOf(chunk), { signal });
    } catch (error) {
      // What else was written is dropped by the stream.
      this.#unsent = 0;
      this.#outputEnded = true;
      throw wrapped(error);
    } finally {
      this.#unsent = Math.max(0, this.#unsent - 1);
      if (this.#unsent === 0) this.#whenSent?.();
    }
  }

  async #closeWrite(): Promise<void> {
    // What was refused since counts no more.
    this.#unsent = 0;
    this.#outputEnded = true;
    this.#whenSent?.();
    // Whatever it is over by ends the connection by itself, or hands it over.
    if (this.#isOver) return;
    const sock = await this.#core;
    try {
      if (!sock.closed) await sock.closeWrite();
    } catch (error) {
      throw wrapped(error);
    }
    this.#letGo(sock);
  }

  /** `writable` was aborted. */
  async #cutOff(): Promise<void> {
    this.#unsent = 0;
    this.#outputEnded = true;
    this.#whenSent?.();
    if (this.#isOver) return;
    this.#end(new SocketError("The socket was closed: its writable was aborted"));
    this.#opening.reject(this.#reason);
    this.#closing.resolve();
    this.#endStreams();
    if (this.#isOpen) (await this.#core).abort();
  }

  /** `readable` was cancelled. */
  async #endInput(): Promise<void> {
    this.#inputEnded = true;
    if (!this.#isOpen) return;
    this.#abandoned.abort();
    this.#letGo(await this.#core);
  }

  /** Nobody has any use of a connection whose both sides are over. */
  #letGo(sock: Cosocket): void {
    if (this.#inputEnded && this.#outputEnded) sock.close();
  }

  /** What broke while it was read from. */
  #broken(cause: unknown): SocketError {
    const error = wrapped(cause);
    if (this.#isOver) return error;
    this.#end(error);
    this.#inputEnded = true;
    this.#output.error(error);
    this.#core.then((sock) => sock.close());
    if (cause instanceof CoreError && cause.code === "reset") this.#closing.resolve();
    else this.#closing.reject(error);
    return error;
  }

  #end(reason: unknown): void {
    this.#isOver = true;
    this.#reason = reason;
  }

  /** Closes an open socket, after what was written is sent. */
  async #closeCore(): Promise<void> {
    this.#stopInput();
    await this.#flush();
    this.#output.error(this.#reason);
    (await this.#core).close();
    this.#closing.resolve();
  }

  #endStreams(): void {
    this.#stopInput();
    this.#outputEnded = true;
    this.#output.error(this.#reason);
  }

  #stopInput(): void {
    this.#abandoned.abort();
    if (this.#inputEnded) return;
    this.#inputEnded = true;
    closeInput(this.#input);
  }

  /** Resolves when all that was written is sent, or has no hope to be. */
  async #flush(): Promise<void> {
    if (this.#unsent === 0 || this.#outputEnded) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#whenSent = resolve;
    const cancel = systemClock.after(DEFAULT_TIMEOUT_MS, resolve, false);
    await promise;
    cancel();
  }
}

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
  const plan: Plan = { secureTransport, allowHalfOpen: Boolean(allowHalfOpen), tls };
  return socketOf(plan, (signal) =>
    connectCore(target, {
      ...settings,
      tls: secureTransport === "on" && tls,
      signal,
      // Streams wait for as long as it takes.
      readTimeoutMs: 0,
      sendTimeoutMs: 0,
    }));
}

function targetOf(address: AnySocketAddress): Address {
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

function textOf(address: Address | null): string | null {
  return address === null ? null : addressText(address);
}

function bytesOf(chunk: BufferSource | string): Uint8Array | string {
  if (typeof chunk === "string" || chunk instanceof Uint8Array) return chunk;
  if (ArrayBuffer.isView(chunk)) {
    return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk);
  throw new SocketError("Cannot send: a chunk must be bytes or text");
}

function closeInput(controller: ReadableByteStreamController): void {
  controller.close();
  // A reader that brought its own memory still waits for it.
  controller.byobRequest?.respond(0);
}

function wrapped(error: unknown): SocketError {
  if (error instanceof SocketError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new SocketError(message, { cause: error });
}

/** That nobody looks at it is no fault. */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
