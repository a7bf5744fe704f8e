// The system's errors, as Linux numbers them and the C library words them.

import { systemCodeOf } from "../drivers/map_error.ts";

/** An error of the system's. */
export interface SystemError {
  /** Its symbol: `EPIPE`. */
  readonly code: string;
  /** Its number on Linux. */
  readonly number: number;
  /** The C library's words for it. */
  readonly text: string;
}

/** Those that sockets meet. */
export const SYSTEM_ERRORS: readonly SystemError[] = [
  { code: "EACCES", number: 13, text: "Permission denied" },
  { code: "EADDRINUSE", number: 98, text: "Address already in use" },
  { code: "EADDRNOTAVAIL", number: 99, text: "Cannot assign requested address" },
  { code: "EAFNOSUPPORT", number: 97, text: "Address family not supported by protocol" },
  { code: "EAGAIN", number: 11, text: "Resource temporarily unavailable" },
  { code: "EALREADY", number: 114, text: "Operation already in progress" },
  { code: "EBADF", number: 9, text: "Bad file descriptor" },
  { code: "ECONNABORTED", number: 103, text: "Software caused connection abort" },
  { code: "ECONNREFUSED", number: 111, text: "Connection refused" },
  { code: "ECONNRESET", number: 104, text: "Connection reset by peer" },
  { code: "EDESTADDRREQ", number: 89, text: "Destination address required" },
  { code: "EHOSTDOWN", number: 112, text: "Host is down" },
  { code: "EHOSTUNREACH", number: 113, text: "No route to host" },
  { code: "EINPROGRESS", number: 115, text: "Operation now in progress" },
  { code: "EINVAL", number: 22, text: "Invalid argument" },
  { code: "EISCONN", number: 106, text: "Transport endpoint is already connected" },
  { code: "ELOOP", number: 40, text: "Too many levels of symbolic links" },
  { code: "EMFILE", number: 24, text: "Too many open files" },
  { code: "EMSGSIZE", number: 90, text: "Message too long" },
  { code: "ENAMETOOLONG", number: 36, text: "File name too long" },
  { code: "ENETDOWN", number: 100, text: "Network is down" },
  { code: "ENETUNREACH", number: 101, text: "Network is unreachable" },
  { code: "ENFILE", number: 23, text: "Too many open files in system" },
  { code: "ENOBUFS", number: 105, text: "No buffer space available" },
  { code: "ENOENT", number: 2, text: "No such file or directory" },
  { code: "ENOMEM", number: 12, text: "Cannot allocate memory" },
  { code: "ENOTCONN", number: 107, text: "Transport endpoint is not connected" },
  { code: "ENOTDIR", number: 20, text: "Not a directory" },
  { code: "ENOTSOCK", number: 88, text: "Socket operation on non-socket" },
  { code: "EOPNOTSUPP", number: 95, text: "Operation not supported" },
  { code: "EPERM", number: 1, text: "Operation not permitted" },
  { code: "EPIPE", number: 32, text: "Broken pipe" },
  { code: "EPROTONOSUPPORT", number: 93, text: "Protocol not supported" },
  { code: "EPROTOTYPE", number: 91, text: "Protocol wrong type for socket" },
  { code: "EROFS", number: 30, text: "Read-only file system" },
  { code: "ETIMEDOUT", number: 110, text: "Connection timed out" },
];

const BY_CODE: ReadonlyMap<string, SystemError> = new Map(SYSTEM_ERRORS.map((it) => [it.code, it]));

/** The system's error of that symbol, where it is one of these. */
export function systemError(code: string): SystemError | undefined {
  return BY_CODE.get(code);
}

/** What the system said, if it did, and the runtime tells. */
export function systemErrorOf(error: unknown): SystemError | undefined {
  return systemError(systemCodeOf(error) ?? "");
}
