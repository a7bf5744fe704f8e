/**
 * What the original does with the bytes of one connection: which it has fetched, what each kind of
 * read takes of them. The model knows no time: a read that wants more than there is stays open.
 */

/** The values that an op returns. */
export type Values = unknown[];

/** What a reader says after a look at the fetched bytes. */
type Verdict = "again" | "done" | "failed";

/** Takes what it wants of the fetched bytes; there are none only at the end of the stream. */
export type Reader = (model: ReadModel) => Verdict;

/** The delimiter of an iterator, and how far its search has come. */
export class Pattern {
  readonly text: string;
  readonly inclusive: boolean;
  /** How many bytes of it were seen, and are held back. */
  held = 0;
  /** The next call gives the mark behind the last piece. */
  endPending = false;
  /** `#border[n]`: the longest part that is start and end of the first n bytes, but not all. */
  readonly #border: number[] = [0, 0];

  constructor(text: string, inclusive: boolean) {
    this.text = text;
    this.inclusive = inclusive;
    for (let at = 1, length = 0; at < text.length; at++) {
      while (length > 0 && text[at] !== text[length]) length = this.#border[length]!;
      if (text[at] === text[length]) length++;
      this.#border.push(length);
    }
  }

  /** How much of it is seen with one more byte. */
  next(byte: string): number {
    let held = this.held;
    while (held > 0 && this.text[held] !== byte) held = this.#border[held]!;
    return this.text[held] === byte ? held + 1 : 0;
  }
}

/** The read side of one connection. */
export class ReadModel {
  /** Arrived, but not fetched. */
  kernel = "";
  /** What comes behind it. */
  end: "fin" | "rst" | undefined;
  /** Whether a reset was told: it is an end from then on. */
  wasReset = false;
  /** Fetched, but not taken. */
  buffer = "";
  /** The end was fetched, too. */
  ended = false;
  /** Its reads say `closed`. */
  dead = false;
  /** What the read at hand has taken. */
  out = "";
  readonly #size: number;
  #room: number;

  /** @param size That of the original's buffer. */
  constructor(size: number) {
    this.#size = this.#room = size;
  }

  /** Bytes that nobody has taken. */
  get unread(): number {
    return this.buffer.length + this.kernel.length;
  }

  copy(): ReadModel {
    const copy = new ReadModel(this.#size);
    copy.#room = this.#room;
    const { kernel, end, wasReset, buffer, ended, dead, out } = this;
    return Object.assign(copy, { kernel, end, wasReset, buffer, ended, dead, out });
  }

  /** Takes so many bytes off the front of what was fetched. */
  take(size: number): string {
    const taken = this.buffer.slice(0, size);
    this.buffer = this.buffer.slice(size);
    return taken;
  }

  /** Goes on with a read; `undefined` if it wants more than has arrived. */
  proceed(reader: Reader): Values | undefined {
    for (;;) {
      if (this.buffer !== "" || this.ended) {
        const verdict = reader(this);
        if (verdict === "done") return this.over([this.out]);
        if (verdict === "failed") return this.#failed("closed");
      } else if (this.kernel !== "") {
        this.#fetch();
      } else if (this.end === "rst") {
        this.end = "fin"; // it is told once
        this.wasReset = true;
        return this.#failed("connection reset by peer");
      } else if (this.end === "fin") {
        this.ended = true;
      } else return undefined;
    }
  }

  /** A read has come to its end: an empty buffer is used from its start again. */
  over(values: Values): Values {
    if (this.buffer === "") this.#room = this.#size;
    return values;
  }

  #failed(why: string): Values {
    this.dead = true;
    this.buffer = "";
    return [null, why, this.out];
  }

  #fetch(): void {
    if (this.#room === 0) this.#room = this.#size;
    const some = Math.min(this.#room, this.kernel.length);
    this.buffer = this.kernel.slice(0, some);
    this.kernel = this.kernel.slice(some);
    this.#room -= some;
  }
}

/** `receive(size)` */
export function sizeReader(size: number): Reader {
  let rest = size;
  return (model) => {
    if (model.buffer === "") return "failed";
    const some = model.take(rest);
    model.out += some;
    rest -= some.length;
    return rest === 0 ? "done" : "again";
  };
}

/** `receive("*l")` */
export const lineReader: Reader = (model) => {
  if (model.buffer === "") return "failed";
  const end = model.buffer.indexOf("\n");
  model.out += model.take(end < 0 ? model.buffer.length : end + 1).replace(/[\r\n]/g, "");
  return end < 0 ? "again" : "done";
};

/** `receive("*a")` */
export const allReader: Reader = (model) => {
  if (model.buffer === "") return "done";
  model.out += model.take(model.buffer.length);
  return "again";
};

/** `receiveany(most)` */
export function anyReader(most: number): Reader {
  return (model) => {
    if (model.buffer === "") return "failed";
    model.out += model.take(most);
    return "done";
  };
}

/** One call of an iterator; a size of 0 is none. */
export function untilReader(pattern: Pattern, size: number): Reader {
  let rest = size > 0 ? size : Infinity;
  const { text } = pattern;
  return (model) => {
    const { buffer } = model;
    if (buffer === "") return "failed";
    /** Gives bytes out; says whether that is a piece, whose reading ends at a position. */
    const isPiece = (given: string, at: number) => {
      model.out += given;
      rest -= given.length;
      if (rest <= 0) model.take(at);
      return rest <= 0;
    };
    for (let at = 0; at < buffer.length;) {
      const byte = buffer[at]!;
      const held = pattern.held;
      if (byte === text[held]) {
        at++;
        pattern.held++;
        if (pattern.held < text.length) continue;
        model.take(at);
        pattern.held = 0;
        pattern.endPending = size > 0;
        if (pattern.inclusive) model.out += text;
        return "done";
      }
      if (held === 0) {
        at++;
        if (isPiece(byte, at)) return "done";
        continue;
      }
      const next = pattern.next(byte);
      // What is held from now on begins in what was held, or all of that goes out, and the byte
      // is looked at again.
      pattern.held = next > 1 ? next : 0;
      if (next > 1) at++;
      if (isPiece(text.slice(0, next > 1 ? held + 1 - next : held), at)) return "done";
    }
    model.take(buffer.length);
    return "again";
  };
}
