import assert from "node:assert/strict";
import { test } from "node:test";
import { WebStreamsTransport } from "../../src/drivers/web_streams.ts";
import type { Transport } from "../../src/transport.ts";
import { checkTransport, type Gaps } from "../conformance/transport.ts";

const gaps: Gaps = {
  options: "There is no system that has switches",
  addresses: "There is no system that gives addresses",
};

const HELD_BYTES = 256 * 1024;

/** One direction: what is written at one end waits, a bounded amount of it, until it is read. */
function pipe(type: "bytes" | undefined) {
  let wake = () => {};
  let gone: unknown;
  let controller!: ReadableByteStreamController | ReadableStreamDefaultController<Uint8Array>;
  const readable = new ReadableStream<Uint8Array>(
    {
      type: type as undefined,
      start: (it) => void (controller = it),
      pull: () => wake(),
      cancel(reason) {
        gone = reason;
        wake();
      },
    },
    type
      ? { highWaterMark: HELD_BYTES }
      : new ByteLengthQueuingStrategy({ highWaterMark: HELD_BYTES }),
  );
  const writable = new WritableStream<Uint8Array>({
    async write(bytes) {
      if (gone !== undefined) throw gone;
      controller.enqueue(bytes);
      while (controller.desiredSize! <= 0 && gone === undefined) {
        await new Promise<void>((resolve) => wake = resolve);
      }
      if (gone !== undefined) throw gone;
    },
    close() {
      if (gone !== undefined) return;
      controller.close();
      if ("byobRequest" in controller) controller.byobRequest?.respond(0);
    },
    abort: (reason) => controller.error(reason),
  });
  return { readable, writable };
}

function pair(type: "bytes" | undefined): Promise<[Transport, Transport]> {
  const there = pipe(type);
  const back = pipe(type);
  return Promise.resolve([
    new WebStreamsTransport({ readable: back.readable, writable: there.writable }),
    new WebStreamsTransport({ readable: there.readable, writable: back.writable }),
  ]);
}

checkTransport("Web Streams of bytes", () => pair("bytes"), { gaps });
checkTransport("Web Streams of chunks", () => pair(undefined), { gaps });

for (const type of ["bytes", undefined] as const) {
  const kind = type ?? "chunks";
  test(`Web Streams of ${kind}: unlock() gives both back, and is the end of the transport`, async () => {
    const there = pipe(type);
    const back = pipe(type);
    const transport = new WebStreamsTransport({
      readable: back.readable,
      writable: there.writable,
    });
    await transport.write(new Uint8Array([1]));
    transport.unlock();
    assert.deepEqual([back.readable.locked, there.writable.locked], [false, false]);
    await assert.rejects(transport.pull(), { code: "closed" });
    await assert.rejects(transport.write(new Uint8Array([2])), { code: "closed" });
    transport.close();
    // Whoever has them now goes on with what came and comes.
    const writer = there.writable.getWriter();
    await writer.write(new Uint8Array([3]));
    const reader = there.readable.getReader();
    assert.deepEqual((await reader.read()).value, new Uint8Array([1]));
    assert.deepEqual((await reader.read()).value, new Uint8Array([3]));
  });
}
