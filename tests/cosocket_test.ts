import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { bytesOf, byteString, encodeUtf8, quote } from "../src/bytes.ts";
import { connect, Cosocket, cosocketOn, type SocketOptions } from "../src/cosocket.ts";
import { Stream } from "../src/stream.ts";
import { socketPair } from "../testing.ts";
import { cutAt, cuts, fewCuts } from "./helpers/cuts.ts";
import { failureOf } from "./helpers/failure_of.ts";
import { FakeClock } from "./helpers/fake_clock.ts";
import { Random } from "./helpers/random.ts";
import { ScriptedTransport } from "./helpers/scripted_transport.ts";
import { turns } from "./helpers/turns.ts";

/** Calls in a row, and what each gives; bytes are shown as a byte string. */
const dialogue: { call: (sock: Cosocket) => Promise<unknown>; gives: unknown; of: string }[] = [
  { call: (sock) => sock.receiveLine(), gives: "220 hi", of: "220 hi\r\n" },
  { call: (sock) => sock.receiveLine(), gives: "", of: "\n" },
  { call: (sock) => sock.receiveLine(), gives: "a\rb\r", of: "a\rb\r\r\n" },
  { call: (sock) => sock.receiveLine({ as: "bytes" }), gives: "\xe9\xff", of: "\xe9\xff\r\n" },
  { call: (sock) => sock.receiveLine({ timeoutMs: 0 }), gives: "é", of: "\xc3\xa9\n" },
  { call: (sock) => sock.receiveExactly(0), gives: "", of: "" },
  { call: (sock) => sock.receiveExactly(4), gives: "\n\0\r\n", of: "\n\0\r\n" },
  { call: (sock) => sock.receiveUntil("--"), gives: "-x", of: "-x--" },
  { call: (sock) => sock.receiveUntil("--", { inclusive: true }), gives: "--", of: "--" },
  { call: (sock) => sock.receiveUntil(bytesOf("\xff\xfe")), gives: "\xff", of: "\xff\xff\xfe" },
  { call: (sock) => sock.peek(3), gives: "abc", of: "" },
  { call: (sock) => sock.skip(2), gives: undefined, of: "ab" },
  { call: (sock) => fill(sock, 3), gives: "cde", of: "cde" },
  { call: (sock) => piecesOf(sock, "::", 2), gives: "fg|h|null", of: "fgh::" },
  { call: (sock) => readBody(sock, 4), gives: "body", of: "body" },
  { call: (sock) => gather(sock, 4), gives: "more", of: "more" },
  { call: (sock) => sock.receiveAll(), gives: "the rest\n", of: "the rest\n" },
  { call: (sock) => sock.receiveAll(), gives: "", of: "" },
  { call: (sock) => sock.receiveAny(9), gives: null, of: "" },
  { call: (sock) => sock.peek(9), gives: "", of: "" },
];

test("a dialogue of every kind of read goes the same, wherever the wire cuts", async () => {
  const input = bytesOf(dialogue.map(({ of }) => of).join(""));
  for (const pieces of fewCuts(input)) {
    const sock = await fedBy(pieces);
    for (const { call, gives } of dialogue) {
      const given = await call(sock);
      const seen = given instanceof Uint8Array ? byteString(given) : given;
      if (seen !== gives) assert.equal(seen, gives, `${call} of ${shown(pieces)}`);
    }
  }
});

const frames: { name: string; call: (sock: Cosocket) => Promise<unknown>; input: string }[] = [
  { name: "receiveLine()", call: (sock) => sock.receiveLine(), input: "abc\r" },
  { name: "receiveExactly()", call: (sock) => sock.receiveExactly(9), input: "abc" },
  { name: "receiveUntil()", call: (sock) => sock.receiveUntil("--"), input: "abc-" },
  { name: "parts().read()", call: (sock) => sock.parts("--").read(), input: "abc-" },
];

