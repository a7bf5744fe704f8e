// Sources and sinks of LTN12 that stand on a connected socket, by name. They can be
// called, and have `getfd` and `dirty`, so that `select` takes them for the socket.

import { LuaError, typeName } from "../lua.ts";
import { isTrue, orNil } from "./calls.ts";
import { chunkedSink, chunkedSource } from "./chunked.ts";
import { type Choice, type Choose, choose } from "./except.ts";
import type { Chunk, SinkResult, SourceResult } from "./ltn12/types.ts";
import { type Carrier, type Selectable, selectable, sent } from "./selectable.ts";

/**
 * A source that stands on a socket.
 *
 * @example
 * ```ts
 * import { type SocketSource, socket } from "@cosocket/cosocket/luasocket";
 *
 * const [server] = await socket.bind("127.0.0.1", 0);
 * const [, port] = server!.getsockname();
 * const [client] = await socket.connect("127.0.0.1", port);
 * const [guest] = await server!.accept();
 * await client!.send("12345678 and more");
 * const source: SocketSource = socket.source("by-length", guest, 8);
 * console.log(await source(), await source()); // [ "12345678" ] [ null ]
 * for (const it of [client, guest, server]) await it!.close();
 * ```
 */
export interface SocketSource extends Selectable {
  /** Receives the next chunk. */
  (): Promise<SourceResult>;
  /** Closes the socket, if the source would. */
  cancel?(): unknown;
}

/**
 * A sink that stands on a socket.
 *
 * @example
 * ```ts
 * import { socket, type SocketSink } from "@cosocket/cosocket/luasocket";
 *
 * const [server] = await socket.bind("127.0.0.1", 0);
 * const [, port] = server!.getsockname();
 * const [client] = await socket.connect("127.0.0.1", port);
 * const [guest] = await server!.accept();
 * const sink: SocketSink = socket.sink("close-when-done", client);
 * await sink("some text");
 * await sink(null); // closes the client
 * console.log(await guest!.receive("*a")); // [ "some text", null, null ]
 * for (const it of [guest, server]) await it!.close();
 * ```
 */
export interface SocketSink extends Selectable {
  /** Sends a chunk; `null` is the end. */
  (chunk?: Chunk | Uint8Array, err?: unknown): Promise<SinkResult>;
}

/**
 * The part of the module `socket` that makes sources and sinks.
 *
 * @example
 * ```ts
 * import { type Carrier, socket } from "@cosocket/cosocket/luasocket";
 *
 * // One of our own, chosen by its name from then on.
 * socket.sourcet["by-header"] = (sock: Carrier, size: string) =>
 *   socket.source("by-length", sock, Number(size));
 *
 * const sock: Carrier = { receive: async () => ["body"], send: async () => [0], close() {} };
 * console.log(await socket.source("by-header", sock, "4")()); // [ "body" ]
 * ```
 */
export interface SocketStreams {
  /**
   * Makes a source: `source("until-closed", sock)`, `source("by-length", sock, size)`
   * or `source("http-chunked", sock, headers)`; the first one if no name is given.
   */
  source: Choose<SocketSource>;
  /**
   * Makes a sink: `sink("keep-open", sock)`, `sink("close-when-done", sock)` or
   * `sink("http-chunked", sock)`; the first one if no name is given.
   */
  sink: Choose<SocketSink>;
  /** The sources by name; add your own. */
  sourcet: Record<string, Choice<SocketSource>>;
  /** The sinks by name; add your own. */
  sinkt: Record<string, Choice<SocketSink>>;
}

/**
 * Makes that part of the module.
 *
 * `"http-chunked"` is there from the start, as the manual has it; in the original
 * it is only after `require "socket.http"`.
 *
 * @param module Its `BLOCKSIZE` is looked at for each chunk.
 */
export function socketStreams(module: { BLOCKSIZE: number }): SocketStreams {
  const untilClosed: Choice<SocketSource> = (sock: Carrier) => {
    let done = false;
    const finish = async () => {
      await sock.close();
      done = true;
    };
    const source = async (): Promise<SourceResult> => {
      if (done) return [null];
      const [chunk, err, partial] = await sock.receive(module.BLOCKSIZE);
      if (!isTrue(err)) return [orNil(chunk) as Chunk];
      if (err !== "closed") return [null, err];
      await finish();
      return [orNil(partial) as Chunk];
    };
    return Object.assign(selectable(sock, source), { cancel: finish });
  };

  const byLength: Choice<SocketSource> = (sock: Carrier, length?: number) => {
    let left = length;
    return selectable(sock, async (): Promise<SourceResult> => {
      if (typeof left !== "number") {
        throw new LuaError(`attempt to compare ${typeName(left)} with number`);
      }
      if (left <= 0) return [null];
      const [chunk, err] = await sock.receive(Math.min(module.BLOCKSIZE, left));
      if (isTrue(err)) return [null, err];
      left -= (chunk as string).length;
      return [chunk as Chunk];
    });
  };

  const keepOpen: Choice<SocketSink> = (sock: Carrier) =>
    selectable(sock, async (chunk?: unknown) => isTrue(chunk) ? await sent(sock, chunk) : [1]);

  const closeWhenDone: Choice<SocketSink> = (sock: Carrier) =>
    selectable(sock, async (chunk?: unknown): Promise<SinkResult> => {
      if (isTrue(chunk)) return await sent(sock, chunk);
      await sock.close();
      return [1];
    });

  const sourcet = {
    "by-length": byLength,
    "until-closed": untilClosed,
    "http-chunked": (sock: Carrier, headers?: Record<string, string>) =>
      selectable(sock, chunkedSource(sock, headers)),
    "default": untilClosed,
  };
  const sinkt = {
    "close-when-done": closeWhenDone,
    "keep-open": keepOpen,
    "http-chunked": (sock: Carrier) => selectable(sock, chunkedSink(sock)),
    "default": keepOpen,
  };
  return { source: choose(sourcet), sink: choose(sinkt), sourcet, sinkt };
}
