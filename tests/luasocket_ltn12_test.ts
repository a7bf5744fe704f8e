// What LTN12 has here and not there: promises, files, Web Streams. All else is
// compared with the original in luasocket_ltn12_conformance_test.ts.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { SocketError } from "../src/errors.ts";
import { ltn12 } from "../src/faces/luasocket/ltn12.ts";
import type { Source } from "../src/faces/luasocket/ltn12/types.ts";
import {
  fromReadable,
  fromWritable,
  toReadable,
  toWritable,
} from "../src/faces/luasocket/ltn12/web_streams.ts";
import { LuaError } from "../src/faces/lua.ts";

const { source, sink, filter, pump } = ltn12;

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "ltn12-"));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, at) => at);
const ALL_CHARACTERS = String.fromCharCode(...ALL_BYTES);

test("the module says which LTN12 it is", () => {
  assert.equal(ltn12._VERSION, "LTN12 1.0.3");
  assert.equal(ltn12.BLOCKSIZE, 2048);
});

test("what is handed in may answer at once or later, with a value or an array", async () => {
  const sources = [
    ["a", null],
    [["a"], []],
    [["a", null], [null, null]],
    ["a", undefined],
    [Promise.resolve("a"), Promise.resolve(null)],
    [Promise.resolve(["a"]), Promise.resolve([null])],
  ];
  for (const answers of sources) {
    for (const yes of [1, true, "", [1], Promise.resolve(1), Promise.resolve([true])]) {
      const taken: unknown[] = [];
      const all = [...answers];
      const done = await pump.all(() => all.shift(), (chunk, err) => {
        taken.push(chunk, err);
        return yes;
      });
      assert.deepEqual(done, [1]);
      assert.deepEqual(taken, ["a", null, null, null]);
    }
  }
});

test("a filter may take its time", async () => {
  const slow = async (chunk: string | null) => {
    await sleep(1);
    return chunk && `<${chunk}>`;
  };
  const [taken, chunks] = sink.table();
  const chain = sink.chain(slow, filter.chain(slow, (chunk) => chunk), taken);
  assert.deepEqual(await pump.all(source.table(["a", "b"]), chain), [1]);
  assert.equal(chunks.join(""), "<<a>><<b>>");
});

test("source.string takes bytes, too", async () => {
  assert.deepEqual(await source.string(ALL_BYTES)(), [ALL_CHARACTERS]);
});

test("sink.table fills the array it is given, and gives it back", async () => {
  const mine: string[] = ["first"];
  const [taken, chunks] = sink.table(mine);
  await taken("second");
  assert.equal(chunks, mine);
  assert.deepEqual(mine, ["first", "second"]);
});

test("pump.all steps with what pump.step has become", async () => {
  const { step } = pump;
  let steps = 0;
  pump.step = (source, sink) => {
    steps++;
    return step(source, sink);
  };
  try {
    await pump.all(source.table(["a", "b"]), sink.null());
  } finally {
    pump.step = step;
  }
  assert.equal(steps, 3);
});

test("a file comes in blocks, and is closed at its end", () =>
  inFolder(async (folder) => {
    const path = join(folder, "in");
    writeFileSync(path, "x".repeat(3000));
    const read = source.file(await open(path));
    assert.deepEqual(await read(), ["x".repeat(2048)]);
    assert.deepEqual(await read(), ["x".repeat(952)]);
    assert.deepEqual(await read(), [null]);
    await assert.rejects(read(), new LuaError("attempt to use a closed file"));
  }));

test("a file takes chunks, and is closed at their end", () =>
  inFolder(async (folder) => {
    const path = join(folder, "out");
    const write = sink.file(await open(path, "w"));
    assert.deepEqual(await write(ALL_CHARACTERS), [true]);
    assert.deepEqual(await write(""), [true]);
    assert.deepEqual(await write("end"), [true]);
    assert.deepEqual(await write(null), [1]);
    assert.equal(readFileSync(path, "latin1"), `${ALL_CHARACTERS}end`);
    await assert.rejects(write("late"), new LuaError("attempt to use a closed file"));
    await assert.rejects(write(null), new LuaError("attempt to use a closed file"));
  }));

