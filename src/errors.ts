/**
 * What went wrong, as a word to switch on.
 *
 * @example
 * ```ts
 * import type { SocketErrorCode } from "@cosocket/cosocket";
 *
 * const advice: Partial<Record<SocketErrorCode, string>> = {
 *   "refused": "Is the server running?",
 *   "not found": "Is the name right?",
 *   "tls": "Look at the certificate",
 * };
 * console.log(advice["refused"]); // Is the server running?
 * ```
 */
export type SocketErrorCode =
  /** A limit of time passed. */
  | "timeout"
  /** Ended by the peer, or by ourselves. */
  | "closed"
  /** Cut off by the peer: a reset, a broken pipe. */
  | "reset"
  /** Nobody listens there. */
  | "refused"
  /** No way to that host or network. */
  | "unreachable"
  /** Somebody else has that address and port. */
  | "address in use"
  /** No such local address. */
  | "address not available"
  /** No such name, or no such file. */
  | "not found"
  /** The runtime or the system forbids it. */
  | "denied"
  /** Another call is reading, writing or connecting. */
  | "busy"
  /** More than `maxBytes`. */
  | "too large"
  /** The caller's signal. */
  | "aborted"
  /** TLS: the handshake, the peer's certificate, or plain bytes that lay unread. */
  | "tls"
  /** The pool: its queue is full, or it was closed. */
  | "pool"
  /** This runtime cannot do it. */
  | "unsupported"
  /** The system refused for a reason without a word of its own; `cause` tells it. */
  | "failed";

/**
 * The call that failed.
 *
 * @example
 * ```ts
 * import { connect, SocketError, type SocketOperation } from "@cosocket/cosocket";
 *
 * // Up to here nothing was sent, so that all may be tried again.
 * const harmless: readonly SocketOperation[] = ["lookup", "connect", "acquire"];
 * const error = await connect("127.0.0.1:1").catch((it) => it);
 * console.log(error instanceof SocketError && harmless.includes(error.op!)); // true
 * ```
 */
export type SocketOperation =
  | "lookup"
  | "connect"
  | "handshake"
  | "listen"
  | "accept"
  | "send"
  | "receive"
  | "acquire";

/**
 * What a {@linkcode SocketError} knows besides its code and message.
 *
 * @example
 * ```ts
 * import { SocketError } from "@cosocket/cosocket";
 *
 * // As a scripted peer in a test fails.
 * const partial = new TextEncoder().encode("HTTP/1.1 20");
 * const error = new SocketError("reset", "Cannot receive", { op: "receive", partial });
 * console.log(error.op, error.partial?.length); // receive 11
 * ```
 */
export interface SocketErrorOptions {
  /** The call that failed. */
  op?: SocketOperation;
  /** Bytes that had come when a read failed. */
  partial?: Uint8Array;
  /** The peer's address, as text. */
  address?: string;
  /** The runtime's own error, or the reason of an abort. */
  cause?: unknown;
}

/**
 * What the network, the system or a limit did to a call. Mistakes of the caller
 * are a `TypeError` or a `RangeError` instead.
 *
 * @example Tell a timeout from the rest
 * ```ts
 * import { SocketError } from "@cosocket/cosocket";
 *
 * const isTimeout = (error: unknown) => error instanceof SocketError && error.code === "timeout";
 * ```
 */
export class SocketError extends Error {
  /** What went wrong; made to be switched on. */
  readonly code: SocketErrorCode;
  /** The call that failed. */
  readonly op: SocketOperation | undefined;
  /**
   * Bytes that had come when a read failed. After `timeout`, `aborted` and
   * `too large` this is a look: the socket still holds them, and the next read
   * begins with them. After `closed` and `reset` they are taken.
   */
  readonly partial: Uint8Array | undefined;
  /** The peer's address, as text. */
  readonly address: string | undefined;

  /** Makes an error; the library does that, and scripted peers in tests. */
  constructor(code: SocketErrorCode, message: string, options: SocketErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "SocketError";
    this.code = code;
    this.op = options.op;
    this.partial = options.partial;
    this.address = options.address;
  }
}
