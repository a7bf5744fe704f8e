// Our errors in the original's words: the C library's text in lower case.

import { systemCodeOf } from "../../drivers/map_error.ts";
import type { SocketError, SocketErrorCode } from "../../errors.ts";

const SYSTEM: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EADDRINUSE: "address already in use",
  EADDRNOTAVAIL: "cannot assign requested address",
  EAFNOSUPPORT: "address family not supported by protocol",
  EAGAIN: "resource temporarily unavailable",
  ECONNABORTED: "software caused connection abort",
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset by peer",
  EHOSTDOWN: "host is down",
  EHOSTUNREACH: "no route to host",
  EINVAL: "invalid argument",
  ELOOP: "too many levels of symbolic links",
  EMFILE: "too many open files",
  ENAMETOOLONG: "file name too long",
  ENETDOWN: "network is down",
  ENETUNREACH: "network is unreachable",
  ENFILE: "too many open files in system",
  ENOBUFS: "no buffer space available",
  ENOENT: "no such file or directory",
  ENOMEM: "cannot allocate memory",
  ENOTCONN: "transport endpoint is not connected",
  ENOTDIR: "not a directory",
  ENOTSOCK: "socket operation on non-socket",
  EPERM: "operation not permitted",
  EPIPE: "broken pipe",
  EPROTOTYPE: "protocol wrong type for socket",
  ETIMEDOUT: "connection timed out",
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
  return SYSTEM[systemCodeOf(error) ?? ""] ?? WORDS[error.code];
}