for (const { name, call, input } of frames) {
  test(`${name} at an early end is closed, with the rest as partial once`, async () => {
    for (const pieces of cuts(bytesOf(input))) {
      const sock = await fedBy(pieces);
      const error = await failureOf(call(sock), "closed");
      assert.equal(byteString(error.partial!), input);
      assert.equal((await failureOf(call(sock), "closed")).partial!.length, 0);
    }
  });
}

const texts = ["\ufeffbom", "déjà vu", "日本語", "😀😀", "a\u0000b", "\u2028\u2029", "\x7f\x80"];

test("receiveLine() gives the text that was sent, wherever its bytes are cut", async () => {
  for (const text of texts) {
    for (const pieces of fewCuts(encodeUtf8(`${text}\r\n${text}\n`))) {
      const sock = await fedBy(pieces);
      assert.equal(await sock.receiveLine(), text);
      assert.equal(await sock.receiveLine(), text);
    }
  }
});

const badUtf8 = [
  "\x80",
  "a\xc3",
  "\xc0\xaf",
  "\xed\xa0\x80",
  "\xf0\x9f\x98x",
  "\xff\xfe",
  "\xfe\xff",
];

test("receiveLine() shows bad UTF-8 as U+FFFD, wherever it is cut", async () => {
  for (const bad of badUtf8) {
    const line = bytesOf(`<${bad}>`);
    const wanted = new TextDecoder("utf-8", { ignoreBOM: true }).decode(line);
    for (const pieces of cuts(bytesOf(`<${bad}>\nplain\n`))) {
      const sock = await fedBy(pieces);
      assert.equal(await sock.receiveLine(), wanted);
      assert.equal(await sock.receiveLine(), "plain");
    }
  }
});

test("receiveLine() gives every byte value, as bytes and as text", async () => {
  const values = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => byte !== 10);
  const input = Uint8Array.from(values.flatMap((byte) => [120, byte, 121, 10]));
  const asBytes = await fedBy([input]);
  const asText = await fedBy([input]);
  for (const byte of values) {
    const wanted = Uint8Array.of(120, byte, 121);
    assert.deepEqual(await asBytes.receiveLine({ as: "bytes" }), wanted);
    assert.equal(await asText.receiveLine(), new TextDecoder().decode(wanted));
  }
});

test("receiveLine() takes lines of every length around its windows and pulls", async () => {
  const lengths = [0, 1, 1023, 1024, 4093, 4094, 4095, 4096, 4097, 8191, 8192, 20_000, 100_000];
  for (const end of ["\n", "\r\n"]) {
    for (const mark of ["x", "é"]) {
      const lines = lengths.map((length) => mark.repeat(length));
      const input = encodeUtf8(lines.map((line) => line + end).join(""));
      for (const size of [1000, 4096, 65_536, Infinity]) {
        const sock = await fedBy(inPiecesOf(input, size));
        for (const line of lines) assert.equal(await sock.receiveLine(), line);
      }
    }
  }
});

test("receiveLine() on many random lines agrees with split()", async () => {
  const random = new Random(4);
  for (let round = 0; round < 30; round++) {
    const values = random.of([[10, 13, 97], [10, 97, 98, 0xc3, 0xa9], [97, 97, 97, 97, 97, 10]]);
    const input = random.bytes(random.between(1, 20_000), values);
    const lines = byteString(input).split("\n").slice(0, -1);
    const sock = await fedBy(inPiecesOf(input, random.between(1, 5000)));
    for (const line of lines) {
      const wanted = new TextDecoder().decode(bytesOf(line.replace(/\r$/, "")));
      assert.equal(await sock.receiveLine(), wanted);
    }
  }
});

test("receiveLine() keeps to maxBytes whether the line is at hand or comes", async () => {
  for (const pieces of cuts(bytesOf("abcdef\ngh\n"))) {
    const sock = await fedBy(pieces, { maxBytes: 5 });
    await failureOf(sock.receiveLine(), "too large");
    assert.equal(await sock.receiveLine({ maxBytes: 6 }), "abcdef");
    assert.equal(await sock.receiveLine(), "gh");
  }
});

