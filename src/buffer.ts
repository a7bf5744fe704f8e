// What has come and was not taken yet: one run of bytes, `#bytes[#at..#end)`.
//
// While frames end where pulls end, the run is a window on the driver's own
// memory and nothing is copied. What is left when more must be pulled moves to
// memory of ours, the *arena*, and the pull goes right behind it; so a large
// frame grows in place. Bytes handed out are the caller's for ever: small
// results are copied to slabs, large ones are copied too, or the arena is given
// away with them. Nothing that a caller can see is ever pulled into.
//
// Lines are cut from strings: the byte string of a window of the run is made
// once, and `indexOf` and `slice` on it beat any work on the bytes. Windows are
// small, so that a line that somebody keeps pins little.

import { byteString, isAscii } from "./bytes.ts";
import { Slab, uninitialized } from "./slab.ts";

const EMPTY = new Uint8Array(0);
const CR = 13;
/** How much of the run is made text at a time. */
export const WINDOW_BYTES = 4096;
const SMALL_BYTES = 1024;
const SMALL_SLAB_BYTES = 8 * 1024;
const MEDIUM_BYTES = 16 * 1024;
const MEDIUM_SLAB_BYTES = 64 * 1024;
const LEAST_ROOM_BYTES = 4096;
const MOST_ROOM_BYTES = 64 * 1024;
const MOST_EXPECTED_BYTES = 1024 * 1024;

/** Bytes received and not yet taken. */
export class ByteBuffer {
  #bytes: Uint8Array = EMPTY;
  #at = 0;
  #end = 0;
  // `#bytes` is ours to pull into and to give away; otherwise it is the driver's.
  #ours = false;
  // A pull is under way into `#bytes`: until its bytes come, it is not given away.
  #lent = false;
  #expected = 0;
  // How much the next pull may bring, judged by the last one.
  #roomBytes = LEAST_ROOM_BYTES;
  // The window: the byte string of #bytes[#textAt .. #textAt + #text.length).
  #text = "";
  #textAt = 0;
  #textIsAscii: boolean | undefined;
  // Where the window's next CR was when it was last looked for.
  #crAt = -1;
  /** Bytes taken since the beginning: the stream's position. */
  offset = 0;

  /** Bytes at hand. */
  get length(): number {
    return this.#end - this.#at;
  }

