// A stream cut into parts by a delimiter, each part read in pieces.

import type { ByteBuffer } from "./buffer.ts";
import { SocketError } from "./errors.ts";
import { asBytes, type Framer, Part } from "./framing.ts";
import type { Delimiter } from "./matcher.ts";

/** The next piece of a part; `null` behind its last one. */
export class PieceFramer {
  readonly #part: Part;
  // What is left of a part whose end was found, and where in the stream it lies:
  // a delimiter that is kept may be longer than what was asked for.
  #rest = 0;
  #restAt = -1;
  #atEnd = false;

  constructor(delimiter: Delimiter, inclusive: boolean) {
    this.#part = new Part(delimiter, inclusive);
  }

  /** A framer of a piece of at most `size` bytes, or of all the rest of the part. */
  next(size: number, maxBytes: number): Framer<Uint8Array | null> {
    return (buffer) => {
      if (this.#atEnd) {
        this.#atEnd = false;
        return null;
      }
      if (this.#rest > 0 && this.#restAt === buffer.offset) return this.#takeRest(buffer, size);
      const part = this.#part;
      const piece = part.piece(buffer, size);
      if (piece === undefined) {
        if (part.certainBytes > maxBytes) throw tooLarge(maxBytes);
        return undefined;
      }
      if (!piece.last) {
        const bytes = asBytes(buffer, Math.min(size, piece.size));
        part.advance(bytes.length);
        return bytes;
      }
      if (piece.size > maxBytes) throw tooLarge(maxBytes);
      this.#rest = piece.size;
      const bytes = piece.size === 0 ? null : this.#takeRest(buffer, size);
      buffer.skip(piece.dropped);
      return bytes;
    };
  }

  #takeRest(buffer: ByteBuffer, size: number): Uint8Array {
    const bytes = asBytes(buffer, Math.min(size, this.#rest));
    this.#rest -= bytes.length;
    this.#restAt = buffer.offset;
    this.#atEnd = this.#rest === 0;
    return bytes;
  }
}

function tooLarge(maxBytes: number): SocketError {
  return new SocketError(
    "too large",
    `Cannot receive a part: it is longer than maxBytes, ${maxBytes}; nothing was taken`,
    { op: "receive" },
  );
}
