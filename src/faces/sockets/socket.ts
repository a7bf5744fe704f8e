// A socket joins two streams over one connection of the core's, and says when both are over.

import { checkOptions } from "../../check.ts";
import type { Cosocket } from "../../cosocket.ts";
import { SocketError as CoreError } from "../../errors.ts";
import type { TlsOptions as CoreTlsOptions } from "../../tls.ts";
import { type Address, addressText } from "../../transport.ts";
import { SocketError, wrapped } from "./error.ts";
import { Input } from "./input.ts";
import type { Plan, SecureTransportKind, TlsOptions } from "./options.ts";
import { Output } from "./output.ts";

/**
 * What an open socket tells of itself.
 *
 * @example
 * ```ts
 * import type { SocketInfo } from "@cosocket/cosocket/sockets";
 *
 * function described({ localAddress, remoteAddress, alpn }: SocketInfo): string {
 *   return `${localAddress} to ${remoteAddress}, ${alpn ?? "no protocol agreed on"}`;
 * }
 * ```
 */
export interface SocketInfo {
  /** The peer's end, as `host:port`. */
  readonly remoteAddress: string | null;
  /** Our end. */
  readonly localAddress: string | null;
  /** The application protocol that both agreed on. */
  readonly alpn: string | null;
}

type Open = (signal: AbortSignal) => Promise<Cosocket>;

/** For the entry: a socket whose connection `open` makes. */
export let socketOf: (plan: Plan, open: Open) => Socket;

/**
 * A connection, or one that is to be; {@linkcode connect} makes them.
 *
 * @example Start TLS in the middle of a dialogue
 * ```ts
 * import type { Socket } from "@cosocket/cosocket/sockets";
 *
 * async function secured(socket: Socket): Promise<Socket> {
 *   const writer = socket.writable.getWriter();
 *   const reader = socket.readable.getReader();
 *   await writer.write("STARTTLS\r\n");
 *   const { value } = await reader.read();
 *   if (!new TextDecoder().decode(value).startsWith("220 ")) throw new Error("No TLS");
 *   return socket.startTls();
 * }
 * ```
 */
export class Socket {
  /** What the peer sends, as a byte stream. */
  readonly readable: ReadableStream<Uint8Array>;
  /** Sends bytes, or text as UTF-8. */
  readonly writable: WritableStream<ArrayBufferView | ArrayBuffer | string>;
  /** Resolves once there is a connection, and TLS around it if that was asked for. */
  readonly opened: Promise<SocketInfo>;
  /**
   * Resolves when the socket is closed: by `close()`, by the peer's end without
   * `allowHalfOpen`, by a reset, by aborting `writable`, or by `startTls()`. Rejects if it
   * could not be opened, or broke. That both streams are over does not resolve it, though
   * the connection is let go of then: call `close()`.
   */
  readonly closed: Promise<void>;
  readonly #plan: Plan;
  readonly #core: Promise<Cosocket>;
  readonly #input: Input;
  readonly #output: Output;
  readonly #opening = Promise.withResolvers<SocketInfo>();
  readonly #closing = Promise.withResolvers<void>();
  readonly #connecting = new AbortController();
  #isOpen = false;
  // Closed, broken, or handed over to TLS: no more is taken from its user.
  #isOver = false;
  #upgraded = false;

  private constructor(plan: Plan, open: Open) {
    this.#plan = plan;
    this.opened = handled(this.#opening.promise);
    this.closed = handled(this.#closing.promise);
    this.#core = handled(
      open(this.#connecting.signal).catch((error) => {
        throw wrapped(error);
      }),
    );
    // Before the streams hear of it.
    this.#core.then((sock) => this.#open(sock), (error) => this.#fail(error));
    this.#input = new Input(this.#core, {
      ended: () => this.#peerEnded(),
      failed: (error) => this.#break(error),
      cancelled: () => this.#letGo(),
    });
    this.#output = new Output(this.#core, {
      closed: () => this.#letGo(),
      aborted: () => this.#cutOff(),
      failed: (error) => this.#break(error),
    });
    this.readable = this.#input.stream;
    this.writable = this.#output.stream;
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
    const why = reason ?? new SocketError("The socket was closed");
    this.#end(why);
    if (this.#isOpen) {
      this.#closeCore();
    } else {
      this.#connecting.abort();
      this.#opening.reject(why);
      this.#closing.resolve();
      this.#input.stop();
      this.#output.fail();
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
    let sock: Cosocket | undefined;
    const giveUp = () => sock === undefined ? this.#connecting.abort() : sock.close();
    signal.addEventListener("abort", giveUp);
    try {
      sock = await this.#core;
      // The new socket was closed when this one had just been connected.
      if (signal.aborted) giveUp();
      await this.#output.finish();
      const { isUnread } = this.#input;
      this.#input.stop();
      this.#closing.resolve();
      if (isUnread) throw new SocketError("Cannot startTls: plain bytes lie unread");
      await sock.startTls({ ...tls, signal });
      return sock;
    } catch (error) {
      sock?.close();
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

  #peerEnded(): void {
    if (this.#plan.allowHalfOpen) this.#letGo();
    else this.close(new SocketError("The socket was closed: the peer has ended"));
  }

  /** It broke while it was read from, or written to. */
  #break(error: SocketError): void {
    if (this.#isOver) return;
    this.#end(error);
    // An end would look like the peer's.
    this.#input.fail(error);
    this.#output.fail();
    this.#withCore((sock) => sock.close());
    const { cause } = error;
    if (cause instanceof CoreError && cause.code === "reset") this.#closing.resolve();
    else this.#closing.reject(error);
  }

  /** `writable` was aborted. */
  #cutOff(): void {
    if (this.#isOver) return;
    this.#end(new SocketError("The socket was closed: its writable was aborted"));
    this.#closing.resolve();
    this.#input.stop();
    this.#withCore((sock) => sock.abort());
  }

  /** Nobody has any use of a connection whose both sides are over. */
  #letGo(): void {
    // Whatever it is over by ends the connection by itself, or hands it over.
    if (this.#isOver) return;
    if (this.#input.ended && this.#output.ended) this.#withCore((sock) => sock.close());
  }

  /** Closes an open socket, after what was written is sent. */
  async #closeCore(): Promise<void> {
    this.#input.stop();
    await this.#output.finish();
    (await this.#core).close();
    this.#closing.resolve();
  }

  #end(reason: unknown): void {
    this.#isOver = true;
    this.#output.seal(reason);
  }

  #withCore(work: (sock: Cosocket) => void): void {
    // Without a connection there is nothing to do.
    handled(this.#core.then(work));
  }
}

function textOf(address: Address | null): string | null {
  return address === null ? null : addressText(address);
}

/** That nobody looks at it is no fault. */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
