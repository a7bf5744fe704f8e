/**
 * What went wrong with a socket.
 *
 * @example
 * ```ts
 * import { connect, SocketError } from "@cosocket/cosocket/sockets";
 *
 * const error = await connect("127.0.0.1:0").opened.catch((error) => error);
 * console.log(error instanceof SocketError, error instanceof TypeError); // true true
 * ```
 */
export class SocketError extends TypeError {
  /** Makes an error; `"SocketError: "` goes before the message. */
  constructor(message: string, options?: ErrorOptions) {
    super(`SocketError: ${message}`, options);
  }
}

/** Whatever was thrown below, as an error of this API. */
export function wrapped(error: unknown): SocketError {
  if (error instanceof SocketError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new SocketError(message, { cause: error });
}
