import type { ByteBuffer } from "../../src/buffer.ts";

const GARBAGE = 0xee;

/**
 * A driver, as a buffer sees one: it puts bytes in the room it is offered, or has
 * memory of its own, and spoils both with the next pull.
 */
export class Feed {
  readonly #buffer: ByteBuffer;
  readonly #usesRoom: boolean;
  readonly #own = new Uint8Array(256 * 1024);
  #room: Uint8Array | undefined;

  constructor(buffer: ByteBuffer, usesRoom: boolean) {
    this.#buffer = buffer;
    this.#usesRoom = usesRoom;
  }

  /** The memory that was offered last, if any. */
  get room(): Uint8Array | undefined {
    return this.#room;
  }

  /** Begins a pull. */
  pull(): void {
    this.#room = this.#buffer.room();
    this.#own.fill(GARBAGE);
    this.#room?.fill(GARBAGE);
  }

  /** Ends it, with as many of the bytes as there is room for; says how many. */
  arrive(bytes: Uint8Array): number {
    const memory = this.#usesRoom && this.#room ? this.#room : this.#own;
    const size = Math.min(bytes.length, memory.length);
    memory.set(bytes.subarray(0, size));
    this.#buffer.append(memory.subarray(0, size));
    return size;
  }

  /** Whole pulls, until all bytes have come. */
  give(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      this.pull();
      at += this.arrive(bytes.subarray(at));
    }
  }
}
