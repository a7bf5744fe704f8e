// Our errors in the original's words: some of its own, else the C library's.

import { systemCodeOf } from "../../drivers/map_error.ts";
import { SocketError, type SocketErrorCode } from "../../errors.ts";

const SYSTEM: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EADDRINUSE: "address already in use",
  EADDRNOTAVAIL: "Cannot assign requested address",
  EAFNOSUPPORT: "Address family not supported by protocol",
  EALREADY: "Operation already in progress",
  EBADF: "Bad file descriptor",
  ECONNABORTED: "closed",
  ECONNREFUSED: "connection refused",
  ECONNRESET: "closed",
  EDESTADDRREQ: "Destination address required",
  EHOSTDOWN: "Host is down",
  EHOSTUNREACH: "No route to host",
  EINPROGRESS: "Operation now in progress",
  EINVAL: "Invalid argument",
  EISCONN: "already connected",
  ELOOP: "Too many levels of symbolic links",
  EMFILE: "Too many open files",
  EMSGSIZE: "Message too long",
  ENAMETOOLONG: "File name too long",
  ENETDOWN: "Network is down",
  ENETUNREACH: "Network is unreachable",
  ENFILE: "Too many open files in system",
  ENOBUFS: "No buffer space available",
  ENOENT: "No such file or directory",
  ENOMEM: "Cannot allocate memory",
  ENOTCONN: "Transport endpoint is not connected",
  ENOTDIR: "Not a directory",
  ENOTSOCK: "Socket operation on non-socket",
  EOPNOTSUPP: "Operation not supported",
  EPERM: "Operation not permitted",
  EPIPE: "closed",
  EPROTONOSUPPORT: "Protocol not supported",
  EPROTOTYPE: "Protocol wrong type for socket",
  EROFS: "Read-only file system",
  ETIMEDOUT: "timeout",
};

// Where the runtime tells no system code.
const WORDS: Readonly<Record<SocketErrorCode, string>> = {
  "timeout": "timeout",
  "closed": "closed",
  "reset": "closed",
  "refused": "connection refused",
  "unreachable": "No route to host",
  "address in use": "address already in use",
  "address not available": "Cannot assign requested address",
  "not found": "No such file or directory",
  "denied": "permission denied",
  "busy": "Operation already in progress",
  "too large": "Message too long",
  "aborted": "closed",
  "tls": "unknown error",
  "pool": "unknown error",
  "unsupported": "Operation not supported",
  "failed": "unknown error",
};

export const NOT_CONNECTED: string = SYSTEM["ENOTCONN"]!;
export const BAD_DESCRIPTOR: string = SYSTEM["EBADF"]!;
export const INVALID: string = SYSTEM["EINVAL"]!;
export const IN_PROGRESS: string = SYSTEM["EALREADY"]!;

/** What the resolver says. */
export const UNKNOWN_NAME = "host or service not provided, or not known";
export const UNKNOWN_SERVICE = "service not supported for socket type";
export const WRONG_FAMILY = "Address family for hostname not supported";
export const NO_NAME_SERVER = "temporary failure in name resolution";

/** The original's word for an error; a mistake of the program's stays one. */
export function wordFor(error: unknown): string {
  if (!(error instanceof SocketError) || error.code === "busy") throw error;
  if (error.code === "closed" || error.code === "aborted") return "closed";
  return SYSTEM[systemCodeOf(error) ?? ""] ?? WORDS[error.code];
}
