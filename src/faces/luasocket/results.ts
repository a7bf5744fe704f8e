// The shapes of what calls give.

/**
 * What a call gives that fails: nil and why.
 *
 * @example
 * ```ts
 * import { type Failure, socket } from "@cosocket/cosocket/luasocket";
 *
 * const isFailure = (got: unknown[]): got is Failure => got[0] === null;
 * const got = await socket.connect("127.0.0.1", 1);
 * if (isFailure(got)) console.log(got[1]); // connection refused
 * ```
 */
export type Failure = [null, string];

/**
 * What `receive` gives; the partial data are taken.
 *
 * @example
 * ```ts
 * import { type Received, socket } from "@cosocket/cosocket/luasocket";
 *
 * const [server] = await socket.bind("127.0.0.1", 0);
 * const [, port] = server!.getsockname();
 * const [client] = await socket.connect("127.0.0.1", port);
 * const [guest] = await server!.accept();
 * await client!.send("half a line");
 * await client!.close();
 * const [line, err, partial]: Received = await guest!.receive();
 * console.log(line, err, partial); // null closed half a line
 * for (const it of [guest, server]) await it!.close();
 * ```
 */
export type Received = [string, null, null] | [null, string, string];

/**
 * What `send` gives: the index of the last byte sent.
 *
 * @example
 * ```ts
 * import { type Sent, socket } from "@cosocket/cosocket/luasocket";
 *
 * const [server] = await socket.bind("127.0.0.1", 0);
 * const [, port] = server!.getsockname();
 * const [client] = await socket.connect("127.0.0.1", port);
 * const [last, err, far]: Sent = await client!.send("0123456789", 3, 6);
 * console.log(last ?? far, err); // 6 null
 * for (const it of [client, server]) await it!.close();
 * ```
 */
export type Sent = [number, null, null] | [null, string, number];
