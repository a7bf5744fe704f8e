/**
 * For the tests of clients and servers: a pair of connected sockets without a
 * network.
 *
 * @example
 * ```ts
 * import { socketPair } from "@cosocket/cosocket/testing";
 *
 * const [client, server] = socketPair();
 * await client.send("hello\n");
 * console.log(await server.receiveLine());
 * ```
 *
 * @module
 */

import {
  checkSocketOptions,
  type Cosocket,
  cosocketOn,
  type SocketOptions,
} from "./src/cosocket.ts";
import { memoryPair } from "./src/drivers/memory.ts";
import { Stream } from "./src/stream.ts";

/**
 * Two sockets connected to one another, in memory: a client's, and a server's.
 *
 * @example
 * ```ts
 * import { socketPair } from "@cosocket/cosocket/testing";
 *
 * const [client, server] = socketPair({ readTimeoutMs: 1000 });
 * const answer = client.receiveLine();
 * await server.send(["cut ", "anywhere"]);
 * await server.send("\n");
 * console.log(await answer); // cut anywhere
 * ```
 */
export function socketPair(options: SocketOptions = {}): [Cosocket, Cosocket] {
  checkSocketOptions(options);
  const [here, there] = memoryPair();
  return [
    cosocketOn(new Stream(here), options),
    cosocketOn(new Stream(there, undefined, { side: "server" }), options),
  ];
}
