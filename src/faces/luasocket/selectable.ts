// What sources and sinks need of a socket, and tell of it.

import type { SinkResult } from "./ltn12/types.ts";

/**
 * What sources and sinks need of a socket.
 *
 * @example
 * ```ts
 * import { type Carrier, ltn12, socket } from "@cosocket/cosocket/luasocket";
 *
 * // Whatever sends and receives will do, such as one that only records.
 * const sent: string[] = [];
 * const recorder: Carrier = {
 *   send: async (data) => [sent.push(data)],
 *   receive: async () => [null, "closed"],
 *   close: () => sent.push("(closed)"),
 * };
 * await ltn12.pump.all(ltn12.source.string("hi"), socket.sink("close-when-done", recorder));
 * console.log(sent); // [ "hi", "(closed)" ]
 * ```
 */
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

/**
 * What a source and a sink tell of their socket.
 *
 * @example
 * ```ts
 * import { type Selectable, socket } from "@cosocket/cosocket/luasocket";
 *
 * const [server] = await socket.bind("127.0.0.1", 0);
 * const named: Selectable & { name: string } = {
 *   name: "the door",
 *   getfd: () => server!.getfd(),
 *   dirty: () => server!.dirty(),
 * };
 * const [, port] = server!.getsockname();
 * const [client] = await socket.connect("127.0.0.1", port);
 * const [ready] = await socket.select([named]);
 * console.log(ready[0] === named); // true
 * for (const it of [client, server]) await it!.close();
 * ```
 */
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
