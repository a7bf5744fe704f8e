// What TLS has decrypted, until it is pulled.
//
// An engine gives the bytes of each record, or of each arrival, in memory of their
// own. A collector lets thousands of those pile up before it comes, each in memory
// that no cache knows any more, and that costs more than the decryption. So memory
// that is no longer needed is given back at once, for the next record to be put in.

import { uninitialized } from "../slab.ts";

const MEMORY_BYTES = 64 * 1024;

// What is smaller costs more to give back than to leave to the collector.
const LEAST_WORTH_BYTES = 4 * 1024;

/** Pieces in the order in which they came. */
export class Decrypted {
  #pieces: Uint8Array[] = [];
  // What was taken as it came: valid until the next pull.
  #taken: Uint8Array | undefined;
  // Where several pieces are put together.
  #memory: Uint8Array | undefined;
  /** Bytes that were not taken yet. */
  length = 0;

  /** Takes in what an engine gave, and with it the memory, if there is nothing else in it. */
  push(bytes: Uint8Array): void {
    this.#pieces.push(bytes);
    this.length += bytes.length;
  }

  /** As much as there is, or as there is room for; valid until `next`. */
  take(into: Uint8Array | undefined): Uint8Array {
    if (this.#pieces.length === 1 && into === undefined) {
      const { buffer, byteOffset, length } = this.#pieces.pop()!;
      this.length = 0;
      // An engine's is a Buffer, whose slice() would not be a copy.
      return this.#taken = new Uint8Array(buffer, byteOffset, length);
    }
    const memory = into ?? (this.#memory ??= uninitialized(MEMORY_BYTES));
    let at = 0;
    let taken = 0;
    while (taken < this.#pieces.length && at < memory.length) {
      const piece = this.#pieces[taken]!;
      const room = memory.length - at;
      memory.set(piece.length <= room ? piece : piece.subarray(0, room), at);
      at += Math.min(piece.length, room);
      if (piece.length <= room) {
        giveBack(piece);
        taken++;
      } else {
        this.#pieces[taken] = piece.subarray(room);
      }
    }
    this.#pieces.splice(0, taken);
    this.length -= at;
    return memory.subarray(0, at);
  }

  /** Says that nobody needs what was taken last. */
  next(): void {
    if (this.#taken !== undefined) giveBack(this.#taken);
    this.#taken = undefined;
  }

  /** Holds no memory but that of what was not taken yet. */
  shrink(): void {
    this.#memory = undefined;
  }

  /** Forgets all bytes and all memory. */
  clear(): void {
    this.#pieces = [];
    this.length = 0;
    this.#taken = undefined;
    this.#memory = undefined;
  }
}

/** Memory that these bytes fill has no room for anybody else's: its user may let go of it. */
function giveBack({ buffer, length }: Uint8Array): void {
  if (length >= LEAST_WORTH_BYTES && length === buffer.byteLength) {
    (buffer as ArrayBuffer).transfer(0);
  }
}