  /**
   * Where the next pull should put its bytes, or `undefined` for the driver's
   * own memory, which may change with that pull: call this before each.
   */
  room(): Uint8Array | undefined {
    const held = this.length;
    const expected = this.#expected;
    this.#expected = 0;
    if (held === 0 && expected < MOST_ROOM_BYTES) {
      // An arena is used again where it is worth a pull, and not worth letting go
      // of; else the driver's memory is.
      const { length } = this.#bytes;
      const keep = this.#ours && length >= MOST_ROOM_BYTES && length <= MOST_EXPECTED_BYTES;
      this.#setRun(keep ? this.#bytes : EMPTY, 0, 0, keep);
      if (!keep) return undefined;
      this.#lent = true;
      return this.#bytes;
    }
    // Doubling keeps growth linear; what a peer merely announces costs 1 MiB at most.
    const wanted = Math.min(expected, held + Math.max(held, MOST_EXPECTED_BYTES));
    // For a large frame just what it takes; else as much as the last pull brought.
    const needed = expected >= MOST_ROOM_BYTES && wanted > held
      ? wanted
      : held + Math.min(Math.max(held, this.#roomBytes), MOST_ROOM_BYTES);
    if (!this.#ours || this.#bytes.length < needed) {
      this.#moveTo(uninitialized(needed === wanted ? wanted : Math.max(needed, 2 * held)));
    } else if (this.#bytes.length - this.#end < needed - held) {
      this.#bytes.copyWithin(0, this.#at, this.#end);
      this.#setRun(this.#bytes, 0, held, true);
    }
    this.#lent = true;
    return this.#bytes.subarray(this.#end);
  }

  /** Says that a frame of `size` bytes is waited for, so that it can grow in place. */
  expect(size: number): void {
    this.#expected = size;
  }

  /** Takes in what a pull gave: bytes in the room offered, or the driver's own. */
  append(bytes: Uint8Array): void {
    if (bytes.length >= this.#roomBytes) this.#roomBytes = MOST_ROOM_BYTES;
    else if (bytes.length < LEAST_ROOM_BYTES) this.#roomBytes = LEAST_ROOM_BYTES;
    if (this.#lent && bytes.buffer === this.#bytes.buffer) {
      this.#end += bytes.length;
    } else if (this.length === 0) {
      this.#setRun(bytes, 0, bytes.length, false);
    } else {
      if (!this.#ours || this.#bytes.length - this.#end < bytes.length) {
        this.#moveTo(uninitialized(Math.max(this.length + bytes.length, 2 * this.length)));
      }
      this.#bytes.set(bytes, this.#end);
      this.#end += bytes.length;
    }
    this.#lent = false;
  }

  /** Puts bytes back in front of all others. */
  unread(bytes: Uint8Array): void {
    const both = new Uint8Array(bytes.length + this.length);
    both.set(bytes);
    both.set(this.peek(), bytes.length);
    this.#setRun(both, 0, both.length, true);
    this.offset -= bytes.length;
  }

  /** Forgets all bytes and all memory. */
  clear(): void {
    this.offset += this.length;
    this.#setRun(EMPTY, 0, 0, false);
  }

  /** Where `byte` stands, `from` bytes ahead or later; -1 if it has not come. */
  indexOf(byte: number, from = 0): number {
    return from < this.length ? this.peek().indexOf(byte, from) : -1;
  }

  /** A look at all bytes; valid until the next pull, and not to be handed out. */
  peek(): Uint8Array {
    return this.#bytes.subarray(this.#at, this.#end);
  }

  /** Throws the next `size` bytes away. */
  skip(size: number): void {
    this.#at += size;
    this.offset += size;
  }

  /** Takes the next `size` bytes; they are the caller's for ever. */
  take(size: number): Uint8Array {
    const from = this.#at;
    this.skip(size);
    if (size < SMALL_BYTES) return small.copy(this.#bytes, from, size);
    if (size <= MEDIUM_BYTES) return medium.copy(this.#bytes, from, size);
    // All that is left, and most of the memory it lies in: the arena goes along.
    if (this.#ours && !this.#lent && this.#at === this.#end && 2 * size >= this.#bytes.length) {
      const given = this.#bytes.subarray(from, this.#end);
      this.#setRun(EMPTY, 0, 0, false);
      return given;
    }
    return this.#bytes.slice(from, from + size);
  }

  /** Takes the next `size` bytes as a byte string. */
  takeText(size: number): string {
    const from = this.#at;
    this.skip(size);
    const at = from - this.#textAt;
    if (at >= 0 && at + size <= this.#text.length) return this.#text.slice(at, at + size);
    if (size > WINDOW_BYTES / 4) return byteString(this.#bytes, from, from + size);
    this.#openWindow(from);
    return this.#text.slice(0, size);
  }

  /** Copies the next bytes into `view`, as many as there are and fit; says how many. */
  takeInto(view: Uint8Array): number {
    const size = Math.min(view.length, this.length);
    view.set(this.#bytes.subarray(this.#at, this.#at + size));
    this.skip(size);
    return size;
  }

  /**
   * Takes a line whose LF lies in the text window, as a byte string without LF or
   * CR LF; `undefined` says nothing but that it is not there. The fast path.
   *
   * @param dropsCrs Whether it is to be without the other CRs, too.
   */
  takeLine(dropsCrs = false): string | undefined {
    let at = this.#at - this.#textAt;
    let end = this.#text.indexOf("\n", at);
    if (end < 0) {
      const windowEnd = this.#textAt + this.#text.length;
      if (
        this.#at === this.#end || (windowEnd === this.#end && at >= 0 && at <= this.#text.length)
      ) {
        return undefined;
      }
      this.#openWindow(this.#at);
      at = 0;
      end = this.#text.indexOf("\n");
      if (end < 0) return undefined;
    }
    const size = end + 1 - at;
    this.#at += size;
    this.offset += size;
    // Cut once: to cut a slice again costs as much as the first cut did.
    const last = end > at && this.#text.charCodeAt(end - 1) === CR ? end - 1 : end;
    const line = this.#text.slice(at, last);
    return dropsCrs && this.#hasCr(at, last) ? line.replaceAll("\r", "") : line;
  }

  /** Looked for in the window, as a look into a slice of it costs Bun a copy. */
  #hasCr(at: number, end: number): boolean {
    if (this.#crAt < at) {
      const found = this.#text.indexOf("\r", at);
      this.#crAt = found < 0 ? Infinity : found;
    }
    return this.#crAt < end;
  }

  /** Whether the text window, from which the last text was taken, is all ASCII. */
  get windowIsAscii(): boolean {
    return this.#textIsAscii ??= isAscii(
      this.#bytes,
      this.#textAt,
      this.#textAt + this.#text.length,
    );
  }

  #openWindow(at: number): void {
    this.#text = byteString(this.#bytes, at, Math.min(at + WINDOW_BYTES, this.#end));
    this.#textAt = at;
    this.#textIsAscii = undefined;
    this.#crAt = -1;
  }

  #moveTo(arena: Uint8Array): void {
    arena.set(this.peek());
    this.#setRun(arena, 0, this.length, true);
  }

  #setRun(bytes: Uint8Array, at: number, end: number, ours: boolean): void {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
    this.#ours = ours;
    this.#lent = false;
    this.#text = "";
    this.#textAt = at;
  }
}

const small = new Slab(SMALL_SLAB_BYTES);
const medium = new Slab(MEDIUM_SLAB_BYTES);
