import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteBuffer } from "../src/buffer.ts";
import { bytesOf, byteString, isAscii } from "../src/bytes.ts";
import { Feed } from "./helpers/feed.ts";
import { Random } from "./helpers/random.ts";

/** What was handed out, and what it was at that moment. */
interface Kept {
  readonly bytes: Uint8Array;
  readonly then: string;
}

const sizes = [
  { name: "small", mostBytes: 40, rounds: 60, calls: 600 },
  { name: "middling", mostBytes: 3000, rounds: 20, calls: 600 },
  { name: "large", mostBytes: 120_000, rounds: 6, calls: 300 },
];

for (const usesRoom of [true, false]) {
  const whose = usesRoom ? "the room offered" : "memory of the driver's";
  for (const { name, mostBytes, rounds, calls } of sizes) {
    test(`ByteBuffer does as a string does, with ${name} pulls into ${whose}`, () => {
      for (let seed = 1; seed <= rounds; seed++) playRandomly(seed, calls, mostBytes, usesRoom);
    });
  }
}

test("take() gives memory that is never pulled into again", () => {
  for (const size of [1, 1023, 1024, 5000, 64 * 1024, 200_000, 3_000_000]) {
    const { buffer, feed } = fed(true);
    const sent = new Random(size).bytes(size);
    buffer.expect(size);
    feed.give(sent);
    const taken = buffer.take(size);
    for (let pull = 0; pull < 5; pull++) {
      feed.give(new Uint8Array(100));
      assert.notEqual(feed.room?.buffer, taken.buffer, `${size} bytes`);
    }
    assert.deepEqual(taken, sent);
  }
});

test("take() does not give memory away that a pull under way has been offered", () => {
  for (const size of [10, 3000, 5000, 100_000]) {
    const { buffer, feed } = fed(true);
    feed.give(new Uint8Array(size).fill(1));
    feed.pull();
    assert.notEqual(feed.room, undefined);
    const taken = buffer.take(size);
    assert.notEqual(taken.buffer, feed.room?.buffer);
    feed.arrive(new Uint8Array(10).fill(2));
    assert.deepEqual(taken, new Uint8Array(size).fill(1));
    assert.deepEqual(buffer.peek(), new Uint8Array(10).fill(2));
  }
});

test("take() is not harmed by a neighbour whose memory was transferred", () => {
  const { buffer, feed } = fed(true);
  feed.give(bytesOf("abcdef"));
  const first = buffer.take(2);
  structuredClone(first.buffer, { transfer: [first.buffer as ArrayBuffer] });
  assert.equal(byteString(buffer.take(2)), "cd");
  assert.equal(byteString(buffer.take(2)), "ef");
});

test("room() is undefined while nothing is held, so that the driver's own memory serves", () => {
  const { buffer, feed } = fed(false);
  assert.equal(buffer.room(), undefined);
  feed.give(bytesOf("abc"));
  buffer.take(3);
  assert.equal(buffer.room(), undefined);
});

test("room() keeps what is held apart from the driver's memory", () => {
  const { buffer, feed } = fed(false);
  feed.give(bytesOf("abc"));
  feed.pull();
  assert.equal(byteString(buffer.peek()), "abc");
});

test("expect() makes room for the frame that is waited for", () => {
  const { buffer } = fed(true);
  buffer.expect(300_000);
  assert.equal(buffer.room()?.length, 300_000);
});

test("expect() lays out 1 MiB at most for bytes that were only announced", () => {
  const { buffer, feed } = fed(true);
  buffer.expect(2 ** 40);
  assert.equal(buffer.room()?.length, 2 ** 20);
  feed.give(new Uint8Array(10));
  buffer.expect(2 ** 40);
  assert.ok(buffer.room()!.length <= 2 ** 20);
});

test("room() grows with what has come, so that a large frame costs linear time", () => {
  const { buffer, feed } = fed(true);
  const memories = new Set<ArrayBufferLike>();
  for (let pull = 0; pull < 1000; pull++) {
    feed.pull();
    if (feed.room) memories.add(feed.room.buffer);
    feed.arrive(new Uint8Array(16 * 1024));
  }
  assert.equal(buffer.length, 1000 * 16 * 1024);
  assert.ok(memories.size <= 16, `moved ${memories.size} times`);
});

test("room() offers memory again that is worth a pull, and lets go of what is much larger", () => {
  for (const { size, isKept } of [{ size: 500_000, isKept: true }, { size: 5e6, isKept: false }]) {
    const { buffer, feed } = fed(true);
    buffer.expect(size);
    feed.give(new Uint8Array(size));
    const memory = feed.room!.buffer;
    buffer.skip(size);
    assert.equal(buffer.room()?.buffer === memory, isKept, `${size} bytes`);
  }
});

test("takeLine() takes no line whose LF has not come", () => {
  const { buffer, feed } = fed(true);
  feed.give(bytesOf("ab"));
  assert.equal(buffer.takeLine(), undefined);
  feed.give(bytesOf("c\nd"));
  assert.equal(buffer.takeLine(), "abc");
  assert.equal(buffer.takeLine(), undefined);
  assert.equal(byteString(buffer.peek()), "d");
});

test("takeLine() takes every line of less than a window, wherever windows end", () => {
  for (const length of [0, 1, 7, 100, 1000, 4094, 4095]) {
    const { buffer, feed } = fed(true);
    const line = "x".repeat(length);
    const count = Math.ceil(20_000 / (length + 1));
    feed.give(bytesOf(`${line}\n`.repeat(count)));
    for (let taken = 0; taken < count; taken++) assert.equal(buffer.takeLine(), line);
    assert.equal(buffer.length, 0);
  }
});

