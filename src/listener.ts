// Accepted connections as the core's handles.

import { checkMs, checkOptions, checkWhole } from "./check.ts";
import { openListener } from "./connect.ts";
import { checkSocketOptions, type Cosocket, cosocketOn, type SocketOptions } from "./cosocket.ts";
import { tellAccepted } from "./diagnostics.ts";
import { mapError } from "./drivers/map_error.ts";
import { SocketError } from "./errors.ts";
import { Stream } from "./stream.ts";
import { parseTarget, type Target } from "./target.ts";
import type { TlsServerOptions } from "./tls.ts";
import { type Acceptor, type Address, addressText } from "./transport.ts";

/**
 * How to listen, and how accepted sockets start.
 *
 * @example
 * ```ts
 * import { connect, listen } from "@cosocket/cosocket";
 *
 * await using server = await listen("127.0.0.1:0", {
 *   maxConnections: 100, // the next one waits until one of them is closed
 *   readTimeoutMs: 20, // of each accepted socket
 * });
 * await using _sock = await connect(server.address);
 * await using guest = await server.accept();
 * await guest?.receiveLine().catch((error) => console.log(error.code)); // timeout
 * ```
 */
export interface ListenerOptions extends SocketOptions {
  /** Connections that the system may hold for us. Default 511. */
  backlog?: number;
  /**
   * Connections that the runtime accepted and nobody took yet; one more is
   * closed. Deno accepts none before it is asked to. Default 511.
   */
  maxPending?: number;
  /**
   * Connections that were taken and are not closed yet; while there are so many
   * none is taken. Who comes then waits for a place, and nobody is turned away
   * before the queues are full: the system's, of `backlog`, and on Bun and Node
   * the runtime's, of `maxPending`. Default: no limit.
   */
  maxConnections?: number;
  /** Sends small pieces at once (`TCP_NODELAY`). Default `true`. */
  noDelay?: boolean;
  /**
   * TLS from the first byte on; a connection is accepted when its handshake is
   * done, at most `maxPending` of which go on at a time. While there are so many,
   * one that has gone on for a second makes way for who comes next. Default: none.
   */
  tls?: TlsServerOptions;
}

/**
 * Listens for connections.
 *
 * @param at `"host:port"` (port 0: any free one), `"unix:/path"`, or an object.
 * @throws {SocketError} `address in use`, `address not available`, `denied`.
 *
 * @example A server that says everything twice
 * ```ts
 * import { connect, listen } from "@cosocket/cosocket";
 *
 * await using server = await listen("127.0.0.1:0");
 * (async () => {
 *   for await (const guest of server) {
 *     for await (const line of guest.lines()) await guest.send([line, line, "\r\n"]);
 *     guest.close();
 *   }
 * })();
 *
 * await using sock = await connect(server.address);
 * await sock.send("tick\n");
 * console.log(await sock.receiveLine()); // ticktick
 * ```
 */
export async function listen(at: Target, options: ListenerOptions = {}): Promise<Listener> {
  const address = parseTarget(at);
  checkSocketOptions(options);
  const { backlog = 511, maxPending = 511, maxConnections = Infinity, noDelay = true } = options;
  checkWhole("backlog", backlog, 1);
  checkWhole("maxPending", maxPending);
  if (maxConnections !== Infinity) checkWhole("maxConnections", maxConnections, 1);
  const acceptor = await openListener(address, { backlog, maxPending, noDelay }, options.tls);
  return listenerOn(acceptor, maxConnections, options);
}

let listenerOn: (acceptor: Acceptor, maxConnections: number, options: SocketOptions) => Listener;

/**
 * A listening socket; iterate over it for the connections.
 *
 * @example
 * ```ts
 * import { connect, listen } from "@cosocket/cosocket";
 *
 * const server = await listen("127.0.0.1:0");
 * await using sock = await connect(server.address);
 * for await (const guest of server) {
 *   await guest.send("that is all\n");
 *   guest.close();
 *   await server.close({ graceMs: 1000 }); // ends the loop, too
 * }
 * console.log(await sock.receiveLine()); // that is all
 * ```
 */
