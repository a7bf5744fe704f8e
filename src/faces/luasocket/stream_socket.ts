// The public face of objects for streams: what TCP's and unix's have in common.

import type { Endpoint } from "./endpoint.ts";
import type { Failure, Received, Sent } from "./results.ts";
import type { StreamObject } from "./stream_object.ts";

/**
 * A stream socket object.
 *
 * @example
 * ```ts
 * import { socket, type StreamSocket } from "@cosocket/cosocket/luasocket";
 *
 * // TCP or unix: it is the same to a server that was bound.
 * async function next(server: StreamSocket, seconds: number) {
 *   server.settimeout(seconds);
 *   const [guest, err] = await server.accept();
 *   return guest ?? err;
 * }
 *
 * const [server] = await socket.bind("127.0.0.1", 0);
 * console.log(await next(server!, 0.01)); // timeout
 * await server!.close();
 * ```
 */
export abstract class StreamSocket {
  readonly #object: StreamObject;
  readonly #accepted: (endpoint: Endpoint) => StreamSocket;

  /** For the library. */
  constructor(object: unknown, accepted: unknown) {
    this.#object = object as StreamObject;
    this.#accepted = accepted as (endpoint: Endpoint) => StreamSocket;
  }

  /** The class, such as `tcp{client}`. */
  get class(): string {
    return this.#object.class;
  }

  /** The class, and a number that no other object has. */
  toString(): string {
    return this.#object.toString();
  }

  /** Waits for a connection, as long as the timeout says. */
  async accept(): Promise<[this] | Failure> {
    const got = await this.#object.accept();
    return typeof got === "string" ? [null, got] : [this.#accepted(got) as this];
  }

  /** Closes the socket; what was fetched before stays readable. Always gives 1. */
  close(): Promise<[1]> {
    return this.#object.close();
  }

  /** Whether fetched bytes wait to be received. */
  dirty(): [boolean] {
    return this.#object.dirty();
  }

  /** A number for `select` and `setfd`; -1 where nothing is open. */
  getfd(): [number] {
    return this.#object.getfd();
  }

  /**
   * Makes the object stand for what another one's `getfd` gave; -1 for nothing. What
   * it stood for before is not closed.
   */
  setfd(...args: unknown[]): [] {
    return this.#object.setfd(args);
  }

  /** Bytes received, bytes sent, and the object's age in seconds. */
  getstats(): [number, number, number] {
    return this.#object.getstats();
  }

  /** Sets them: `setstats(received?, sent?, age?)`. */
  setstats(...args: unknown[]): [1] {
    return this.#object.setstats(args);
  }

  /** Sets a limit in seconds: `settimeout(value?, mode?)`; mode `b`, `t` or `r`. */
  settimeout(...args: unknown[]): [1] {
    return this.#object.settimeout(args);
  }

  /** Makes a server of a socket that is bound: `listen(backlog?)`. */
  listen(...args: unknown[]): Promise<[1] | Failure> {
    return this.#object.listen(args);
  }

  /**
   * Receives a line (`"*l"`, what nil means), so many bytes, or all up to the end
   * (`"*a"`): `receive(pattern?, prefix?)`. The prefix stands before the result, and
   * counts as part of it.
   */
  receive(pattern?: unknown, prefix?: unknown): Promise<Received> {
    return this.#object.receive(pattern, prefix);
  }

  /** Sends a string, or a part of it: `send(data, i?, j?)`, i and j as in `string.sub`. */
  send(...args: unknown[]): Promise<Sent> {
    return this.#object.send(args);
  }

  /** Ends a direction: `shutdown("send" | "receive" | "both")`. Always gives 1. */
  shutdown(...args: unknown[]): [1] {
    return this.#object.shutdown(args);
  }
}
