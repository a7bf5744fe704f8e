/**
 * Each kind of call that reads, with its judge: a few lines that do the same to a
 * string. What the peer says is a byte string here, and ASCII.
 */

import { byteString } from "../../src/bytes.ts";
import { type CallOptions, type Cosocket, SocketError } from "../../mod.ts";

/** How what a peer says comes to its end. */
export type End = "closed" | "reset" | "timeout";

/** What came of reading on until nothing more came. */
export interface Outcome {
  /** Each result, in its order. */
  readonly got: readonly string[];
  /** The code of the error at the end; `done` if there was none. */
  readonly end: string;
  /** What the error had of an unfinished result. */
  readonly partial: string;
}

/** One kind of call. */
export interface Way {
  readonly name: string;
  /** Calls again and again, and tells each result, until there is no more. */
  read(sock: Cosocket, options: CallOptions): AsyncIterable<string>;
  /** What that must give where the peer says so much, and then comes to this end. */
  judge(said: string, end: End): Outcome;
  /** Whether the results may be cut anywhere: only all of them together is determined. */
  readonly flows?: true;
}

const SIZE = 7;

/** Results that are whole or not there at all; an unfinished one is told. */
const framed = (found: { got: string[]; rest: string }, end: End): Outcome => ({
  got: found.got,
  end,
  partial: found.rest,
});

/** Bytes as they come; a quiet end. */
const flowing = (said: string, end: End): Outcome => ({
  got: said === "" ? [] : [said],
  end: end === "closed" ? "done" : end,
  partial: "",
});

export const WAYS: readonly Way[] = [
  {
    name: "receiveLine()",
    read: (sock, options) => again(() => sock.receiveLine(options)),
    judge: (said, end) => framed(lines(said), end),
  },
  {
    name: "receiveLine() as bytes",
    read: (sock, options) => again(() => sock.receiveLine({ ...options, as: "bytes" })),
    judge: (said, end) => framed(lines(said), end),
  },
  {
    name: "receiveExactly()",
    read: (sock, options) => again(() => sock.receiveExactly(SIZE, options)),
    judge: (said, end) => framed(pieces(said), end),
  },
  {
    name: "receiveUntil()",
    read: (sock, options) => again(() => sock.receiveUntil("\r\n", options)),
    judge: (said, end) => framed(split(said, "\r\n"), end),
  },
  {
    name: "receiveUntil(), inclusive",
    read: (sock, options) => again(() => sock.receiveUntil("e", { ...options, inclusive: true })),
    judge: (said, end) => {
      const { got, rest } = split(said, "e");
      return framed({ got: got.map((it) => `${it}e`), rest }, end);
    },
  },
  {
    name: "parts()",
    // A part that fails gives what it had, and the error the rest of it.
    async *read(sock, options) {
      for (;;) {
        const part = sock.parts("\r\n", options);
        const pieces: string[] = [];
        try {
          for (let piece = await part.read(3); piece !== null; piece = await part.read(3)) {
            pieces.push(byteString(piece));
          }
        } catch (error) {
          throw withPieces(error, pieces.join(""));
        }
        yield pieces.join("");
      }
    },
    judge: (said, end) => framed(split(said, "\r\n"), end),
  },
  {
    name: "receiveAny()",
    async *read(sock, options) {
      for (;;) {
        const bytes = await sock.receiveAny(SIZE, options);
        if (bytes === null) return;
        yield byteString(bytes);
      }
    },
    judge: flowing,
    flows: true,
  },
  {
    name: "readInto()",
    async *read(sock, options) {
      const view = new Uint8Array(SIZE);
      for (;;) {
        const size = await sock.readInto(view, options);
        if (size === 0) return;
        yield byteString(view.subarray(0, size));
      }
    },
    judge: flowing,
    flows: true,
  },
  {
    name: "receiveAll()",
    async *read(sock, options) {
      const all = byteString(await sock.receiveAll(options));
      if (all !== "") yield all;
    },
    judge: (said, end) =>
      end === "closed" ? flowing(said, end) : framed({ got: [], rest: said }, end),
    flows: true,
  },
  {
    name: "skip()",
    read: (sock, options) => again(() => sock.skip(SIZE, options).then(() => "skipped")),
    // It throws away what comes, also of what does not come whole.
    judge: (said, end) => ({ got: pieces(said).got.map(() => "skipped"), end, partial: "" }),
  },
  {
    name: "peek()",
    async *read(sock, options) {
      for (;;) {
        const look = byteString(await sock.peek(SIZE, options));
        if (look === "") return;
        const taken = byteString(await sock.receiveExactly(look.length, options));
        if (taken !== look) throw new Error(`It looked like ${look}, and was ${taken}`);
        yield taken;
      }
    },
    judge: (said, end) => end === "closed" ? flowing(said, end) : framed(pieces(said), end),
    flows: true,
  },
  {
    name: "lines()",
    read: (sock, options) => sock.lines(options),
    judge: (said, end) => {
      const { got, rest } = lines(said);
      if (end !== "closed") return framed({ got, rest }, end);
      return { got: rest === "" ? got : [...got, rest], end: "done", partial: "" };
    },
  },
  {
    name: "readable",
    async *read(sock, { timeoutMs }) {
      if (timeoutMs !== undefined) sock.setTimeouts({ readMs: timeoutMs });
      const reader = sock.readable.getReader();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        yield byteString(value);
      }
    },
    judge: flowing,
    flows: true,
  },
];

/** Reads in a way until it ends. */
export async function outcomeOf(way: Way, sock: Cosocket, options: CallOptions): Promise<Outcome> {
  const got: string[] = [];
  try {
    for await (const result of way.read(sock, options)) got.push(result);
    return comparable(way, { got, end: "done", partial: "" });
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
    const partial = byteString(error.partial ?? NOTHING);
    return comparable(way, { got, end: error.code, partial });
  }
}

/** What the judge of a way says. */
export function judged(way: Way, said: string, end: End): Outcome {
  return comparable(way, way.judge(said, end));
}

function comparable({ flows }: Way, { got, end, partial }: Outcome): Outcome {
  return { got: flows && got.length > 0 ? [got.join("")] : got, end, partial };
}

const NOTHING = new Uint8Array(0);

async function* again<T extends string | Uint8Array>(
  call: () => Promise<T>,
): AsyncGenerator<string, void, void> {
  for (;;) {
    const result = await call();
    yield typeof result === "string" ? result : byteString(result);
  }
}

function withPieces(error: unknown, had: string): unknown {
  if (!(error instanceof SocketError)) return error;
  const rest = byteString(error.partial ?? NOTHING);
  const partial = new TextEncoder().encode(had + rest);
  return new SocketError(error.code, error.message, { partial, cause: error });
}

function split(said: string, delimiter: string): { got: string[]; rest: string } {
  const got = said.split(delimiter);
  const rest = got.pop()!;
  return { got, rest };
}

function lines(said: string): { got: string[]; rest: string } {
  const { got, rest } = split(said, "\n");
  return { got: got.map((it) => it.replace(/\r$/, "")), rest };
}

function pieces(said: string): { got: string[]; rest: string } {
  const whole = said.length - said.length % SIZE;
  const got = said.slice(0, whole).match(/[^]{7}/g) ?? [];
  return { got, rest: said.slice(whole) };
}