test("takeLine() takes lines without any CR, wherever they stand and windows end", () => {
  const lines = [
    "",
    "\r",
    "\r\r",
    "a\rb",
    "\ra\r",
    "plain",
    `${"x".repeat(3000)}\r\ry`,
    "\r".repeat(50),
  ];
  for (const end of ["\n", "\r\n"]) {
    const { buffer, feed } = fed(true);
    const taken = Array.from({ length: 40 }, (_, at) => lines[at % lines.length]!);
    feed.give(bytesOf(taken.map((line) => line + end).join("")));
    for (const line of taken) assert.equal(buffer.takeLine(true), line.replaceAll("\r", ""));
    assert.equal(buffer.length, 0);
  }
});

test("windowIsAscii tells of any byte above 7F in the line that was taken", () => {
  for (let at = 0; at < 50; at++) {
    const { buffer, feed } = fed(true);
    const line = bytesOf("x".repeat(50));
    line[at] = 0x80;
    feed.give(bytesOf(`plain\n${byteString(line)}\n`));
    buffer.takeLine();
    buffer.takeLine();
    assert.equal(buffer.windowIsAscii, false);
  }
});

test("unread() puts bytes in front, also while a pull is under way", () => {
  for (const usesRoom of [true, false]) {
    const { buffer, feed } = fed(usesRoom);
    feed.give(bytesOf("cd"));
    feed.pull();
    buffer.unread(bytesOf("ab"));
    feed.arrive(bytesOf("ef"));
    assert.equal(byteString(buffer.peek()), "abcdef");
    assert.equal(buffer.offset, -2);
    assert.equal(buffer.takeText(6), "abcdef");
  }
});

test("clear() forgets all and keeps count of it", () => {
  const { buffer, feed } = fed(true);
  feed.give(bytesOf("abc"));
  buffer.clear();
  assert.equal(buffer.length, 0);
  assert.equal(buffer.offset, 3);
  feed.give(bytesOf("d\n"));
  assert.equal(buffer.takeLine(), "d");
});

/** Random calls on a buffer and on a string; all that was handed out is compared at the end. */
function playRandomly(seed: number, calls: number, mostBytes: number, usesRoom: boolean): void {
  const random = new Random(seed);
  const { buffer, feed } = fed(usesRoom);
  const kept: Kept[] = [];
  const handedOut = new Set<ArrayBufferLike>();
  let pulling = false;
  let model = "";
  let offset = 0;

  const drop = (size: number): string => {
    const taken = model.slice(0, size);
    model = model.slice(size);
    offset += size;
    return taken;
  };
  const someSize = () => random.below(Math.min(model.length, 2 * mostBytes) + 1);

  const moves: (() => void)[] = [
    function pull() {
      if (pulling) return;
      pulling = true;
      feed.pull();
      if (feed.room) {
        assert.equal(handedOut.has(feed.room.buffer), false, "pulls into what is seen");
      }
    },
    function arrive() {
      if (!pulling) return;
      pulling = false;
      const bytes = random.bytes(random.between(1, mostBytes), random.of([LINES, undefined]));
      model += byteString(bytes.subarray(0, feed.arrive(bytes)));
    },
    function take() {
      const size = someSize();
      const bytes = buffer.take(size);
      const then = drop(size);
      assert.equal(byteString(bytes), then);
      if (pulling && feed.room) assert.notEqual(bytes.buffer, feed.room.buffer);
      handedOut.add(bytes.buffer);
      kept.push({ bytes, then });
    },
    function takeAll() {
      if (!random.onceIn(5)) return;
      const bytes = buffer.take(buffer.length);
      const then = drop(model.length);
      handedOut.add(bytes.buffer);
      kept.push({ bytes, then });
    },
    function takeText() {
      const size = someSize();
      assert.equal(buffer.takeText(size), drop(size));
    },
    function takeLine() {
      const line = buffer.takeLine();
      if (line === undefined) return;
      const size = model.indexOf("\n") + 1;
      assert.equal(line, drop(size).replace(/\r?\n$/, ""));
      assert.equal(line.includes("\n"), false);
      if (buffer.windowIsAscii) assert.ok(isAscii(bytesOf(line), 0, line.length));
    },
    function takeInto() {
      const view = new Uint8Array(random.below(2 * mostBytes));
      const size = buffer.takeInto(view);
      const then = drop(Math.min(view.length, model.length));
      assert.equal(size, then.length);
      kept.push({ bytes: view.subarray(0, size), then });
    },
    function skip() {
      const size = random.below(someSize() + 1);
      buffer.skip(size);
      drop(size);
    },
    function unread() {
      if (!random.onceIn(4)) return;
      const bytes = random.bytes(random.below(50));
      buffer.unread(bytes);
      model = byteString(bytes) + model;
      offset -= bytes.length;
      bytes.fill(0);
    },
    function expect() {
      buffer.expect(random.below(4 * mostBytes));
    },
    function indexOf() {
      const byte = random.of(LINES);
      const from = someSize();
      assert.equal(buffer.indexOf(byte, from), model.indexOf(String.fromCharCode(byte), from));
    },
    function peek() {
      assert.equal(byteString(buffer.peek()), model);
    },
  ];

  for (let call = 0; call < calls; call++) {
    random.of(moves)();
    assert.equal(buffer.length, model.length);
    assert.equal(buffer.offset, offset);
  }
  assert.equal(byteString(buffer.peek()), model);
  for (const { bytes, then } of kept) assert.equal(byteString(bytes), then, `seed ${seed}`);
}

const LINES = [10, 10, 13, 97, 98, 0xe9];

function fed(usesRoom: boolean) {
  const buffer = new ByteBuffer();
  return { buffer, feed: new Feed(buffer, usesRoom) };
}
