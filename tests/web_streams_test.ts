import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesOf, byteString } from "../src/bytes.ts";
import { Cosocket, cosocketOn, type SocketOptions } from "../src/cosocket.ts";
import { SocketError } from "../src/errors.ts";
import { Stream } from "../src/stream.ts";
import { socketPair } from "../testing.ts";
import { cuts } from "./helpers/cuts.ts";
import { failureOf } from "./helpers/failure_of.ts";
import { FakeClock } from "./helpers/fake_clock.ts";
import { Random } from "./helpers/random.ts";
import { ScriptedTransport } from "./helpers/scripted_transport.ts";
import { turns } from "./helpers/turns.ts";

test("readable never reads ahead of its reader", async () => {
  const { sock, transport } = scripted();
  const { readable } = sock;
  await turns();
  assert.equal(transport.pulls, 0);
  const reader = readable.getReader();
  await turns();
  assert.equal(transport.pulls, 0);
  for (let read = 1; read < 4; read++) {
    const reading = reader.read();
    await turns();
    assert.equal(transport.pulls, read);
    transport.give("abc");
    assert.equal(byteString((await reading).value!), "abc");
    await turns();
    assert.equal(transport.pulls, read);
  }
});

test("readable gives all that comes, and ends where the peer ends", async () => {
  for (const pieces of cuts(bytesOf("abcdefg"))) {
    const sock = await fedBy(pieces);
    assert.equal(await readAll(sock.readable), "abcdefg");
  }
});

test("readable fills the memory of a reader that brings its own, and no more", async () => {
  for (const pieces of cuts(bytesOf("abcdefg"))) {
    const sock = await fedBy(pieces);
    const reader = sock.readable.getReader({ mode: "byob" });
    let text = "";
    for (;;) {
      const { value, done } = await reader.read(new Uint8Array(3));
      if (done) break;
      assert.ok(value.length >= 1 && value.length <= 3);
      text += byteString(value);
    }
    assert.equal(text, "abcdefg");
  }
});

test("readable with a reader's own memory never reads ahead either", async () => {
  const { sock, transport } = scripted();
  const reader = sock.readable.getReader({ mode: "byob" });
  const reading = reader.read(new Uint8Array(2));
  await turns();
  transport.give("abc");
  assert.equal(byteString((await reading).value!), "ab");
  await turns();
  assert.equal(transport.pulls, 1);
  assert.equal(byteString((await reader.read(new Uint8Array(8))).value!), "c");
  assert.equal(transport.pulls, 1);
});

test("readable is one stream, and takes its turn between other reads", async () => {
  const sock = await fedBy([bytesOf("line\nabcline\n")]);
  assert.equal(sock.readable, sock.readable);
  assert.equal(await sock.receiveLine(), "line");
  const reader = sock.readable.getReader({ mode: "byob" });
  assert.equal(byteString((await reader.read(new Uint8Array(3))).value!), "abc");
  assert.equal(await sock.receiveLine(), "line");
});

test("other reads are busy during a pull of readable, and it of theirs", async () => {
  const { sock, transport } = scripted();
  const reader = sock.readable.getReader();
  const reading = reader.read();
  await turns();
  await failureOf(sock.receiveLine(), "busy");
  transport.give("abc");
  assert.equal(byteString((await reading).value!), "abc");
  const line = sock.receiveLine();
  await failureOf(reader.read(), "busy");
  transport.give("line\n");
  assert.equal(await line, "line");
});

test("readable fails with the socket's error", async () => {
  const { sock, transport, clock } = scripted({ readTimeoutMs: 100 });
  const reading = failureOf(sock.readable.getReader().read(), "timeout");
  await clock.pass(100);
  await reading;
  transport.give("abc");
  await turns();
  assert.equal(byteString(await sock.receiveExactly(3)), "abc");
});

test("cancelling readable closes the socket, also during a pull", async () => {
  for (const pulls of [false, true]) {
    const { sock, transport } = scripted();
    const reader = sock.readable.getReader();
    const reading = pulls ? reader.read() : undefined;
    await turns();
    await reader.cancel();
    await reading;
    assert.equal(sock.closed, true);
    assert.equal(transport.calls.at(-1), "close");
  }
});

