// A stream cut into parts by a delimiter, each part read in pieces.

import { asBytes, type Framer, Part } from "./framing.ts";
import type { Delimiter } from "./matcher.ts";
import { SocketError } from "./errors.ts";

/** The next piece of a part; `null` behind its last one. */
export class PieceFramer {
  readonly #part: Part;
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
      const bytes = asBytes(buffer, piece.size);
      buffer.skip(piece.dropped);
      if (bytes.length === 0) return null;
      this.#atEnd = true;
      return bytes;
    };
  }
}

function tooLarge(maxBytes: number): SocketError {
  return new SocketError(
    "too large",
    `Cannot receive a part: it is longer than maxBytes, ${maxBytes}; nothing was taken`,
    { op: "receive" },
  );
}
