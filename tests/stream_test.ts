import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesOf, byteString, join } from "../src/bytes.ts";
import { memoryPair } from "../src/drivers/memory.ts";
import {
  all,
  any,
  asBytes,
  exactly,
  type Framer,
  into,
  line,
  lineAtHand,
  look,
  skipped,
  until,
} from "../src/framing.ts";
import { Delimiter } from "../src/matcher.ts";
import { PieceFramer } from "../src/parts.ts";
import { Stream } from "../src/stream.ts";
import { failureOf } from "./helpers/failure_of.ts";
import { FakeClock } from "./helpers/fake_clock.ts";
import { ScriptedTransport } from "./helpers/scripted_transport.ts";
import { turns } from "./helpers/turns.ts";
import { WatchedSignal } from "./helpers/watched_signal.ts";

const patient = { timeoutMs: 0 };
const ten = exactly(10, asBytes);

test("read() gives what comes, however it comes", async () => {
  const { stream, transport } = make();
  const reading = stream.read(ten, patient);
  for (const piece of ["abc", "d", "efghijklm"]) {
    await turns();
    transport.give(piece);
  }
  assert.equal(byteString(await reading), "abcdefghij");
  assert.equal(byteString(stream.take(exactly(3, asBytes))!), "klm");
  assert.equal(stream.bytesRead, 13);
});

test("take() and read() of what is there need no pull and no timer", async () => {
  const { stream, transport, clock } = make();
  const reading = stream.read(exactly(1, asBytes), { timeoutMs: 100 });
  transport.give("a".repeat(1000));
  await reading;
  const { pulls } = transport;
  const timers = clock.set;
  for (let byte = 1; byte < 500; byte++) {
    assert.equal(byteString(stream.take(exactly(1, asBytes))!), "a");
    await stream.read(exactly(1, asBytes), { timeoutMs: 100, deadlineMs: 100 });
  }
  assert.equal(transport.pulls, pulls);
  assert.equal(clock.set, timers);
});

test("Stream reads nothing that nobody asked for", async () => {
  const { stream, transport } = make();
  await turns();
  assert.equal(stream.take(ten), undefined);
  await stream.write(bytesOf("x"), patient);
  assert.equal(transport.pulls, 0);
  const reading = stream.read(any(9, asBytes), patient);
  transport.give("a");
  await reading;
  await turns();
  assert.equal(transport.pulls, 1);
});

test("read() gives up when no byte came for timeoutMs, takes nothing, and shows what had come", async () => {
  const { stream, transport, clock } = make();
  const reading = failureOf(stream.read(ten, { timeoutMs: 100 }), "timeout");
  transport.give("abc");
  await clock.pass(100);
  const error = await reading;
  assert.equal(byteString(error.partial!), "abc");
  assert.equal(error.op, "receive");
  assert.equal(error.address, "peer:7");
  assert.equal(byteString(stream.buffer.peek()), "abc");
});

test("read() lets timeoutMs start anew with each arrival", async () => {
  const { stream, transport, clock } = make();
  const reading = stream.read(ten, { timeoutMs: 100 });
  for (const byte of "abcdefghij") {
    await clock.pass(99);
    transport.give(byte);
  }
  assert.equal(byteString(await reading), "abcdefghij");

  const late = failureOf(stream.read(ten, { timeoutMs: 100 }), "timeout");
  await clock.pass(99);
  transport.give("a");
  await clock.pass(99);
  transport.give("b");
  await clock.pass(100);
  assert.equal(byteString((await late).partial!), "ab");
});

test("read() gives up at deadlineMs, whatever arrives", async () => {
  const { stream, transport, clock } = make();
  const limits = { timeoutMs: 100, deadlineMs: 250 };
  const reading = failureOf(stream.read(ten, limits), "timeout");
  for (const byte of "abcde") {
    await clock.pass(50);
    if (transport.pulling) transport.give(byte);
  }
  assert.equal(byteString((await reading).partial!), "abcd");
  assert.equal(clock.now(), 1250);
});

test("read() gives up at timeoutMs where that comes before the deadline", async () => {
  const { stream, clock } = make();
  const limits = { timeoutMs: 100, deadlineMs: 250 };
  const reading = failureOf(stream.read(ten, limits), "timeout");
  await clock.pass(100);
  await reading;
});

