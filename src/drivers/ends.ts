// How a transport is over, in the words that all drivers use.

import { SocketError } from "../errors.ts";

/** What is pending, or comes later, when we have closed it ourselves. */
export function closed(): SocketError {
  return new SocketError("closed", "Cannot go on: the connection was closed");
}

/** A write behind the end of the write side. */
export function writeEnded(): SocketError {
  return new SocketError("closed", "Cannot send: the write side was closed");
}

/** The end of a TLS stream without TLS's own end: somebody may have cut it off. */
export function cut(cause?: unknown): SocketError {
  return new SocketError("closed", "Cannot receive: the peer was cut off, TLS's end is missing", {
    cause,
  });
}
