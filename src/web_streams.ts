// A stream seen as Web Streams. Nothing is read ahead of the reader: the
// high-water mark is 0. What is enqueued is memory of its own, because a byte
// stream takes the whole of it away from everybody else.

import { SocketError } from "./errors.ts";
import { any, into, type Take } from "./framing.ts";
import type { Limits, Stream } from "./stream.ts";

const CHUNK_BYTES = 64 * 1024;

const asOwnBytes: Take<Uint8Array> = (buffer, size) => {
  const bytes = buffer.peek().slice(0, size);
  buffer.skip(size);
  return bytes;
};

/** All that comes, as a byte stream. Cancelling it closes the connection. */
export function readableOf(stream: Stream, limits: () => Limits): ReadableStream<Uint8Array> {
  return new ReadableStream({
    type: "bytes",
    async pull(controller) {
      const count = await readOnce(stream, limits(), controller, CHUNK_BYTES);
      if (count === 0) close(controller);
    },
    cancel() {
      stream.close();
    },
  });
}

/**
 * Exactly `size` bytes, as a byte stream; the connection reads on behind them.
 * Cancelling it leaves the rest unread.
 */
export function bodyOf(
  stream: Stream,
  size: number,
  limits: () => Limits,
): ReadableStream<Uint8Array> {
  let left = size;
  return new ReadableStream({
    type: "bytes",
    start(controller) {
      if (left === 0) controller.close();
    },
    async pull(controller) {
      const count = await readOnce(stream, limits(), controller, Math.min(left, CHUNK_BYTES));
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
  });
}

/** Sends what is written; closing ends the write side, aborting cuts off. */
export function writableOf(
  stream: Stream,
  send: (data: Uint8Array | string) => Promise<number>,
): WritableStream<Uint8Array | string> {
  return new WritableStream({
    async write(chunk) {
      await send(chunk);
    },
    close: () => stream.closeWrite(),
    abort: () => stream.abort(),
  });
}

async function readOnce(
  stream: Stream,
  limits: Limits,
  controller: ReadableByteStreamController,
  maxBytes: number,
): Promise<number> {
  const view = controller.byobRequest?.view;
  if (view) {
    const room = new Uint8Array(view.buffer, view.byteOffset, Math.min(view.byteLength, maxBytes));
    const count = await readInto(stream, room, limits);
    if (count > 0) controller.byobRequest!.respond(count);
    return count;
  }
  const frame = any(maxBytes, asOwnBytes);
  const bytes = stream.take(frame) ?? await stream.read(frame, limits);
  if (bytes === null) return 0;
  controller.enqueue(bytes as Uint8Array<ArrayBuffer>);
  return bytes.length;
}

async function readInto(stream: Stream, room: Uint8Array, limits: Limits): Promise<number> {
  const frame = into(room);
  return stream.take(frame) ?? await stream.read(frame, limits);
}

function close(controller: ReadableByteStreamController): void {
  controller.close();
  // A reader that brought its own memory still waits for it.
  controller.byobRequest?.respond(0);
}
