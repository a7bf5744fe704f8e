// A transport within another: what goes into the engine comes out of it
// encrypted on the inner one, and the other way round.

import { setImmediate } from "node:timers";
import type tls from "node:tls";
import { SocketError } from "../errors.ts";
import type { TlsInfo } from "../tls.ts";
import type { Address, Transport, TransportOption } from "../transport.ts";
import { Decrypted } from "./decrypted.ts";
import type { Over, TransportDuplex } from "./duplex.ts";
import { closed, cut, writeEnded } from "./ends.ts";
import { tlsError } from "./tls_errors.ts";

// Behind so many turns of the event loop the engine has told all that it made of
// the last bytes.
const TURNS = 2;

/** How what the peer sends is over, as TLS sees it. */
export type TlsOver = Over | "cut";

interface Pull {
  readonly into: Uint8Array | undefined;
  resolve(bytes: Uint8Array | null): void;
  reject(error: unknown): void;
}

// Reading stops at so much that nobody asked for.
const MOST_EARLY_BYTES = 64 * 1024;

// Bun's TLS ends both directions when the peer ends one, and then answers for
// nothing that is written.
const endsBoth = "Bun" in globalThis;

/** A transport within another. */
export class TlsTransport implements Transport {
  readonly localAddress: Address | null;
  readonly remoteAddress: Address | null;
  readonly tls: TlsInfo;
  readonly #inner: Transport;
  readonly #wire: TransportDuplex;
  readonly #socket: tls.TLSSocket;
  #pull: Pull | undefined;
  readonly #decrypted = new Decrypted();
  #answering = false;
  #over: TlsOver | undefined;
  #writeEnded = false;
  #write: { resolve(): void; reject(error: unknown): void } | undefined;
  #closed = false;

  constructor(
    inner: Transport,
    wire: TransportDuplex,
    socket: tls.TLSSocket,
    info: (over: () => TlsOver | undefined) => TlsInfo,
  ) {
    this.#inner = inner;
    this.#wire = wire;
    this.#socket = socket;
    this.localAddress = inner.localAddress;
    this.remoteAddress = inner.remoteAddress;
    this.tls = info(() => this.#over);
    socket.on("data", (bytes: Uint8Array) => this.#came(bytes));
    socket.on("end", () => this.#end("end"));
    socket.on("error", (error) => {
      // That nobody takes our last words does not say how the peer has ended.
      if (wire.writeFailure === undefined) this.#end({ error: tlsError(error) });
      else turns(() => this.#end({ error: wire.writeFailure }));
    });
    socket.on("close", () => {
      if (!this.#closed) this.#end("cut");
    });
    // Not every engine tells who writes of it.
    wire.onWriteFailure = () => this.#writeFailed(wire.writeFailure);
    wire.onOver = () => this.#wireOver();
    if (wire.over !== undefined) this.#wireOver();
  }

  pull(into?: Uint8Array): Promise<Uint8Array | null> {
    if (this.#closed) return Promise.reject(closed());
    this.#decrypted.next();
    if (this.#decrypted.length > 0) return Promise.resolve(this.#decrypted.take(into));
    if (this.#over !== undefined) return this.#answerOver();
    return new Promise((resolve, reject) => {
      this.#pull = { into, resolve, reject };
      this.#wire.letGo();
      this.#socket.resume();
    });
  }

  async settle(): Promise<void> {
    await this.#inner.settle();
    await new Promise<void>((resolve) => turns(resolve));
    await new Promise<void>((resolve) => turns(resolve));
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#closed) return Promise.reject(closed());
    if (this.#writeEnded) return Promise.reject(writeEnded());
    if (endsBoth && this.#over === "end") return Promise.reject(gone());
    if (this.#wire.writeFailure !== undefined) return Promise.reject(this.#wire.writeFailure);
    if (bytes.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const write = { resolve, reject };
      this.#write = write;
      this.#socket.write(bytes, (error) => {
        if (this.#write !== write) return;
        if (error) return this.#writeFailed(this.#why(error));
        // An engine may say so before the wire has all of it.
        this.#wire.whenWritten(() => {
          if (this.#write !== write) return;
          this.#write = undefined;
          resolve();
        });
      });
    });
  }

  closeWrite(): Promise<void> {
    if (this.#writeEnded || this.#socket.destroyed) return Promise.resolve();
    this.#writeEnded = true;
    return new Promise((resolve) => this.#socket.end(resolve));
  }

  close(): void {
    // A peer that is told nothing cannot tell an end from a cut; one that takes
    // nothing is not waited for.
    if (this.#closed || this.#writeEnded || this.#write !== undefined) {
      return this.#release(false);
    }
    this.#socket.end(() => this.#release(false));
    this.#detach();
    turns(() => turns(() => this.#release(false)));
  }

  abort(): void {
    this.#release(true);
  }

  ref(): void {
    this.#inner.ref();
  }

  unref(): void {
    this.#decrypted.shrink();
    this.#inner.unref();
  }

  setOption(name: TransportOption, on: boolean): boolean {
    return this.#inner.setOption(name, on);
  }

  /** Records come one by one; those of one arrival answer a pull together. */
  #came(bytes: Uint8Array): void {
    if (this.#closed) return;
    this.#decrypted.push(bytes);
    if (this.#pull !== undefined) {
      if (this.#answering) return;
      this.#answering = true;
      queueMicrotask(this.#answer);
    } else if (this.#decrypted.length >= MOST_EARLY_BYTES) {
      this.#socket.pause();
      // Not every engine stops its source as well.
      this.#wire.hold();
    }
  }

  #answer = (): void => {
    this.#answering = false;
    const pull = this.#pull;
    this.#pull = undefined;
    pull?.resolve(this.#decrypted.take(pull.into));
  };

  /** Nothing more comes on the wire: unless the engine says that it ended, it was cut. */
  #wireOver(): void {
    const { over } = this.#wire;
    // A socket that is stopped still has what came before.
    this.#socket.resume();
    turns(() => this.#end(over === "end" ? "cut" : over!));
  }

  #end(over: TlsOver): void {
    if (this.#over !== undefined) return;
    this.#over = over;
    if (endsBoth && over === "end") this.#writeFailed(gone());
    // What came before it goes first.
    if (this.#answering) return;
    const pull = this.#pull;
    this.#pull = undefined;
    if (pull !== undefined) this.#answerOver().then(pull.resolve, pull.reject);
  }

  #answerOver(): Promise<null> {
    const over = this.#over!;
    if (over === "end") return Promise.resolve(null);
    return Promise.reject(over === "cut" ? cut() : over.error);
  }

  #writeFailed(error: unknown): void {
    const write = this.#write;
    this.#write = undefined;
    write?.reject(error);
  }

  #why(error: unknown): unknown {
    if (this.#wire.writeFailure !== undefined) return this.#wire.writeFailure;
    return typeof this.#over === "object" ? this.#over.error : error;
  }

  #detach(): void {
    this.#closed = true;
    this.#decrypted.clear();
    const pull = this.#pull;
    this.#pull = undefined;
    pull?.reject(closed());
    this.#writeFailed(closed());
  }

  #release(withReset: boolean): void {
    this.#detach();
    this.#socket.destroy();
    this.#wire.destroy();
    if (withReset) this.#inner.abort();
    else this.#inner.close();
  }
}

function gone(): SocketError {
  return new SocketError("reset", "Cannot send: the peer has ended, and Bun's TLS with it");
}

/** Runs behind all that the engine has to do now. */
export function turns(run: () => void, left = TURNS): void {
  setImmediate(() => left > 1 ? turns(run, left - 1) : run());
}