test("leaving an iteration over readable closes the socket", async () => {
  const sock = await fedBy([bytesOf("abc")]);
  for await (const chunk of sock.readable) {
    assert.equal(byteString(chunk), "abc");
    break;
  }
  assert.equal(sock.closed, true);
});

test("close() ends a read of readable with closed", async () => {
  const { sock } = scripted();
  const reading = failureOf(sock.readable.getReader().read(), "closed");
  await turns();
  sock.close();
  await reading;
});

test("body() gives exactly so many bytes, and the socket reads on behind them", async () => {
  for (const pieces of cuts(bytesOf("abcdline\n"))) {
    const sock = await fedBy(pieces);
    assert.equal(await readAll(sock.body(4)), "abcd");
    assert.equal(await sock.receiveLine(), "line");
  }
});

test("body() fills the memory of a reader that brings its own", async () => {
  for (const size of [1, 3, 4, 100]) {
    for (const pieces of cuts(bytesOf("abcdline\n"))) {
      const sock = await fedBy(pieces);
      const reader = sock.body(4).getReader({ mode: "byob" });
      let text = "";
      for (;;) {
        const { value, done } = await reader.read(new Uint8Array(size));
        if (done) break;
        text += byteString(value);
      }
      assert.equal(text, "abcd");
      assert.equal(await sock.receiveLine(), "line");
    }
  }
});

test("body() of nothing ends at once, and reads nothing", async () => {
  const { sock, transport } = scripted();
  assert.equal(await readAll(sock.body(0)), "");
  assert.equal(transport.pulls, 0);
});

test("body() of much gives all of it, and lets the next one begin", async () => {
  const much = new Random(6).bytes(700_000);
  const [client, server] = socketPair();
  const sending = server.send([much, much, "\n"]);
  for (let body = 0; body < 2; body++) {
    assert.equal(await readAll(client.body(much.length)), byteString(much));
  }
  assert.equal(await client.receiveLine(), "");
  await sending;
});

test("body() never reads ahead of its reader", async () => {
  const { sock, transport } = scripted();
  const reader = sock.body(5).getReader();
  await turns();
  assert.equal(transport.pulls, 0);
  const reading = reader.read();
  transport.give("abc");
  await reading;
  await turns();
  assert.equal(transport.pulls, 1);
});

test("body() is closed where the peer ends before its end", async () => {
  const sock = await fedBy([bytesOf("ab")]);
  const reader = sock.body(4).getReader();
  assert.equal(byteString((await reader.read()).value!), "ab");
  await failureOf(reader.read(), "closed");
});

test("cancelling body() leaves the rest unread", async () => {
  const sock = await fedBy([bytesOf("ab"), bytesOf("cdefgh")]);
  const reader = sock.body(6).getReader();
  assert.equal(byteString((await reader.read()).value!), "ab");
  await reader.cancel();
  assert.equal(byteString(await sock.receiveExactly(6)), "cdefgh");
});

test("cancelling body() during a pull loses nothing of what comes", async () => {
  for (const mode of [undefined, "byob"] as const) {
    const { sock, transport } = scripted();
    const body = sock.body(6);
    const reader = mode ? body.getReader({ mode }) : body.getReader();
    const reading = (reader as ReadableStreamBYOBReader).read(new Uint8Array(6));
    await turns();
    await reader.cancel();
    await reading;
    transport.give("abcdef");
    await turns();
    assert.equal(byteString(await sock.receiveExactly(6)), "abcdef");
    assert.equal(transport.pulls, 1);
  }
});

