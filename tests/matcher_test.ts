import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesOf, byteString, quote } from "../src/bytes.ts";
import { Delimiter, Matcher } from "../src/matcher.ts";
import { cutAt, cuts, everyCut } from "./helpers/cuts.ts";
import { Random } from "./helpers/random.ts";

const cases = [
  { delimiter: "\n", input: "a\nb", ends: [2] },
  { delimiter: "\n", input: "\n\n\n", ends: [1, 2, 3] },
  { delimiter: "\r\n", input: "a\r\r\nb", ends: [4] },
  { delimiter: "\r\n", input: "a\rb\nc", ends: [] },
  { delimiter: "aa", input: "aaaaa", ends: [2, 4] },
  { delimiter: "aab", input: "aaab", ends: [4] },
  { delimiter: "aab", input: "aaaaaab", ends: [7] },
  { delimiter: "abab", input: "abababab", ends: [4, 8] },
  { delimiter: "ababac", input: "abababac", ends: [8] },
  { delimiter: "abcabd", input: "abcabcabd", ends: [9] },
  { delimiter: "aabaaa", input: "aabaabaaa", ends: [9] },
  { delimiter: "abaabab", input: "abaabaabab", ends: [10] },
  { delimiter: "\x00\xff", input: "\x00\x00\xff\xff\x00", ends: [3] },
  { delimiter: "--x--", input: "--x-x----x--x--", ends: [12] },
  { delimiter: "\r\n--boundary", input: "body\r\n--bound\r\n--boundary--\r\n", ends: [25] },
  { delimiter: "a", input: "", ends: [] },
  // What stands far away is found by the engine's own search.
  { delimiter: "z", input: `${"a".repeat(40)}z${"b".repeat(40)}z`, ends: [41, 82] },
  { delimiter: "yz", input: `${"y".repeat(20)}x${"a".repeat(20)}yyz`, ends: [44] },
];

for (const { delimiter, input, ends } of cases) {
  test(`Matcher finds ${quote(delimiter)} in ${quote(input)} up to ${quote(ends.join())}`, () => {
    for (const pieces of cuts(bytesOf(input))) {
      assert.deepEqual(endsOf(delimiter, pieces), ends, shown(pieces));
    }
  });
}

test("Matcher agrees with a plain search on all short texts of a and b", () => {
  const delimiters = [1, 2, 3, 4].flatMap(wordsOf);
  for (const input of [0, 1, 2, 3, 4, 5, 6, 7, 8].flatMap(wordsOf)) {
    const wanted = delimiters.map((delimiter) => plainEndsOf(delimiter, input).join());
    for (const pieces of everyCut(bytesOf(input))) {
      delimiters.forEach((delimiter, at) => {
        const ends = endsOf(delimiter, pieces).join();
        if (ends !== wanted[at]) assert.equal(ends, wanted[at], `${delimiter} ${shown(pieces)}`);
      });
    }
  }
});

test("Matcher finds a delimiter of 300 equal bytes, however late it begins", () => {
  const delimiter = `${"a".repeat(300)}b`;
  for (const extra of [0, 1, 5, 299, 300, 301]) {
    const input = bytesOf("a".repeat(extra) + delimiter + "a");
    for (let size = 1; size < input.length; size += 7) {
      const places = Array.from({ length: Math.floor((input.length - 1) / size) }, (_, at) => at);
      const pieces = cutAt(input, places.map((at) => (at + 1) * size));
      assert.deepEqual(endsOf(delimiter, pieces), [extra + 301], `${extra} in pieces of ${size}`);
    }
  }
});

test("Matcher finds a random delimiter longer than any piece, at every cut", () => {
  const random = new Random(1);
  for (let round = 0; round < 40; round++) {
    const delimiter = byteString(random.bytes(random.between(20, 600), [0, 1]));
    const before = delimiter.slice(0, random.below(delimiter.length));
    const input = bytesOf(before + delimiter + before);
    const wanted = plainEndsOf(delimiter, byteString(input));
    for (let cut = 1; cut < input.length; cut += 3) {
      assert.deepEqual(endsOf(delimiter, cutAt(input, [cut])), wanted);
    }
    const pieces = [...input].map((_, at) => input.subarray(at, at + 1));
    assert.deepEqual(endsOf(delimiter, pieces), wanted);
  }
});

