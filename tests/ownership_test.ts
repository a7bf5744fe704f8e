import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { byteString } from "../src/bytes.ts";
import { type Cosocket, cosocketOn } from "../src/cosocket.ts";
import { openStream } from "../src/connect.ts";
import { SocketError } from "../src/errors.ts";
import { listen } from "../src/listener.ts";
import { Stream } from "../src/stream.ts";
import { failureOf } from "./helpers/failure_of.ts";
import { FakeClock } from "./helpers/fake_clock.ts";
import { Random } from "./helpers/random.ts";
import { ScriptedTransport } from "./helpers/scripted_transport.ts";
import { loopbackPair, socketPairs } from "./helpers/socket_pairs.ts";
import { turns } from "./helpers/turns.ts";

const RESULTS = 10_000;

/** What a read gave, and where in the stream its bytes stood. */
interface Kept {
  readonly bytes: Uint8Array;
  readonly from: number;
}

for (const [where, makePair] of Object.entries(socketPairs)) {
  test(`${RESULTS} results of every kind of read, kept, are what they were, ${where}`, async () => {
    const random = new Random(9);
    const content = random.bytes(16 * 1024 * 1024);
    const [sock, peer] = await makePair();
    const sending = sendInPieces(peer, content, random);
    const kept: Kept[] = [];
    let from = 0;
    while (kept.length < RESULTS) {
      const read = random.of(reads);
      const { bytes, taken } = await read(sock, random);
      assert.ok(from + taken < content.length, "more was read than there is");
      for (const it of bytes) kept.push({ bytes: it, from });
      from += taken;
    }
    // Read on, so that all memory that can be used again has been.
    await sock.skip(1_000_000);
    for (const { bytes, from } of kept) {
      const then = content.subarray(from, from + bytes.length);
      if (Buffer.compare(bytes, then) !== 0) assert.deepEqual(bytes, then);
    }
    sock.close();
    await sending;
  });
}

/** What a caller writes into its results does no harm to what is read next. */
test("a result may be overwritten, and the stream goes on unharmed", async () => {
  for (const makePair of Object.values(socketPairs)) {
    const random = new Random(10);
    const content = random.bytes(2 * 1024 * 1024);
    const [sock, peer] = await makePair();
    const sending = sendInPieces(peer, content, random);
    for (let at = 0; at < 1_500_000;) {
      const size = random.of([1, 10, 100, 1000, 5000, 70_000]);
      const seen = await sock.peek(size);
      assert.equal(Buffer.compare(seen, content.subarray(at, at + size)), 0);
      seen.fill(0);
      const bytes = await sock.receiveExactly(size);
      assert.equal(Buffer.compare(bytes, content.subarray(at, at + size)), 0);
      new Uint8Array(bytes.buffer).fill(0);
      at += size;
    }
    sock.close();
    await sending;
  }
});

test("a view of a readInto that timed out never changes afterwards", async () => {
  const transport = new ScriptedTransport();
  const clock = new FakeClock();
  const sock = cosocketOn(new Stream(transport, clock), {});
  const view = new Uint8Array(64).fill(7);
  const reading = failureOf(sock.readInto(view), "timeout");
  await clock.pass(60_000);
  await reading;
  transport.give("abc");
  await turns();
  assert.equal(byteString(await sock.receiveExactly(3)), "abc");
  assert.deepEqual(view, new Uint8Array(64).fill(7));
});

test("nor does it over TCP", async () => {
  const [sock, peer] = await loopbackPair();
  const view = new Uint8Array(64).fill(7);
  await failureOf(sock.readInto(view, { timeoutMs: 1 }), "timeout");
  await peer.send("abc");
  assert.equal(byteString(await sock.receiveExactly(3)), "abc");
  assert.deepEqual(view, new Uint8Array(64).fill(7));
  sock.close();
  peer.close();
});