test("cancelling body() at any moment loses nothing of what comes", async () => {
  for (const mode of [undefined, "byob"] as const) {
    for (let steps = 0; steps < 20; steps++) {
      const { sock, transport } = scripted();
      const body = sock.body(6);
      const reader = mode ? body.getReader({ mode }) : body.getReader();
      const reading = (reader as ReadableStreamBYOBReader).read(new Uint8Array(4));
      await turns();
      transport.give("abcdefgh");
      for (let step = 0; step < steps; step++) await Promise.resolve();
      const cancelling = reader.cancel();
      const { value } = await reading;
      await cancelling;
      await turns();
      const seen = value === undefined ? "" : byteString(value);
      const rest = byteString(await sock.receiveExactly(8 - seen.length));
      assert.equal(seen + rest, "abcdefgh", `${steps} steps, ${mode}`);
    }
  }
});

test("writable sends what is written to it, text and bytes", async () => {
  const [client, server] = socketPair();
  assert.equal(client.writable, client.writable);
  const writer = client.writable.getWriter();
  await writer.write("é");
  await writer.write(bytesOf("\xff"));
  await writer.close();
  assert.equal(byteString(await server.receiveAll()), "\xc3\xa9\xff");
  await server.send("reading goes on\n");
  assert.equal(await client.receiveLine(), "reading goes on");
  await failureOf(client.send("x"), "closed");
});

test("aborting writable cuts the connection off", async () => {
  const [client, server] = socketPair();
  await client.writable.abort();
  await failureOf(server.receiveLine(), "reset");
  assert.equal(client.closed, true);
});

test("aborting writable does not wait for a write that hangs", async () => {
  const { sock, transport } = scripted();
  transport.acceptsAtOnce = false;
  const writer = sock.writable.getWriter();
  const writing = writer.write("x");
  const failed = assert.rejects(writing);
  await turns();
  await writer.abort(new Error("enough"));
  await failed;
  assert.equal(sock.closed, true);
  assert.equal(transport.calls.at(-1), "abort");
});

test("writable fails with the socket's error", async () => {
  const { sock, transport } = scripted();
  transport.acceptsAtOnce = false;
  const writer = sock.writable.getWriter();
  const writing = failureOf(writer.write("x"), "reset");
  writer.closed.catch(() => {});
  await turns();
  transport.accept(Object.assign(new Error(), { code: "EPIPE" }));
  await writing;
});

test("writable refuses what is no data", async () => {
  const [client] = socketPair();
  const writer = client.writable.getWriter();
  writer.closed.catch(() => {});
  await assert.rejects(writer.write(5 as never), /^TypeError: data must be/);
});

test("readable can be piped into writable, much and in order", async () => {
  const much = new Random(7).bytes(1_000_000);
  const [client, server] = socketPair();
  const echoing = server.readable.pipeTo(server.writable);
  const sending = client.send(much).then(() => client.closeWrite());
  assert.equal(byteString(await client.receiveAll()), byteString(much));
  await Promise.all([echoing, sending]);
});

const goodbyes: Record<string, (sock: Cosocket) => unknown> = {
  "close()": (sock) => sock.close(),
  "release()": (sock) => sock.release(),
};

for (const [name, end] of Object.entries(goodbyes)) {
  test(`streams of a socket are dead after ${name}, and do nothing to its connection`, async () => {
    const transport = new ScriptedTransport();
    const stream = new Stream(transport, new FakeClock());
    const loan = {
      reusedTimes: 0,
      idleMs: 0,
      takesUpgraded: false,
      giveBack: () => Promise.resolve(true),
    };
    const sock = cosocketOn(stream, {}, loan);
    const { readable, writable } = sock;
    const bodies = [sock.body(9), sock.body(9)] as const;
    await end(sock);
    const before = [...transport.calls];
    await failureOf(bodies[0].getReader().read(), "closed");
    await bodies[1].cancel();
    await readable.cancel();
    const writer = writable.getWriter();
    writer.closed.catch(() => {});
    await failureOf(writer.write("x"), "closed");
    assert.deepEqual(transport.calls, before);
  });
}

test("streams of a released socket neither end nor cut off its connection", async () => {
  for (const leave of ["close", "abort"] as const) {
    const transport = new ScriptedTransport();
    const stream = new Stream(transport, new FakeClock());
    const loan = {
      reusedTimes: 0,
      idleMs: 0,
      takesUpgraded: false,
      giveBack: () => Promise.resolve(true),
    };
    const sock = cosocketOn(stream, {}, loan);
    const { writable } = sock;
    assert.equal(await sock.release(), true);
    await Promise.allSettled([writable[leave]()]);
    assert.deepEqual(transport.calls, []);
    assert.equal(stream.closed, false);
  }
});

