import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteBuffer } from "../src/buffer.ts";
import { bytesOf, byteString, encodeUtf8, quote } from "../src/bytes.ts";
import { SocketError } from "../src/errors.ts";
import {
  all,
  any,
  asBytes,
  asByteString,
  exactly,
  type Framer,
  into,
  line,
  lineAtHand,
  look,
  Part,
  skipped,
  type Take,
  until,
  withoutCr,
} from "../src/framing.ts";
import { Delimiter } from "../src/matcher.ts";
import { cuts } from "./helpers/cuts.ts";
import { Feed } from "./helpers/feed.ts";

/** What a framer answers to an input: bytes are shown as a byte string. */
interface Case {
  readonly frame: string;
  readonly make: () => Framer<unknown>;
  readonly input: string;
  /** The peer ends behind the input. */
  readonly ended?: boolean;
  /** Absent: it wants more. */
  readonly answer?: unknown;
  /** What stays in the buffer. */
  readonly rest: string;
}

const TOO_LARGE = "too large";

const takes: { readonly name: string; readonly take: Take<unknown> }[] = [
  { name: "bytes", take: asBytes },
  { name: "byte string", take: asByteString },
];

const lineCases = [
  { input: "abc\nd", answer: "abc", rest: "d" },
  { input: "\n\n", answer: "", rest: "\n" },
  { input: "a\r\r\n\r", answer: "a\r\r", rest: "\r" },
  { input: "\xff\x00\n", answer: "\xff\x00", rest: "" },
  { input: "abc", rest: "abc" },
  { input: "abc", ended: true, rest: "abc" },
  { input: "", ended: true, rest: "" },
  { input: "abc\nd", maxBytes: 3, answer: "abc", rest: "d" },
  { input: "abc", maxBytes: 3, rest: "abc" },
  { input: "abcd\ne", maxBytes: 3, answer: TOO_LARGE, rest: "abcd\ne" },
  { input: "abcd", maxBytes: 3, answer: TOO_LARGE, rest: "abcd" },
];

const untilCases = [
  { delimiter: "--", input: "ab--cd", answer: "ab", rest: "cd" },
  { delimiter: "--", input: "--cd", answer: "", rest: "cd" },
  { delimiter: "--", input: "a---b", answer: "a", rest: "-b" },
  { delimiter: "aab", input: "aaab", answer: "a", rest: "" },
  { delimiter: "ababac", input: "abababac!", answer: "ab", rest: "!" },
  { delimiter: "a long delimiter", input: "xa long delimitery", answer: "x", rest: "y" },
  { delimiter: "--", input: "ab-", rest: "ab-" },
  { delimiter: "--", input: "ab-", ended: true, rest: "ab-" },
  { delimiter: "--", input: "ab--cd", inclusive: true, answer: "ab--", rest: "cd" },
  { delimiter: "--", input: "--cd", inclusive: true, answer: "--", rest: "cd" },
  { delimiter: "--", input: "ab--", maxBytes: 2, answer: "ab", rest: "" },
  { delimiter: "--", input: "ab-", maxBytes: 2, rest: "ab-" },
  { delimiter: "--", input: "abc", maxBytes: 2, answer: TOO_LARGE, rest: "abc" },
  { delimiter: "--", input: "abc--", maxBytes: 2, answer: TOO_LARGE, rest: "abc--" },
  { delimiter: "--", input: "ab-c", maxBytes: 2, answer: TOO_LARGE, rest: "ab-c" },
  { delimiter: "--", input: "ab--", maxBytes: 4, inclusive: true, answer: "ab--", rest: "" },
  { delimiter: "--", input: "ab--", maxBytes: 3, inclusive: true, answer: TOO_LARGE, rest: "ab--" },
];

