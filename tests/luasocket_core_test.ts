/** What LuaSocket needed of the core: sending some, waiting for something to read. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { SocketError } from "../src/errors.ts";
import { asByteString, exactly } from "../src/framing.ts";
import { Stream } from "../src/stream.ts";
import { failureOf } from "./helpers/failure_of.ts";
import { FakeClock } from "./helpers/fake_clock.ts";
import { ScriptedTransport } from "./helpers/scripted_transport.ts";
import { socketPairs } from "./helpers/socket_pairs.ts";
import { turns } from "./helpers/turns.ts";

const SLICE = 64 * 1024;
const patient = { timeoutMs: 0 };

test("writeSome() hands over all that the system takes", async () => {
  const { stream, transport } = make();
  assert.equal(await stream.writeSome(new Uint8Array(3 * SLICE), { timeoutMs: 10 }), 3 * SLICE);
  assert.deepEqual(transport.written.map((it) => it.length), [SLICE, SLICE, SLICE]);
  assert.equal(stream.bytesWritten, 3 * SLICE);
  assert.equal(stream.failed, false);
});

test("writeSome() stops at a limit, and counts what is on its way", async () => {
  const { stream, transport, clock } = make();
  transport.acceptsAtOnce = false;
  const writing = stream.writeSome(new Uint8Array(3 * SLICE), { timeoutMs: 10 });
  transport.accept();
  await clock.pass(10);
  assert.equal(await writing, 2 * SLICE);
  assert.equal(stream.bytesWritten, SLICE);
  assert.equal(stream.writing, false);
  assert.ok(stream.departure);
  transport.accept();
  await turns();
  assert.equal(stream.departure, undefined);
  assert.equal(stream.bytesWritten, 2 * SLICE);
});

test("what is sent behind a limit waits for what is on its way, and no longer than it may", async () => {
  const { stream, transport, clock } = make();
  transport.acceptsAtOnce = false;
  const first = stream.writeSome(new Uint8Array(4), { timeoutMs: 10 });
  await clock.pass(10);
  assert.equal(await first, 4);
  const second = stream.writeSome(new Uint8Array(5), { timeoutMs: 10 });
  await clock.pass(10);
  assert.equal(await second, 0);
  const third = stream.write(new Uint8Array(6), patient);
  transport.accept();
  await turns();
  transport.accept();
  assert.equal(await third, 6);
  assert.deepEqual(transport.written.map((it) => it.length), [4, 6]);
});

test("writeSome() with a deadline of 0 takes no timer", async () => {
  const { stream, transport, clock } = make();
  transport.acceptsAtOnce = false;
  assert.equal(await stream.writeSome(new Uint8Array(9), { timeoutMs: 0, deadlineMs: 0 }), 9);
  assert.equal(await stream.writeSome(new Uint8Array(9), { timeoutMs: 0, deadlineMs: 0 }), 0);
  assert.equal(clock.set, 0);
  transport.accept();
});

test("writeSome() tells what had gone before the connection broke, and then that it did", async () => {
  const { stream, transport } = make();
  transport.acceptsAtOnce = false;
  const writing = stream.writeSome(new Uint8Array(3 * SLICE), patient);
  transport.accept();
  await turns();
  transport.accept(new SocketError("reset", "It was cut off"));
  assert.equal(await writing, SLICE);
  await failureOf(stream.writeSome(new Uint8Array(1), patient), "reset");
});

test("writeSome() fails where nothing goes at all", async () => {
  const { stream, transport } = make();
  transport.acceptsAtOnce = false;
  const writing = stream.writeSome(new Uint8Array(9), patient);
  transport.accept(new SocketError("reset", "It was cut off"));
  await failureOf(writing, "reset");
});

test("what breaks while nobody waits for it ends the write side", async () => {
  const { stream, transport } = make();
  transport.acceptsAtOnce = false;
  await stream.writeSome(new Uint8Array(9), { timeoutMs: 0, deadlineMs: 0 });
  transport.accept(new SocketError("reset", "It was cut off"));
  await turns();
  await failureOf(stream.write(new Uint8Array(1), patient), "reset");
});

test("closeWrite() comes behind what is on its way", async () => {
  const { stream, transport } = make();
  transport.acceptsAtOnce = false;
  await stream.writeSome(new Uint8Array(9), { timeoutMs: 0, deadlineMs: 0 });
  const closing = stream.closeWrite();
  await turns();
  assert.equal(transport.calls.includes("closeWrite"), false);
  transport.accept();
  await closing;
  assert.equal(transport.calls.at(-1), "closeWrite");
});

test("attend() has a pull in flight that keeps nothing alive, and tells of what comes", async () => {
  const { stream, transport } = make();
  let stirs = 0;
  stream.onStir = () => stirs++;
  stream.attend();
  assert.equal(transport.pulls, 1);
  assert.equal(transport.referenced, false);
  transport.give("abc");
  await turns();
  assert.equal(stirs, 1);
  assert.equal(stream.take(exactly(3, asByteString)), "abc");
  const reading = stream.read(exactly(1, asByteString), patient);
  assert.equal(transport.referenced, true);
  transport.give("d");
  assert.equal(await reading, "d");
});

for (const [where, make] of Object.entries(socketPairs)) {
  test(`waitReadable() takes nothing, ${where}`, async () => {
    const [here, there] = await make();
    await failureOf(here.waitReadable({ timeoutMs: 5 }), "timeout");
    const waiting = here.waitReadable();
    await there.send("abc");
    assert.equal(await waiting, true);
    assert.equal(await here.waitReadable(), true);
    assert.equal(new TextDecoder().decode(await here.receiveExactly(3)), "abc");
    there.close();
    assert.equal(await here.waitReadable(), false);
    here.close();
  });

  test(`sendSome() goes on with the rest, ${where}`, async () => {
    const [here, there] = await make();
    const size = 20_000_000;
    const data = Uint8Array.from({ length: size }, (_, at) => at % 251);
    // A write in memory keeps no program alive.
    const hold = setInterval(() => {}, 1000);
    let sent = await here.sendSome(data, { timeoutMs: 50 });
    assert.ok(sent > 0 && sent < size);
    const reading = there.receiveExactly(size, { timeoutMs: 5000 });
    while (sent < size) sent += await here.sendSome(data.subarray(sent), { timeoutMs: 500 });
    const got = await reading;
    assert.equal(got.length, size);
    assert.ok(got.every((byte: number, at: number) => byte === at % 251));
    clearInterval(hold);
    here.close();
    there.close();
  });
}

function make() {
  const transport = new ScriptedTransport();
  const clock = new FakeClock();
  return { transport, clock, stream: new Stream(transport, clock) };
}