test("Matcher finds long delimiters among their own parts, as a plain search does", () => {
  const random = new Random(3);
  for (let round = 0; round < 3000; round++) {
    const values = random.of([[97, 98], [97, 98, 99, 100], [97]]);
    const delimiter = byteString(random.bytes(random.between(8, 40), values));
    let input = "";
    for (let part = 0; part < 12; part++) {
      const from = random.below(delimiter.length);
      input += random.onceIn(3) ? delimiter : delimiter.slice(from, from + random.between(1, 40));
      if (random.onceIn(2)) input += byteString(random.bytes(random.below(60), values));
    }
    const places = Array.from({ length: random.below(4) }, () => random.below(input.length));
    const pieces = cutAt(bytesOf(input), [...new Set(places)].sort((a, b) => a - b));
    const wanted = plainEndsOf(delimiter, input);
    assert.deepEqual(endsOf(delimiter, pieces), wanted, `${delimiter} ${shown(pieces)}`);
  }
});

test("Matcher holds back exactly what may be the start of the delimiter", () => {
  for (const delimiter of [1, 2, 3, 4].flatMap(wordsOf)) {
    for (const input of [1, 2, 3, 4, 5, 6, 7].flatMap(wordsOf)) {
      if (input.includes(delimiter)) continue;
      for (const pieces of everyCut(bytesOf(input))) {
        const matcher = new Matcher(new Delimiter(bytesOf(delimiter)));
        for (const piece of pieces) matcher.scan(piece, 0);
        assert.equal(matcher.pending, heldOf(delimiter, input), `${delimiter} ${shown(pieces)}`);
      }
    }
  }
});

test("Matcher stops as early as one that steps byte by byte", () => {
  const random = new Random(2);
  for (let round = 0; round < 20_000; round++) {
    const values = random.of([[97, 98], [97, 98, 99], [97]]);
    const delimiter = random.bytes(random.between(1, 6), values);
    const input = random.bytes(random.between(1, 40), values);
    const matcher = new Matcher(new Delimiter(delimiter));
    const model = new StepModel(byteString(delimiter));
    for (let start = 0; start < input.length;) {
      const piece = input.subarray(start, start + random.between(1, 12));
      start += piece.length;
      let at = 0;
      while (at < piece.length) {
        const enough = random.onceIn(4) ? Infinity : at - model.pending + random.between(0, 6);
        const found = matcher.scan(piece, at, enough);
        const wanted = model.scan(byteString(piece), at, enough);
        const seen = { found, at: matcher.at, pending: matcher.pending };
        assert.deepEqual(seen, wanted, `${byteString(delimiter)} in ${byteString(input)}`);
        at = wanted.at;
      }
    }
  }
});

const hard = [
  { delimiter: "a".repeat(300) + "b", input: "a".repeat(20_000) },
  { delimiter: "a".repeat(300) + "b", input: ("a".repeat(300) + "c").repeat(60) },
  { delimiter: "aab", input: "aa".repeat(10_000) },
  { delimiter: "abaababaab", input: "abaababaa".repeat(2000) },
  { delimiter: "ab", input: "c".repeat(20_000) },
  { delimiter: "a".repeat(19) + "b", input: ("b" + "a".repeat(18)).repeat(1000) },
  { delimiter: "b" + "a".repeat(19), input: ("a".repeat(40) + "c".repeat(20)).repeat(300) },
  { delimiter: "abababababababab", input: ("c".repeat(60) + "abababababababa").repeat(200) },
  { delimiter: "a", input: "b".repeat(20_000) },
];

for (const { delimiter, input } of hard) {
  for (const pieceBytes of [1, 100, Infinity]) {
    for (const enough of [1, 100, Infinity]) {
      const name = `${quote(delimiter.slice(0, 12))} in ${input.length} bytes`;
      test(`Matcher looks at no byte of ${name} often, ${pieceBytes} and ${enough} at a time`, () => {
        const looks = looksAt(delimiter, bytesOf(input), pieceBytes, enough);
        assert.ok(looks <= 4 * input.length, `${looks} looks at ${input.length} bytes`);
      });
    }
  }
}

test("reset() forgets what was held", () => {
  const matcher = new Matcher(new Delimiter(bytesOf("ab")));
  assert.equal(matcher.scan(bytesOf("a"), 0), false);
  assert.equal(matcher.pending, 1);
  matcher.reset();
  assert.equal(matcher.scan(bytesOf("b"), 0), false);
});