const cases: Case[] = [
  ...takes.flatMap(({ name, take }) => [
    ...lineCases.map(({ maxBytes = Infinity, ...it }) => ({
      frame: `line as ${name}, ${maxBytes}`,
      make: () => line(take, maxBytes),
      ...it,
    })),
    ...untilCases.map(({ delimiter, inclusive = false, maxBytes = Infinity, ...it }) => ({
      frame: `until ${quote(delimiter)} as ${name}, ${inclusive}, ${maxBytes}`,
      make: () => until(new Delimiter(bytesOf(delimiter)), inclusive, take, maxBytes),
      ...it,
    })),
    {
      frame: `exactly 0 as ${name}`,
      make: () => exactly(0, take),
      input: "",
      answer: "",
      rest: "",
    },
    {
      frame: `exactly 0 as ${name}`,
      make: () => exactly(0, take),
      input: "ab",
      answer: "",
      rest: "ab",
    },
    {
      frame: `exactly 3 as ${name}`,
      make: () => exactly(3, take),
      input: "abcde",
      answer: "abc",
      rest: "de",
    },
    { frame: `exactly 3 as ${name}`, make: () => exactly(3, take), input: "ab", rest: "ab" },
    {
      frame: `exactly 3 as ${name}`,
      make: () => exactly(3, take),
      input: "ab",
      ended: true,
      rest: "ab",
    },
    { frame: `all as ${name}`, make: () => all(take, Infinity), input: "abc", rest: "abc" },
    {
      frame: `all as ${name}`,
      make: () => all(take, Infinity),
      input: "abc",
      ended: true,
      answer: "abc",
      rest: "",
    },
    {
      frame: `all as ${name}`,
      make: () => all(take, Infinity),
      input: "",
      ended: true,
      answer: "",
      rest: "",
    },
    {
      frame: `all as ${name}, 3`,
      make: () => all(take, 3),
      input: "abc",
      ended: true,
      answer: "abc",
      rest: "",
    },
    {
      frame: `all as ${name}, 3`,
      make: () => all(take, 3),
      input: "abcd",
      answer: TOO_LARGE,
      rest: "abcd",
    },
  ]),
  { frame: "any", make: () => any(9, asBytes), input: "", rest: "" },
  { frame: "any", make: () => any(9, asBytes), input: "", ended: true, answer: null, rest: "" },
  { frame: "any 1", make: () => any(1, asBytes), input: "abc", answer: "a", rest: "bc" },
  { frame: "look 3", make: () => look(3), input: "abcde", answer: "abc", rest: "abcde" },
  { frame: "look 3", make: () => look(3), input: "ab", rest: "ab" },
  { frame: "look 3", make: () => look(3), input: "ab", ended: true, answer: "ab", rest: "ab" },
  { frame: "look 3", make: () => look(3), input: "", ended: true, answer: "", rest: "" },
  { frame: "skipped 0", make: () => skipped(0), input: "ab", answer: 0, rest: "ab" },
  { frame: "skipped 3", make: () => skipped(3), input: "abcde", answer: 3, rest: "de" },
  // What came is gone, whatever happens next.
  { frame: "skipped 3", make: () => skipped(3), input: "ab", rest: "" },
  { frame: "skipped 3", make: () => skipped(3), input: "ab", ended: true, rest: "" },
  { frame: "a line at hand", make: () => lineAtHand, input: "ab\ncd", answer: "ab", rest: "cd" },
  { frame: "a line at hand", make: () => lineAtHand, input: "ab\r\n", answer: "ab", rest: "" },
  { frame: "a line at hand", make: () => lineAtHand, input: "\r\r\n", answer: "\r", rest: "" },
  { frame: "a line at hand", make: () => lineAtHand, input: "ab\r", rest: "ab\r" },
  {
    frame: "a line at hand",
    make: () => lineAtHand,
    input: byteString(encodeUtf8("\ufeffdéjà\r\nvu")),
    answer: "\ufeffdéjà",
    rest: "vu",
  },
  {
    frame: "a line at hand",
    make: () => lineAtHand,
    input: "a\xffb\n\xff",
    answer: "a\ufffdb",
    rest: "\xff",
  },
];

for (const { frame, make, input, ended = false, answer, rest } of cases) {
  const where = `${quote(input)}${ended ? " and the end" : ""}`;
  const what = answer === undefined ? "wants more" : `answers ${shown(answer)}`;
  test(`${frame}: ${what}, given ${where}`, () => {
    for (const usesRoom of [true, false]) {
      for (const pieces of cuts(bytesOf(input))) {
        const seen = outcomeOf(make(), pieces, ended, usesRoom);
        assert.deepEqual(seen, { answer, rest }, pieces.map((it) => byteString(it)).join("|"));
      }
    }
  });
}

test("any() takes at once what has come, and no more than it may", () => {
  const { buffer, feed } = fed();
  const frame = any(4, asBytes);
  feed.give(bytesOf("ab"));
  assert.deepEqual(frame(buffer, false), bytesOf("ab"));
  feed.give(bytesOf("cdefgh"));
  assert.deepEqual(frame(buffer, true), bytesOf("cdef"));
  assert.deepEqual(frame(buffer, true), bytesOf("gh"));
  assert.equal(frame(buffer, true), null);
});

