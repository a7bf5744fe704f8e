// Between LTN12 and Web Streams. A chunk is asked for when somebody reads, and the
// next one taken when the last was: nothing is read ahead, nothing piles up.

import { bytesOf } from "../../../bytes.ts";
import { SocketError } from "../../../errors.ts";
import { LuaError, textOf } from "../../lua.ts";
import { call, dataText, isTrue } from "../calls.ts";
import { wordFor } from "../words.ts";
import { cancel, withCancel } from "./sources.ts";
import type { Chunk, Sink, SinkLike, Source, SourceLike } from "./types.ts";

/**
 * Makes a byte stream of a source, with its error as the stream's. Cancelling it
 * cancels what the source stands on: it closes the socket of a source that is
 * `"until-closed"`, a file, or a stream, and leaves all others as they are.
 *
 * @example
 * ```ts
 * import { ltn12, toReadable } from "@cosocket/cosocket/luasocket";
 *
 * const readable = toReadable(ltn12.source.table(["one, ", "two"]));
 * const text = await new Response(readable).text();
 * if (text !== "one, two") throw new Error(text);
 * ```
 */
export function toReadable(source: SourceLike): ReadableStream<Uint8Array> {
  return new ReadableStream({
    type: "bytes",
    async pull(controller) {
      for (;;) {
        const [chunk, err] = await call(source);
        if (!isTrue(chunk)) {
          if (isTrue(err)) throw asError(err);
          controller.close();
          // A reader that brought its own memory still waits for it.
          controller.byobRequest?.respond(0);
          return;
        }
        const bytes = bytesFor(chunk);
        if (bytes.length === 0) continue;
        controller.enqueue(bytes);
        return;
      }
    },
    async cancel() {
      await cancel(source);
    },
  });
}

/**
 * Makes a stream to write to of a sink. Closing it tells the sink the end, aborting
 * it the end and why; what the sink refuses is the stream's error.
 *
 * @example
 * ```ts
 * import { ltn12, toWritable } from "@cosocket/cosocket/luasocket";
 *
 * const [sink, chunks] = ltn12.sink.table();
 * await new Response("some text").body!.pipeTo(toWritable(sink));
 * if (chunks.join("") !== "some text") throw new Error(chunks.join(""));
 * ```
 */
export function toWritable(sink: SinkLike): WritableStream<Uint8Array | string> {
  const tell = async (chunk: Chunk, err: unknown) => {
    const [ok, why] = await call(sink, chunk, err);
    if (!isTrue(ok)) throw asError(why);
  };
  return new WritableStream({
    write: (chunk) => tell(dataText(chunk, "write"), null),
    close: () => tell(null, null),
    abort: (reason) => tell(null, reason === undefined ? "aborted" : valueOf(reason)),
  });
}

/**
 * Makes a source of a stream, which is locked until its end. The stream's error is
 * the source's, as a text; `source.cancel()` cancels the stream.
 *
 * @example
 * ```ts
 * import { fromReadable, ltn12 } from "@cosocket/cosocket/luasocket";
 *
 * const [sink, chunks] = ltn12.sink.table();
 * await ltn12.pump.all(fromReadable(new Response("some text").body!), sink);
 * if (chunks.join("") !== "some text") throw new Error(chunks.join(""));
 * ```
 */
export function fromReadable(readable: ReadableStream<Uint8Array | string>): Source {
  const reader = readable.getReader();
  let over: [null] | [null, unknown] | undefined;
  return withCancel(async () => {
    if (over !== undefined) return [...over];
    try {
      const { done, value } = await reader.read();
      if (!done) return [dataText(value, "read")];
      over = [null];
    } catch (error) {
      if (error instanceof LuaError) throw error;
      over = [null, valueOf(error)];
    }
    reader.releaseLock();
    return [...over];
  }, async () => {
    if (over !== undefined) return;
    over = [null];
    await reader.cancel();
    reader.releaseLock();
  });
}

/**
 * Makes a sink of a stream, which is locked until its end. It waits for room before
 * each chunk; the end closes the stream, an end with an error aborts it. The
 * stream's own error is what the sink answers, as a text.
 *
 * @example
 * ```ts
 * import { fromWritable, ltn12 } from "@cosocket/cosocket/luasocket";
 *
 * const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
 * const [[ok], text] = await Promise.all([
 *   ltn12.pump.all(ltn12.source.string("some text"), fromWritable(writable)),
 *   new Response(readable).text(),
 * ]);
 * if (!ok || text !== "some text") throw new Error(text);
 * ```
 */
export function fromWritable(writable: WritableStream<Uint8Array>): Sink {
  const writer = writable.getWriter();
  // What is done with a stream that has failed does not fail for the stream's reason.
  let failure: unknown;
  writer.closed.catch((error) => failure = error);
  return async (chunk, err) => {
    const bytes = isTrue(chunk) ? bytesFor(chunk) : undefined;
    try {
      if (bytes === undefined) {
        if (isTrue(err)) await writer.abort(asError(err));
        else await writer.close();
        writer.releaseLock();
      } else {
        await writer.ready;
        // It is the next call that hears of a failure: this one made room for it.
        if (bytes.length > 0) writer.write(bytes).catch(() => {});
      }
      return [1];
    } catch (error) {
      return [null, valueOf(failure ?? error)];
    }
  };
}

// The values that errors of ours stand for.
const values = new WeakMap<object, unknown>();

/** A stream's error for a value that says why. */
function asError(value: unknown): Error {
  if (value instanceof Error) return value;
  const error = new Error(textOf(value));
  values.set(error, value);
  return error;
}

/** The value that says why, for a stream's error; true, or the end would look like a good one. */
function valueOf(error: unknown): unknown {
  const isObject = typeof error === "object" && error !== null;
  if (isObject && values.has(error)) return values.get(error);
  if (error instanceof SocketError) return wordFor(error);
  if (error instanceof Error) return error.message;
  return isTrue(error) ? error : textOf(error);
}

/** The bytes of a chunk, in memory that a stream may take away. */
function bytesFor(chunk: unknown): Uint8Array<ArrayBuffer> {
  const bytes = chunk instanceof Uint8Array ? chunk.slice() : bytesOf(dataText(chunk, "write"));
  return bytes as Uint8Array<ArrayBuffer>;
}
