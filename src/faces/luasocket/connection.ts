// A connected stream as the original sees it: in two stages. What it has fetched
// lies in a buffer of 8192 bytes, which it fills by one read, and only when it is
// empty; all else is still the system's. The border shows: `dirty` asks for it, and
// `close` keeps what is on this side of it. We pull more at a time, so it is kept as
// a position, and drawn when the original would have filled its buffer.

import type { ByteBuffer } from "../../buffer.ts";
import { byteString } from "../../bytes.ts";
import { SocketError } from "../../errors.ts";
import type { Framer } from "../../framing.ts";
import type { Stream } from "../../stream.ts";
import type { Waits } from "./timeouts.ts";
import { wordFor } from "./words.ts";

const WINDOW_BYTES = 8192;
// The memory that drivers offer to the system is a multiple of this.
const PULL_UNIT_BYTES = 512;
// Behind an answer of this size or less comes a question first.
const SMALL_BYTES = 4096;
// A pull that is answered by what came before it takes no longer.
const EARLY_TURNS = 4;

/** What a read gave; with an error, what there was before that. */
export interface Received {
  readonly text: string;
  readonly error: string | undefined;
}

/** A connection of a socket object. */
export class Connection {
  readonly stream: Stream;
  /** Whether our own end takes nothing more than what is there. */
  shutReceive = false;
  // Up to here the original has fetched.
  #windowEnd: number;
  // Where the window begins that there may be more of, with the system.
  #openFrom = -1;
  // Whether the system may hold more than we know of, at this moment.
  #isStale = true;
  // The system tells of a reset once: to who asks later it is an end.
  #resetTold = false;

  constructor(stream: Stream, onChange: () => void) {
    this.stream = stream;
    this.#windowEnd = stream.buffer.offset;
    stream.onStir = onChange;
    // So that we hear of a reset also when nobody reads.
    stream.attend();
  }

