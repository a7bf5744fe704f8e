// The one place where a runtime's error becomes ours: by its code, or by the
// class that Deno gives it, never by the wording of its message.

import {
  SocketError,
  type SocketErrorCode,
  type SocketErrorOptions,
  type SocketOperation,
} from "../errors.ts";

const CODES: Readonly<Record<string, SocketErrorCode>> = {
  ECONNREFUSED: "refused",
  // A unix socket whose queue is full.
  EAGAIN: "refused",
  ECONNRESET: "reset",
  ECONNABORTED: "reset",
  EPIPE: "reset",
  ETIMEDOUT: "timeout",
  EHOSTUNREACH: "unreachable",
  EHOSTDOWN: "unreachable",
  ENETUNREACH: "unreachable",
  ENETDOWN: "unreachable",
  EADDRINUSE: "address in use",
  EADDRNOTAVAIL: "address not available",
  ENOENT: "not found",
  ENOTFOUND: "not found",
  EAI_AGAIN: "not found",
  EAI_NONAME: "not found",
  EAI_NODATA: "not found",
  DNS_ENOTFOUND: "not found",
  EACCES: "denied",
  EPERM: "denied",
  ERR_ACCESS_DENIED: "denied",
};

// Deno names some errors by class and leaves the code out.
const NAMES: Readonly<Record<string, SocketErrorCode>> = {
  ConnectionRefused: "refused",
  ConnectionReset: "reset",
  ConnectionAborted: "reset",
  BrokenPipe: "reset",
  TimedOut: "timeout",
  HostUnreachable: "unreachable",
  NetworkUnreachable: "unreachable",
  AddrInUse: "address in use",
  AddrNotAvailable: "address not available",
  NotFound: "not found",
  PermissionDenied: "denied",
  NotCapable: "denied",
  Interrupted: "closed",
  BadResource: "closed",
};

const WORDS: Readonly<Record<SocketErrorCode, string>> = {
  "timeout": "the system gave up waiting",
  "closed": "the connection is closed",
  "reset": "the peer cut the connection off",
  "refused": "nobody listens there",
  "unreachable": "there is no way to that address",
  "address in use": "the address is in use",
  "address not available": "this machine has no such address",
  "not found": "there is no such name or file",
  "denied": "permission was denied",
  "busy": "another call is under way",
  "too large": "it is too large",
  "aborted": "the caller's signal was aborted",
  "tls": "TLS could not be started",
  "pool": "the pool refused",
  "unsupported": "this runtime cannot",
  "failed": "the system refused",
};

interface RuntimeError {
  code?: unknown;
  name?: unknown;
  message?: unknown;
  errno?: unknown;
  syscall?: unknown;
  hostname?: unknown;
}

/** The word for a runtime's error. */
export function codeOf(error: unknown): SocketErrorCode {
  if (error instanceof SocketError) return error.code;
  const { code, name } = (error ?? {}) as RuntimeError;
  return CODES[String(code)] ?? NAMES[String(name)] ?? "failed";
}

/** The symbol of the system call's error, such as `EPIPE`, where the runtime tells it. */
export function systemCodeOf(error: unknown): string | undefined {
  for (let it = error; it instanceof Error; it = it.cause) {
    const { code } = it as RuntimeError;
    if (typeof code === "string" && /^E[A-Z0-9]+$/.test(code)) return code;
  }
  return undefined;
}

/** A runtime's error as ours. `what` says what could not be done. */
export function mapError(
  error: unknown,
  op: SocketOperation,
  what: string,
  address?: string,
): SocketError {
  if (error instanceof SocketError) return error;
  const code = codeOf(error);
  const { message } = (error ?? {}) as RuntimeError;
  const flag = code === "denied" ? missingFlag(error as RuntimeError) : undefined;
  const why = flag !== undefined
    ? `${WORDS[code]}; run with ${flag}`
    : code === "failed"
    ? `${WORDS[code]} (${String(message)})`
    : WORDS[code];
  const options: SocketErrorOptions = { op, cause: error };
  if (address !== undefined) options.address = address;
  return new SocketError(code, `${what}: ${why}`, options);
}

/** The flag that would allow what Deno refused. */
function missingFlag(error: RuntimeError): string | undefined {
  // A look-up is refused in the system's words.
  const { code, syscall, hostname } = error;
  if ("Deno" in globalThis && code === "EPERM" && syscall === "getaddrinfo") {
    return `--allow-net=${hostname}`;
  }
  if (error.name !== "NotCapable") return undefined;
  const message = String(error.message);
  const flag = /--allow-\w+/.exec(message)?.[0] ?? "--allow-net";
  const access = /\w+ access to "([^"]*)"/.exec(message)?.[1];
  // No command line can hold the NUL of an abstract unix socket.
  return access === undefined || access.includes("\0") ? flag : `${flag}=${access}`;
}