/** Pairs of streams as others make them: what is written to one end is read from the other. */
const pipes: { name: string; make: () => TransformLike }[] = [
  { name: "default streams", make: () => new TransformStream<Uint8Array, Uint8Array>() },
  { name: "byte streams", make: byteStreams },
];

for (const { name, make } of pipes) {
  test(`over() makes a socket of ${name}`, async () => {
    for (const pieces of cuts(bytesOf("line\nabc"))) {
      const [near, far] = joined(make);
      const sending = (async () => {
        for (const piece of pieces) await far.send(piece);
        await far.closeWrite();
      })();
      assert.equal(await near.receiveLine(), "line");
      assert.equal(byteString(await near.receiveExactly(2)), "ab");
      assert.equal(byteString(await near.receiveAll()), "c");
      await sending;
      const [answer] = await Promise.all([far.receiveLine(), near.send("answer\n")]);
      assert.equal(answer, "answer");
    }
  });

  test(`over() ${name}: bytes that were handed out do not change`, async () => {
    const [near, far] = joined(make);
    const sent = Array.from({ length: 200 }, (_, at) => new Random(at).bytes(1 + (at * 37) % 3000));
    const sending = (async () => {
      for (const bytes of sent) await far.send(bytes);
    })();
    const kept: Uint8Array[] = [];
    for (const { length } of sent) kept.push(await near.receiveExactly(length));
    await sending;
    sent.forEach((bytes, at) => assert.deepEqual(kept[at], bytes));
  });

  test(`over() ${name}: a timed-out read loses nothing`, async () => {
    const [near, far] = joined(make);
    // Nothing else keeps the program alive: the streams are nobody's.
    const alive = setInterval(() => {}, 1000);
    await failureOf(near.receiveLine({ timeoutMs: 1 }), "timeout");
    clearInterval(alive);
    const [line] = await Promise.all([near.receiveLine(), far.send("line\n")]);
    assert.equal(line, "line");
  });

  test(`over() ${name}: close() tells the other end, and closed to who waits`, async () => {
    const [near, far] = joined(make);
    const waiting = failureOf(near.receiveLine(), "closed");
    near.close();
    await waiting;
    assert.equal(await far.receiveAny(1), null);
  });

  test(`over() ${name}: abort() cuts the other end off`, async () => {
    const [near, far] = joined(make);
    const waiting = assert.rejects(far.receiveLine(), SocketError);
    near.abort();
    await waiting;
    assert.equal(near.closed, true);
  });

  test(`over() ${name}: much goes through, both ways at once`, async () => {
    const [near, far] = joined(make);
    const much = new Random(8).bytes(600_000);
    const talk = async (sock: Cosocket) => {
      const [got] = await Promise.all([sock.receiveExactly(much.length), sock.send(much)]);
      assert.equal(byteString(got), byteString(much));
    };
    await Promise.all([talk(near), talk(far)]);
  });
}

test("over() reads a byte stream no further than it is asked", async () => {
  let pulls = 0;
  const readable = new ReadableStream({
    type: "bytes",
    pull(controller) {
      pulls++;
      controller.enqueue(bytesOf("abc") as Uint8Array<ArrayBuffer>);
    },
  });
  const sock = Cosocket.over({ readable, writable: new WritableStream() });
  await turns();
  assert.equal(pulls, 0);
  assert.equal(byteString(await sock.receiveExactly(3)), "abc");
  await turns();
  assert.equal(pulls, 1);
});

test("over() copies what it sends before the call ends", async () => {
  const chunks: Uint8Array[] = [];
  const writable = new WritableStream<Uint8Array>({
    write: (chunk) => {
      chunks.push(chunk);
    },
  });
  const sock = Cosocket.over({ readable: new ReadableStream(), writable });
  const bytes = bytesOf("abc");
  await sock.send(bytes);
  bytes.fill(0);
  assert.equal(byteString(chunks[0]!), "abc");
});

