// The `readable` of a socket: a byte stream that never reads ahead of its reader.

import type { Cosocket } from "../../cosocket.ts";
import { type SocketError, wrapped } from "./error.ts";

// What a read takes at most, where its reader brings no memory.
const CHUNK_BYTES = 16 * 1024;

/** What the socket is told. */
export interface InputEvents {
  /** The peer has ended. */
  ended(): void;
  /** A read failed. */
  failed(error: SocketError): void;
  /** Nobody wants what comes. */
  cancelled(): void;
}

/** What the peer sends, as a stream. */
export class Input {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #core: Promise<Cosocket>;
  readonly #events: InputEvents;
  // Aborted once the stream is over, and with it a read that is under way.
  readonly #over = new AbortController();
  #controller!: ReadableByteStreamController;

  constructor(core: Promise<Cosocket>, events: InputEvents) {
    this.#core = core;
    this.#events = events;
    this.stream = new ReadableStream({
      type: "bytes",
      autoAllocateChunkSize: CHUNK_BYTES,
      start: (controller) => {
        this.#controller = controller;
        return core.then(() => {});
      },
      pull: () => this.#pull(),
      cancel: () => {
        this.#over.abort();
        events.cancelled();
      },
    });
  }

  get ended(): boolean {
    return this.#over.signal.aborted;
  }

  /** Whether bytes lie in the stream that a reader asked for, and did not wait for. */
  get isUnread(): boolean {
    return (this.#controller.desiredSize ?? 0) < 0;
  }

  /** Ends the stream, and a read that is under way. Twice is fine. */
  stop(): void {
    if (this.ended) return;
    this.#over.abort();
    try {
      this.#controller.close();
    } catch {
      // A reader of larger elements has part of one; the stream has failed with that.
      return;
    }
    // A reader that brought its own memory still waits for it.
    this.#controller.byobRequest?.respond(0);
  }

  /** Fails the stream, and a read that is under way, unless it is over. */
  fail(error: SocketError): void {
    if (this.ended) return;
    this.#over.abort();
    this.#controller.error(error);
  }

  async #pull(): Promise<void> {
    const sock = await this.#core;
    const { signal } = this.#over;
    let count: number;
    try {
      const { buffer, byteOffset, byteLength } = this.#controller.byobRequest!.view!;
      count = await sock.readInto(new Uint8Array(buffer, byteOffset, byteLength), { signal });
    } catch (cause) {
      if (signal.aborted) return;
      this.#over.abort();
      const error = wrapped(cause);
      this.#events.failed(error);
      throw error;
    }
    if (signal.aborted) return;
    if (count > 0) return this.#controller.byobRequest!.respond(count);
    this.stop();
    this.#events.ended();
  }
}