const limited: { name: string; call: (sock: Cosocket) => Promise<unknown>; input: string }[] = [
  { name: "receiveLine()", call: (sock) => sock.receiveLine(), input: "123456789\n" },
  { name: "receiveLine()", call: (sock) => sock.receiveLine(), input: "123456789" },
  { name: "receiveUntil()", call: (sock) => sock.receiveUntil("--"), input: "123456789--" },
  { name: "receiveUntil()", call: (sock) => sock.receiveUntil("--"), input: "123456789" },
  { name: "receiveAll()", call: (sock) => sock.receiveAll(), input: "123456789" },
  { name: "parts().read()", call: (sock) => sock.parts("--").read(), input: "123456789--" },
  { name: "lines()", call: (sock) => sock.lines().next(), input: "123456789" },
];

for (const { name, call, input } of limited) {
  test(`${name} of ${quote(input)} is too large for 8 bytes, and takes nothing`, async () => {
    for (const pieces of cuts(bytesOf(input))) {
      const sock = await fedBy(pieces, { maxBytes: 8 });
      await failureOf(call(sock), "too large");
      assert.equal(byteString(await sock.receiveAll({ maxBytes: 100 })), input);
    }
  });
}

test("parts().read() of so many bytes needs no other limit", async () => {
  for (const pieces of cuts(bytesOf("123456--"))) {
    const sock = await fedBy(pieces, { maxBytes: 3 });
    const parts = sock.parts("--");
    assert.equal(byteString((await parts.read(5))!), "12345");
    assert.equal(byteString((await parts.read(5))!), "6");
    assert.equal(await parts.read(5), null);
  }
});

test("parts() reads part after part, and the socket reads on behind them", async () => {
  const sock = await fedBy([bytesOf("a,bc,,def,rest\n")]);
  const parts = sock.parts(",");
  const seen: string[] = [];
  for (let part = 0; part < 4; part++) {
    for await (const piece of parts) seen.push(byteString(piece));
    seen.push(";");
  }
  assert.deepEqual(seen, ["a", ";", "bc", ";", ";", "def", ";"]);
  assert.equal(await sock.receiveLine(), "rest");
});

test("lines() gives every line, and a last one without its end", async () => {
  for (const pieces of cuts(bytesOf("a\r\n\nbc\nd"))) {
    const seen: string[] = [];
    for await (const line of (await fedBy(pieces)).lines()) seen.push(line);
    assert.deepEqual(seen, ["a", "", "bc", "d"]);
  }
});

test("lines() may be left, and the socket reads on behind the last line", async () => {
  const sock = await fedBy([bytesOf("a\nb\nc\n")]);
  for await (const line of sock.lines()) if (line === "b") break;
  assert.equal(await sock.receiveLine(), "c");
});

test("lines() throws what is not the peer's end", async () => {
  const [client, server] = socketPair();
  const next = client.lines({ timeoutMs: 1 }).next();
  await failureOf(next, "timeout");
  server.abort();
  await failureOf(client.lines().next(), "reset");
  client.close();
  await failureOf(client.lines().next(), "closed");
});

test("send() gives how many bytes it sent, of text, bytes and arrays of them", async () => {
  const [client, server] = socketPair();
  assert.equal(await client.send("é\n"), 3);
  assert.equal(await client.send(["a", [bytesOf("\xff"), ["b"]]]), 3);
  assert.equal(await client.send([]), 0);
  await client.closeWrite();
  assert.equal(byteString(await server.receiveAll()), "\xc3\xa9\na\xffb");
  assert.equal(client.bytesWritten, 6);
  assert.equal(server.bytesRead, 6);
});

test("both ends may send at once, and much", async () => {
  const [client, server] = socketPair();
  const much = new Random(5).bytes(3_000_000);
  const talk = async (sock: Cosocket) => {
    const [, got] = await Promise.all([sock.send(much), sock.receiveExactly(much.length)]);
    return got;
  };
  for (const got of await Promise.all([talk(client), talk(server)])) {
    assert.equal(Buffer.compare(got, much), 0);
  }
});