test("one file becomes another", () =>
  inFolder(async (folder) => {
    const [from, to] = [join(folder, "from"), join(folder, "to")];
    const bytes = Uint8Array.from({ length: 100_000 }, (_, at) => at * 7);
    writeFileSync(from, bytes);
    const done = await pump.all(source.file(await open(from)), sink.file(await open(to, "w")));
    assert.deepEqual(done, [1]);
    assert.deepEqual(new Uint8Array(readFileSync(to)), bytes);
  }));

test("a file that takes less than it is given is given the rest", async () => {
  let written = "";
  let closed = 0;
  const write = sink.file({
    write(bytes) {
      written += String.fromCharCode(...bytes.subarray(0, 3));
      return Promise.resolve(Math.min(3, bytes.length));
    },
    close: () => closed++,
  });
  assert.deepEqual(await write("12345678"), [true]);
  assert.deepEqual(await write(null), [1]);
  assert.equal(written, "12345678");
  assert.equal(closed, 1);
});

test("what the system refuses is a value, not the end of a file", async () => {
  const refuse = () => Promise.reject(new Error("EIO: i/o error"));
  const handle = { read: refuse, write: refuse, close: () => {} };
  assert.deepEqual(await source.file(handle)(), [null, "EIO: i/o error"]);
  assert.deepEqual(await sink.file(handle)("a"), [null, "EIO: i/o error"]);
});

test("wide characters are the caller's mistake, not the file's", async () => {
  const write = sink.file({ write: () => Promise.resolve(0), close: () => {} });
  await assert.rejects(write("\u0100"), TypeError);
});

test("a file may end with null, as Deno's do", async () => {
  const counts = [3, null];
  const read = source.file({
    read(into) {
      into.set([97, 98, 99]);
      return Promise.resolve(counts.shift()!);
    },
    close: () => {},
  });
  assert.deepEqual(await read(), ["abc"]);
  assert.deepEqual(await read(), [null]);
});

async function textOf(readable: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  for (const reader = readable.getReader();;) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += String.fromCharCode(...value);
  }
}

test("toReadable gives the chunks, byte by character, and no empty one", async () => {
  const readable = toReadable(source.table(["", ALL_CHARACTERS, "", "", "end", ""]));
  const reader = readable.getReader();
  assert.deepEqual((await reader.read()).value, ALL_BYTES);
  assert.deepEqual((await reader.read()).value, Uint8Array.of(101, 110, 100));
  assert.equal((await reader.read()).done, true);
});

test("toReadable reads nothing before it is read", async () => {
  let count = 0;
  const reader = toReadable(() => `${count++}`).getReader();
  await sleep(1);
  assert.equal(count, 0);
  await reader.read();
  await sleep(1);
  assert.equal(count, 1);
});

test("toReadable fills a reader's own memory, and ends with it", async () => {
  const reader = toReadable(source.table(["abcdef", "g"])).getReader({ mode: "byob" });
  const first = await reader.read(new Uint8Array(4));
  assert.deepEqual(first.value, Uint8Array.of(97, 98, 99, 100));
  assert.deepEqual((await reader.read(new Uint8Array(4))).value, Uint8Array.of(101, 102));
  assert.deepEqual((await reader.read(new Uint8Array(4))).value, Uint8Array.of(103));
  assert.equal((await reader.read(new Uint8Array(4))).done, true);
});

test("toReadable fails as its source does", async () => {
  const reader = toReadable(source.error("timeout")).getReader();
  await assert.rejects(reader.read(), { message: "timeout" });
  await assert.rejects(reader.read(), { message: "timeout" });
});

test("toReadable fails with what its source raises", async () => {
  const readable = toReadable(() => {
    throw new LuaError("oh");
  });
  await assert.rejects(readable.getReader().read(), new LuaError("oh"));
});

test("toReadable does not take back the bytes it gave out", async () => {
  const bytes = Uint8Array.of(1, 2, 3);
  const reader = toReadable(() => bytes).getReader();
  await reader.read();
  assert.deepEqual(bytes, Uint8Array.of(1, 2, 3));
});