test("read() with a deadline of 0 still gives what is there", async () => {
  const { stream, transport, clock } = make();
  const limits = { timeoutMs: 0, deadlineMs: 0 };
  const first = failureOf(stream.read(ten, limits), "timeout");
  await clock.pass(0);
  await first;
  transport.give("abcdefghij");
  await turns();
  assert.equal(byteString(await stream.read(ten, limits)), "abcdefghij");
});

test("read() without limits waits for ever, and sets no timer", async () => {
  const { stream, transport, clock } = make();
  const unlimited = { timeoutMs: Infinity, deadlineMs: Infinity };
  for (const limits of [patient, unlimited]) {
    const reading = stream.read(ten, limits);
    await clock.pass(1e12);
    transport.give("abcdefghij");
    await reading;
  }
  assert.equal(clock.set, 0);
});

test("Stream needs one timer for many reads that wait", async () => {
  const { stream, transport, clock } = make();
  for (let read = 0; read < 500; read++) {
    const reading = stream.read(any(9, asBytes), { timeoutMs: 100 });
    await clock.pass(1);
    transport.give("a");
    await reading;
  }
  assert.ok(clock.set <= 6, `${clock.set} timers`);
});

test("a shorter timeout is heard though a longer one is set", async () => {
  const { stream, transport, clock } = make();
  const first = stream.read(any(9, asBytes), { timeoutMs: 1000 });
  transport.give("a");
  await first;
  const reading = failureOf(stream.read(any(9, asBytes), { timeoutMs: 10 }), "timeout");
  await clock.pass(10);
  await reading;
});

test("a pull left behind serves the next read, and no byte is lost", async () => {
  const { stream, transport, clock } = make();
  for (let time = 0; time < 3; time++) {
    const reading = failureOf(stream.read(ten, { timeoutMs: 10 }), "timeout");
    await clock.pass(10);
    await reading;
  }
  const signal = new WatchedSignal();
  const aborted = failureOf(stream.read(ten, { ...patient, signal: signal.signal }), "aborted");
  signal.abort();
  await aborted;
  assert.equal(transport.pulls, 1);
  transport.give("abcd");
  await turns();
  assert.equal(byteString(stream.take(exactly(4, asBytes))!), "abcd");
});

test("what comes for a pull left behind, half way through a frame, belongs to the frame", async () => {
  const { stream, transport, clock } = make();
  const frame = until(new Delimiter(bytesOf("--")), false, asBytes, Infinity);
  const reading = failureOf(stream.read(frame, { timeoutMs: 10 }), "timeout");
  transport.give("ab-");
  await clock.pass(10);
  assert.equal(byteString((await reading).partial!), "ab-");
  transport.give("-c");
  await turns();
  const again = until(new Delimiter(bytesOf("--")), false, asBytes, Infinity);
  assert.equal(byteString(await stream.read(again, patient)), "ab");
});

test("read() with a signal that is aborted already does nothing", async () => {
  const { stream, transport } = make();
  const reason = new Error("over");
  const call = stream.read(ten, { ...patient, signal: AbortSignal.abort(reason) });
  const error = await failureOf(call, "aborted");
  assert.equal(error.cause, reason);
  assert.deepEqual(transport.calls, []);
  assert.equal(stream.failed, false);
});

test("read() ends with aborted, the reason as cause, and takes nothing", async () => {
  const { stream, transport } = make();
  const { signal, abort } = aborter();
  const reading = failureOf(stream.read(ten, { ...patient, signal }), "aborted");
  transport.give("abc");
  await turns();
  abort("enough");
  const error = await reading;
  assert.equal(error.cause, "enough");
  assert.equal(byteString(error.partial!), "abc");
  assert.equal(byteString(stream.buffer.peek()), "abc");
  assert.equal(stream.failed, true);
});

test("read() hears an abort between an arrival and its own turn", async () => {
  const { stream, transport } = make();
  const { signal, abort } = aborter();
  const reading = failureOf(stream.read(ten, { ...patient, signal }), "aborted");
  stream.onStir = abort;
  transport.give("abc");
  await reading;
  assert.equal(byteString(stream.buffer.peek()), "abc");
});

test("read() gives a frame that is whole though the signal is aborted by then", async () => {
  const { stream, transport } = make();
  const { signal, abort } = aborter();
  const reading = stream.read(exactly(3, asBytes), { ...patient, signal });
  stream.onStir = abort;
  transport.give("abc");
  assert.equal(byteString(await reading), "abc");
});