export class Listener implements AsyncIterable<Cosocket>, AsyncDisposable {
  readonly #acceptor: Acceptor;
  readonly #options: SocketOptions;
  // At most `#maxConnections`.
  readonly #open = new Set<Stream>();
  readonly #maxConnections: number;
  #accepting = false;
  #closed = false;
  #referenced = true;
  // Called when there is a place, or none will be wanted any more.
  #onPlace: (() => void) | undefined;
  readonly #onEmpty = new Set<() => void>();

  private constructor(acceptor: Acceptor, maxConnections: number, options: SocketOptions) {
    this.#acceptor = acceptor;
    this.#maxConnections = maxConnections;
    this.#options = options;
  }

  static {
    listenerOn = (acceptor, most, options) => new Listener(acceptor, most, options);
  }

  /** Where it listens; with the port that was chosen, if 0 was asked for. */
  get address(): Address {
    return this.#acceptor.address;
  }

  /**
   * Accepts the next connection; while `maxConnections` are open, it waits for one
   * of them to be closed.
   *
   * @returns `null` once the listener is closed.
   * @throws {SocketError} `busy` if another call is accepting.
   */
  async accept(): Promise<Cosocket | null> {
    const at = addressText(this.address);
    if (this.#accepting) {
      throw new SocketError("busy", `Cannot accept at ${at}: another call is accepting`, {
        op: "accept",
      });
    }
    if (this.#closed) return null;
    this.#accepting = true;
    try {
      if (this.#open.size >= this.#maxConnections) await this.#place();
      // It may have been closed meanwhile: then there is nobody.
      const transport = await this.#acceptor.accept();
      if (transport === null) return null;
      const stream = new Stream(transport, undefined, { side: "server" });
      this.#open.add(stream);
      stream.onClose = () => this.#gone(stream);
      tellAccepted(stream.connection, transport.remoteAddress);
      return cosocketOn(stream, this.#options);
    } catch (error) {
      throw mapError(error, "accept", `Cannot accept at ${at}`, at);
    } finally {
      this.#accepting = false;
    }
  }

  /** Iterates over the connections, until the listener is closed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Cosocket, void, void> {
    for (let sock = await this.accept(); sock !== null; sock = await this.accept()) yield sock;
  }

  /**
   * Stops listening, and closes connections that nobody took. Accepted ones go
   * on; with `graceMs` it waits that long for them to be closed, and then aborts
   * those that are left.
   */
  async close(options: { graceMs?: number } = {}): Promise<void> {
    checkOptions("options", options);
    const { graceMs } = options;
    if (graceMs !== undefined) checkMs("graceMs", graceMs);
    this.#closed = true;
    this.#acceptor.close();
    this.#onPlace?.();
    if (graceMs === undefined || this.#open.size === 0) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#onEmpty.delete(done);
        resolve();
      };
      const timer = setTimeout(done, Math.min(graceMs, 2 ** 31 - 1));
      this.#onEmpty.add(done);
    });
    for (const stream of [...this.#open]) stream.abort();
  }

  /** Stops listening. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Whether a pending accept keeps the program alive, as it does at first. */
  ref(): void {
    this.#referenced = true;
    this.#acceptor.ref();
  }

  /** The opposite of `ref`. */
  unref(): void {
    this.#referenced = false;
    this.#acceptor.unref();
  }

  /** Waits for a place, and holds the program up meanwhile, as any accept does. */
  async #place(): Promise<void> {
    const hold = this.#referenced ? setInterval(() => {}, 2 ** 30) : undefined;
    await new Promise<void>((resolve) => this.#onPlace = resolve);
    clearInterval(hold);
  }

  #gone(stream: Stream): void {
    this.#open.delete(stream);
    this.#onPlace?.();
    if (this.#open.size > 0) return;
    for (const done of [...this.#onEmpty]) done();
  }
}
