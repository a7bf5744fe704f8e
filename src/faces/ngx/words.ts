// Our errors in the original's words: the C library's text in lower case.

import { systemCodeOf } from "../../drivers/map_error.ts";
import type { SocketError, SocketErrorCode } from "../../errors.ts";
import { type Address, addressText } from "../../transport.ts";
import { cText } from "./lua.ts";

/** What went wrong: nil and the error; reads add the partial data. */
export type Failure = [null, string] | [null, string, string];

// Linux's numbers and texts.
const SYSTEM: Readonly<Record<string, string>> = {
  EACCES: "13: Permission denied",
  EADDRINUSE: "98: Address already in use",
  EADDRNOTAVAIL: "99: Cannot assign requested address",
  EAFNOSUPPORT: "97: Address family not supported by protocol",
  EAGAIN: "11: Resource temporarily unavailable",
  ECONNABORTED: "103: Software caused connection abort",
  ECONNREFUSED: "111: Connection refused",
  ECONNRESET: "104: Connection reset by peer",
  EDESTADDRREQ: "89: Destination address required",
  EHOSTDOWN: "112: Host is down",
  EHOSTUNREACH: "113: No route to host",
  EINVAL: "22: Invalid argument",
  ELOOP: "40: Too many levels of symbolic links",
  EMFILE: "24: Too many open files",
  EMSGSIZE: "90: Message too long",
  ENAMETOOLONG: "36: File name too long",
  ENETDOWN: "100: Network is down",
  ENETUNREACH: "101: Network is unreachable",
  ENFILE: "23: Too many open files in system",
  ENOBUFS: "105: No buffer space available",
  ENOENT: "2: No such file or directory",
  ENOMEM: "12: Cannot allocate memory",
  ENOTCONN: "107: Transport endpoint is not connected",
  ENOTDIR: "20: Not a directory",
  ENOTSOCK: "88: Socket operation on non-socket",
  EPERM: "1: Operation not permitted",
  EPIPE: "32: Broken pipe",
  EPROTOTYPE: "91: Protocol wrong type for socket",
  ETIMEDOUT: "110: Connection timed out",
};

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
  const system = SYSTEM[systemCodeOf(error) ?? ""];
  return system === undefined ? WORDS[error.code] : system.replace(/^\d+: /, "").toLowerCase();
}

const NUMBERED: ReadonlyMap<string, string> = new Map(
  Object.values(SYSTEM).map((it) => [it.replace(/^\d+: /, "").toLowerCase(), it]),
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
