// The `writable` of a socket. When the socket is closed, or handed over to TLS, what was
// written before is still sent, and what is written later is not. The stream itself cannot
// tell the two apart, so what is written is counted until it is sealed, and what is sent is
// counted back.

import { DEFAULT_TIMEOUT_MS } from "../../connect.ts";
import type { Cosocket } from "../../cosocket.ts";
import { systemClock } from "../../drivers/clock.ts";
import { SocketError, wrapped } from "./error.ts";

/** What the socket is told. */
export interface OutputEvents {
  /** All was sent, and the peer was told the end. */
  closed(): void;
  /** The stream was aborted. */
  aborted(): void;
  /** What was written cannot be sent, or the peer cannot be told the end. */
  failed(error: SocketError): void;
}

/** What is sent to the peer, as a stream. */
export class Output {
  readonly stream: WritableStream<ArrayBufferView | ArrayBuffer | string>;
  readonly #core: Promise<Cosocket>;
  readonly #events: OutputEvents;
  #controller!: WritableStreamDefaultController;
  #ended = false;
  #sealed = false;
  #reason: unknown;
  // Chunks that were written before it was sealed, and are not sent yet.
  #unsent = 0;
  #whenSent: (() => void) | undefined;

  constructor(core: Promise<Cosocket>, events: OutputEvents) {
    this.#core = core;
    this.#events = events;
    this.stream = new WritableStream<ArrayBufferView | ArrayBuffer | string>({
      start: (controller) => {
        this.#controller = controller;
        return core.then(() => {});
      },
      write: (chunk, { signal }) => this.#write(chunk, signal),
      close: () => this.#close(),
      abort: () => {
        this.#end();
        events.aborted();
      },
    }, {
      highWaterMark: 1,
      // Called for each chunk that is written, as soon as it is.
      size: () => {
        if (!this.#sealed) this.#unsent++;
        return 1;
      },
    });
  }

  /** Whether nothing will be sent any more: the stream was closed, aborted, or it broke. */
  get ended(): boolean {
    return this.#ended;
  }

  /** What is written from now on fails with `reason`. */
  seal(reason: unknown): void {
    this.#sealed = true;
    this.#reason = reason;
  }

  /** Resolves when all that was written before the seal is sent, or has no hope to be. */
  async finish(): Promise<void> {
    if (this.#unsent > 0 && !this.#ended) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#whenSent = resolve;
      const cancel = systemClock.after(DEFAULT_TIMEOUT_MS, () => resolve(), false);
      await promise;
      cancel();
    }
    this.fail();
  }

  /** Ends the stream at once, with the reason of the seal. */
  fail(): void {
    this.#end();
    this.#controller.error(this.#reason);
  }

  async #write(chunk: ArrayBufferView | ArrayBuffer | string, signal: AbortSignal): Promise<void> {
    // Written behind the seal, before `finish` had told the stream.
    if (this.#sealed && this.#unsent === 0) throw this.#reason;
    try {
      await (await this.#core).send(bytesOf(chunk), { signal });
    } catch (cause) {
      // The stream drops what else was written.
      this.#end();
      // Given up by `abort`, which the stream calls next.
      if (signal.aborted) throw wrapped(cause);
      throw this.#failed(cause);
    }
    this.#unsent--;
    if (this.#unsent === 0) this.#whenSent?.();
  }

  async #close(): Promise<void> {
    this.#end();
    // The connection is closed by whoever sealed this, or belongs to TLS by now.
    if (this.#sealed) return;
    try {
      await (await this.#core).closeWrite();
    } catch (cause) {
      throw this.#failed(cause);
    }
    this.#events.closed();
  }

  #failed(cause: unknown): SocketError {
    const error = wrapped(cause);
    this.#events.failed(error);
    return error;
  }

  #end(): void {
    this.#ended = true;
    this.#whenSent?.();
  }
}

function bytesOf(chunk: ArrayBufferView | ArrayBuffer | string): Uint8Array | string {
  if (typeof chunk === "string" || chunk instanceof Uint8Array) return chunk;
  if (ArrayBuffer.isView(chunk)) {
    return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk);
  throw new SocketError("Cannot send: a chunk must be bytes or text");
}