test("a second read, or take, is busy; the first goes on", async () => {
  const { stream, transport } = make();
  const reading = stream.read(ten, patient);
  await failureOf(stream.read(ten, patient), "busy");
  assert.throws(() => stream.take(ten), { code: "busy" });
  transport.give("abcdefghij");
  await reading;
  assert.equal(stream.failed, false);
});

test("a second write, or closeWrite, is busy; the first goes on", async () => {
  const { stream, transport } = make();
  transport.acceptsAtOnce = false;
  const writing = stream.write(bytesOf("abc"), patient);
  await failureOf(stream.write(bytesOf("d"), patient), "busy");
  await failureOf(stream.closeWrite(), "busy");
  transport.accept();
  assert.equal(await writing, 3);
  assert.deepEqual(transport.calls, ["write"]);
  assert.equal(stream.failed, false);
});

test("reading and writing go on at the same time", async () => {
  const { stream, transport } = make();
  transport.acceptsAtOnce = false;
  const reading = stream.read(exactly(2, asBytes), { timeoutMs: 100 });
  const writing = stream.write(bytesOf("x"), { timeoutMs: 100 });
  transport.give("ab");
  assert.equal(byteString(await reading), "ab");
  transport.accept();
  assert.equal(await writing, 1);
});

test("each direction has its own limit of time", async () => {
  const { stream, transport, clock } = make();
  transport.acceptsAtOnce = false;
  const reading = failureOf(stream.read(ten, { timeoutMs: 300 }), "timeout");
  const writing = failureOf(stream.write(bytesOf("x"), { timeoutMs: 200 }), "timeout");
  await clock.pass(200);
  await writing;
  assert.equal(stream.reading, true);
  await clock.pass(100);
  await reading;
});

const frames: { name: string; make: () => Framer<unknown>; input: string }[] = [
  { name: "a line", make: () => line(asBytes, Infinity), input: "abc" },
  { name: "a line at hand", make: () => lineAtHand, input: "abc" },
  { name: "exactly so many bytes", make: () => ten, input: "abc" },
  {
    name: "all up to a delimiter",
    make: () => until(new Delimiter(bytesOf("--")), false, asBytes, Infinity),
    input: "abc-",
  },
  {
    name: "a piece of a part",
    make: () => new PieceFramer(new Delimiter(bytesOf("--")), false).next(10, Infinity),
    input: "abc-",
  },
];

for (const { name, make: frame, input } of frames) {
  test(`an end in ${name} is closed, with the rest as partial once`, async () => {
    const { stream, transport } = make();
    const first = failureOf(stream.read(frame(), patient), "closed");
    for (const byte of input) {
      transport.give(byte);
      await turns();
    }
    transport.end();
    assert.equal(byteString((await first).partial!), input);
    const second = await failureOf(stream.read(frame(), patient), "closed");
    assert.deepEqual(second.partial, new Uint8Array(0));
    assert.equal(stream.readEnded, true);
    await stream.write(bytesOf("writing goes on"), patient);
  });

  test(`a reset in ${name} is reset, with the rest as partial once, and stays`, async () => {
    const { stream, transport } = make();
    const first = failureOf(stream.read(frame(), patient), "reset");
    transport.give(input);
    await turns();
    const cause = Object.assign(new Error("ECONNRESET"), { code: "ECONNRESET" });
    transport.fail(cause);
    const error = await first;
    assert.equal(byteString(error.partial!), input);
    assert.equal(error.cause, cause);
    assert.match(error.message, /^Cannot receive from peer:7: /);
    const { pulls } = transport;
    const second = await failureOf(stream.read(frame(), patient), "reset");
    assert.deepEqual(second.partial, new Uint8Array(0));
    assert.equal(transport.pulls, pulls);
  });
}

test("the end is success for what reads up to it", async () => {
  const { stream, transport } = make();
  const reading = stream.read(all(asBytes, Infinity), patient);
  transport.give("abc");
  await turns();
  transport.end();
  assert.equal(byteString(await reading), "abc");
  assert.equal(await stream.read(any(9, asBytes), patient), null);
  assert.equal(await stream.read(into(new Uint8Array(1)), patient), 0);
  assert.deepEqual(await stream.read(look(3), patient), new Uint8Array(0));
  assert.equal(stream.failed, false);
});

