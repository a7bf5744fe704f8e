// What an iteration over lines does beside giving lines: leaving it, and calls of it that overlap.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Cosocket, cosocketOn } from "../src/cosocket.ts";
import { Stream } from "../src/stream.ts";
import { socketPair } from "../testing.ts";
import { failureOf } from "./helpers/failure_of.ts";
import { ScriptedTransport } from "./helpers/scripted_transport.ts";
import { turns } from "./helpers/turns.ts";
import { WatchedSignal } from "./helpers/watched_signal.ts";

const OVER = { value: undefined, done: true };

function scripted(): { sock: Cosocket; stream: Stream; transport: ScriptedTransport } {
  const transport = new ScriptedTransport();
  const stream = new Stream(transport);
  return { sock: cosocketOn(stream, {}), stream, transport };
}

function line(value: string) {
  return { value, done: false };
}

/** Iterates until the signal is aborted, as `abortable` of `@std/async` does. */
async function* raced<T>(source: AsyncGenerator<T>, signal: AbortSignal): AsyncGenerator<T> {
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
  try {
    for (;;) {
      const { value, done } = await Promise.race([aborted, source.next()]);
      if (done) return;
      yield value;
    }
  } catch (error) {
    await source.return(undefined);
    throw error;
  }
}

test("what races against lines() and wins ends it at once, and the socket stays", async () => {
  const [sock, peer] = socketPair();
  const controller = new AbortController();
  await peer.send("one\ntwo\n");
  const seen: string[] = [];
  const loop = async () => {
    for await (const line of raced(sock.lines({ timeoutMs: 0 }), controller.signal)) {
      seen.push(line);
      if (seen.length === 2) controller.abort();
    }
  };
  await assert.rejects(loop(), { name: "AbortError" });
  assert.deepEqual(seen, ["one", "two"]);
  await peer.send("three\n");
  assert.equal(await sock.receiveLine(), "three");
});

test("return() ends all calls that wait, and what comes is for the next reader", async () => {
  const { sock, transport } = scripted();
  const lines = sock.lines({ timeoutMs: 0 });
  const waiting = [lines.next(), lines.next()];
  transport.give("li");
  await turns();
  const leaving = lines.return();
  const reading = sock.receiveLine();
  assert.deepEqual(await Promise.all(waiting), [OVER, OVER]);
  assert.deepEqual(await leaving, OVER);
  assert.deepEqual(await lines.next(), OVER);
  transport.give("ne\n");
  assert.equal(await reading, "line");
});

test("a line that comes while the iteration is left goes to one of the two readers", async () => {
  const given = new Set<boolean>();
  for (let count = 0; count < 8; count++) {
    const { sock, transport } = scripted();
    const lines = sock.lines();
    const waiting = lines.next();
    transport.give("one\ntwo\n");
    for (let turn = 0; turn < count; turn++) await Promise.resolve();
    const leaving = lines.return();
    const { value, done } = await waiting;
    assert.deepEqual(await leaving, OVER);
    assert.deepEqual(await lines.next(), OVER);
    if (!done) assert.equal(value, "one");
    assert.equal(await sock.receiveLine(), done ? "one" : "two");
    given.add(done === true);
  }
  assert.equal(given.size, 2);
});

test("next() several times at once gives line after line, and then the end", async () => {
  const { sock, transport } = scripted();
  const lines = sock.lines();
  const waiting = Array.from({ length: 6 }, () => lines.next());
  transport.give("one\ntwo\nth");
  await turns();
  waiting.push(lines.next());
  transport.give("ree\nfo");
  await turns();
  transport.end();
  const seen = [line("one"), line("two"), line("three"), line("fo"), OVER, OVER, OVER];
  assert.deepEqual(await Promise.all(waiting), seen);
  assert.deepEqual(await lines.next(), OVER);
});

test("an error ends the iteration, also for those who wait behind it", async () => {
  const { sock, transport } = scripted();
  const lines = sock.lines();
  const [first, second] = [lines.next(), lines.next()];
  transport.fail(new Error("broken"));
  await failureOf(first, "failed");
  assert.deepEqual(await second, OVER);
  assert.deepEqual(await lines.next(), OVER);
});

test("lines() during another read is busy, which ends it", async () => {
  const { sock, transport } = scripted();
  const reading = sock.receiveLine();
  const lines = sock.lines();
  await failureOf(lines.next(), "busy");
  assert.deepEqual(await lines.next(), OVER);
  transport.give("a\nb\n");
  assert.equal(await reading, "a");
  assert.equal(await sock.receiveLine(), "b");
});

test("the signal of lines() aborts it, and has no listener between its waits", async () => {
  const { sock, transport } = scripted();
  const watched = new WatchedSignal();
  const lines = sock.lines({ signal: watched.signal });
  for (const text of ["one", "two"]) {
    const waiting = lines.next();
    assert.equal(watched.listeners, 1);
    transport.give(`${text}\n`);
    assert.deepEqual(await waiting, line(text));
    assert.equal(watched.listeners, 0);
  }
  const waiting = lines.next();
  watched.abort("enough");
  assert.equal((await failureOf(waiting, "aborted")).cause, "enough");
  assert.deepEqual(await lines.next(), OVER);
  assert.equal(watched.listeners, 0);
  transport.give("three\n");
  await turns();
  await failureOf(sock.lines({ signal: watched.signal }).next(), "aborted");
  assert.equal(await sock.receiveLine(), "three");
});

test("wrong options of lines() are told before a line is taken", async () => {
  const [sock, peer] = socketPair();
  await peer.send("one\ntwo\n");
  assert.equal(await sock.receiveLine(), "one");
  for (const options of [{ timeoutMs: "1" }, { maxBytes: -1 }, { signal: {} }, null]) {
    const lines = sock.lines(options as never);
    await assert.rejects(lines.next(), /must be/);
    assert.deepEqual(await lines.next(), OVER);
  }
  assert.equal(await sock.receiveLine(), "two");
});

test("leaving a wait counts as a call that failed, leaving between lines does not", async () => {
  const { sock, stream, transport } = scripted();
  const lines = sock.lines();
  const waiting = lines.next();
  transport.give("one\ntwo\n");
  assert.deepEqual(await waiting, line("one"));
  assert.deepEqual(await lines.return(), OVER);
  assert.equal(stream.failed, false);
  const others = sock.lines();
  assert.deepEqual(await others.next(), line("two"));
  const left = others.next();
  await others.return();
  assert.deepEqual(await left, OVER);
  assert.equal(stream.failed, true);
});

const ways: { name: string; leave: (lines: AsyncGenerator<string>) => PromiseLike<unknown> }[] = [
  { name: "return()", leave: (lines) => lines.return(undefined) },
  {
    name: "throw()",
    leave: (lines) => assert.rejects(lines.throw(new Error("mine")), { message: "mine" }),
  },
  { name: "the end of its scope", leave: (lines) => lines[Symbol.asyncDispose]() },
];

for (const { name, leave } of ways) {
  test(`after ${name} an iteration over lines is over, begun or not`, async () => {
    for (const begins of [true, false]) {
      const [sock, peer] = socketPair();
      await peer.send("one\ntwo\n");
      const lines = sock.lines();
      assert.equal(lines[Symbol.asyncIterator](), lines);
      if (begins) assert.deepEqual(await lines.next(), line("one"));
      await leave(lines);
      assert.deepEqual(await lines.next(), OVER);
      assert.equal(await sock.receiveLine(), begins ? "two" : "one");
    }
  });
}
