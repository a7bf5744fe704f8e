// The reader behind `receiveuntil`. What it holds back stays at the front of the
// stream: so another reader sees it first, as in the original since 0.10.26, and
// all this one has to remember is how much it is. On another connection of the
// same object it goes on where it was: what it held then comes first there.

import { asByteString, type Framer, Part, takePiece } from "../../framing.ts";
import type { Delimiter } from "../../matcher.ts";
import type { Connection, Holder } from "./connection.ts";

/** Reads up to a boundary, again and again, whole or in pieces. */
export class UntilReader implements Holder {
  readonly #delimiter: Delimiter;
  readonly #part: Part;
  /** The last piece of a part was given: what comes next is its end mark. */
  endPending = false;

  constructor(delimiter: Delimiter, inclusive: boolean) {
    this.#delimiter = delimiter;
    this.#part = new Part(delimiter, inclusive);
  }

  get heldBytes(): number {
    return this.#part.heldBytes;
  }

  get lookedBytes(): number {
    return this.#part.lookedBytes;
  }

  letGo(): void {
    this.#part.restart();
  }

  /** A framer of the next piece of about `size` bytes; 0 for all up to the boundary. */
  next(connection: Connection, size: number): Framer<string> {
    const part = this.#part;
    const { buffer } = connection.stream;
    if (!part.isAt(buffer) && part.heldBytes > 0) {
      buffer.unread(this.#delimiter.bytes.subarray(0, part.heldBytes));
      part.restart();
    }
    const enough = size > 0 ? size : Infinity;
    return (buffer) => {
      const piece = part.piece(buffer, enough);
      if (piece === undefined) return undefined;
      const text = takePiece(buffer, piece, asByteString);
      if (piece.last) this.endPending = size > 0;
      else part.advance(piece.size);
      return text;
    };
  }

  /** Says that all but what is held was taken from the front. */
  tookPartial(): void {
    this.#part.advance(this.#part.certainBytes);
  }
}
