// What happens inside, told on channels of `node:diagnostics_channel`. Whoever tells
// asks `hasSubscribers` first, so where nobody listens it costs a nanosecond. Nobody
// who listens can change what happens: a message is a copy of facts, and what a
// listener throws the runtime reports as an uncaught error.

import { Channel } from "./drivers/channel.ts";
import type { SocketError, SocketOperation } from "./errors.ts";
import type { TlsInfo } from "./tls.ts";
import type { Address } from "./transport.ts";

/**
 * What is told, by the name of its channel. `connection` is the connection's number in
 * this process, from 1; `address` is its peer's, `null` if that is unknown.
 *
 * @example
 * ```ts
 * import type { DiagnosticEvents } from "@cosocket/cosocket";
 * import { subscribe } from "node:diagnostics_channel";
 *
 * subscribe("cosocket:close", (message) => {
 *   const { address, reason, error } = message as DiagnosticEvents["cosocket:close"];
 *   if (reason === "failed") console.error(address, error);
 * });
 * ```
 */
export interface DiagnosticEvents {
  /** A connection is about to be opened. */
  "cosocket:connect:start": { readonly connection: number; readonly address: Address | null };
  /** It was opened, with TLS if that was asked for; with `error`: it could not be. */
  "cosocket:connect:end": {
    readonly connection: number;
    readonly address: Address | null;
    readonly durationMs: number;
    readonly error?: unknown;
  };
  /** A server took a connection; at a listener with TLS, when the handshake is done. */
  "cosocket:accept": { readonly connection: number; readonly address: Address | null };
  /** A handshake begins, on a connection that is open. */
  "cosocket:tls:start": { readonly connection: number; readonly address: Address | null };
  /** It is done; with `error`: it failed. */
  "cosocket:tls:end": {
    readonly connection: number;
    readonly address: Address | null;
    readonly durationMs: number;
    readonly tls?: TlsInfo;
    readonly error?: unknown;
  };
  /**
   * Bytes go to the system; with TLS, those inside of it. They are only to be looked
   * at, and only until the listener returns.
   */
  "cosocket:send": { readonly connection: number; readonly bytes: Uint8Array };
  /** Bytes came from the system; the same holds for them. */
  "cosocket:receive": { readonly connection: number; readonly bytes: Uint8Array };
  /** A limit of time passed; without a `connection` as long as there is none. */
  "cosocket:timeout": {
    readonly connection?: number;
    readonly op: SocketOperation;
    readonly error: SocketError;
  };
  /**
   * A connection was let go: `"aborted"` if we cut it off, `"peer ended"` if the peer
   * had ended what it sends, `"failed"` after an error, `"closed"` otherwise.
   */
  "cosocket:close": {
    readonly connection: number;
    readonly address: Address | null;
    readonly reason: "closed" | "aborted" | "peer ended" | "failed";
    readonly error?: unknown;
    readonly bytesRead: number;
    readonly bytesWritten: number;
    readonly ageMs: number;
  };
  /**
   * A pool lends a connection. `key` is what sets its connections apart: addresses and
   * options, or a name in `ngx`.
   */
  "cosocket:pool:lend": {
    readonly key: string;
    readonly connection: number;
    readonly reusedTimes: number;
  };
  /** A pool keeps a connection that came back. */
  "cosocket:pool:keep": { readonly key: string; readonly connection: number };
  /**
   * A pool closes a connection instead of keeping it: `"stirred"`: its peer sent
   * something, or ended, while nobody used it; `"idle"` for too long; `"no room"` among
   * the idle ones; `"not fit"`: something failed, lay unread or was under way when it
   * came back; `"retired"`: too old or used too often, or its pool was cleared or closed.
   */
  "cosocket:pool:evict": {
    readonly key: string;
    readonly connection: number;
    readonly reason: "stirred" | "idle" | "no room" | "not fit" | "retired";
  };
  /** Somebody waits for a connection of a pool, as one of `waiting`. */
  "cosocket:pool:wait": { readonly key: string; readonly waiting: number };
}

type Start = DiagnosticEvents["cosocket:connect:start"];
type End = DiagnosticEvents["cosocket:connect:end"];
/** Why a pool did not keep a connection. */
export type Eviction = DiagnosticEvents["cosocket:pool:evict"]["reason"];

/** The channel of an event, for those who tell it. */
export function channelOf<Name extends keyof DiagnosticEvents>(
  name: Name,
): Channel<DiagnosticEvents[Name]> {
  return new Channel(name);
}

/** Tells when something begins, and how it ends. */
export async function telling<T>(
  channels: { readonly start: Channel<Start>; readonly end: Channel<End> },
  about: Start,
  work: () => Promise<T>,
  facts?: (value: T) => object,
): Promise<T> {
  const { start, end } = channels;
  if (!start.hasSubscribers && !end.hasSubscribers) return await work();
  const startMs = performance.now();
  const tellEnd = (more: object) => {
    end.publish({ ...about, durationMs: performance.now() - startMs, ...more });
  };
  start.publish(about);
  try {
    const value = await work();
    tellEnd(facts?.(value) ?? {});
    return value;
  } catch (error) {
    tellEnd({ error });
    throw error;
  }
}

const accepted = channelOf("cosocket:accept");
const timedOut = channelOf("cosocket:timeout");
const lent = channelOf("cosocket:pool:lend");
const kept = channelOf("cosocket:pool:keep");
const evicted = channelOf("cosocket:pool:evict");
const waits = channelOf("cosocket:pool:wait");

/** Tells that a server took a connection. */
export function tellAccepted(connection: number, address: Address | null): void {
  if (accepted.hasSubscribers) accepted.publish({ connection, address });
}

/** Tells that a limit of time passed. */
export function tellTimeout(error: SocketError, connection?: number): void {
  if (!timedOut.hasSubscribers) return;
  const about = connection === undefined ? {} : { connection };
  timedOut.publish({ ...about, op: error.op!, error });
}

/** Tells that a pool lends a connection. */
export function tellLent(key: string, connection: number, reusedTimes: number): void {
  if (lent.hasSubscribers) lent.publish({ key, connection, reusedTimes });
}

/** Tells that a pool keeps a connection that came back. */
export function tellKept(key: string, connection: number): void {
  if (kept.hasSubscribers) kept.publish({ key, connection });
}

/** Tells that a pool closes a connection instead of keeping it. */
export function tellEvicted(
  key: string,
  connection: number,
  reason: Eviction,
): void {
  if (evicted.hasSubscribers) evicted.publish({ key, connection, reason });
}

/** Tells that somebody waits for a connection. */
export function tellWait(key: string, waiting: number): void {
  if (waits.hasSubscribers) waits.publish({ key, waiting });
}

let connections = 0;

/** The number of the next connection. */
export function nextConnection(): number {
  return ++connections;
}
