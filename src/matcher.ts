// Finds a delimiter in bytes that come in pieces: Knuth, Morris and Pratt, whose
// table is built once and whose state outlives a piece. Nothing is joined and
// nothing is looked at twice, so the worst case is linear.
//
// While nothing is matched there are faster ways on. For a short delimiter the
// engine's own search skips to the next first byte. For a long one we look at the
// last byte of a window as long as it, and move the window as far as that byte
// allows (Horspool): most bytes are never looked at. Where that compares more than
// it skips, it leaves the rest to Knuth, Morris and Pratt.

/** A delimiter and its table; immutable, made once, used by many matchers. */
export class Delimiter {
  readonly bytes: Uint8Array;
  /** `border[k]`: length of the longest proper border of the first `k` bytes. */
  readonly border: Uint32Array;
  /** How far a window may move, by its last byte; only for long delimiters. */
  readonly shift: Uint32Array | undefined;

  constructor(bytes: Uint8Array) {
    if (bytes.length === 0) throw new RangeError("Cannot search for an empty delimiter");
    this.bytes = bytes.slice();
    this.border = new Uint32Array(bytes.length + 1);
    for (let at = 1, k = 0; at < bytes.length; at++) {
      while (k > 0 && bytes[at] !== bytes[k]) k = this.border[k]!;
      if (bytes[at] === bytes[k]) k++;
      this.border[at + 1] = k;
    }
    if (bytes.length < LONG_BYTES) return;
    const last = bytes.length - 1;
    this.shift = new Uint32Array(256).fill(bytes.length);
    for (let at = 0; at < last; at++) this.shift[bytes[at]!] = last - at;
  }
}

// From this length on windows skip more than the native search does.
const LONG_BYTES = 8;
// What windows may cost ahead of what they skip, and what looking at one costs: as
// much as the other ways on cost for so many bytes.
const AHEAD = 64;
const LOOK = 4;

// Below this distance a plain loop is cheaper than a call of the native search.
const NEAR = 16;

/** The state of one search. */
export class Matcher {
  readonly delimiter: Delimiter;
  /** How much of the delimiter the bytes read so far end with: these are held back. */
  pending = 0;
  /** Where the last `scan` stopped reading. */
  at = 0;
  /** Whether it stopped at a byte that set free what was held, and was not read for itself yet. */
  stoppedByMismatch = false;

  constructor(delimiter: Delimiter) {
    this.delimiter = delimiter;
  }

  /**
   * Reads `piece[from..]` and says whether the delimiter ended, at `this.at`.
   *
   * Stops early at the first step at which all bytes before position `enough`
   * are known not to belong to the delimiter (then `at - pending >= enough`).
   * A step settles one byte, or all held ones that a mismatch sets free.
   */
  scan(piece: Uint8Array, from: number, enough = Infinity): boolean {
    const { bytes, border } = this.delimiter;
    const first = bytes[0]!;
    const last = bytes.length - 1;
    const end = piece.length;
    let state = this.pending;
    let at = from;
    let mismatchAt = -1;
    let skips = this.delimiter.shift !== undefined && enough === Infinity;
    while (at < end && at - state < enough) {
      if (state === 0 && skips) {
        if (this.#scanWindows(piece, at)) return this.#found(this.at);
        at = this.at;
        skips = false;
      } else if (state === 0) {
        at = skipTo(first, piece, at, Math.min(end, enough));
        if (at >= end || at >= enough) break;
        if (last === 0) return this.#found(at + 1);
        at++;
        state = 1;
      } else if (piece[at] === bytes[state]) {
        at++;
        if (state === last) return this.#found(at);
        state++;
      } else {
        const byte = piece[at];
        let next = border[state]!;
        while (next > 0 && byte !== bytes[next]) next = border[next]!;
        if (next > 0) {
          state = next + 1;
          at++;
        } else {
          // All that was held is free; this byte is looked at anew.
          state = 0;
          mismatchAt = at;
        }
      }
    }
    this.pending = state;
    this.at = at;
    this.stoppedByMismatch = mismatchAt === at;
    return false;
  }

  /**
   * Says whether the delimiter ended, at `this.at`; otherwise it does not begin
   * before that.
   */
  #scanWindows(piece: Uint8Array, from: number): boolean {
    const { bytes } = this.delimiter;
    const shift = this.delimiter.shift!;
    const last = bytes.length - 1;
    const lastByte = bytes[last]!;
    const end = piece.length;
    let at = from + last;
    for (let credit = AHEAD; at < end && credit > 0;) {
      const byte = piece[at]!;
      const step = shift[byte]!;
      if (byte === lastByte) {
        const start = at - last;
        let same = 0;
        while (same < last && piece[start + same] === bytes[same]) same++;
        if (same === last) {
          this.at = at + 1;
          return true;
        }
        credit -= same + 1;
      }
      at += step;
      credit += step - LOOK;
    }
    this.at = at - last;
    return false;
  }

  /** Forgets what was held. */
  reset(): void {
    this.pending = 0;
    this.stoppedByMismatch = false;
  }

  #found(at: number): true {
    this.reset();
    this.at = at;
    return true;
  }
}

/** The first position of `byte` in `piece[from..end)`, or `end`. */
function skipTo(byte: number, piece: Uint8Array, from: number, end: number): number {
  const near = Math.min(from + NEAR, end);
  let at = from;
  while (at < near && piece[at] !== byte) at++;
  if (at < near || at >= end) return at;
  // The native search has no end of its own: it would look at all that lies behind.
  const found = (end < piece.length ? piece.subarray(0, end) : piece).indexOf(byte, at);
  return found < 0 ? end : found;
}
