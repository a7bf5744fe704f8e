// Framers: each looks at the buffer and takes one frame off its front, or
// answers `undefined`: feed me. They never wait. One that was refused remembers
// how far it looked, so that no byte is looked at twice; it serves one call.

import { type ByteBuffer, WINDOW_BYTES } from "./buffer.ts";
import { textOf } from "./bytes.ts";
import { SocketError } from "./errors.ts";
import { type Delimiter, Matcher } from "./matcher.ts";

/** Takes one frame off the front of the buffer, or `undefined`: feed me. */
export type Framer<T> = (buffer: ByteBuffer, ended: boolean) => T | undefined;

/** The form in which a frame is handed out. */
export type Take<T> = (buffer: ByteBuffer, size: number) => T;

export const asBytes: Take<Uint8Array> = (buffer, size) => buffer.take(size);
export const asByteString: Take<string> = (buffer, size) => buffer.takeText(size);

const LF = 10;
const CR = 13;

/** No line that `lineAtHand` takes is longer. */
export const MOST_AT_HAND_BYTES: number = WINDOW_BYTES;

/** A line that lies in the text window, without LF or CR LF, from UTF-8; else a miss. */
export const lineAtHand: Framer<string> = (buffer) => {
  const line = buffer.takeLine();
  if (line === undefined) return undefined;
  return buffer.windowIsAscii ? line : textOf(line);
};

/** A byte string without the CR it may end with. */
export function withoutCr(line: string): string {
  const last = line.length - 1;
  return line.charCodeAt(last) === CR ? line.slice(0, last) : line;
}

/** All up to the next LF, which is dropped. */
export function line<T>(take: Take<T>, maxBytes: number): Framer<T> {
  let seen = 0;
  return (buffer) => {
    const end = buffer.indexOf(LF, seen);
    if (end > maxBytes || (end < 0 && buffer.length > maxBytes)) throw tooLarge("a line", maxBytes);
    if (end < 0) {
      seen = buffer.length;
      return undefined;
    }
    const taken = take(buffer, end);
    buffer.skip(1);
    return taken;
  };
}

/** A line as text, from UTF-8, without LF or CR LF; a short one is cut as those at hand are. */
export function textLine(maxBytes: number): Framer<string> {
  let long: Framer<string> | undefined;
  return (buffer, ended) => {
    if (buffer.length === 0) return undefined;
    if (maxBytes >= MOST_AT_HAND_BYTES && buffer.length <= MOST_AT_HAND_BYTES) {
      const short = lineAtHand(buffer, ended);
      if (short !== undefined) return short;
    }
    long ??= line(asByteString, maxBytes);
    const text = long(buffer, ended);
    return text === undefined ? undefined : textOf(withoutCr(text));
  };
}

/** A line as bytes, without LF or CR LF. */
export function bytesLine(maxBytes: number): Framer<Uint8Array> {
  const frame = line(asBytes, maxBytes);
  return (buffer, ended) => {
    const bytes = frame(buffer, ended);
    return bytes?.[bytes.length - 1] === CR ? bytes.subarray(0, -1) : bytes;
  };
}

/** Exactly `size` bytes. */
export function exactly<T>(size: number, take: Take<T>): Framer<T> {
  return (buffer) => {
    if (buffer.length >= size) return take(buffer, size);
    buffer.expect(size);
    return undefined;
  };
}

/** What is there, up to `maxBytes`; `null` at the end. */
export function any<T>(maxBytes: number, take: Take<T>): Framer<T | null> {
  return (buffer, ended) => {
    if (buffer.length > 0) return take(buffer, Math.min(maxBytes, buffer.length));
    return ended ? null : undefined;
  };
}

/** All that comes before the end; the end is success here. */
export function all<T>(take: Take<T>, maxBytes: number): Framer<T> {
  return (buffer, ended) => {
    if (buffer.length > maxBytes) throw tooLarge("all up to the end", maxBytes);
    return ended ? take(buffer, buffer.length) : undefined;
  };
}

/** Something to take, or the end, which is `false`; takes nothing. */
export const arrival: Framer<boolean> = (buffer, ended) => {
  if (buffer.length > 0) return true;
  return ended ? false : undefined;
};

/** The next bytes, copied into `view`: at least one, 0 at the end. */
export function into(view: Uint8Array): Framer<number> {
  return (buffer, ended) => {
    if (buffer.length > 0) return buffer.takeInto(view);
    return ended ? 0 : undefined;
  };
}

/** A look at the next `size` bytes, or at fewer where the stream ends. */
export function look(size: number): Framer<Uint8Array> {
  return (buffer, ended) => {
    if (buffer.length < size && !ended) {
      buffer.expect(size);
      return undefined;
    }
    return buffer.peek().slice(0, size);
  };
}

