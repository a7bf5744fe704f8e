/**
 * Web Streams: a `TextDecoderStream`, and behind it a stream that splits text into lines. On Deno
 * the streams are the connection's own, elsewhere those made of a `node:net` socket.
 *
 * @module
 */
import net from "node:net";
import { Duplex } from "node:stream";
import { contest } from "../contest.ts";
import { HOST, PING } from "../wire.ts";
import { asks, checkAnswer, frames } from "./awaited.ts";

/** Splits at LF, and drops CR LF. */
class LineStream extends TransformStream<string, string> {
  constructor() {
    let rest = "";
    super({
      transform(text, controller) {
        const lines = (rest + text).split("\n");
        rest = lines.pop()!;
        for (const line of lines) {
          controller.enqueue(line.endsWith("\r") ? line.slice(0, -1) : line);
        }
      },
    });
  }
}

interface Ends {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

async function open(port: number): Promise<Ends> {
  if ("Deno" in globalThis) return await Deno.connect({ hostname: HOST, port });
  const socket = net.connect({ host: HOST, port, noDelay: true });
  await new Promise((resolve) => socket.once("connect", resolve));
  return Duplex.toWeb(socket) as unknown as Ends;
}

async function dial(port: number) {
  const { readable, writable } = await open(port);
  const decoder = new TextDecoderStream() as unknown as TransformStream<Uint8Array, string>;
  const lines = readable.pipeThrough(decoder).pipeThrough(new LineStream()).getReader();
  return { lines, writer: writable.getWriter() };
}

await contest({
  works: {
    ask: asks(dial, async ({ lines, writer }, batch) => {
      await writer.write(new TextEncoder().encode(PING.repeat(batch)));
      for (let k = 0; k < batch; k++) checkAnswer((await lines.read()).value);
    }),
    lines: frames(dial, ({ lines }) => lines.read(), ({ value }) => value!.length),
  },
});
