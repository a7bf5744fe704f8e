// Our errors in the original's words: some of its own, else the C library's.

import { SocketError, type SocketErrorCode } from "../../errors.ts";
import { systemError, systemErrorOf } from "../system_errors.ts";

// Where the original says something else than the C library.
const OWN: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EADDRINUSE: "address already in use",
  ECONNABORTED: "closed",
  ECONNREFUSED: "connection refused",
  ECONNRESET: "closed",
  EISCONN: "already connected",
  EPIPE: "closed",
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

export const NOT_CONNECTED: string = systemError("ENOTCONN")!.text;
export const BAD_DESCRIPTOR: string = systemError("EBADF")!.text;
export const INVALID: string = systemError("EINVAL")!.text;
export const IN_PROGRESS: string = systemError("EALREADY")!.text;

/** What the resolver says. */
export const UNKNOWN_NAME = "host or service not provided, or not known";
export const UNKNOWN_SERVICE = "service not supported for socket type";
export const WRONG_FAMILY = "Address family for hostname not supported";
export const NO_NAME_SERVER = "temporary failure in name resolution";

/** The original's word for an error; a mistake of the program's stays one. */
export function wordFor(error: unknown): string {
  if (!(error instanceof SocketError) || error.code === "busy") throw error;
  if (error.code === "closed" || error.code === "aborted") return "closed";
  const system = systemErrorOf(error);
  return OWN[system?.code ?? ""] ?? system?.text ?? WORDS[error.code];
}