test("a reset is no success for what reads up to the end", async () => {
  for (const frame of [all(asBytes, Infinity), any(9, asBytes), into(new Uint8Array(1)), look(1)]) {
    const { stream, transport } = make();
    const reading = failureOf(stream.read<unknown>(frame, patient), "reset");
    transport.fail(Object.assign(new Error(), { code: "EPIPE" }));
    await reading;
  }
});

test("what had come before a reset can be read, and then comes the reset", async () => {
  const { stream, transport } = make();
  stream.park();
  transport.give("abcdef");
  await turns();
  stream.park();
  transport.fail(Object.assign(new Error(), { code: "ECONNRESET" }));
  await turns();
  assert.equal(byteString(await stream.read(exactly(2, asBytes), patient)), "ab");
  assert.equal(byteString(stream.take(exactly(2, asBytes))!), "cd");
  const error = await failureOf(stream.read(ten, patient), "reset");
  assert.equal(byteString(error.partial!), "ef");
});

test("write() hands over slices of 256 KiB, one when the last is taken", async () => {
  const { stream, transport } = make();
  transport.acceptsAtOnce = false;
  const bytes = new Uint8Array(600 * 1024).map((_, at) => at % 251);
  const writing = stream.write(bytes, patient);
  for (const wanted of [256, 256, 88]) {
    await turns();
    assert.equal(transport.written.at(-1)!.length, wanted * 1024);
    transport.accept();
  }
  assert.equal(await writing, bytes.length);
  assert.deepEqual(join(transport.written), bytes);
  assert.equal(stream.bytesWritten, bytes.length);
});

test("write() of what the system takes at once, and says so, sets no timer", async () => {
  const { stream, transport, clock } = make();
  transport.saysTaken = true;
  const writing = stream.write(bytesOf("abc"), { timeoutMs: 100 });
  assert.equal(stream.writing, true);
  assert.equal(await writing, 3);
  assert.equal(await stream.writeSome(bytesOf("de"), { timeoutMs: 0, deadlineMs: 0 }), 2);
  assert.equal(clock.set, 0);
  assert.equal(stream.writing, false);
  assert.equal(stream.departure, undefined);
  const bytes = new Uint8Array(300 * 1024).fill(7);
  assert.equal(await stream.write(bytes, { timeoutMs: 100 }), bytes.length);
  assert.equal(stream.bytesWritten, 5 + bytes.length);
  assert.deepEqual(join(transport.written), join([bytesOf("abcde"), bytes]));
});

test("a write that the system takes at once is busy until it is told, and fails if it is closed by then", async () => {
  const { stream, transport } = make();
  transport.saysTaken = true;
  const writing = stream.write(bytesOf("abc"), patient);
  await Promise.all([
    failureOf(stream.write(bytesOf("d"), patient), "busy"),
    failureOf(stream.closeWrite(), "busy"),
  ]);
  assert.equal(await writing, 3);
  assert.equal(stream.failed, false);
  const cut = stream.write(bytesOf("efgh"), patient);
  stream.close();
  await failureOf(cut, "closed");
  assert.equal(stream.bytesWritten, 7);
});

test("a pull that filled its room may have left something, whatever came before it", async () => {
  const { stream, transport } = make();
  const reading = stream.read(exactly(4096, asBytes), patient);
  transport.give("x".repeat(11));
  await turns();
  assert.equal(stream.pulledFull, false);
  transport.give("x".repeat(transport.offeredBytes));
  await reading;
  assert.equal(stream.pulledFull, true);
  assert.notEqual(stream.bytesRead % 512, 0);
});

test("write() lets timeoutMs start anew with each slice that is taken", async () => {
  const { stream, transport, clock } = make();
  transport.acceptsAtOnce = false;
  const writing = stream.write(new Uint8Array(800 * 1024), { timeoutMs: 100 });
  for (let slice = 0; slice < 4; slice++) {
    await clock.pass(99);
    transport.accept();
  }
  await writing;
});

test("write() gives up at deadlineMs, whatever is taken", async () => {
  const { stream, transport, clock } = make();
  transport.acceptsAtOnce = false;
  const limits = { timeoutMs: 100, deadlineMs: 150 };
  const writing = failureOf(stream.write(new Uint8Array(800 * 1024), limits), "timeout");
  await clock.pass(99);
  transport.accept();
  await clock.pass(51);
  await writing;
});

