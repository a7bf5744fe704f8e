import assert from "node:assert/strict";
import { test } from "node:test";
import tls from "node:tls";
import { Duplex } from "node:stream";
import { serverNameOf } from "../src/drivers/client_hello.ts";
import { Random } from "./helpers/random.ts";

const RECORD = 16 * 1024;

/** Messages of the clients that there are, in the form of this runtime's. */
const cases: readonly { what: string; bytes: Uint8Array; name: string | null | undefined }[] = [
  { what: "a name", bytes: await helloOf("test.example"), name: "test.example" },
  {
    what: "a name behind protocols",
    bytes: hello([extension(16, [0, 3, 2, 104, 50]), nameExtension("b.example")]),
    name: "b.example",
  },
  { what: "no name", bytes: hello([extension(16, [0, 3, 2, 104, 50])]), name: null },
  { what: "no extensions", bytes: hello([]), name: null },
  {
    what: "a name of another kind first",
    bytes: hello([extension(0, [0, 8, 7, 0, 1, 65, 0, 0, 1, 66])]),
    name: "B",
  },
  { what: "a list of no names", bytes: hello([extension(0, [0, 0])]), name: null },
  { what: "nothing", bytes: new Uint8Array(), name: undefined },
  { what: "a command", bytes: text("EHLO test.example\r\n"), name: null },
  { what: "an alert", bytes: Uint8Array.of(21, 3, 3, 0, 2, 2, 40), name: null },
  {
    what: "another message of a handshake",
    bytes: Uint8Array.of(22, 3, 3, 0, 4, 2, 0, 0, 0),
    name: null,
  },
  { what: "an empty record", bytes: Uint8Array.of(22, 3, 1, 0, 0), name: null },
  {
    what: "a message too long to be one",
    bytes: Uint8Array.of(22, 3, 1, 0, 4, 1, 255, 0, 0),
    name: null,
  },
];

for (const { what, bytes, name } of cases) {
  test(`serverNameOf() of ${what} is ${name === undefined ? "not known yet" : String(name)}`, () => {
    assert.equal(serverNameOf(bytes), name);
  });
}

for (
  const { what, bytes, name } of cases.filter((it) => it.bytes[0] === 22 && it.bytes.length > 20)
) {
  test(`serverNameOf() of a part of ${what} waits for more, wherever it is cut`, () => {
    for (let end = 0; end < bytes.length; end++) {
      assert.equal(serverNameOf(bytes.subarray(0, end)), undefined, `${end} bytes`);
    }
  });

  test(`serverNameOf() of ${what} is the same, in records of any length`, () => {
    for (const size of [1, 2, 3, 4, 5, 10, 100]) {
      assert.equal(serverNameOf(inRecords(bytes, size)), name, `${size} bytes a record`);
    }
  });

  test(`serverNameOf() of ${what} does not look behind it`, () => {
    assert.equal(serverNameOf(Uint8Array.of(...bytes, ...text("EHLO"))), name);
  });
}

test("serverNameOf() never throws, whatever the bytes are", () => {
  const random = new Random(7);
  const bodies = cases.map((it) => it.bytes).filter((it) => it.length > 0);
  for (let round = 0; round < 20_000; round++) {
    const bytes = random.onceIn(4) ? random.bytes(random.below(300)) : random.of(bodies).slice();
    for (let change = random.below(4); change > 0 && bytes.length > 0; change--) {
      bytes[random.below(bytes.length)] = random.below(256);
    }
    const name = serverNameOf(bytes.subarray(0, random.between(0, bytes.length)));
    assert.ok(name === null || name === undefined || typeof name === "string");
  }
});

test("serverNameOf() gives up on what never becomes a message", () => {
  // Records of one byte each, of a message that is as long as can be.
  const long = new Uint8Array(RECORD * 6).fill(0);
  long.set([1, 0, 255, 255]);
  assert.equal(serverNameOf(inRecords(long, 1)) === undefined, false);
});

/** What this runtime's own client says first. */
function helloOf(servername: string): Promise<Uint8Array> {
  return new Promise((resolve) => {
    const wire = new Duplex({
      read() {},
      write(chunk: Uint8Array, _encoding, done) {
        resolve(Uint8Array.from(chunk));
        done();
      },
    });
    const socket = tls.connect({ socket: wire, servername });
    socket.on("error", () => {});
  });
}

function hello(extensions: readonly number[][]): Uint8Array {
  const all = extensions.flat();
  const body = [
    ...[3, 3],
    ...new Uint8Array(32),
    ...[0],
    ...[0, 2, 19, 1],
    ...[1, 0],
    ...(all.length > 0 ? [...two(all.length), ...all] : []),
  ];
  const message = [1, 0, ...two(body.length), ...body];
  return Uint8Array.of(22, 3, 1, ...two(message.length), ...message);
}

function nameExtension(name: string): number[] {
  return extension(0, [...two(name.length + 3), 0, ...two(name.length), ...text(name)]);
}

function extension(type: number, data: readonly number[]): number[] {
  return [...two(type), ...two(data.length), ...data];
}

/** The same message in records of at most so many bytes. */
function inRecords(bytes: Uint8Array, size: number): Uint8Array {
  const message = bytes[0] === 22 ? bytes.subarray(5) : bytes;
  const records: number[] = [];
  for (let at = 0; at < message.length; at += size) {
    const piece = message.subarray(at, at + size);
    records.push(22, 3, 1, ...two(piece.length), ...piece);
  }
  return Uint8Array.from(records);
}

function two(number: number): [number, number] {
  return [number >> 8, number & 255];
}

function text(characters: string): Uint8Array {
  return new TextEncoder().encode(characters);
}
