// What a socket's streams do in the hands of @std/streams.

import { assertEquals, assertRejects } from "@std/assert";
import { DelimiterStream } from "@std/streams/delimiter-stream";
import { LimitedBytesTransformStream } from "@std/streams/limited-bytes-transform-stream";
import { mergeReadableStreams } from "@std/streams/merge-readable-streams";
import { TextLineStream } from "@std/streams/text-line-stream";
import { toBytes } from "@std/streams/to-bytes";
import { toJson } from "@std/streams/to-json";
import { toText } from "@std/streams/to-text";
import { test } from "node:test";
import { Cosocket, SocketError } from "../../mod.ts";
import { socketPair } from "../../testing.ts";
import { loopbackPair } from "../helpers/socket_pairs.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

test("TextLineStream reads the lines of a socket, wherever the network cut them", async () => {
  const [sock, peer] = socketPair();
  const lines = sock.readable
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream());
  const sending = (async () => {
    for (const byte of bytes("one\r\ntwo\nthrée\r\nfour")) await peer.send(Uint8Array.of(byte));
    await peer.closeWrite();
  })();
  assertEquals(await Array.fromAsync(lines), ["one", "two", "thrée", "four"]);
  await sending;
});

test("DelimiterStream cuts what comes over TCP", async () => {
  const [sock, peer] = await loopbackPair();
  const parts = sock.readable.pipeThrough(new DelimiterStream(bytes("\r\n--")));
  await peer.send(["a\r\n", "--b\r\n-", "-", "c"]);
  await peer.closeWrite();
  const found = await Array.fromAsync(parts, (part) => new TextDecoder().decode(part));
  assertEquals(found, ["a", "b", "c"]);
  sock.close();
  peer.close();
});

test("toText, toBytes and toJson read a body, and the socket reads on behind it", async () => {
  const [sock, peer] = socketPair();
  await peer.send(['{"a":1}', "text", new Uint8Array([0, 255]), "+OK\r\n"]);
  assertEquals(await toJson(sock.body(7)), { a: 1 });
  assertEquals(await toText(sock.body(4)), "text");
  assertEquals(await toBytes(sock.body(2)), new Uint8Array([0, 255]));
  assertEquals(await sock.receiveLine(), "+OK");
});

test("LimitedBytesTransformStream ends a stream that is longer than it may be", async () => {
  const [sock, peer] = socketPair();
  await peer.send("0123456789");
  await peer.closeWrite();
  const limited = sock.readable.pipeThrough(new LimitedBytesTransformStream(4, { error: true }));
  await assertRejects(() => toText(limited), RangeError);
});

test("mergeReadableStreams reads two sockets at once", async () => {
  const pairs = [socketPair(), socketPair()];
  for (const [at, [, peer]] of pairs.entries()) {
    await peer.send(String(at));
    await peer.closeWrite();
  }
  const merged = await toText(mergeReadableStreams(...pairs.map(([sock]) => sock.readable)));
  assertEquals([...merged].sort(), ["0", "1"]);
});

test("a socket over streams of @std reads lines again", async () => {
  const [sock, peer] = socketPair();
  // What is written comes out at the other end in upper case.
  const upper = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform: (chunk, controller) =>
      controller.enqueue(bytes(new TextDecoder().decode(chunk).toUpperCase())),
  });
  const readable = sock.readable as ReadableStream<Uint8Array<ArrayBuffer>>;
  const over = Cosocket.over({ readable: readable.pipeThrough(upper), writable: sock.writable });
  await peer.send("quiet\r\n");
  assertEquals(await over.receiveLine(), "QUIET");
});

test("an error of the socket is what its lines end with", async () => {
  const [sock, peer] = socketPair();
  const lines = sock.readable
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream());
  await peer.send("whole\nhal");
  const reader = lines.getReader();
  assertEquals((await reader.read()).value, "whole");
  peer.abort();
  const error = await assertRejects(() => reader.read(), SocketError);
  assertEquals(error.code, "reset");
});