test("into() copies what has come to the front of the view, and says how much", () => {
  const { buffer, feed } = fed();
  const view = new Uint8Array(4);
  const frame = into(view);
  assert.equal(frame(buffer, false), undefined);
  feed.give(bytesOf("ab"));
  assert.equal(frame(buffer, false), 2);
  assert.equal(byteString(view), "ab\0\0");
  feed.give(bytesOf("cdefg"));
  assert.equal(frame(buffer, false), 4);
  assert.equal(byteString(view), "cdef");
  assert.equal(frame(buffer, true), 1);
  assert.equal(frame(buffer, true), 0);
  assert.equal(byteString(view), "gdef");
});

test("look() gives a copy that later bytes do not change", () => {
  const { buffer, feed } = fed();
  feed.give(bytesOf("abc"));
  const seen = look(2)(buffer, false)!;
  seen.fill(0);
  assert.equal(byteString(buffer.peek()), "abc");
});

test("line() looks at no byte twice", () => {
  const froms: number[] = [];
  class Watched extends ByteBuffer {
    override indexOf(byte: number, from = 0): number {
      froms.push(from);
      return super.indexOf(byte, from);
    }
  }
  const buffer = new Watched();
  const feed = new Feed(buffer, true);
  const frame = line(asBytes, Infinity);
  for (const piece of ["abc", "de", "f", "\n"]) {
    frame(buffer, false);
    feed.give(bytesOf(piece));
  }
  assert.equal(byteString(frame(buffer, false)!), "abcdef");
  assert.deepEqual(froms, [0, 0, 3, 5, 6]);
});

test("Part goes on where it was, when it is asked again", () => {
  const { buffer, feed } = fed();
  const part = partUpTo("--");
  feed.give(bytesOf("ab-"));
  assert.equal(part.piece(buffer, Infinity), undefined);
  assert.deepEqual([part.certainBytes, part.heldBytes], [2, 1]);
  assert.equal(part.isAt(buffer), true);
  feed.give(bytesOf("-"));
  assert.deepEqual(part.piece(buffer, Infinity), { size: 2, dropped: 2, last: true });
});

test("Part gives bytes that were held, and set free together, as one piece", () => {
  const { buffer, feed } = fed();
  const part = partUpTo("aaab");
  feed.give(bytesOf("xaaa"));
  assert.deepEqual(part.piece(buffer, 1), { size: 1, dropped: 0, last: false });
  buffer.skip(1);
  part.advance(1);
  assert.equal(part.piece(buffer, 1), undefined);
  feed.give(bytesOf("c"));
  assert.deepEqual(part.piece(buffer, 1), { size: 3, dropped: 0, last: false });
});

test("Part looks anew when somebody else took bytes", () => {
  const { buffer, feed } = fed();
  const part = partUpTo("--");
  feed.give(bytesOf("a-"));
  assert.equal(part.piece(buffer, Infinity), undefined);
  buffer.take(2);
  feed.give(bytesOf("-b--"));
  assert.equal(part.isAt(buffer), false);
  assert.deepEqual(part.piece(buffer, Infinity), { size: 2, dropped: 2, last: true });
});

test("withoutCr() drops one CR at the end", () => {
  const texts = ["", "\r", "a\r", "\r\r", "\ra", "a"];
  assert.deepEqual(texts.map(withoutCr), ["", "", "a", "\r", "\ra", "a"]);
});

/** Feeds pieces until the framer answers, and the rest behind it. */
function outcomeOf(
  frame: Framer<unknown>,
  pieces: readonly Uint8Array[],
  ended: boolean,
  usesRoom: boolean,
) {
  const { buffer, feed } = fed(usesRoom);
  const ask = (isEnd: boolean) => {
    try {
      return frame(buffer, isEnd);
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
      return error.code;
    }
  };
  let answer = ask(false);
  for (const piece of pieces) {
    feed.give(piece);
    if (answer === undefined) answer = ask(false);
  }
  if (ended && answer === undefined) answer = ask(true);
  return { answer: plain(answer), rest: byteString(buffer.peek()) };
}

function plain(answer: unknown): unknown {
  return answer instanceof Uint8Array ? byteString(answer) : answer;
}

function shown(answer: unknown): string {
  return answer === TOO_LARGE ? TOO_LARGE : quote(answer);
}

function partUpTo(delimiter: string): Part {
  return new Part(new Delimiter(bytesOf(delimiter)), false);
}

function fed(usesRoom = true) {
  const buffer = new ByteBuffer();
  return { buffer, feed: new Feed(buffer, usesRoom) };
}
