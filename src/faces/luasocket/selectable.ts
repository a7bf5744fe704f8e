// What sources and sinks need of a socket, and tell of it.

import type { SinkResult } from "./ltn12/types.ts";

/** What sources and sinks need of a socket. */
export interface Carrier {
  /** Receives so many bytes, or a line. */
  receive(pattern?: number | string): Promise<readonly unknown[]>;
  /** Sends a byte string. */
  send(data: string): Promise<readonly unknown[]>;
  /** Closes the socket. */
  close(): unknown;
  /** What stands for its descriptor. */
  getfd?(): unknown;
  /** Whether it has something that was received and not taken. */
  dirty?(): unknown;
}

/** What a source and a sink tell of their socket. */
export interface Selectable {
  /** What stands for the socket's descriptor. */
  getfd(): unknown;
  /** Whether the socket has something that was received and not taken. */
  dirty(): unknown;
}

/** Something to call that can also be selected, as the socket it stands on. */
export function selectable<F>(sock: Carrier, call: F): F & Selectable {
  return Object.assign(call as F & object, {
    getfd: () => sock.getfd!(),
    dirty: () => sock.dirty!(),
  });
}

/** What a sink that sends gives. */
export async function sent(sock: Carrier, data: unknown): Promise<SinkResult> {
  return [...await sock.send(data as string)] as SinkResult;
}
