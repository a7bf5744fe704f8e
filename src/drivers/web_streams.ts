// A foreign pair of Web Streams as a transport: a WebSocketStream, a sockets API
// of another runtime, a pair of TransformStreams. A byte stream is read with a
// BYOB reader, so that nothing is read that nobody asked for.

import { SocketError } from "../errors.ts";
import type { TlsInfo } from "../tls.ts";
import type { Address, Transport } from "../transport.ts";
import { closed } from "./ends.ts";
import { askedForNews } from "./turns.ts";

/** Any two streams of bytes that belong together. */
export interface WebDuplex {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

const PULL_BYTES = 16 * 1024;

/** A transport over two Web Streams; it locks both. */
export class WebStreamsTransport implements Transport {
  readonly localAddress: Address | null = null;
  readonly remoteAddress: Address | null = null;
  readonly tls: TlsInfo | null = null;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  readonly #byob: ReadableStreamBYOBReader | undefined;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #memory: ArrayBufferLike | undefined;
  #failure: { readonly error: unknown } | undefined;
  #giveUpWrite: ((error: SocketError) => void) | undefined;
  #writeEnded = false;
  #writeFailed = false;
  #closed = false;

  constructor({ readable, writable }: WebDuplex) {
    this.#byob = byobReader(readable);
    if (this.#byob === undefined) this.#reader = readable.getReader();
    this.#writer = writable.getWriter();
    // Its failure comes out of the writes; nobody else waits for this one.
    this.#writer.closed.catch(() => this.#writeFailed = true);
    (this.#byob ?? this.#reader)?.closed.catch(ignore);
  }

  async pull(): Promise<Uint8Array | null> {
    for (;;) {
      if (this.#closed) throw closed();
      if (this.#failure) throw this.#failure.error;
      const { value, done } = await this.#read();
      if (this.#closed) throw closed();
      if (value instanceof Uint8Array && value.length > 0) return value;
      if (done) return null;
      if (!(value instanceof Uint8Array)) {
        throw new TypeError(`Cannot read the stream: it gives ${typeof value}, not Uint8Array`);
      }
    }
  }

  settle(): Promise<void> {
    return askedForNews();
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#closed) return Promise.reject(closed());
    if (bytes.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      // A stream that is aborted first ends the write that is under way, if it ever does.
      this.#giveUpWrite = reject;
      // The stream may keep what it is given longer than the write takes.
      this.#writer.write(new Uint8Array(bytes)).then(resolve, reject);
    });
  }

  async closeWrite(): Promise<void> {
    if (this.#writeEnded || this.#writeFailed) return;
    this.#writeEnded = true;
    await this.#writer.close();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#giveUpWrite?.(closed());
    (this.#byob ?? this.#reader)?.cancel(gone()).catch(ignore);
    this.closeWrite().catch(ignore);
  }

  abort(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#giveUpWrite?.(closed());
    (this.#byob ?? this.#reader)?.cancel(gone()).catch(ignore);
    this.#writer.abort(gone()).catch(ignore);
  }

  /** Gives both streams back; nothing may be under way. It is of no use from then on. */
  unlock(): void {
    this.#closed = true;
    (this.#byob ?? this.#reader)?.releaseLock();
    this.#writer.releaseLock();
  }

  // Whether a stream keeps the program alive is its own affair.
  ref(): void {}

  unref(): void {}

  setOption(): boolean {
    return false;
  }

  async #read(): Promise<ReadableStreamReadResult<Uint8Array>> {
    try {
      if (this.#byob === undefined) return await this.#reader!.read();
      const memory = new Uint8Array((this.#memory ?? new ArrayBuffer(PULL_BYTES)) as ArrayBuffer);
      const result = await this.#byob.read(memory);
      this.#memory = result.value?.buffer;
      return result;
    } catch (error) {
      // The memory went with it.
      this.#memory = undefined;
      this.#failure = { error };
      throw error;
    }
  }
}

function byobReader(readable: ReadableStream<Uint8Array>): ReadableStreamBYOBReader | undefined {
  try {
    return readable.getReader({ mode: "byob" });
  } catch (error) {
    // Not a byte stream, then; a lock is the default reader's to report.
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

// What the other end is told, if it is one that understands it.
function gone(): SocketError {
  return new SocketError("reset", "Cannot go on: the peer has gone");
}

function ignore(): void {}
