import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteBuffer } from "../src/buffer.ts";
import { bytesOf, byteString, quote } from "../src/bytes.ts";
import { SocketError } from "../src/errors.ts";
import { Delimiter } from "../src/matcher.ts";
import { PieceFramer } from "../src/parts.ts";
import { cutAt, cuts, everyCut } from "./helpers/cuts.ts";
import { Feed } from "./helpers/feed.ts";
import { Random } from "./helpers/random.ts";

const cases = [
  { delimiter: "--", input: "abc--de----f", size: 2 },
  { delimiter: "--", input: "abc--de----f", size: Infinity },
  { delimiter: "--", input: "--", size: 1 },
  { delimiter: "--", input: "a-b-c", size: 1 },
  { delimiter: "aab", input: "aaaabaaab", size: 1 },
  { delimiter: "aab", input: "aaaabaaab", size: 3 },
  { delimiter: "ababac", input: "abababacab", size: 2 },
  { delimiter: "a longer one", input: "xa longer oneya longer", size: 3 },
  { delimiter: "\r\n--b", input: "\r\n--a\r\n--b\r\n\r\n--b", size: 4 },
];

for (const { delimiter, input, size } of cases) {
  for (const inclusive of [false, true]) {
    const how = `${inclusive ? "up to and with" : "up to"} ${quote(delimiter)}`;
    test(`PieceFramer reads ${quote(input)} ${how}, ${size} at a time`, () => {
      const wanted = piecesOf(delimiter, inclusive, input, () => size);
      for (const pieces of cuts(bytesOf(input))) {
        assert.deepEqual(readAll(delimiter, inclusive, pieces, () => size), wanted);
      }
    });
  }
}

test("PieceFramer agrees with a plain search on random texts, sizes and cuts", () => {
  const random = new Random(3);
  for (let round = 0; round < 4000; round++) {
    const delimiter = byteString(random.bytes(random.between(1, 5), [97, 98]));
    const input = random.bytes(random.below(40), [97, 98]);
    const inclusive = random.onceIn(2);
    const most = random.between(1, 9);
    const sizes = Array.from(
      { length: 100 },
      () => random.onceIn(8) ? Infinity : random.between(1, most),
    );
    const sizeAt = (at: number) => sizes[at]!;
    const places = Array.from({ length: random.below(8) }, () => random.below(input.length + 1));
    const pieces = cutAt(input, places.sort((a, b) => a - b));
    assert.deepEqual(
      readAll(delimiter, inclusive, pieces, sizeAt),
      piecesOf(delimiter, inclusive, byteString(input), sizeAt),
      `${delimiter} in ${pieces.map((it) => byteString(it)).join("|")}, ${sizes.slice(0, 20)}`,
    );
  }
});

test("PieceFramer gives null once behind each part, and nothing else for an empty one", () => {
  for (const pieces of everyCut(bytesOf(",,a,"))) {
    assert.deepEqual(readAll(",", false, pieces, () => 5), [null, null, "a", null]);
  }
});

test("PieceFramer takes nothing of a part longer than maxBytes, and may be asked again", () => {
  for (const pieces of everyCut(bytesOf("abcd-e"))) {
    const { buffer, feed, framer } = reader("-", false);
    let refused = false;
    for (const piece of pieces) {
      feed.give(piece);
      try {
        framer.next(Infinity, 3)(buffer, false);
      } catch (error) {
        assert.ok(error instanceof SocketError && error.code === "too large");
        refused = true;
      }
    }
    assert.equal(refused, true);
    assert.equal(byteString(buffer.peek()), "abcd-e");
    assert.equal(byteString(framer.next(Infinity, 4)(buffer, false)!), "abcd");
  }
});

test("PieceFramer counts maxBytes anew behind each piece that was taken", () => {
  const { buffer, feed, framer } = reader("-", false);
  feed.give(bytesOf("abc"));
  assert.equal(byteString(framer.next(3, 3)(buffer, false)!), "abc");
  feed.give(bytesOf("def"));
  assert.equal(framer.next(Infinity, 3)(buffer, false), undefined);
  feed.give(bytesOf("-"));
  assert.equal(byteString(framer.next(Infinity, 3)(buffer, false)!), "def");
});

test("PieceFramer goes on where somebody else stopped reading", () => {
  for (const inclusive of [false, true]) {
    const { buffer, feed, framer } = reader("12345", inclusive);
    feed.give(bytesOf("ab12"));
    assert.equal(byteString(framer.next(2, Infinity)(buffer, false)!), "ab");
    assert.equal(framer.next(2, Infinity)(buffer, false), undefined);
    buffer.take(2);
    feed.give(bytesOf("345c12345d"));
    assert.equal(byteString(framer.next(4, Infinity)(buffer, false)!), "345c");
  }
});

test("PieceFramer looks anew where somebody else took some of a delimiter that is kept", () => {
  const { buffer, feed, framer } = reader("12345", true);
  feed.give(bytesOf("a12345bc12345"));
  assert.equal(byteString(framer.next(3, Infinity)(buffer, false)!), "a12");
  assert.equal(byteString(buffer.take(1)), "3");
  assert.equal(byteString(framer.next(4, Infinity)(buffer, false)!), "45bc");
});

/** What the framer gives for an input in pieces, until it wants more. */
function readAll(
  delimiter: string,
  inclusive: boolean,
  pieces: readonly Uint8Array[],
  sizeAt: (at: number) => number,
): (string | null)[] {
  const { buffer, feed, framer } = reader(delimiter, inclusive);
  const given: (string | null)[] = [];
  const left = [...pieces];
  for (;;) {
    const answer = framer.next(sizeAt(given.length), Infinity)(buffer, false);
    if (answer !== undefined) {
      given.push(answer && byteString(answer));
    } else {
      const piece = left.shift();
      if (piece === undefined) return given;
      feed.give(piece);
    }
  }
}

/** The same by a plain search. */
function piecesOf(
  delimiter: string,
  inclusive: boolean,
  input: string,
  sizeAt: (at: number) => number,
): (string | null)[] {
  const given: (string | null)[] = [];
  const parts = input.split(delimiter);
  const last = parts.pop()!;
  for (const part of parts) {
    let left = inclusive ? part + delimiter : part;
    while (left !== "") {
      const size = sizeAt(given.length);
      given.push(left.slice(0, size));
      left = left.slice(size);
    }
    given.push(null);
  }
  let held = delimiter.length - 1;
  while (!last.endsWith(delimiter.slice(0, held))) held--;
  let certain = last.slice(0, last.length - held);
  for (;;) {
    const size = sizeAt(given.length);
    if (certain.length < size) return given;
    given.push(certain.slice(0, size));
    certain = certain.slice(size);
  }
}

function reader(delimiter: string, inclusive: boolean) {
  const buffer = new ByteBuffer();
  const framer = new PieceFramer(new Delimiter(bytesOf(delimiter)), inclusive);
  return { buffer, feed: new Feed(buffer, true), framer };
}