test("Delimiter does not change when the bytes it was made of do", () => {
  const bytes = bytesOf("ab");
  const matcher = new Matcher(new Delimiter(bytes));
  bytes.fill(0);
  assert.equal(matcher.scan(bytesOf("xab"), 0), true);
  assert.equal(matcher.at, 3);
});

test("Delimiter refuses to be empty", () => {
  assert.throws(() => new Delimiter(new Uint8Array(0)), RangeError);
});

/** Where each delimiter ends, by the matcher, one search after the other. */
function endsOf(delimiter: string, pieces: readonly Uint8Array[]): number[] {
  const matcher = new Matcher(new Delimiter(bytesOf(delimiter)));
  const ends: number[] = [];
  let before = 0;
  for (const piece of pieces) {
    let at = 0;
    while (matcher.scan(piece, at)) {
      at = matcher.at;
      ends.push(before + at);
    }
    assert.equal(matcher.at, piece.length);
    before += piece.length;
  }
  return ends;
}

/** The same by the engine's own search of strings. */
function plainEndsOf(delimiter: string, input: string): number[] {
  const ends: number[] = [];
  for (let at = input.indexOf(delimiter); at >= 0; at = input.indexOf(delimiter, at)) {
    at += delimiter.length;
    ends.push(at);
  }
  return ends;
}

/** The longest start of the delimiter that the input ends with. */
function heldOf(delimiter: string, input: string): number {
  let held = delimiter.length - 1;
  while (!input.endsWith(delimiter.slice(0, held))) held--;
  return held;
}

/** All words of so many letters a and b. */
function wordsOf(length: number): string[] {
  if (length === 0) return [""];
  return wordsOf(length - 1).flatMap((word) => [`${word}a`, `${word}b`]);
}

function shown(pieces: readonly Uint8Array[]): string {
  return quote(pieces.map((piece) => byteString(piece)).join("|"));
}

/** One step settles one byte, or all held ones that a mismatch sets free. */
class StepModel {
  readonly delimiter: string;
  pending = 0;

  constructor(delimiter: string) {
    this.delimiter = delimiter;
  }

  scan(piece: string, from: number, enough: number) {
    const { delimiter } = this;
    for (let at = from;;) {
      const done = at - this.pending >= enough || at >= piece.length;
      if (done) return { found: false, at, pending: this.pending };
      const held = delimiter.slice(0, this.pending) + piece[at];
      if (held === delimiter) {
        this.pending = 0;
        return { found: true, at: at + 1, pending: 0 };
      }
      const next = delimiter.startsWith(held) ? held.length : heldOf(delimiter, held);
      if (this.pending > 0 && next <= 1) {
        // All that was held goes; this byte is looked at anew.
        this.pending = 0;
      } else {
        this.pending = next;
        at++;
      }
    }
  }
}

/** How often the matcher looks at a byte of the input. */
function looksAt(
  delimiter: string,
  input: Uint8Array,
  pieceBytes: number,
  enoughBytes: number,
): number {
  const matcher = new Matcher(new Delimiter(bytesOf(delimiter)));
  const counter = { looks: 0 };
  for (let start = 0; start < input.length; start += pieceBytes) {
    const piece = counted(input.subarray(start, start + pieceBytes), counter);
    for (let at = 0; at < piece.length;) {
      const certain = at - matcher.pending;
      matcher.scan(piece, at, certain + enoughBytes);
      at = matcher.at;
    }
  }
  return counter.looks;
}

/** Bytes that count how often they are looked at. */
function counted(bytes: Uint8Array, counter: { looks: number }): Uint8Array {
  const handler: ProxyHandler<Uint8Array> = {
    get(target, name) {
      if (name === "length") return target.length;
      if (name === "subarray") {
        return (from: number, end: number) => counted(target.subarray(from, end), counter);
      }
      if (name === "indexOf") {
        return (byte: number, from: number) => {
          const found = target.indexOf(byte, from);
          counter.looks += (found < 0 ? target.length : found + 1) - from;
          return found;
        };
      }
      counter.looks++;
      return target[Number(String(name))];
    },
  };
  return new Proxy(bytes, handler);
}