test("cancelling toReadable cancels what its source stands on, through all on top", async () => {
  const cancelled: string[] = [];
  const named = (name: string): Source =>
    Object.assign(async () => ["x"] as [string], { cancel: () => cancelled.push(name) });
  const wrapped = [
    named("plain"),
    source.rewind(named("rewind")),
    source.simplify(named("simplify")),
    source.chain(named("chain"), (chunk) => chunk),
    source.cat(named("cat"), named("cat's second")),
  ];
  for (const it of wrapped) {
    const readable = toReadable(it);
    const reader = readable.getReader();
    await reader.read();
    await reader.cancel();
  }
  assert.deepEqual(cancelled, ["plain", "rewind", "simplify", "chain", "cat", "cat's second"]);
  // One that stands on nothing can be cancelled as well.
  await toReadable(source.table(["a"])).cancel();
});

test("cancelling toReadable closes a file", () =>
  inFolder(async (folder) => {
    const path = join(folder, "in");
    writeFileSync(path, "some text");
    const handle = await open(path);
    await toReadable(source.file(handle)).cancel();
    await assert.rejects(handle.read(new Uint8Array(1), 0, 1));
  }));

test("toWritable hands over chunks as byte strings, one at a time, and the end", async () => {
  const calls: unknown[] = [];
  let running = 0;
  const writer = toWritable(async (chunk, err) => {
    assert.equal(++running, 1);
    await sleep(1);
    running--;
    calls.push([chunk, err]);
    return 1;
  }).getWriter();
  const writes = [writer.write(ALL_BYTES), writer.write("\xff"), writer.write(new Uint8Array())];
  await Promise.all([...writes, writer.close()]);
  assert.deepEqual(calls, [[ALL_CHARACTERS, null], ["\xff", null], ["", null], [null, null]]);
});

test("toWritable fails when its sink takes no more", async () => {
  const writer = toWritable(sink.error("full")).getWriter();
  writer.closed.catch(() => {});
  await assert.rejects(writer.write("a"), { message: "full" });
  await assert.rejects(writer.write("b"), { message: "full" });
});

test("toWritable fails to close when its sink refuses the end", async () => {
  const writer = toWritable((chunk) => chunk === null ? [null, "unfinished"] : 1).getWriter();
  writer.closed.catch(() => {});
  await writer.write("a");
  await assert.rejects(writer.close(), { message: "unfinished" });
});

const reasons: [unknown, unknown][] = [
  ["enough", "enough"],
  [new Error("broken"), "broken"],
  [new SocketError("reset", "It was cut off"), "closed"],
  [new SocketError("timeout", "It took too long"), "timeout"],
  [undefined, "aborted"],
  [null, "nil"],
];
for (const [reason, told] of reasons) {
  test(`toWritable tells its sink of an abort with ${reason}`, async () => {
    const calls: unknown[] = [];
    const writable = toWritable((...call) => {
      calls.push(call);
      return 1;
    });
    await writable.abort(reason);
    assert.deepEqual(calls, [[null, told]]);
  });
}

test("fromReadable gives byte strings, then nil for ever", async () => {
  const read = fromReadable(new Response(ALL_BYTES).body!);
  let text = "";
  for (;;) {
    const [chunk, err] = await read();
    assert.equal(err, undefined);
    if (chunk === null) break;
    text += chunk;
  }
  assert.equal(text, ALL_CHARACTERS);
  assert.deepEqual(await read(), [null]);
});

test("fromReadable lets go of the stream at its end", async () => {
  const readable = new Blob([]).stream();
  const read = fromReadable(readable);
  assert.equal(readable.locked, true);
  assert.deepEqual(await read(), [null]);
  assert.equal(readable.locked, false);
});

test("fromReadable hands on the stream's error, for ever", async () => {
  const readable = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.error(new SocketError("timeout", "It took too long"));
    },
  });
  const read = fromReadable(readable);
  assert.deepEqual(await read(), [null, "timeout"]);
  assert.deepEqual(await read(), [null, "timeout"]);
});

test("fromReadable reads nothing ahead", async () => {
  let count = 0;
  const readable = new ReadableStream<Uint8Array>({
    pull(controller) {
      count++;
      controller.enqueue(Uint8Array.of(1));
    },
  }, { highWaterMark: 0 });
  const read = fromReadable(readable);
  await sleep(1);
  assert.equal(count, 0);
  await read();
  await sleep(1);
  assert.equal(count, 1);
});

