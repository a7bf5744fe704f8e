// Two ends in one process, without a system between them: for tests, ours and
// those of our users. What one end writes waits, at most `HELD_BYTES` of it,
// until the other pulls.

import { SocketError } from "../errors.ts";
import type { Address, Transport } from "../transport.ts";
import { closed } from "./ends.ts";

const HELD_BYTES = 256 * 1024;

// What a pull gives at most, as a system does.
const CHUNK_BYTES = 64 * 1024;

// Nothing of the system's is pending while an end waits, so a timer stands in.
const HOLD_MS = 2 ** 30;

/** One direction: what was written at one end, and who waits at the other. */
class Pipe {
  readonly pieces: Uint8Array[] = [];
  held = 0;
  ended = false;
  failure: SocketError | undefined;
  onChange: (() => void) | undefined;
  onDrain: (() => void) | undefined;

  fail(failure: SocketError): void {
    this.failure ??= failure;
    this.wake();
  }

  wake(): void {
    this.onChange?.();
    this.onDrain?.();
  }
}

class MemoryTransport implements Transport {
  readonly localAddress: Address | null = null;
  readonly remoteAddress: Address | null = null;
  readonly tls = null;
  readonly #from: Pipe;
  readonly #to: Pipe;
  #closed = false;
  #referenced = true;
  #release: (() => void) | undefined;

  constructor(from: Pipe, to: Pipe) {
    this.#from = from;
    this.#to = to;
  }

  async pull(into?: Uint8Array): Promise<Uint8Array | null> {
    const from = this.#from;
    for (;;) {
      if (this.#closed) throw closed();
      const piece = from.pieces[0];
      if (piece !== undefined) return this.#hand(piece, into);
      if (from.failure) throw from.failure;
      if (from.ended) return null;
      await new Promise<void>((resolve) => {
        from.onChange = resolve;
        this.#hold();
      });
      from.onChange = undefined;
      this.#letGo();
    }
  }

  async settle(): Promise<void> {
    await Promise.resolve();
    await Promise.resolve();
    await Promise.resolve();
  }

  async write(bytes: Uint8Array): Promise<void> {
    const to = this.#to;
    if (this.#closed || to.ended) throw closed();
    if (to.failure) throw to.failure;
    if (bytes.length === 0) return;
    to.pieces.push(new Uint8Array(bytes));
    to.held += bytes.length;
    to.onChange?.();
    while (to.held > HELD_BYTES) {
      await new Promise<void>((resolve) => {
        to.onDrain = resolve;
        this.#hold();
      });
      to.onDrain = undefined;
      this.#letGo();
      if (to.failure) throw to.failure;
      if (this.#closed) throw closed();
    }
  }

  closeWrite(): Promise<void> {
    this.#to.ended = true;
    this.#to.wake();
    return Promise.resolve();
  }

  close(): void {
    if (this.#closed) return;
    // As a system does: bytes nobody read make it a reset.
    if (this.#from.pieces.length > 0) return this.abort();
    this.#close();
    this.#to.ended = true;
    this.#to.wake();
    this.#from.fail(new SocketError("reset", "Cannot send: the peer has gone"));
  }

  abort(): void {
    if (this.#closed) return;
    this.#close();
    const reset = new SocketError("reset", "Cannot go on: the peer cut the connection off");
    this.#to.fail(reset);
    this.#from.fail(reset);
  }

  ref(): void {
    this.#referenced = true;
    if (this.#waits()) this.#hold();
  }

  unref(): void {
    this.#referenced = false;
    this.#release?.();
  }

  setOption(): boolean {
    return false;
  }

  #hand(piece: Uint8Array, into: Uint8Array | undefined): Uint8Array {
    const from = this.#from;
    const room = into?.length ?? CHUNK_BYTES;
    const given = room < piece.length ? piece.subarray(0, room) : piece;
    if (given === piece) from.pieces.shift();
    else from.pieces[0] = piece.subarray(given.length);
    from.held -= given.length;
    from.onDrain?.();
    if (into === undefined) return given;
    into.set(given);
    return into.subarray(0, given.length);
  }

  #hold(): void {
    if (!this.#referenced || this.#release) return;
    const timer = setTimeout(() => {}, HOLD_MS);
    this.#release = () => {
      clearTimeout(timer);
      this.#release = undefined;
    };
  }

  #letGo(): void {
    if (!this.#waits()) this.#release?.();
  }

  #waits(): boolean {
    return this.#from.onChange !== undefined || this.#to.onDrain !== undefined;
  }

  #close(): void {
    this.#closed = true;
    this.#release?.();
    this.#from.onChange?.();
    this.#to.onDrain?.();
  }
}

/** Two connected ends. */
export function memoryPair(): [Transport, Transport] {
  const there = new Pipe();
  const back = new Pipe();
  return [new MemoryTransport(back, there), new MemoryTransport(there, back)];
}
