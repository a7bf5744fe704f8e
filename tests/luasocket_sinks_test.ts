// Sources and sinks on sockets: what comes and goes on a real connection. What they
// call, and with what, is compared with the original in
// luasocket_ltn12_conformance_test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Cosocket, listen } from "../mod.ts";
import { ltn12 } from "../src/faces/luasocket/ltn12.ts";
import { fromReadable, toReadable, toWritable } from "../src/faces/luasocket/ltn12/web_streams.ts";
import { socket } from "../src/faces/luasocket/socket.ts";
import type { TcpSocket } from "../src/faces/luasocket/tcp.ts";
import { LuaError } from "../src/faces/lua.ts";

const LONG = "0123456789".repeat(10_000);

/** A client, and the other end of its connection. */
async function withPeer(
  work: (client: TcpSocket, peer: Cosocket) => Promise<void>,
): Promise<void> {
  const listener = await listen("127.0.0.1:0");
  try {
    const { port } = listener.address as { port: number };
    const [client] = socket.try(...await socket.connect("127.0.0.1", port));
    const peer = await listener.accept();
    try {
      await work(client, peer!);
    } finally {
      await client.close();
      peer!.close();
    }
  } finally {
    await listener.close();
  }
}

/** What comes out of a source, and how it ends. */
async function drained(
  source: () => Promise<[chunk?: string | null, err?: unknown]>,
): Promise<{ text: string; end: unknown[] }> {
  let text = "";
  for (;;) {
    const [chunk, err] = await source();
    if (chunk === null || chunk === undefined) return { text, end: [chunk, err] };
    text += chunk;
  }
}

const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

test("source until-closed gives all, and closes the socket", () =>
  withPeer(async (client, peer) => {
    const source = socket.source("until-closed", client);
    const sent = peer.send(LONG).then(() => peer.close());
    assert.deepEqual(await drained(source), { text: LONG, end: [null, undefined] });
    await sent;
    assert.deepEqual(await source(), [null]);
    assert.deepEqual(client.getfd(), [-1]);
  }));

test("source by-length gives so many bytes, and leaves the rest", () =>
  withPeer(async (client, peer) => {
    await peer.send("x".repeat(5000) + "rest\r\n");
    const source = socket.source("by-length", client, 5000);
    assert.deepEqual(await drained(source), { text: "x".repeat(5000), end: [null, undefined] });
    assert.deepEqual(await client.receive(), ["rest", null, null]);
  }));

test("source by-length says that the peer ended too early", () =>
  withPeer(async (client, peer) => {
    await peer.send("abc");
    peer.close();
    assert.deepEqual(await socket.source("by-length", client, 5)(), [null, "closed"]);
  }));

test("a source's socket may time out", () =>
  withPeer(async (client) => {
    client.settimeout(0.01);
    assert.deepEqual(await socket.source(client)(), [null, "timeout"]);
  }));

test("sink keep-open sends, and leaves the socket as it is", () =>
  withPeer(async (client, peer) => {
    const sink = socket.sink("keep-open", client);
    assert.deepEqual(await sink("abc"), [3, null, null]);
    assert.deepEqual(await sink(null), [1]);
    assert.deepEqual(await sink("def"), [3, null, null]);
    await client.close();
    assert.equal(decode(await peer.receiveAll()), "abcdef");
    assert.deepEqual(await sink("late"), [null, "closed", 0]);
  }));

test("sink close-when-done closes the socket at the end", () =>
  withPeer(async (client, peer) => {
    const sink = socket.sink("close-when-done", client);
    const done = ltn12.pump.all(ltn12.source.string(LONG), sink);
    assert.equal(decode(await peer.receiveAll()), LONG);
    assert.deepEqual(await done, [1]);
    assert.deepEqual(client.getfd(), [-1]);
    assert.deepEqual(await sink("late"), [null, "closed", 0]);
  }));

test("sources and sinks without a name are until-closed and keep-open", () =>
  withPeer(async (client, peer) => {
    const sink = socket.sink(client);
    await sink("abc");
    await sink(null);
    assert.deepEqual(client.getfd()[0] === -1, false);
    peer.close();
    await drained(socket.source(client));
    assert.deepEqual(client.getfd(), [-1]);
  }));

test("http-chunked goes there and back", () =>
  withPeer(async (client, peer) => {
    // What a sink sends, a source receives.
    const looped = peer.receiveUntil("\r\n0\r\n\r\n", { inclusive: true }).then((bytes) =>
      peer.send(bytes)
    );
    const sink = socket.sink("http-chunked", client);
    const chunks = ["abc", "x".repeat(3000), "\0\r\n\xff"];
    assert.deepEqual(await ltn12.pump.all(ltn12.source.table(chunks), sink), [1]);
    await looped;

    const source = socket.source("http-chunked", client);
    for (const chunk of chunks) assert.deepEqual(await source(), [chunk, null]);
    assert.deepEqual(await source(), []);
    // It stays open.
    await peer.send("and more\r\n");
    assert.deepEqual(await client.receive(), ["and more", null, null]);
  }));

