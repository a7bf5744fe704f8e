// A transport as a Duplex of Node's, for `node:tls` to run over.
//
// What the peer's end or reset is to TLS only its reader can tell: behind a
// close_notify it is nothing, otherwise the stream was cut off. So neither is
// passed on; they are told to `onOver`.

import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import { join } from "../bytes.ts";
import type { Transport } from "../transport.ts";

/** How what the peer sent is over: it ended, or failed. */
export type Over = { readonly error: unknown } | "end";

/** One end of a connection, as a Duplex. */
export class TransportDuplex extends Duplex {
  readonly #transport: Transport;
  readonly #first: Promise<Uint8Array | null>[];
  /** Set once nothing more comes. */
  over: Over | undefined;
  /** Called then. */
  onOver: (() => void) | undefined;
  /** Why a write failed. */
  writeFailure: unknown;
  /** Called then. */
  onWriteFailure: (() => void) | undefined;
  #onWritten: (() => void) | undefined;
  #held = false;
  #wanted = false;

  /** @param first What stands for the first pulls. */
  constructor(transport: Transport, first: readonly Promise<Uint8Array | null>[]) {
    // With room for one byte more is only asked for when all is consumed: what a
    // pull gives is valid until the next one.
    super({ readableHighWaterMark: 1, autoDestroy: false });
    this.#transport = transport;
    this.#first = [...first];
  }

  /** Pulls no more, whoever asks for it. */
  hold(): void {
    this.#held = true;
  }

  /** The opposite of `hold`. */
  letGo(): void {
    this.#held = false;
    if (!this.#wanted) return;
    this.#wanted = false;
    this._read();
  }

  /** Calls back as soon as the transport has taken all that was written; not if that fails. */
  whenWritten(done: () => void): void {
    if (this.writableLength === 0) done();
    else this.#onWritten = done;
  }

  override _read(): void {
    if (this.#held) this.#wanted = true;
    if (this.#held || this.over !== undefined) return;
    const pull = this.#first.shift() ?? this.#transport.pull();
    pull.then(this.#pulled, this.#failed);
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error) => void): void {
    this.#transport.write(chunk).then(
      () => this.#written(done),
      (error) => this.#writeFailed(error, done),
    );
  }

  override _writev(chunks: { chunk: Uint8Array }[], done: (error?: Error) => void): void {
    this._write(join(chunks.map((it) => it.chunk)), "", done);
  }

  override _final(done: (error?: Error) => void): void {
    this.#transport.closeWrite().then(() => done(), (error) => this.#writeFailed(error, done));
  }

  #pulled = (bytes: Uint8Array | null): void => {
    if (this.destroyed) return;
    if (bytes === null) return this.#end("end");
    this.push(Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length));
  };

  #failed = (error: unknown): void => {
    if (!this.destroyed) this.#end({ error });
  };

  #end(over: Over): void {
    this.over = over;
    this.onOver?.();
  }

  #written(done: (error?: Error) => void): void {
    done();
    if (this.writableLength > 0) return;
    const onWritten = this.#onWritten;
    this.#onWritten = undefined;
    onWritten?.();
  }

  #writeFailed(error: Error, done: (error?: Error) => void): void {
    this.writeFailure ??= error;
    done(error);
    this.onWriteFailure?.();
  }
}