test("a timed-out read takes nothing, whatever the next one asks", async () => {
  const wholes: { call: (sock: Cosocket) => Promise<unknown>; gives: string }[] = [
    { call: (sock) => sock.receiveLine({ as: "bytes" }), gives: "abc-" },
    { call: (sock) => sock.receiveExactly(6), gives: "abc-\r\n" },
    { call: (sock) => sock.receiveUntil("\n"), gives: "abc-\r" },
    { call: (sock) => sock.parts("\r\n").read(), gives: "abc-" },
    { call: (sock) => sock.peek(6), gives: "abc-\r\n" },
  ];
  for (const { call: first } of wholes) {
    for (const { call: second, gives } of wholes) {
      const { sock, transport, clock } = scripted();
      const early = failureOf(first(sock), "timeout");
      await turns();
      transport.give("abc-\r");
      await clock.pass(60_000);
      assert.equal(byteString((await early).partial!), "abc-\r");
      transport.give("\n");
      await turns();
      assert.equal(byteString(await second(sock) as Uint8Array), gives);
    }
  }
});

test("skip() that times out has thrown away what came", async () => {
  const { sock, transport, clock } = scripted();
  const skipping = failureOf(sock.skip(9), "timeout");
  transport.give("abc");
  await clock.pass(60_000);
  assert.equal((await skipping).partial!.length, 0);
  transport.give("def");
  await turns();
  assert.equal(byteString((await sock.receiveAny(9))!), "def");
});

test("the limits of time are 60 s each at first, and setTimeouts() changes them", async () => {
  const { sock, transport, clock } = scripted();
  transport.acceptsAtOnce = false;
  for (const [readMs, sendMs] of [[60_000, 60_000], [100, 200], [100, 300]] as const) {
    let ended: string[] = [];
    const reading = failureOf(sock.receiveLine(), "timeout").then(() => ended.push("read"));
    await clock.pass(readMs - 1);
    assert.deepEqual(ended, []);
    await clock.pass(1);
    await reading;
    sock.setTimeouts({ readMs: 100 });
    if (sendMs === 60_000) sock.setTimeouts({ sendMs: 200 });
    ended = [];
  }
  const sending = failureOf(sock.send("x"), "timeout");
  await clock.pass(200);
  await sending;
});

test("limits of one call come before those of the socket", async () => {
  const { sock, clock } = scripted({ readTimeoutMs: 50 });
  const reading = failureOf(sock.receiveLine({ timeoutMs: 500 }), "timeout");
  await clock.pass(499);
  assert.equal(clock.timers.size, 1);
  await clock.pass(1);
  await reading;
  const bounded = failureOf(sock.receiveLine({ timeoutMs: 0, deadlineMs: 20 }), "timeout");
  await clock.pass(20);
  await bounded;
});

test("a second call of a direction is busy, and the first goes on", async () => {
  const { sock, transport } = scripted();
  transport.acceptsAtOnce = false;
  const reading = sock.receiveLine();
  const sending = sock.send("x");
  await turns();
  const reads: ((sock: Cosocket) => Promise<unknown>)[] = [
    (sock) => sock.receiveLine(),
    (sock) => sock.receiveLine({ as: "bytes" }),
    (sock) => sock.receiveExactly(0),
    (sock) => sock.receiveExactly(1, {}),
    (sock) => sock.receiveUntil("x"),
    (sock) => sock.receiveAny(1),
    (sock) => sock.receiveAll(),
    (sock) => sock.peek(1),
    (sock) => sock.skip(1),
    (sock) => sock.readInto(new Uint8Array(1)),
    (sock) => sock.parts("x").read(),
    (sock) => sock.lines().next(),
    (sock) => sock.send("y"),
    (sock) => sock.closeWrite(),
  ];
  for (const read of reads) await failureOf(read(sock), "busy");
  transport.give("line\n");
  transport.accept();
  assert.equal(await reading, "line");
  assert.equal(await sending, 1);
  assert.equal(await sock.release(), false);
});

