// One connection of a socket object: a stream, which half of it is dead, and how
// much of what has come the original would have fetched from the system by now.
//
// The original reads into a buffer of `lua_socket_buffer_size` bytes, and only
// when nothing unread is left in it. What lies in it is "unread data in buffer"
// to `setkeepalive` and all that `receiveany` gives; what lies beyond is still in
// the kernel. We pull more at a time, so the border is kept as a position.
//
// A fetch of the original brings all that has come by then, up to a buffer full.
// Where such a fetch falls into what we have, and goes to the end of that, more may
// lie in the system, which only a pull can tell. It is made then and there, but
// nobody waits for it except the next call. It is left out where a pull of ours has
// just brought all there was, and put off where the last one was as large as it could
// be: then there is more, and enough to fill the original's buffer.

import { byteString } from "../../bytes.ts";
import { systemClock } from "../../drivers/clock.ts";
import type { SocketError } from "../../errors.ts";
import type { Framer } from "../../framing.ts";
import type { Limits, Stream } from "../../stream.ts";
import type { Proven } from "./handshake.ts";
import type { SocketOptions } from "./options.ts";
import type { NgxPool, Pooled } from "./pools.ts";
import type { TrustedStore } from "./ssl.ts";

const MOST_LEARNT_BYTES = 1024 * 1024;
const MUCH_BYTES = 4096;
// For so long what a pull has brought counts as all there is.
const FRESH_MS = 1;

/** Who reads up to a boundary, and holds bytes that may begin it. */
export interface Holder {
  /** Bytes at the front of the stream that it holds. */
  readonly heldBytes: number;
  /** Bytes at the front of the stream that it has looked at: they were fetched. */
  readonly lookedBytes: number;
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
  /** For whom it is looked what the system holds; the stream has no reader then. */
  looking: "to read" | "to keep" | undefined;
  /** Whether a send waits for what the system holds to be looked at. */
  isAboutToSend = false;
  readonly #bufferBytes: number;
  // Up to here the original has fetched; `#room` bytes are left in its buffer.
  #fetchedEnd: number;
  #room: number;
  // How much of the stream we have seen come, when we looked last, and whether it was
  // all then, or so much at a time that more is likely.
  #seenBytes: number;
  #lookedMs = -Infinity;
  #isAll = false;
  #isMuch = false;
  // A fetch of the original may have brought more than we have: that is looked for, or
  // will be once somebody can tell.
  #catchingUp: Promise<void> | undefined;
  #isShort = false;
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
    this.#seenBytes = stream.bytesRead;
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

