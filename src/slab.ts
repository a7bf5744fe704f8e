// Memory that results are copied to, side by side: no pull ever sees it. To make
// an array costs a hundred times what it costs to copy a small result; what is
// saved is paid for by a result that is kept alone, which keeps its neighbours'
// memory.

const EMPTY = new Uint8Array(0);

// Where the runtime has memory that it does not clear first: to clear it would cost
// half of what reading does.
const allocUnsafeSlow = (globalThis as {
  Buffer?: { allocUnsafeSlow?(size: number): Uint8Array };
}).Buffer?.allocUnsafeSlow;

/** Memory for bytes that are all written before anybody reads them. */
export function uninitialized(size: number): Uint8Array {
  return allocUnsafeSlow === undefined
    ? new Uint8Array(size)
    : new Uint8Array(allocUnsafeSlow(size).buffer as ArrayBuffer);
}

/** Copies pieces to memory that they share with one another, and with nothing else. */
export class Slab {
  readonly #size: number;
  #bytes: Uint8Array = EMPTY;
  #at = 0;

  /** @param size Bytes that are made at a time. */
  constructor(size: number) {
    this.#size = size;
  }

  /** A copy of `from[at..at + size)`. */
  copy(from: Uint8Array, at: number, size: number): Uint8Array {
    if (size === 0) return new Uint8Array(0);
    const bytes = this.#withRoom(size);
    const start = this.#at;
    this.#at += size;
    if (size <= 32) {
      for (let k = 0; k < size; k++) bytes[start + k] = from[at + k]!;
    } else {
      bytes.set(from.subarray(at, at + size), start);
    }
    return bytes.subarray(start, this.#at);
  }

  /** The bytes of an ASCII text; `undefined` if it is none. */
  encode(text: string): Uint8Array | undefined {
    const size = text.length;
    const bytes = this.#withRoom(size);
    const start = this.#at;
    let seen = 0;
    for (let k = 0; k < size; k++) {
      const code = text.charCodeAt(k);
      seen |= code;
      bytes[start + k] = code;
    }
    if (seen > 0x7f) return undefined;
    this.#at += size;
    return bytes.subarray(start, this.#at);
  }

  #withRoom(size: number): Uint8Array {
    // A caller may have transferred a neighbour, and the slab with it.
    if (this.#at + size > this.#bytes.length) {
      this.#bytes = uninitialized(this.#size);
      this.#at = 0;
    }
    return this.#bytes;
  }
}
