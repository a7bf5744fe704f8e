// One connection of a socket object: a stream, which half of it is dead, and how
// much of what has come the original would have fetched from the system by now.
//
// The original reads into a buffer of `lua_socket_buffer_size` bytes, and only
// when nothing unread is left in it. What lies in it is "unread data in buffer"
// to `setkeepalive` and all that `receiveany` gives; what lies beyond is still in
// the kernel. We pull more at a time, so the border is kept as a position.

import { byteString } from "../../bytes.ts";
import type { SocketError } from "../../errors.ts";
import type { Framer } from "../../framing.ts";
import type { Limits, Stream } from "../../stream.ts";
import type { Proven } from "./handshake.ts";
import type { SocketOptions } from "./options.ts";
import type { NgxPool, Pooled } from "./pools.ts";
import type { TrustedStore } from "./ssl.ts";

const MOST_LEARNT_BYTES = 1024 * 1024;
// The memory that drivers offer to the system is a multiple of this.
const PULL_UNIT_BYTES = 512;

/** Who reads up to a boundary, and holds bytes that may begin it. */
export interface Holder {
  /** Bytes at the front of the stream that it holds. */
  readonly heldBytes: number;
  /** Gives them up: another reader has come. */
  letGo(): void;
}

/** A connection that a socket object has. */
export class Connection {
  readonly stream: Stream;
  readonly options: SocketOptions;
  readonly reusedTimes: number;
  /** What it is known to be, if it has TLS. */
  tls: Proven | undefined;
  /** Certificates to trust in its handshake. */
  trustedStore: TrustedStore | undefined;
  /** The pool it is counted in. */
  pool: NgxPool | undefined;
  readDead = false;
  writeDead = false;
  /**
   * Whether a reset was told of. The system tells once: to who asks later it is
   * an end, or a broken pipe.
   */
  resetTold = false;
  readonly #bufferBytes: number;
  // Up to here the original has fetched; `#room` bytes are left in its buffer.
  #fetchedEnd: number;
  #room: number;
  // Bytes may have come while nobody read; one fetch of the original would bring
  // them together with what lies behind them in the system.
  #isAstray = false;
  #holder: Holder | undefined;
  readonly #movedAtFirst: number;

  constructor({ stream, options, reusedTimes, tls }: Pooled, bufferBytes: number) {
    this.stream = stream;
    this.options = options;
    this.reusedTimes = reusedTimes;
    this.tls = tls;
    this.#movedAtFirst = stream.bytesRead + stream.bytesWritten;
    this.#bufferBytes = bufferBytes;
    this.#fetchedEnd = stream.buffer.offset;
    this.#room = bufferBytes;
    // The pull that watched it while it was idle may bring only the first of what comes.
    this.#isAstray = reusedTimes > 0;
  }

  /** Whether nobody can have noticed yet which connection it is. */
  get isUntouched(): boolean {
    return this.stream.bytesRead + this.stream.bytesWritten === this.#movedAtFirst;
  }

  get bothDead(): boolean {
    return this.readDead && this.writeDead;
  }

  /** Bytes that a boundary reader holds back at the front. */
  get heldBytes(): number {
    return this.#holder?.heldBytes ?? 0;
  }

  /** Fetched and unread. */
  get unreadBytes(): number {
    return this.#fetchedEnd - this.#position;
  }