test("a write that timed out ends the write side, and only that", async () => {
  const { stream, transport, clock } = make();
  transport.acceptsAtOnce = false;
  const writing = failureOf(stream.write(new Uint8Array(1e6), { timeoutMs: 100 }), "timeout");
  await clock.pass(100);
  const error = await writing;
  assert.equal(error.op, "send");
  assert.equal(error.partial, undefined);
  assert.equal(transport.written.length, 1);
  await failureOf(stream.write(bytesOf("x"), patient), "closed");
  const reading = stream.read(exactly(2, asBytes), patient);
  transport.give("ab");
  assert.equal(byteString(await reading), "ab");
  transport.accept();
  await turns();
  assert.equal(transport.written.length, 1);
});

test("a write that was aborted ends the write side, and only that", async () => {
  const { stream, transport } = make();
  transport.acceptsAtOnce = false;
  const { signal, abort } = aborter();
  const writing = failureOf(stream.write(new Uint8Array(1e6), { ...patient, signal }), "aborted");
  abort("enough");
  assert.equal((await writing).cause, "enough");
  assert.equal(transport.written.length, 1);
  await failureOf(stream.write(bytesOf("x"), patient), "closed");
  assert.equal(stream.readEnded, false);
});

test("write() hears an abort between two slices", async () => {
  const { stream, transport } = make();
  transport.acceptsAtOnce = false;
  const { signal, abort } = aborter();
  const writing = failureOf(stream.write(new Uint8Array(1e6), { ...patient, signal }), "aborted");
  transport.accept();
  // In the same turn, but behind the slice that was taken.
  queueMicrotask(abort);
  await writing;
  assert.ok(transport.written.length <= 2);
});

test("write() with a signal that is aborted already sends nothing, and the write side goes on", async () => {
  const { stream, transport } = make();
  const limits = { ...patient, signal: AbortSignal.abort() };
  await failureOf(stream.write(bytesOf("x"), limits), "aborted");
  assert.deepEqual(transport.calls, []);
  assert.equal(await stream.write(bytesOf("x"), patient), 1);
});

test("a write that failed is told in our words, and ends the write side", async () => {
  const { stream, transport } = make();
  transport.acceptsAtOnce = false;
  const writing = failureOf(stream.write(bytesOf("x"), patient), "reset");
  transport.accept(Object.assign(new Error(), { code: "EPIPE" }));
  const error = await writing;
  assert.match(error.message, /^Cannot send to peer:7: /);
  await failureOf(stream.write(bytesOf("x"), patient), "closed");
  assert.equal(stream.readEnded, false);
});

test("write() of nothing is 0, and nothing is handed over", async () => {
  const { stream, transport } = make();
  assert.equal(await stream.write(new Uint8Array(0), patient), 0);
  assert.deepEqual(transport.calls, []);
});

test("closeWrite() ends the write side once; reading goes on", async () => {
  const { stream, transport } = make();
  await stream.closeWrite();
  await stream.closeWrite();
  assert.deepEqual(transport.calls, ["closeWrite"]);
  await failureOf(stream.write(bytesOf("x"), patient), "closed");
  const reading = stream.read(exactly(1, asBytes), patient);
  transport.give("a");
  assert.equal(byteString(await reading), "a");
});

test("closeWrite() keeps the program alive behind a read that was given up, and no longer", async () => {
  const { stream, transport, clock } = make();
  const reading = failureOf(stream.read(ten, { timeoutMs: 10 }), "timeout");
  await clock.pass(10);
  await reading;
  assert.equal(transport.referenced, false);
  const ending = stream.closeWrite();
  assert.equal(transport.referenced, true);
  await ending;
  assert.equal(transport.referenced, false);
});

test("a write that the system takes at once lets go of a read given up beside it", async () => {
  const { stream, transport } = make();
  transport.saysTaken = true;
  const { signal, abort } = aborter();
  const reading = failureOf(stream.read(ten, { timeoutMs: 0, signal }), "aborted");
  const writing = stream.write(bytesOf("abc"), patient);
  abort();
  await Promise.all([reading, writing]);
  assert.equal(transport.referenced, false);
});

test("closeWrite() after a send that failed does not pass off a part as the whole", async () => {
  const { stream, transport, clock } = make();
  transport.acceptsAtOnce = false;
  const writing = failureOf(stream.write(bytesOf("x"), { timeoutMs: 10 }), "timeout");
  await clock.pass(10);
  await writing;
  for (let time = 0; time < 2; time++) await failureOf(stream.closeWrite(), "closed");
  assert.deepEqual(transport.calls, ["write"]);
});