test("getOption() tells what setOption() set", () => {
  const { sock, transport } = scripted();
  assert.equal(sock.getOption("noDelay"), undefined);
  sock.setOption("noDelay", true);
  sock.setOption("keepAlive", false);
  assert.deepEqual(transport.switches, { noDelay: true, keepAlive: false });
  assert.equal(sock.getOption("noDelay"), true);
  assert.equal(sock.getOption("keepAlive"), false);
});

test("setOption() of a transport without switches is unsupported", () => {
  const [client] = socketPair();
  assert.throws(() => client.setOption("noDelay", true), { code: "unsupported" });
  assert.equal(client.getOption("noDelay"), undefined);
});

test("a new socket knows its ends, its age and its counts", async () => {
  const { sock, transport, clock } = scripted();
  assert.equal(sock.localAddress, null);
  assert.deepEqual(sock.remoteAddress, { hostname: "peer", port: 7 });
  assert.equal(sock.reusedTimes, 0);
  assert.equal(sock.idleMs, 0);
  clock.slip(5);
  assert.equal(sock.ageMs, 5);
  const reading = sock.receiveAny(2);
  transport.give("abc");
  await reading;
  await sock.send("de");
  assert.deepEqual([sock.bytesRead, sock.bytesWritten], [3, 2]);
  assert.equal(sock.closed, false);
});

/** Everything that a handle can do, after which it says that it is closed. */
const uses: { name: string; use: (sock: Cosocket) => Promise<unknown> }[] = [
  { name: "send", use: (sock) => sock.send("x") },
  { name: "send of nothing", use: (sock) => sock.send("") },
  { name: "receiveLine", use: (sock) => sock.receiveLine() },
  { name: "receiveLine as bytes", use: (sock) => sock.receiveLine({ as: "bytes" }) },
  { name: "receiveExactly", use: (sock) => sock.receiveExactly(1) },
  { name: "receiveExactly of nothing", use: (sock) => sock.receiveExactly(0) },
  { name: "receiveUntil", use: (sock) => sock.receiveUntil("x") },
  { name: "receiveAny", use: (sock) => sock.receiveAny(1) },
  { name: "receiveAll", use: (sock) => sock.receiveAll() },
  { name: "peek", use: (sock) => sock.peek(1) },
  { name: "skip", use: (sock) => sock.skip(1) },
  { name: "readInto", use: (sock) => sock.readInto(new Uint8Array(1)) },
  { name: "parts", use: (sock) => sock.parts("x").read() },
  { name: "lines", use: (sock) => sock.lines().next() },
  { name: "closeWrite", use: (sock) => sock.closeWrite() },
  { name: "readable", use: async (sock) => sock.readable },
  { name: "writable", use: async (sock) => sock.writable },
  { name: "body", use: async (sock) => sock.body(1) },
  { name: "setOption", use: async (sock) => sock.setOption("noDelay", true) },
];

const goodbyes: { name: string; end: (sock: Cosocket) => unknown }[] = [
  { name: "close()", end: (sock) => sock.close() },
  { name: "abort()", end: (sock) => sock.abort() },
  { name: "release()", end: (sock) => sock.release() },
  { name: "the end of its scope", end: (sock) => sock[Symbol.asyncDispose]() },
];

for (const { name, end } of goodbyes) {
  test(`after ${name} a socket is dead, and says so`, async () => {
    const [client, server] = socketPair();
    await server.send("line\nxyz");
    assert.equal(await client.receiveLine(), "line");
    const { readable, writable } = client;
    const [body, parts, lines] = [client.body(1), client.parts("x"), client.lines()];
    await end(client);
    for (const { use } of uses) await failureOf(use(client), "closed");
    await failureOf(parts.read(), "closed");
    await failureOf(lines.next(), "closed");
    await failureOf(body.getReader().read(), "closed");
    await failureOf(readable.getReader().read(), "closed");
    await failureOf(writable.getWriter().write("x"), "closed");
    assert.equal(client.closed, true);
    assert.deepEqual([client.localAddress, client.remoteAddress], [null, null]);
    assert.deepEqual([client.bytesRead, client.bytesWritten, client.ageMs], [0, 0, 0]);
    await assert.rejects(client.release(), /^TypeError: Cannot release the socket/);
    client.close();
    client.abort();
    await client[Symbol.asyncDispose]();
  });
}

