// A stream seen as Web Streams. Nothing is read ahead of the reader: the
// high-water mark is 0. What is enqueued is memory of its own, because a byte
// stream takes the whole of it away from everybody else.

import { SocketError } from "./errors.ts";
import type { Framer } from "./framing.ts";
import type { Limits, Stream } from "./stream.ts";

const CHUNK_BYTES = 64 * 1024;

/** What the streams of a handle do on it; all but giving up throws when it is dead. */
export interface Ends {
  /** The stream below it. */
  live(): Stream;
  limits(): Limits;
  send(data: Uint8Array | string, options: { signal: AbortSignal }): Promise<number>;
  closeWrite(): Promise<void>;
  close(): void;
  abort(): void;
}

/** All that comes, as a byte stream. Cancelling it closes the connection. */
export function readableOf(ends: Ends): ReadableStream<Uint8Array> {
  return new ReadableStream({
    type: "bytes",
    async pull(controller) {
      const count = await take(ends.live(), ends.limits(), delivered(controller, CHUNK_BYTES));
      if (count === 0) close(controller);
    },
    cancel() {
      ends.close();
    },
  });
}

/**
 * Exactly `size` bytes, as a byte stream; the connection reads on behind them.
 * Cancelling it leaves the rest unread.
 */
export function bodyOf(ends: Ends, size: number): ReadableStream<Uint8Array> {
  const cancelled = new AbortController();
  let left = size;
  return new ReadableStream({
    type: "bytes",
    start(controller) {
      if (left === 0) controller.close();
    },
    async pull(controller) {
      const { signal } = cancelled;
      const frame = delivered(controller, Math.min(left, CHUNK_BYTES));
      const count = await take(
        ends.live(),
        { ...ends.limits(), signal },
        (buffer, ended) => signal.aborted ? undefined : frame(buffer, ended),
      );
      if (count === 0) {
        throw new SocketError(
          "closed",
          `Cannot receive a body of ${size} bytes: the peer ended ${left} bytes before its end`,
          { op: "receive" },
        );
      }
      left -= count;
      if (left === 0) close(controller);
    },
    // A read that waits for somebody else's bytes would take them.
    cancel() {
      cancelled.abort();
    },
  });
}

/** Sends what is written; closing ends the write side, aborting cuts off. */
export function writableOf(ends: Ends): WritableStream<Uint8Array | string> {
  return new WritableStream({
    async write(chunk, { signal }) {
      await ends.send(chunk, { signal });
    },
    close: () => ends.closeWrite(),
    abort: () => ends.abort(),
  });
}

/**
 * What has come, given to the reader in the same turn as it is taken: between
 * the two it could go away, and the bytes be lost. Says how many; 0 at the end.
 */
function delivered(controller: ReadableByteStreamController, maxBytes: number): Framer<number> {
  return (buffer, ended) => {
    if (buffer.length === 0) return ended ? 0 : undefined;
    const request = controller.byobRequest;
    const view = request?.view;
    if (view) {
      const size = Math.min(view.byteLength, maxBytes);
      const count = buffer.takeInto(new Uint8Array(view.buffer, view.byteOffset, size));
      request.respond(count);
      return count;
    }
    const bytes = buffer.peek().slice(0, maxBytes);
    // The stream takes the memory away, and the length with it.
    const { length } = bytes;
    buffer.skip(length);
    controller.enqueue(bytes as Uint8Array<ArrayBuffer>);
    return length;
  };
}

async function take(stream: Stream, limits: Limits, frame: Framer<number>): Promise<number> {
  return stream.take(frame) ?? await stream.read(frame, limits);
}

function close(controller: ReadableByteStreamController): void {
  controller.close();
  // A reader that brought its own memory still waits for it.
  controller.byobRequest?.respond(0);
}