test("bytes to send may be changed once the call has ended", async () => {
  for (const makePair of Object.values(socketPairs)) {
    const [sock, peer] = await makePair();
    const bytes = new Uint8Array(100_000);
    const reading = peer.receiveExactly(10 * bytes.length);
    for (let round = 0; round < 10; round++) {
      bytes.fill(round);
      await sock.send(bytes);
    }
    const got = await reading;
    for (let at = 0; at < got.length; at += 997) assert.equal(got[at], Math.floor(at / 100_000));
    sock.close();
    peer.close();
  }
});

interface Outcome {
  readonly bytes: readonly Uint8Array[];
  /** How far the stream's position moved. */
  readonly taken: number;
}

/** Reads that give bytes; each says how much it took. */
const reads: ((sock: Cosocket, random: Random) => Promise<Outcome>)[] = [
  async (sock, random) => all(await sock.receiveExactly(random.between(0, 40))),
  async (sock, random) => all(await sock.receiveExactly(random.between(0, 3000))),
  async (sock, random) => {
    return random.onceIn(20) ? all(await sock.receiveExactly(random.between(0, 100_000))) : none;
  },
  async (sock, random) => all((await sock.receiveAny(random.between(1, 3000)))!),
  async (sock) => {
    const line = await sock.receiveUntil("\n", { inclusive: true });
    return all(line);
  },
  async (sock, random) => {
    const until = await sock.receiveUntil(Uint8Array.of(random.below(256)));
    return { bytes: [until], taken: until.length + 1 };
  },
  async (sock, random) => ({ bytes: [await sock.peek(random.between(1, 3000))], taken: 0 }),
  async (sock, random) => {
    const view = new Uint8Array(random.between(1, 3000));
    const size = await sock.readInto(view);
    return all(view.subarray(0, size));
  },
  async (sock, random) => {
    const bytes: Uint8Array[] = [];
    const part = sock.parts(Uint8Array.of(random.below(256)), { inclusive: true });
    const piece = await part.read(random.between(1, 500));
    if (piece) bytes.push(piece);
    return { bytes, taken: bytes[0]?.length ?? 0 };
  },
  async (sock, random) => {
    const reader = sock.body(random.between(1, 3000)).getReader();
    const { value } = await reader.read();
    return all(value!);
  },
  async (sock) => {
    try {
      await sock.receiveUntil("no such thing in all of it", { maxBytes: 500 });
    } catch (error) {
      assert.ok(error instanceof SocketError && error.code === "too large");
    }
    return none;
  },
];

const none: Outcome = { bytes: [], taken: 0 };

function all(bytes: Uint8Array): Outcome {
  return { bytes: [bytes], taken: bytes.length };
}

/** Sends it all, or as much as is taken before the other end closes. */
async function sendInPieces(peer: Cosocket, content: Uint8Array, random: Random): Promise<void> {
  try {
    for (let at = 0; at < content.length;) {
      const size = random.of([1, 50, 500, 4096, 5000, 65_536, 100_000]);
      await peer.send(content.subarray(at, at + size));
      at += size;
    }
  } catch (error) {
    assert.ok(error instanceof SocketError && /^(closed|reset)$/.test(error.code), String(error));
  }
  peer.close();
}

test("what a pull gave stays what it is until the next one, though something is written", async () => {
  const listener = await listen("127.0.0.1:0");
  const [{ transport }, guest] = await Promise.all([
    openStream(listener.address),
    listener.accept(),
  ]);
  const sending = guest!.send(Uint8Array.from({ length: 8 << 20 }, (_, at) => at >> 10));
  for (let pulls = 0; pulls < 10; pulls++) {
    // A read that fills its memory has the next one go to memory of its own.
    await sleep(5);
    for (let more = 0; more < 2; more++) await transport.pull();
    const bytes = await transport.pull();
    const copy = bytes!.slice();
    await transport.write(Uint8Array.of(1));
    // What could be read into the same memory has time to come.
    await sleep(2);
    assert.ok(Buffer.from(copy).equals(bytes!), `${bytes!.length} bytes changed`);
  }
  transport.close();
  await assert.rejects(sending, SocketError);
  guest!.close();
  await listener.close();
});