test("close() tells closed to the calls that wait", async () => {
  for (const { name, use } of uses.filter(({ name }) => /^(rec|peek|skip|read|parts)/.test(name))) {
    if (/nothing|readable/.test(name)) continue;
    const [client] = socketPair();
    const waiting = failureOf(use(client), "closed");
    client.close();
    await waiting;
  }
});

test("release() of a socket without a pool closes it", async () => {
  const [client, server] = socketPair();
  assert.equal(await client.release(), false);
  assert.equal(await server.receiveAny(1), null);
});

const SIZE = /^(TypeError|RangeError): size must be/;
const OPTIONS = /^TypeError: options must be an object/;
const TIMEOUT = /^(TypeError|RangeError): timeoutMs must be/;

/** Calls that are wrong, and the argument that the error names. */
const wrongs: { call: (sock: Cosocket) => unknown; error: RegExp }[] = [
  ...[undefined, null, 1, {}, [1], ["a", [null]], new ArrayBuffer(1)].map((data) => ({
    call: (sock: Cosocket) => sock.send(data as never),
    error: /^TypeError: (data|an item of data) must be text, bytes or an array of them/,
  })),
  ...[undefined, null, "1", -1, 0.5, NaN, Infinity, 2 ** 53].flatMap((size) => [
    { call: (sock: Cosocket) => sock.receiveExactly(size as never), error: SIZE },
    { call: (sock: Cosocket) => sock.skip(size as never), error: SIZE },
    { call: (sock: Cosocket) => sock.peek(size as never), error: SIZE },
    { call: (sock: Cosocket) => sock.body(size as never), error: SIZE },
    {
      call: (sock: Cosocket) => sock.receiveAny(size as never),
      error: /^(TypeError|RangeError): maxBytes must be/,
    },
  ]),
  ...[null, "1", 0, -1, 0.5, NaN].map((size) => ({
    call: (sock: Cosocket) => sock.parts("x").read(size as never),
    error: SIZE,
  })),
  { call: (sock) => sock.peek(0), error: SIZE },
  { call: (sock) => sock.receiveAny(0), error: /^RangeError: maxBytes must be/ },
  ...[undefined, null, 1, ["x"], "", new Uint8Array(0)].flatMap((delimiter) => [
    { call: (sock: Cosocket) => sock.receiveUntil(delimiter as never), error: /delimiter/ },
    { call: (sock: Cosocket) => sock.parts(delimiter as never), error: /delimiter/ },
  ]),
  ...[undefined, null, [], new ArrayBuffer(9), new Uint8Array(0), new Uint16Array(2)].map((
    view,
  ) => ({
    call: (sock: Cosocket) => sock.readInto(view as never),
    error: /^(TypeError|RangeError): view must /,
  })),
  ...[null, "string", 1].map((as) => ({
    call: (sock: Cosocket) => sock.receiveLine({ as } as never),
    error: /^TypeError: as must be "text" or "bytes"/,
  })),
  ...[null, 1, "yes"].flatMap((inclusive) => [
    {
      call: (sock: Cosocket) => sock.receiveUntil("x", { inclusive } as never),
      error: /^TypeError: inclusive must be true or false/,
    },
    {
      call: (sock: Cosocket) => sock.parts("x", { inclusive } as never),
      error: /^TypeError: inclusive must be true or false/,
    },
  ]),
  ...callsWithOptions(null).map((call) => ({ call, error: OPTIONS })),
  ...callsWithOptions(5).map((call) => ({ call, error: OPTIONS })),
  ...callsWithOptions({ timeoutMs: -1 }).map((call) => ({ call, error: TIMEOUT })),
  ...callsWithOptions({ timeoutMs: "1" }).map((call) => ({ call, error: TIMEOUT })),
  ...callsWithOptions({ deadlineMs: NaN }).map((call) => ({
    call,
    error: /RangeError: deadlineMs/,
  })),
  ...callsWithOptions({ signal: {} }).map((call) => ({
    call,
    error: /^TypeError: signal must be/,
  })),
  ...[0, -1, 1.5, "1", null].flatMap((maxBytes) =>
    [
      (sock: Cosocket) => sock.receiveLine({ maxBytes } as never),
      (sock: Cosocket) => sock.receiveUntil("x", { maxBytes } as never),
      (sock: Cosocket) => sock.receiveAll({ maxBytes } as never),
      (sock: Cosocket) => sock.parts("x", { maxBytes } as never).read(),
      (sock: Cosocket) => sock.parts("x").read(1, { maxBytes } as never),
      (sock: Cosocket) => sock.lines({ maxBytes } as never).next(),
    ].map((call) => ({ call, error: /^(TypeError|RangeError): maxBytes must be/ }))
  ),
  ...[undefined, null, 5].map((timeouts) => ({
    call: (sock: Cosocket) => sock.setTimeouts(timeouts as never),
    error: /^TypeError: timeouts must be an object/,
  })),
  { call: (sock) => sock.setTimeouts({ readMs: -1 }), error: /^RangeError: readMs must be/ },
  { call: (sock) => sock.setTimeouts({ sendMs: NaN }), error: /^RangeError: sendMs must be/ },
  { call: (sock) => sock.setTimeouts({ sendMs: "1" as never }), error: /^TypeError: sendMs/ },
  { call: (sock) => sock.setOption("x" as never, true), error: /^TypeError: name must be/ },
  { call: (sock) => sock.setOption("noDelay", 1 as never), error: /^TypeError: on must be/ },
  { call: (sock) => sock.getOption("x" as never), error: /^TypeError: name must be/ },
];

