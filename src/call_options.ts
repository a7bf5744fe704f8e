// What bounds a call of a handle, as its users say it.

import { checkMs, checkOptions, checkSignal } from "./check.ts";
import type { Limits } from "./stream.ts";

/**
 * Limits of one call; what is absent is taken from the socket.
 *
 * @example
 * ```ts
 * import { socketPair } from "@cosocket/cosocket/testing";
 *
 * const [sock, peer] = socketPair();
 * await peer.send("hel");
 * await sock.receiveLine({ timeoutMs: 20 }).catch((error) => console.log(error.code)); // timeout
 * await peer.send("lo\n");
 * console.log(await sock.receiveLine({ deadlineMs: 1000 })); // hello: nothing was lost
 * ```
 */
export interface CallOptions {
  /** Milliseconds without a byte; 0 waits for ever. It starts anew with each arrival. */
  timeoutMs?: number;
  /** Milliseconds for the whole call. */
  deadlineMs?: number;
  /** Gives up when aborted; nothing is lost by it. */
  signal?: AbortSignal;
}

/** The limits of a call; what it does not say is taken from `usual`. */
export function limitsOf(options: CallOptions | undefined, usual: Limits): Limits {
  if (checkOptions("options", options) === undefined) return usual;
  const { timeoutMs, deadlineMs, signal } = options!;
  return {
    timeoutMs: timeoutMs === undefined ? usual.timeoutMs : checkMs("timeoutMs", timeoutMs),
    deadlineMs: deadlineMs === undefined ? undefined : checkMs("deadlineMs", deadlineMs),
    signal: checkSignal(signal),
  };
}