test("http-chunked sends as HTTP has it", () =>
  withPeer(async (client, peer) => {
    const sink = socket.sink("http-chunked", client);
    await sink("hello");
    await sink("x".repeat(26));
    await sink(null);
    await client.close();
    const sent = `5\r\nhello\r\n1A\r\n${"x".repeat(26)}\r\n0\r\n\r\n`;
    assert.equal(decode(await peer.receiveAll()), sent);
  }));

test("http-chunked puts the fields behind the chunks into a table", () =>
  withPeer(async (client, peer) => {
    await peer.send("3;a=b\r\nabc\r\n0\r\nETag: one\r\n two\r\nVia: a\r\nvia: b\r\n\r\nnext\r\n");
    const headers: Record<string, string> = {};
    const source = socket.source("http-chunked", client, headers);
    assert.deepEqual(await source(), ["abc", null]);
    assert.deepEqual(await source(), []);
    assert.deepEqual(headers, { etag: "one two", via: "a, b" });
    assert.deepEqual(await client.receive(), ["next", null, null]);
  }));

test("http-chunked refuses what is no size", () =>
  withPeer(async (client, peer) => {
    await peer.send("xyz\r\n");
    assert.deepEqual(await socket.source("http-chunked", client)(), [null, "invalid chunk size"]);
  }));

test("no name stands for nothing", () => {
  assert.throws(
    () => socket.sink("close-when-down"),
    new LuaError("unknown key (close-when-down)"),
  );
  assert.throws(() => socket.source("foo"), new LuaError("unknown key (foo)"));
});

test("sourcet and sinkt take new names", async () => {
  socket.sourcet["twice"] = (text: string) =>
    Object.assign(ltn12.source.table([text, text]), { getfd: () => [-1], dirty: () => [false] });
  try {
    assert.equal((await drained(socket.source("twice", "ab"))).text, "abab");
  } finally {
    delete socket.sourcet["twice"];
  }
});

test("sources and sinks can be selected", () =>
  withPeer(async (client, peer) => {
    const source = socket.source(client);
    const sink = socket.sink(client);
    assert.deepEqual(source.getfd(), client.getfd());
    assert.deepEqual(source.dirty(), [false]);
    await peer.send("abc");
    const [readers] = await socket.select([source], null, 1);
    assert.equal(readers[0], source);
    const [, writers] = await socket.select(null, [sink], 1);
    assert.equal(writers[0], sink);
  }));

test("BLOCKSIZE is looked at for each chunk", () =>
  withPeer(async (client, peer) => {
    await peer.send("abcdef");
    peer.close();
    const source = socket.source(client);
    try {
      socket.BLOCKSIZE = 2;
      assert.deepEqual(await source(), ["ab"]);
      socket.BLOCKSIZE = 3;
      assert.deepEqual(await source(), ["cde"]);
    } finally {
      socket.BLOCKSIZE = 2048;
    }
    assert.deepEqual(await source(), ["f"]);
  }));

test("a source of a socket becomes a stream, and cancelling that closes the socket", () =>
  withPeer(async (client, peer) => {
    await peer.send("abc");
    socket.BLOCKSIZE = 3;
    try {
      const reader = toReadable(socket.source("until-closed", client)).getReader();
      assert.equal(decode((await reader.read()).value!), "abc");
      await reader.cancel();
    } finally {
      socket.BLOCKSIZE = 2048;
    }
    assert.deepEqual(client.getfd(), [-1]);
  }));

test("cancelling the stream of a source by-length leaves the socket open", () =>
  withPeer(async (client, peer) => {
    await peer.send("abcdef\r\n");
    const reader = toReadable(socket.source("by-length", client, 3)).getReader();
    await reader.read();
    await reader.cancel();
    assert.deepEqual(await client.receive(), ["def", null, null]);
  }));

test("a stream goes into a socket's sink, and a source becomes one", () =>
  withPeer(async (client, peer) => {
    const echoed = peer.receiveAll().then(async (bytes) => {
      await peer.send(bytes);
      peer.close();
    });
    await new Blob([LONG]).stream().pipeTo(toWritable(socket.sink("keep-open", client)));
    client.shutdown("send");
    const [sink, chunks] = ltn12.sink.table();
    await ltn12.pump.all(fromReadable(toReadable(socket.source(client))), sink);
    assert.equal(chunks.join(""), LONG);
    await echoed;
  }));