test("over() says failed for a stream that fails, with its error as cause", async () => {
  const cause = new Error("no more");
  const readable = new ReadableStream({ pull: () => Promise.reject(cause) });
  const sock = Cosocket.over({ readable, writable: new WritableStream() });
  const error = await failureOf(sock.receiveLine(), "failed");
  assert.equal(error.cause, cause);
});

test("over() says failed for a stream that gives no bytes", async () => {
  const readable = new ReadableStream({ pull: (it) => it.enqueue("text") });
  const sock = Cosocket.over({ readable, writable: new WritableStream() });
  await failureOf(sock.receiveLine(), "failed");
});

const noDuplex: { name: string; duplex: () => unknown; error: RegExp }[] = [
  { name: "nothing", duplex: () => undefined, error: /^TypeError: duplex must be/ },
  { name: "null", duplex: () => null, error: /^TypeError: duplex must be/ },
  { name: "text", duplex: () => "x", error: /^TypeError: duplex must be/ },
  { name: "an empty object", duplex: () => ({}), error: /^TypeError: duplex.readable must be/ },
  {
    name: "half of it",
    duplex: () => ({ readable: new ReadableStream() }),
    error: /^TypeError: duplex.writable must be/,
  },
  {
    name: "a locked readable",
    duplex: () => {
      const readable = new ReadableStream();
      readable.getReader();
      return { readable, writable: new WritableStream() };
    },
    error: /^TypeError: duplex.readable must not be locked/,
  },
  {
    name: "a locked writable",
    duplex: () => {
      const writable = new WritableStream();
      writable.getWriter();
      return { readable: new ReadableStream(), writable };
    },
    error: /^TypeError: duplex.writable must not be locked/,
  },
];

for (const { name, duplex, error } of noDuplex) {
  test(`over() refuses ${name}, and locks nothing`, () => {
    const given = duplex() as { readable?: ReadableStream } & TransformStream;
    const locked = given?.readable?.locked;
    assert.throws(() => Cosocket.over(given), error);
    assert.equal(given?.readable?.locked, locked);
  });
}

interface TransformLike {
  readable: ReadableStream<Uint8Array>;
  writable: WritableStream<Uint8Array>;
}

/** What is written comes out of a byte stream. */
function byteStreams(): TransformLike {
  let controller!: ReadableByteStreamController;
  let onPull: (() => void) | undefined;
  const readable = new ReadableStream({
    type: "bytes",
    start: (it) => {
      controller = it;
    },
    pull: () => onPull?.(),
  });
  const writable = new WritableStream<Uint8Array>({
    async write(chunk) {
      const taken = new Promise<void>((resolve) => onPull = resolve);
      controller.enqueue(chunk.slice() as Uint8Array<ArrayBuffer>);
      await Promise.race([taken, turns()]);
    },
    close: () => {
      controller.close();
      controller.byobRequest?.respond(0);
    },
    abort: (reason) => controller.error(reason),
  });
  return { readable, writable };
}

/** Two sockets over two pipes. */
function joined(make: () => TransformLike): [Cosocket, Cosocket] {
  const [there, back] = [make(), make()];
  return [
    Cosocket.over({ readable: back.readable, writable: there.writable }),
    Cosocket.over({ readable: there.readable, writable: back.writable }),
  ];
}

/** A socket whose peer has sent these pieces, each to arrive alone, and ended. */
async function fedBy(pieces: readonly Uint8Array[]): Promise<Cosocket> {
  const [client, server] = socketPair();
  for (const piece of pieces) await server.send(piece);
  await server.closeWrite();
  return client;
}

function scripted(options: SocketOptions = {}) {
  const transport = new ScriptedTransport();
  const clock = new FakeClock();
  return { transport, clock, sock: cosocketOn(new Stream(transport, clock), options) };
}

async function readAll(readable: ReadableStream<Uint8Array>): Promise<string> {
  const reader = readable.getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return text;
    text += byteString(value);
  }
}