test("closeWrite() that fails is told in our words", async () => {
  const { stream, transport } = make();
  transport.closeWrite = () => Promise.reject(Object.assign(new Error(), { code: "EPIPE" }));
  for (let time = 0; time < 2; time++) await failureOf(stream.closeWrite(), "reset");
  await failureOf(stream.write(bytesOf("x"), patient), "closed");
});

for (const how of ["close", "abort"] as const) {
  test(`${how}() tells closed to all who wait, and releases the connection once`, async () => {
    const { stream, transport, clock } = make();
    transport.acceptsAtOnce = false;
    let closes = 0;
    stream.onClose = () => closes++;
    const reading = failureOf(stream.read(ten, { timeoutMs: 10 }), "closed");
    const writing = failureOf(stream.write(bytesOf("x"), { timeoutMs: 10 }), "closed");
    transport.give("abc");
    await turns();
    stream[how]();
    stream.close();
    stream.abort();
    await reading;
    await writing;
    assert.deepEqual(transport.calls.filter((it) => !/pull|write/.test(it)), [how]);
    assert.equal(closes, 1);
    assert.equal(clock.timers.size, 0);
    assert.equal(stream.buffer.length, 0);
    for (let time = 0; time < 2; time++) {
      await failureOf(stream.read(ten, patient), "closed");
      await failureOf(stream.write(bytesOf("x"), patient), "closed");
      await failureOf(stream.closeWrite(), "closed");
    }
    assert.equal(transport.pulling, false);
  });
}

test("close() between an arrival and the reader's turn is closed", async () => {
  const { stream, transport } = make();
  const reading = failureOf(stream.read(ten, { timeoutMs: 10 }), "closed");
  stream.onStir = () => stream.close();
  transport.give("abc");
  await reading;
});

test("close() between two slices of a write is closed, and leaves no timer", async () => {
  const { stream, transport, clock } = make();
  transport.acceptsAtOnce = false;
  const writing = failureOf(stream.write(new Uint8Array(1e6), { timeoutMs: 10 }), "closed");
  await turns();
  transport.accept();
  queueMicrotask(() => stream.close());
  await writing;
  assert.equal(clock.timers.size, 0);
});

test("a pull answered after close changes nothing", async () => {
  const { stream, transport } = make();
  const { promise, resolve } = Promise.withResolvers<Uint8Array | null>();
  transport.pull = () => promise;
  const reading = failureOf(stream.read(ten, patient), "closed");
  stream.close();
  await reading;
  resolve(bytesOf("abcdefghij"));
  await turns();
  assert.equal(stream.bytesRead, 0);
  assert.equal(stream.buffer.length, 0);
});

test("no listener stays on a signal, however a call ends", async () => {
  const ends: Record<string, (it: ReturnType<typeof make>, signal: WatchedSignal) => unknown> = {
    success: ({ transport }) => {
      transport.give("abcdefghij");
      transport.accept();
    },
    timeout: ({ clock }) => clock.pass(100),
    abort: (_, signal) => signal.abort(),
    failure: ({ transport }) => {
      transport.fail(new Error());
      transport.accept(new Error());
    },
    "the end": ({ transport }) => {
      transport.end();
      transport.accept();
    },
    close: ({ stream }) => stream.close(),
  };
  for (const [name, end] of Object.entries(ends)) {
    const it = make();
    it.transport.acceptsAtOnce = false;
    const watched = new WatchedSignal();
    const limits = { timeoutMs: 100, signal: watched.signal };
    const calls = Promise.allSettled([
      it.stream.read(ten, limits),
      it.stream.write(bytesOf("x"), limits),
    ]);
    assert.equal(watched.listeners, 2);
    await end(it, watched);
    await calls;
    assert.equal(watched.listeners, 0, name);
  }
});

test("calls that are refused register nothing on a signal", async () => {
  const it = make();
  it.transport.acceptsAtOnce = false;
  const watched = new WatchedSignal();
  const limits = { ...patient, signal: watched.signal };
  const calls = Promise.allSettled([
    it.stream.read(ten, patient),
    it.stream.write(bytesOf("x"), patient),
  ]);
  await failureOf(it.stream.read(ten, limits), "busy");
  await failureOf(it.stream.write(bytesOf("x"), limits), "busy");
  it.stream.close();
  await calls;
  await failureOf(it.stream.write(bytesOf("x"), limits), "closed");
  watched.abort();
  await failureOf(it.stream.read(ten, limits), "aborted");
  assert.equal(watched.listeners, 0);
});

