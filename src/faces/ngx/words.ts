// Our errors in the original's words: the C library's text in lower case.

import type { SocketError, SocketErrorCode } from "../../errors.ts";
import { type Address, addressText } from "../../transport.ts";
import { cText } from "../lua.ts";
import { SYSTEM_ERRORS, systemErrorOf } from "../system_errors.ts";

/**
 * What went wrong: nil and the error; reads add the partial data.
 *
 * @example
 * ```ts
 * import { createNgx, type Failure } from "@cosocket/cosocket/ngx";
 *
 * const why = ([, err, partial]: Failure) => partial ? `${err} after "${partial}"` : err;
 *
 * const sock = createNgx({ lua_socket_log_errors: false }).socket.tcp();
 * const got = await sock.connect("127.0.0.1", 1);
 * if (got[0] === null) console.log(why(got)); // connection refused
 * ```
 */
export type Failure = [null, string] | [null, string, string];

// Where the runtime tells no system code.
const WORDS: Readonly<Record<SocketErrorCode, string>> = {
  "timeout": "timeout",
  "closed": "closed",
  "reset": "connection reset by peer",
  "refused": "connection refused",
  "unreachable": "no route to host",
  "address in use": "address already in use",
  "address not available": "cannot assign requested address",
  "not found": "no such file or directory",
  "denied": "permission denied",
  "busy": "socket busy",
  "too large": "message too long",
  "aborted": "closed",
  "tls": "handshake failed",
  "pool": "too many waiting connect operations",
  "unsupported": "operation not supported",
  "failed": "unknown error",
};

/** The original's word for an error. */
export function wordFor(error: SocketError): string {
  // Our own limits stand above what the system says.
  if (error.code === "timeout" && error.cause === undefined) return WORDS.timeout;
  if (error.code === "closed" || error.code === "aborted") return WORDS.closed;
  return systemErrorOf(error)?.text.toLowerCase() ?? WORDS[error.code];
}

const NUMBERED: ReadonlyMap<string, string> = new Map(
  SYSTEM_ERRORS.map(({ number, text }) => [text.toLowerCase(), `${number}: ${text}`]),
);

/** One of the system's words as the log has it: `111: Connection refused`. */
export function loggedWord(word: string): string {
  return NUMBERED.get(word) ?? word;
}

/**
 * How a line of the log ends: whom it speaks of.
 *
 * @param port That of the address, unless another is given.
 */
export function upstreamText(host: string, address: Address | null, port?: number): string {
  const isIp = address !== null && "port" in address;
  const shownPort = port ?? (isIp ? address.port : 0);
  const at = shownPort === 0 ? cText(host) : `${cText(host)}:${shownPort}`;
  if (address === null) return `, upstream: ${at}`;
  return `, upstream: ${at}(${isIp ? address.hostname : addressText(address)})`;
}
