// How it is told that a name was not found.

import { quote } from "../bytes.ts";
import { SocketError } from "../errors.ts";
import { addressText, type IpAddress } from "../transport.ts";

/**
 * What a name server answered instead of addresses: the `cause` of the
 * {@linkcode SocketError} that a look-up fails with.
 *
 * @example Tell a name that does not exist from a server in trouble
 * ```ts
 * import { DnsError, SocketError } from "@cosocket/cosocket";
 *
 * const isUnknown = (error: unknown) =>
 *   error instanceof SocketError && error.cause instanceof DnsError && error.cause.rcode === 3;
 * ```
 */
export class DnsError extends Error {
  /**
   * The code of the answer: 1 format error, 2 server failure, 3 no such name, 4 not
   * implemented, 5 refused; 0 if the name exists, but has no such address.
   */
  readonly rcode: number;
  /** How long that holds, as far as the server said. */
  readonly ttlMs: number;

  /** Makes an error; the library does that. */
  constructor(rcode: number, ttlMs = 0) {
    super(RCODES[rcode] ?? `it answered with code ${rcode}`);
    this.name = "DnsError";
    this.rcode = rcode;
    this.ttlMs = ttlMs;
  }
}

const RCODES: readonly string[] = [
  "it has no such address",
  "the question could not be read (format error)",
  "the server failed",
  "there is no such name",
  "the server does not do that (not implemented)",
  "the server refused",
];

/** The error for a name without addresses; of a server where one alone says so. */
export function notFound(hostname: string, cause: DnsError, server?: IpAddress): SocketError {
  const where = server === undefined ? "" : ` at ${addressText(server)}`;
  return new SocketError("not found", `${attempted(hostname)}${where}: ${cause.message}`, {
    op: "lookup",
    ...(server && { address: addressText(server) }),
    cause,
  });
}

/** What was tried, for messages. */
export function attempted(hostname: string): string {
  return `Cannot look up ${quote(hostname)}`;
}

/** The error for whom nobody waits any more. */
export function givenUp({ reason }: AbortSignal): SocketError {
  const message = "Cannot look up: it was given up";
  return new SocketError("aborted", message, { op: "lookup", cause: reason });
}