test("park() leaves a pull in flight that keeps nothing alive, and no timer", async () => {
  const { stream, transport, clock } = make();
  const reading = stream.read(any(9, asBytes), { timeoutMs: 100 });
  transport.give("a");
  await reading;
  stream.park();
  assert.equal(transport.referenced, false);
  assert.equal(transport.pulling, true);
  assert.equal(clock.timers.size, 0);
  stream.unpark();
  assert.equal(transport.referenced, false);
  const next = stream.read(any(9, asBytes), { timeoutMs: 100 });
  assert.equal(transport.referenced, true);
  transport.give("b");
  assert.equal(byteString((await next)!), "b");
});

test("a parked stream keeps no large memory", async () => {
  const { stream, transport } = make();
  const large = exactly(300_000, asBytes);
  const reading = stream.read(large, patient);
  for (let at = 0; at < 300_000; at += 50_000) {
    transport.give("a".repeat(50_000));
    await turns();
  }
  await reading;
  const offered: (Uint8Array | undefined)[] = [];
  transport.pull = (into) => {
    offered.push(into);
    return new Promise(() => {});
  };
  stream.park();
  assert.deepEqual(offered, [undefined]);
});

for (const stir of ["give", "end", "fail"] as const) {
  test(`a parked stream tells when its peer stirs: ${stir}`, async () => {
    const { stream, transport } = make();
    let stirs = 0;
    stream.onStir = () => stirs++;
    stream.park();
    await turns();
    assert.equal(stirs, 0);
    transport[stir]("a");
    await turns();
    assert.equal(stirs, 1);
    assert.equal(stream.buffer.length > 0 || stream.readEnded, true);
  });
}

test("probe() asks for what the system holds, and takes it in", async () => {
  const { stream, transport } = make();
  const probing = stream.probe();
  assert.deepEqual(transport.calls, ["pull", "settle"]);
  transport.give("abc");
  await probing;
  assert.equal(byteString(stream.buffer.peek()), "abc");
});

test("ageMs counts from the beginning", () => {
  const { stream, clock } = make();
  clock.slip(70);
  assert.equal(stream.ageMs, 70);
});

test("two streams over memory hold a dialogue, half close and end", async () => {
  const [here, there] = memoryPair().map((it) => new Stream(it)) as [Stream, Stream];
  const asking = here.write(bytesOf("ping\n"), patient);
  assert.equal(byteString(await there.read(line(asBytes, Infinity), patient)), "ping");
  await asking;
  await here.closeWrite();
  assert.equal(await there.read(any(9, asBytes), patient), null);
  await there.write(bytesOf("pong"), patient);
  there.close();
  assert.equal(byteString(await here.read(all(asBytes, Infinity), patient)), "pong");
  here.close();
});

test("a stream over memory that is aborted is a reset to its peer", async () => {
  const [here, there] = memoryPair().map((it) => new Stream(it)) as [Stream, Stream];
  const reading = failureOf(there.read(ten, patient), "reset");
  await here.write(bytesOf("abc"), patient);
  await turns();
  here.abort();
  assert.equal(byteString((await reading).partial!), "abc");
});

test("a write to a peer that reads nothing times out, and the peer gets what was taken", async () => {
  const clock = new FakeClock();
  const [one, other] = memoryPair();
  const here = new Stream(one, clock);
  const there = new Stream(other, clock);
  const writing = failureOf(here.write(new Uint8Array(1e6), { timeoutMs: 50 }), "timeout");
  await clock.pass(50);
  await writing;
  here.close();
  const frame = skipped(1e6);
  const error = await failureOf(there.read(frame, patient), "closed");
  assert.equal(error.partial!.length, 0);
  assert.ok(there.bytesRead >= 256 * 1024 && there.bytesRead <= 512 * 1024);
});

/** A stream over a transport and a clock that do what the test says. */
function make() {
  const transport = new ScriptedTransport();
  const clock = new FakeClock();
  return { transport, clock, stream: new Stream(transport, clock) };
}

function aborter() {
  const controller = new AbortController();
  const abort = (reason?: unknown) => controller.abort(reason);
  return { signal: controller.signal, abort };
}