  /** What a framer takes of what is at hand, as a read would; else a miss. The fast path. */
  take<T>(frame: Framer<T>, holder?: Holder): T | undefined {
    if (this.#catchingUp !== undefined) return undefined;
    if (this.#holder !== holder) this.takeOver(holder);
    const { stream } = this;
    const taken = frame(stream.buffer, false);
    if (taken === undefined) return undefined;
    if (stream.bytesRead !== this.#seenBytes) this.#arrived(false);
    if (holder !== undefined || stream.buffer.offset >= this.#fetchedEnd) this.took();
    return taken;
  }

  /** A reader begins: what another one holds is given up. */
  takeOver(holder?: Holder): void {
    if (this.#holder !== holder) this.#holder?.letGo();
    this.#holder = holder;
  }

  /**
   * Reads by a framer; other readers than `holder` are over. What becomes of it is
   * accounted for by `took`, or by `partialOf`.
   *
   * @param handle Lives as long as the read.
   */
  read<T>(frame: Framer<T>, limits: Limits, handle: object, holder?: Holder): Promise<T> {
    this.takeOver(holder);
    const { stream } = this;
    let isWaiting = false;
    const counted: Framer<T> = (buffer, ended) => {
      if (stream.bytesRead !== this.#seenBytes) this.#arrived(isWaiting);
      // With TLS whatever ends a stream is an end to the original, a reset, too.
      const isOver = stream.readEnded && (this.resetTold || this.tls !== undefined);
      const taken = frame(buffer, ended || isOver);
      if (taken === undefined) {
        this.#fetchTo(buffer.offset + buffer.length);
        isWaiting = true;
      }
      return taken;
    };
    return stream.read(counted, limits, handle);
  }

  /** A read has got what it wanted: with TLS a reset may be an end, of which it was told so. */
  took(): void {
    this.#taken();
    const { readEnded, buffer } = this.stream;
    if (this.tls !== undefined && readEnded && buffer.length === 0) this.resetTold = true;
  }

  /** What one fetch has brought: what is unread, or at most a buffer full. */
  takeFetched(maxBytes: number): string {
    const { buffer } = this.stream;
    if (this.unreadBytes === 0) this.#fetch();
    const text = buffer.takeText(Math.min(maxBytes, this.unreadBytes));
    this.#taken();
    return text;
  }

  /** The same where something of a fetch is known to be unread; else a miss. */
  takeKnown(maxBytes: number): string | undefined {
    if (this.#catchingUp !== undefined || this.#isShort) return undefined;
    this.takeOver();
    return this.unreadBytes > 0 ? this.takeFetched(maxBytes) : undefined;
  }

  /** Resolves when it was looked what a fetch has brought; `undefined` if nobody looks. */
  get catchingUp(): Promise<void> | undefined {
    return this.#catchingUp;
  }

  /** Looks where nobody has, for who can tell. */
  catchUp(): Promise<void> | undefined {
    if (this.#isShort) this.#lookBehind();
    return this.#catchingUp;
  }

  /** Takes in what one fetch would bring. */
  async gather(): Promise<void> {
    await this.#probe(() => this.stream.buffer.length >= this.#room);
  }

  /** The same behind an arrival into an empty buffer: what did not fill its memory was all. */
  async gatherArrival(): Promise<void> {
    if (this.stream.pulledFull) await this.gather();
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
    return text;
  }

  /**
   * Learns whether the peer has ended, behind all that it may have sent before:
   * as much is taken in as that takes, within reason.
   */
  async learnEnd(): Promise<void> {
    await this.catchUp();
    await this.#probe(() => this.stream.buffer.length > MOST_LEARNT_BYTES);
  }

  /** Takes in what the system holds, until that is all, or enough; says whether it is all. */
  async #probe(isEnough: () => boolean): Promise<boolean> {
    const { stream } = this;
    let isQuiet = false;
    while (!isQuiet && !stream.readEnded && !isEnough()) {
      const before = stream.bytesRead;
      await stream.probe();
      isQuiet = stream.bytesRead === before;
      this.#arrived(true);
    }
    return isQuiet;
  }

  get #position(): number {
    return this.#behind(this.heldBytes);
  }

  /** The position behind so many bytes; at the end of the stream what was held is gone. */
  #behind(bytes: number): number {
    const { offset, length } = this.stream.buffer;
    return offset + Math.min(bytes, length);
  }

  /** A read is over: an empty buffer is used from its start again. */
  #taken(): void {
    const hadFetched = this.#fetchedEnd;
    this.#fetchTo(this.#behind(this.#holder?.lookedBytes ?? 0));
    if (this.#room > 0 && this.#fetchedEnd !== hadFetched && this.#mayBeBehind()) return;
    // A fetch of which more is to be looked for goes on where it was.
    if (!this.#isShort && this.#fetchedEnd === this.#position) this.#room = this.#bufferBytes;
  }

  #fetchTo(position: number): void {
    while (this.#fetchedEnd < position) this.#fetch();
  }

  #fetch(): void {
    const { buffer } = this.stream;
    this.#isShort = false;
    if (this.#room === 0) this.#room = this.#bufferBytes;
    const some = Math.min(this.#room, buffer.offset + buffer.length - this.#fetchedEnd);
    this.#fetchedEnd += some;
    this.#room -= some;
  }

  /** Looks for what the last fetch may have brought beyond what we have. */
  #mayBeBehind(): boolean {
    const { buffer, bytesRead, readEnded } = this.stream;
    if (this.#fetchedEnd < buffer.offset + buffer.length || readEnded) return false;
    const isFresh = bytesRead === this.#seenBytes && systemClock.now() < this.#lookedMs + FRESH_MS;
    if (isFresh && this.#isAll) return false;
    // Where much comes, more does: whoever reads on pulls it soon.
    if (isFresh && this.#isMuch) this.#isShort = true;
    else this.#lookBehind();
    return true;
  }

  /** Takes in what the last fetch would have brought, and counts it as fetched. */
  #lookBehind(): void {
    const { stream } = this;
    const { buffer } = stream;
    const end = this.#fetchedEnd + this.#room;
    this.#isShort = this.#isAll = false;
    // Whoever "reads" meanwhile begins TLS, and has the pulls to itself.
    const isEnough = () => this.#isAll || stream.reading || buffer.offset + buffer.length >= end;
    this.#catchingUp = this.#probe(isEnough).then((isQuiet) => {
      this.#catchingUp = undefined;
      // The pull that is still out keeps nothing alive.
      if (isQuiet && !stream.reading) stream.attend();
      this.#fetch();
      if (this.#fetchedEnd === this.#position) this.#room = this.#bufferBytes;
    });
  }

  /** Something has come: while somebody waited, or unnoticed. */
  #arrived(isNow: boolean): void {
    const { bytesRead, pulledFull, buffer } = this.stream;
    const size = bytesRead - this.#seenBytes;
    const nowMs = isNow ? systemClock.now() : -Infinity;
    // More of a fetch would have been there at once: what comes later is another's.
    if (this.#isShort && nowMs >= this.#lookedMs + FRESH_MS && this.#fetchedEnd === buffer.offset) {
      this.#isShort = false;
      this.#room = this.#bufferBytes;
    }
    this.#seenBytes = bytesRead;
    this.#lookedMs = nowMs;
    this.#isMuch = size >= MUCH_BYTES;
    this.#isAll = isNow && (size === 0 || !pulledFull);
  }
}