test("fromReadable can be cancelled", async () => {
  let cancelled = 0;
  const readable = new ReadableStream<Uint8Array>({ cancel: () => void cancelled++ });
  const read = fromReadable(readable);
  await read.cancel!();
  await read.cancel!();
  assert.equal(cancelled, 1);
  assert.deepEqual(await read(), [null]);
});

/** A stream to write to that keeps what happens to it. */
function watched(fails?: string) {
  const seen: unknown[] = [];
  const writable = new WritableStream<Uint8Array>({
    write(chunk) {
      if (fails !== undefined) throw new Error(fails);
      seen.push(String.fromCharCode(...chunk));
    },
    close: () => void seen.push("closed"),
    abort: (reason) => void seen.push(`aborted: ${reason.message}`),
  });
  return { seen, writable };
}

test("fromWritable writes bytes, and closes at the end", async () => {
  const { seen, writable } = watched();
  const write = fromWritable(writable);
  assert.deepEqual(await write(ALL_CHARACTERS), [1]);
  assert.deepEqual(await write(""), [1]);
  assert.deepEqual(await write("b"), [1]);
  assert.deepEqual(await write(null), [1]);
  assert.deepEqual(seen, [ALL_CHARACTERS, "b", "closed"]);
  assert.equal(writable.locked, false);
});

test("fromWritable aborts at an end with an error", async () => {
  const { seen, writable } = watched();
  const write = fromWritable(writable);
  await write("a");
  assert.deepEqual(await write(null, "timeout"), [1]);
  assert.deepEqual(seen, ["a", "aborted: timeout"]);
});

test("fromWritable answers with the stream's error", async () => {
  const { writable } = watched("disk full");
  const write = fromWritable(writable);
  await write("a");
  assert.deepEqual(await write("b"), [null, "disk full"]);
  assert.deepEqual(await write(null), [null, "disk full"]);
});

test("pump.all hears of a stream that fails, at the end at the latest", async () => {
  for (const chunks of [["a"], ["a", "b"], ["a", "b", "c"]]) {
    const { writable } = watched("disk full");
    const done = await pump.all(source.table(chunks), fromWritable(writable));
    assert.deepEqual(done, [null, "disk full"]);
  }
});

test("fromWritable waits for room", async () => {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const write = fromWritable(writable);
  await write("a");
  let waited = true;
  const second = write("b").then(() => waited = false);
  await sleep(2);
  assert.equal(waited, true);
  const reader = readable.getReader();
  await reader.read();
  await second;
  assert.equal(waited, false);
});

test("fromWritable refuses wide characters, and goes on", async () => {
  const { seen, writable } = watched();
  const write = fromWritable(writable);
  await assert.rejects(write("\u0100"), TypeError);
  await write("a");
  await write(null);
  assert.deepEqual(seen, ["a", "closed"]);
});

test("there and back again nothing is lost, errors of any kind neither", async () => {
  const back = fromReadable(toReadable(source.table(["one", "", "two"])));
  const [taken, chunks] = sink.table();
  assert.deepEqual(await pump.all(back, fromWritable(toWritable(taken))), [1]);
  assert.deepEqual(chunks, ["one", "two"]);

  const err = { any: "value" };
  const failed = fromReadable(toReadable(source.error(err)));
  assert.equal((await failed())[1], err);
  const calls: unknown[] = [];
  const told = fromWritable(toWritable((...call) => {
    calls.push(call);
    return 1;
  }));
  await told(null, err);
  assert.deepEqual(calls, [[null, err]]);
});

test("pipeTo goes from a source to a sink, and tells it of errors", async () => {
  const [taken, chunks] = sink.table();
  await toReadable(source.string("x".repeat(5000))).pipeTo(toWritable(taken));
  assert.deepEqual(chunks.map((it) => it.length), [2048, 2048, 904]);

  const calls: unknown[] = [];
  const writable = toWritable((...call) => {
    calls.push(call);
    return 1;
  });
  await assert.rejects(toReadable(source.error("timeout")).pipeTo(writable));
  assert.deepEqual(calls, [[null, "timeout"]]);
});

test("a source that is read in a loop gives all", async () => {
  assert.equal(await textOf(toReadable(source.cat(source.string("a"), source.string("b")))), "ab");
});
