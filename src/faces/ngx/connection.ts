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
import type { NgxPool } from "./pools.ts";

const MOST_LEARNT_BYTES = 1024 * 1024;

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
  readonly reusedTimes: number;
  /** The pool it is counted in. */
  pool: NgxPool | undefined;
  readDead = false;
  writeDead = false;
  /** Whether a read has told of a reset: a send breaks the pipe then. */
  resetTold = false;
  readonly #options = { "keepalive": 0, "tcp-nodelay": 0 };
  #hasSent = false;
  readonly #bufferBytes: number;
  // Up to here the original has fetched; `#room` bytes are left in its buffer.
  #fetchedEnd: number;
  #room: number;
  #holder: Holder | undefined;

  constructor(stream: Stream, bufferBytes: number, reusedTimes: number) {
    this.stream = stream;
    this.reusedTimes = reusedTimes;
    this.#bufferBytes = bufferBytes;
    this.#fetchedEnd = stream.buffer.offset;
    this.#room = bufferBytes;
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

  /** Turns an option on or off; `false` where that cannot be done. */
  setOption(name: string, on: boolean): boolean {
    const { transport } = this.stream;
    if (name !== "keepalive" && name !== "tcp-nodelay") return false;
    // On a unix socket the system keeps the flag of keep-alive, and does nothing.
    const done = name === "keepalive"
      ? this.#isUnix || transport.setOption("keepAlive", on)
      : !this.#isUnix && transport.setOption("noDelay", on);
    if (done) this.#options[name] = on ? 1 : 0;
    return done;
  }

  /** How an option stands, 1 for on; `undefined` where nobody can tell. */
  getOption(name: string): number | undefined {
    if (name === "keepalive") return this.#options[name];
    return name === "tcp-nodelay" && !this.#isUnix ? this.#options[name] : undefined;
  }

  /** The first send turns TCP_NODELAY on. */
  beforeFirstSend(): void {
    if (this.#hasSent) return;
    this.#hasSent = true;
    this.setOption("tcp-nodelay", true);
  }

  /** A line at hand, or a miss. The fast path. */
  takeLine(): string | undefined {
    const { stream } = this;
    if (stream.reading || this.readDead || this.#holder !== undefined) return undefined;
    const line = stream.buffer.takeLine();
    if (line === undefined) return undefined;
    if (stream.buffer.offset >= this.#fetchedEnd) this.#taken();
    return line;
  }

  /** Reads by a framer; other readers than `holder` are over. */
  async read<T>(frame: Framer<T>, limits: Limits, holder?: Holder): Promise<T> {
    this.#become(holder);
    const { stream } = this;
    const counted: Framer<T> = (buffer, ended) => {
      const taken = frame(buffer, ended);
      if (taken === undefined) this.#fetchTo(buffer.offset + buffer.length);
      return taken;
    };
    try {
      return stream.take(counted) ?? await stream.read(counted, limits);
    } finally {
      this.#taken();
    }
  }

  /** What one fetch gives: what is unread, or at most a buffer full. */
  fetched(maxBytes: number): Framer<string> {
    return (buffer) => {
      if (buffer.length === 0) return undefined;
      if (this.unreadBytes === 0) {
        const some = Math.min(this.#room, buffer.length);
        this.#fetchedEnd += some;
        this.#room -= some;
      }
      return buffer.takeText(Math.min(maxBytes, this.unreadBytes));
    };
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
    const { stream } = this;
    for (let seen = -1; seen < stream.bytesRead && !stream.readEnded;) {
      if (stream.buffer.length > MOST_LEARNT_BYTES) return;
      seen = stream.bytesRead;
      await stream.probe();
    }
  }

  #become(holder: Holder | undefined): void {
    if (this.#holder !== holder) this.#holder?.letGo();
    this.#holder = holder;
  }

  get #isUnix(): boolean {
    const { remoteAddress } = this.stream.transport;
    return remoteAddress !== null && "path" in remoteAddress;
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