  /** Still in the kernel, for the original. */
  get kernelBytes(): number {
    const { buffer } = this.stream;
    return buffer.offset + buffer.length - Math.max(this.#fetchedEnd, this.#position);
  }

  /** A line at hand, or a miss. The fast path. */
  takeLine(): string | undefined {
    const { stream } = this;
    if (stream.reading || this.readDead || this.#holder !== undefined) return undefined;
    if (this.#isAstray) return undefined;
    const line = stream.buffer.takeLine(true);
    if (line === undefined) return undefined;
    if (stream.buffer.offset >= this.#fetchedEnd) this.#taken();
    return line;
  }

  /** A reader begins: what another one holds is given up. */
  takeOver(holder?: Holder): void {
    if (this.#holder !== holder) this.#holder?.letGo();
    this.#holder = holder;
  }

  /** Reads by a framer; other readers than `holder` are over. */
  async read<T>(frame: Framer<T>, limits: Limits, holder?: Holder): Promise<T> {
    this.takeOver(holder);
    const { stream } = this;
    const counted: Framer<T> = (buffer, ended) => {
      // With TLS whatever ends a stream is an end to the original, a reset, too.
      const isOver = stream.readEnded && (this.resetTold || this.tls !== undefined);
      const taken = frame(buffer, ended || isOver);
      if (taken === undefined) {
        this.#fetchTo(buffer.offset + buffer.length);
        this.#isAstray = false;
      }
      return taken;
    };
    try {
      return stream.take(counted) ?? await stream.read(counted, limits);
    } finally {
      this.#taken();
    }
  }

  /** A read has come to its end: with TLS also a reset may be one, of which it was told so. */
  noteEnd(): void {
    const { readEnded, buffer } = this.stream;
    if (this.tls !== undefined && readEnded && buffer.length === 0) this.resetTold = true;
  }

  /** What one fetch has brought: what is unread, or at most a buffer full. */
  takeFetched(maxBytes: number): string {
    const { buffer } = this.stream;
    if (this.unreadBytes === 0) {
      const some = Math.min(this.#room, buffer.length);
      this.#fetchedEnd += some;
      this.#room -= some;
    }
    const text = buffer.takeText(Math.min(maxBytes, this.unreadBytes));
    this.#taken();
    return text;
  }

  /** Whether a fetch would bring more than what lies in our buffer. */
  get mustGather(): boolean {
    return this.#isAstray && this.unreadBytes === 0 && this.kernelBytes > 0;
  }

  /** Takes in what one fetch would bring. */
  async gather(): Promise<void> {
    await this.#probe(() => this.stream.buffer.length >= this.#room);
    // The pull that found nothing more is still out, and brings only the first of what comes.
    this.#isAstray = true;
  }

  /** The same behind an arrival into an empty buffer: what did not fill its memory was all. */
  async gatherArrival(): Promise<void> {
    if (this.stream.buffer.length % PULL_UNIT_BYTES === 0) await this.gather();
  }

  /** The partial data of a read that failed. It is taken, but for what is held. */
  partialOf(error: SocketError): string {
    if (error.code !== "timeout") {
      const partial = error.partial ?? new Uint8Array(0);
      return byteString(partial, 0, partial.length - this.heldBytes);
    }
    const { buffer } = this.stream;
    const text = buffer.takeText(buffer.length - this.heldBytes);
    this.#taken();
    this.#isAstray = true;
    return text;
  }

  /**
   * Learns whether the peer has ended, behind all that it may have sent before:
   * as much is taken in as that takes, within reason.
   */
  async learnEnd(): Promise<void> {
    this.#isAstray = true;
    await this.#probe(() => this.stream.buffer.length > MOST_LEARNT_BYTES);
  }

  /** Takes in what the system holds, until that is all, or enough. */
  async #probe(isEnough: () => boolean): Promise<void> {
    const { stream } = this;
    for (let seen = -1; seen < stream.bytesRead && !stream.readEnded && !isEnough();) {
      seen = stream.bytesRead;
      await stream.probe();
    }
  }

  get #position(): number {
    const { offset, length } = this.stream.buffer;
    // At the end of the stream what was held is gone.
    return offset + Math.min(this.heldBytes, length);
  }

  /** A read is over: an empty buffer is used from its start again. */
  #taken(): void {
    this.#fetchTo(this.#position);
    if (this.#fetchedEnd === this.#position) this.#room = this.#bufferBytes;
  }

  #fetchTo(position: number): void {
    const { buffer } = this.stream;
    const end = buffer.offset + buffer.length;
    while (this.#fetchedEnd < position) {
      if (this.#room === 0) this.#room = this.#bufferBytes;
      const some = Math.min(this.#room, end - this.#fetchedEnd);
      this.#fetchedEnd += some;
      this.#room -= some;
    }
  }
}