test("a call with a wrong argument names it, and the socket goes on as if nothing happened", async () => {
  const { sock, transport } = scripted();
  for (const { call, error } of wrongs) {
    await assert.rejects(async () => await call(sock), error, String(call));
    assert.deepEqual(transport.calls, [], String(call));
  }
  const reading = sock.receiveLine();
  await sock.send("x");
  transport.give("line\n");
  assert.equal(await reading, "line");
});

test("a call that gives a promise rejects, and never throws", () => {
  for (const { call } of wrongs) {
    try {
      (call(scripted().sock) as Promise<unknown>).catch(() => {});
    } catch {
      // These give no promise.
      assert.match(String(call), /\.(parts|body|setTimeouts|setOption|getOption)\(/);
    }
  }
});

test("setTimeouts() with one wrong limit changes neither", async () => {
  const { sock, transport, clock } = scripted({ sendTimeoutMs: 100 });
  transport.acceptsAtOnce = false;
  assert.throws(() => sock.setTimeouts({ sendMs: 5, readMs: -1 }), /readMs/);
  const sending = failureOf(sock.send("x"), "timeout");
  await clock.pass(99);
  assert.equal(clock.timers.size, 1);
  await clock.pass(1);
  await sending;
});

const wrongSettings: { options: unknown; error: RegExp }[] = [
  { options: null, error: OPTIONS },
  { options: 5, error: OPTIONS },
  { options: { readTimeoutMs: -1 }, error: /^RangeError: readTimeoutMs must be/ },
  { options: { sendTimeoutMs: "1" }, error: /^TypeError: sendTimeoutMs must be/ },
  { options: { maxBytes: 0 }, error: /^RangeError: maxBytes must be/ },
];

for (const { options, error } of wrongSettings) {
  test(`no socket starts with ${JSON.stringify(options)}`, async () => {
    const given = options as SocketOptions;
    assert.throws(() => socketPair(given), error);
    assert.throws(() => Cosocket.over(new TransformStream(), given), error);
    await assert.rejects(connect("127.0.0.1:1", given), error);
  });
}

const wrongConnects: { args: unknown[]; error: RegExp }[] = [
  { args: [], error: /^TypeError: target must be/ },
  { args: [5], error: /^TypeError: target must be/ },
  { args: ["no port"], error: /^TypeError: target must be/ },
  { args: [{ hostname: "a", port: 70_000 }], error: /^RangeError: target.port must be/ },
  { args: ["a:1", { timeoutMs: -1 }], error: /^RangeError: timeoutMs must be/ },
  { args: ["a:1", { signal: 5 }], error: /^TypeError: signal must be/ },
  { args: ["a:1", { localPort: -1 }], error: /^RangeError: localPort must be/ },
  { args: ["a:1", { localAddress: "a" }], error: /^TypeError: localAddress must be/ },
  { args: ["a:1", { family: 5 }], error: /^RangeError: family must be/ },
  { args: ["a:1", { lookup: 5 }], error: /^TypeError: lookup must be/ },
  { args: ["a:1", { keepAliveMs: NaN }], error: /^RangeError: keepAliveMs must be/ },
];

for (const { args, error } of wrongConnects) {
  test(`connect(${args.map((it) => JSON.stringify(it)).join(", ")}) names what is wrong`, async () => {
    await assert.rejects(connect(...args as Parameters<typeof connect>), error);
  });
}

/** Calls of every kind, with options. */
function callsWithOptions(options: unknown): ((sock: Cosocket) => unknown)[] {
  const it = options as Record<string, never>;
  return [
    (sock) => sock.send("x", it),
    (sock) => sock.receiveLine(it),
    (sock) => sock.receiveExactly(1, it),
    (sock) => sock.receiveUntil("x", it),
    (sock) => sock.receiveAny(1, it),
    (sock) => sock.receiveAll(it),
    (sock) => sock.peek(1, it),
    (sock) => sock.skip(1, it),
    (sock) => sock.readInto(new Uint8Array(1), it),
    (sock) => sock.parts("x", it).read(),
    (sock) => sock.parts("x").read(1, it),
    (sock) => sock.lines(it).next(),
  ];
}

/** A socket whose peer has sent these pieces, each to arrive alone, and ended. */
async function fedBy(pieces: readonly Uint8Array[], options?: SocketOptions): Promise<Cosocket> {
  const [client, server] = socketPair(options);
  // Much is not taken before it is read.
  const sent = (async () => {
    for (const piece of pieces) await server.send(piece);
    await server.closeWrite();
  })();
  sent.catch(() => {});
  await turns();
  return client;
}

/** A socket over a transport and a clock that do what the test says. */
function scripted(options: SocketOptions = {}) {
  const transport = new ScriptedTransport();
  const clock = new FakeClock();
  return { transport, clock, sock: cosocketOn(new Stream(transport, clock), options) };
}

async function fill(sock: Cosocket, size: number): Promise<Uint8Array> {
  const view = new Uint8Array(size);
  for (let at = 0; at < size;) at += await sock.readInto(view.subarray(at));
  return view;
}

async function gather(sock: Cosocket, size: number): Promise<string> {
  let text = "";
  while (text.length < size) text += byteString((await sock.receiveAny(size - text.length))!);
  return text;
}

async function piecesOf(sock: Cosocket, delimiter: string, size: number): Promise<string> {
  const parts = sock.parts(delimiter);
  const seen: string[] = [];
  for (let piece = await parts.read(size); piece; piece = await parts.read(size)) {
    seen.push(byteString(piece));
  }
  return [...seen, "null"].join("|");
}

async function readBody(sock: Cosocket, size: number): Promise<string> {
  let text = "";
  for await (const chunk of sock.body(size)) text += byteString(chunk);
  return text;
}

function inPiecesOf(whole: Uint8Array, size: number): Uint8Array[] {
  const positions: number[] = [];
  for (let at = size; at < whole.length; at += size) positions.push(at);
  return cutAt(whole, positions);
}

function shown(pieces: readonly Uint8Array[]): string {
  return pieces.map((piece) => quote(byteString(piece))).join(" ");
}
