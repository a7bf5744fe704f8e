// What an object keeps for itself, whatever becomes of its connection: the bytes it
// had fetched when that was closed, which stay readable, and come before those of
// another one; and how much went through it.

/** How much of a pattern there was, of what was kept. */
export interface Kept {
  readonly text: string;
  /** Whether that is all that was asked for. */
  readonly isAll: boolean;
}

/** The fetched bytes and the statistics of an object. */
export class Inbox {
  #kept = "";
  received = 0;
  sent = 0;
  #bornMs = performance.now();

  get isEmpty(): boolean {
    return this.#kept === "";
  }

  /** Seconds since it was made, or as they were set. */
  get age(): number {
    return (performance.now() - this.#bornMs) / 1000;
  }

  set age(seconds: number) {
    this.#bornMs = performance.now() - seconds * 1000;
  }

  /** Takes in what a connection leaves behind. */
  keep(text: string): void {
    this.#kept += text;
  }

  /** A line, without LF, or the beginning of one. */
  takeLine(): Kept {
    const end = this.#kept.indexOf("\n");
    const text = this.#take(end < 0 ? this.#kept.length : end);
    if (end >= 0) this.#take(1);
    return { text, isAll: end >= 0 };
  }

  /** So many bytes, or fewer; none at all where there is nothing. */
  takeBytes(size: number): Kept {
    const isAll = this.#kept.length >= size && !this.isEmpty;
    return { text: this.#take(size), isAll };
  }

  #take(size: number): string {
    const text = this.#kept.slice(0, size);
    this.#kept = this.#kept.slice(size);
    this.received += text.length;
    return text;
  }
}