/** Throws `size` bytes away, as they come; says how many. */
export function skipped(size: number): Framer<number> {
  let left = size;
  return (buffer) => {
    const some = Math.min(left, buffer.length);
    buffer.skip(some);
    left -= some;
    return left === 0 ? size : undefined;
  };
}

/** All up to the delimiter, which is dropped, or kept if `inclusive`. */
export function until<T>(
  delimiter: Delimiter,
  inclusive: boolean,
  take: Take<T>,
  maxBytes: number,
): Framer<T> {
  const part = new Part(delimiter, inclusive);
  return (buffer) => {
    const piece = part.piece(buffer, Infinity);
    if (piece === undefined) {
      if (part.certainBytes > maxBytes) throw tooLarge("the part up to a delimiter", maxBytes);
      return undefined;
    }
    if (piece.size > maxBytes) {
      part.restart();
      throw tooLarge("the part up to a delimiter", maxBytes);
    }
    return takePiece(buffer, piece, take);
  };
}

/** A piece of a part: so many bytes to take, so many behind them to drop. */
export interface Piece {
  readonly size: number;
  readonly dropped: number;
  /** Whether the delimiter was found: this is the part's last piece. */
  readonly last: boolean;
}

/** Takes a piece off the buffer. */
export function takePiece<T>(buffer: ByteBuffer, piece: Piece, take: Take<T>): T {
  const taken = take(buffer, piece.size);
  buffer.skip(piece.dropped);
  return taken;
}

/**
 * What comes before a delimiter, as a whole or piece by piece. All bytes stay in
 * the buffer until they are taken; what may be the start of the delimiter is
 * held back. It may be asked again after anything happened to the buffer: it
 * goes on where it was if nobody else took bytes, and looks anew if somebody did.
 */
export class Part {
  readonly #matcher: Matcher;
  readonly #inclusive: boolean;
  // The position in the stream up to which the matcher has read, and the one
  // that was the front of the buffer then.
  #seen = 0;
  #front = -1;
  #buffer: ByteBuffer | undefined;

  constructor(delimiter: Delimiter, inclusive: boolean) {
    this.#matcher = new Matcher(delimiter);
    this.#inclusive = inclusive;
  }

  /** Bytes at the front of the buffer known to come before the delimiter. */
  get certainBytes(): number {
    return this.#seen - this.#front - this.#matcher.pending;
  }

  /** Bytes held back, as they may be the start of the delimiter. */
  get heldBytes(): number {
    return this.#matcher.pending;
  }

  /** Bytes looked at behind the last piece: what is held, or the one that set free what was. */
  get lookedBytes(): number {
    return this.#matcher.stoppedByMismatch ? 1 : this.#matcher.pending;
  }

  /** Whether its bytes are still at the front of that buffer. */
  isAt(buffer: ByteBuffer): boolean {
    return this.#buffer === buffer && this.#front === buffer.offset;
  }

  /** Forgets what it saw. */
  restart(): void {
    this.#buffer = undefined;
    this.#matcher.reset();
  }

  /**
   * The next piece, once `enough` bytes are certain or the delimiter has come.
   * The piece may be longer than `enough`: bytes that were held are set free
   * together. The caller takes it, or as much of it as it wants.
   */
  piece(buffer: ByteBuffer, enough: number): Piece | undefined {
    const matcher = this.#matcher;
    if (!this.isAt(buffer)) {
      this.restart();
      this.#buffer = buffer;
      this.#front = this.#seen = buffer.offset;
    }
    if (this.certainBytes >= enough) return this.#certain(this.certainBytes);
    const found = matcher.scan(buffer.peek(), this.#seen - this.#front, enough);
    this.#seen = this.#front + matcher.at;
    if (found) {
      const { length } = matcher.delimiter.bytes;
      this.restart();
      return this.#inclusive
        ? { size: matcher.at, dropped: 0, last: true }
        : { size: matcher.at - length, dropped: length, last: true };
    }
    return this.certainBytes >= enough ? this.#certain(this.certainBytes) : undefined;
  }

  /** Says that the first `size` bytes, all certain, were taken. */
  advance(size: number): void {
    this.#front += size;
  }

  #certain(size: number): Piece {
    return { size, dropped: 0, last: false };
  }
}

function tooLarge(what: string, maxBytes: number): SocketError {
  return new SocketError(
    "too large",
    `Cannot receive ${what}: it is longer than maxBytes, ${maxBytes}; nothing was taken`,
    { op: "receive" },
  );
}