  /** Fetched and not taken yet. */
  get windowBytes(): number {
    return Math.max(0, this.#windowEnd - this.stream.buffer.offset);
  }

  /** Whether the system has something, or never will have. */
  get readable(): boolean {
    const { buffer, readEnded } = this.stream;
    return buffer.length > this.windowBytes || readEnded || this.shutReceive;
  }

  /** Whether the system has room, or never will have. */
  get writable(): boolean {
    return this.stream.departure === undefined || this.stream.writeEnded;
  }

  /** Whether the peer cut it off. */
  get wasReset(): boolean {
    return this.stream.readFailure !== undefined && !this.stream.closed;
  }

  /** Whether nothing goes either way any more, by a reset or by two ends. */
  get isOver(): boolean {
    const { stream } = this;
    return stream.readEnded && (stream.writeEnded || stream.readFailure !== undefined);
  }

  /** Why the peer cut the connection off, told once. */
  takeError(): string | undefined {
    const failure = this.#resetTold ? undefined : this.stream.readFailure;
    if (failure === undefined) return undefined;
    this.#resetTold = true;
    return wordFor(failure);
  }

  /** A line at hand, without LF and the CR before it. If `owes`, `settle` must follow. */
  takeLine(): string | undefined {
    const { stream } = this;
    if (stream.reading) return undefined;
    const line = stream.buffer.takeLine();
    if (line !== undefined && stream.buffer.offset > this.#windowEnd) this.#refetch();
    return line;
  }

  /** So many bytes at hand; at least one. If `owes`, `settle` must follow. */
  takeBytes(size: number): string | undefined {
    const { stream } = this;
    const { buffer } = stream;
    if (stream.reading || size > buffer.length || !Number.isInteger(size) || size <= 0) {
      return undefined;
    }
    const text = buffer.takeText(size);
    if (buffer.offset > this.#windowEnd) this.#refetch();
    return text;
  }

  /** How much of what came was taken. */
  get offset(): number {
    return this.stream.buffer.offset;
  }

  /** Whether the border is not drawn yet: there may be more to fetch with the system. */
  get owes(): boolean {
    return this.#openFrom >= 0;
  }

  /** Draws the border, by asking the system what it has. */
  async settle(): Promise<void> {
    const { stream } = this;
    const { buffer } = stream;
    const from = this.#openFrom;
    this.#openFrom = -1;
    const length = () => buffer.offset + buffer.length - from;
    while (length() < WINDOW_BYTES && !stream.readEnded && await this.#probe());
    if (!stream.closed) this.#windowEnd = from + Math.min(WINDOW_BYTES, length());
  }

  /**
   * Reads by a framer.
   *
   * @param opens Whether the original fetches, even if the frame takes nothing.
   */
  async receive(
    frame: Framer<string>,
    waits: Waits,
    opens: boolean,
    holder: object,
  ): Promise<Received> {
    const { stream } = this;
    this.#isStale = true;
    const received = await this.#receive(frame, waits, holder);
    if (stream.closed) return received;
    const { offset } = stream.buffer;
    this.#fetchTo(opens && received.error === undefined ? offset + 1 : offset);
    if (this.owes) await this.settle();
    if (stream.buffer.length === 0 && received.text.length <= SMALL_BYTES) stream.attend();
    return received;
  }

  /** Sends as much as goes in time; says how much that is, and what went wrong. */
  async send(
    bytes: Uint8Array,
    waits: Waits,
    holder: object,
  ): Promise<[number, string | undefined]> {
    const { stream } = this;
    if (stream.readFailure !== undefined) return [0, this.takeError() ?? "closed"];
    try {
      const sent = await stream.writeSome(bytes, waits, holder);
      if (sent === bytes.length) return [sent, undefined];
      return [sent, stream.writeEnded ? "closed" : "timeout"];
    } catch (error) {
      return [0, wordFor(error)];
    }
  }

  /** The fetched bytes, which are all that is left of a connection that is closed. */
  takeWindow(): string {
    return this.stream.buffer.takeText(this.windowBytes);
  }

  async #receive(frame: Framer<string>, waits: Waits, holder: object): Promise<Received> {
    const { stream } = this;
    try {
      const text = stream.take(this.#counted(frame));
      if (text !== undefined) return { text, error: undefined };
      if (!waits.atOnce && !this.shutReceive) {
        return { text: await stream.read(this.#arriving(frame), waits, holder), error: undefined };
      }
    } catch (error) {
      if (!(error instanceof SocketError) || error.code !== "timeout") return this.#failed(error);
    }
    return await this.#poll(frame, holder);
  }

  /** Takes in what the system has, until that is enough, or all. */
  async #poll(frame: Framer<string>, holder: object): Promise<Received> {
    const { stream } = this;
    const counted = this.#counted(frame);
    this.#isStale = true;
    for (let isMore = true; isMore;) {
      isMore = await this.#probe();
      try {
        const text = stream.take(counted);
        if (text !== undefined) return { text, error: undefined };
        // It is over: that throws.
        if (stream.readEnded) await stream.read(counted, { timeoutMs: 0 }, holder);
      } catch (error) {
        return this.#failed(error);
      }
    }
    const { buffer } = stream;
    this.#openFrom = -1;
    const text = buffer.takeText(buffer.length);
    return { text, error: this.shutReceive ? "closed" : "timeout" };
  }

  #failed(error: unknown): Received {
    const word = wordFor(error);
    if (this.stream.readFailure !== undefined) this.#resetTold = true;
    const { partial } = error as SocketError;
    return { text: partial === undefined ? "" : byteString(partial), error: word };
  }

  /** Whether the system had more. */
  async #probe(): Promise<boolean> {
    const { stream } = this;
    const before = stream.bytesRead;
    await stream.probe();
    return stream.bytesRead > before;
  }

  /** What a frame was not enough of, the original has fetched, and taken. */
  #counted(frame: Framer<string>): Framer<string> {
    return (buffer, ended) => {
      const text = frame(buffer, ended);
      if (text === undefined) this.#fetchTo(endOf(buffer));
      return text;
    };
  }

  /** The same, where what arrives is all that the system has then, unless it looks cut. */
  #arriving(frame: Framer<string>): Framer<string> {
    const { stream } = this;
    const counted = this.#counted(frame);
    let seen = stream.bytesRead;
    let turns = 0;
    const tick = () => {
      if (++turns < EARLY_TURNS) queueMicrotask(tick);
    };
    tick();
    return (buffer, ended) => {
      const size = stream.bytesRead - seen;
      seen += size;
      this.#isStale = turns < EARLY_TURNS || size % PULL_UNIT_BYTES === 0;
      return counted(buffer, ended);
    };
  }

  /**
   * The original has fetched as often as it had to, to get there. Its last fetch is
   * open while the system may have had more for it.
   */
  #fetchTo(position: number): void {
    const end = endOf(this.stream.buffer);
    if (this.#openFrom >= 0) this.#fetch(this.#openFrom, end);
    while (this.#windowEnd < Math.min(position, end)) this.#fetch(this.#windowEnd, end);
  }

  #refetch(): void {
    this.#isStale = true;
    this.#fetchTo(this.stream.buffer.offset);
  }

  #fetch(from: number, end: number): void {
    this.#windowEnd = Math.min(from + WINDOW_BYTES, end);
    const mayGrow = this.#windowEnd < from + WINDOW_BYTES && this.#isStale;
    this.#openFrom = mayGrow && !this.stream.readEnded ? from : -1;
  }
}

function endOf(buffer: ByteBuffer): number {
  return buffer.offset + buffer.length;
}
