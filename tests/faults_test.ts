/** What a peer and a network do wrong, on a socket of this runtime's own driver. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, type Cosocket } from "../src/cosocket.ts";
import type { SocketErrorCode } from "../src/errors.ts";
import { failureOf } from "./helpers/failure_of.ts";
import { type RemoteEnd, remotePeer } from "./helpers/remote_peer.ts";
import { loopbackPair } from "./helpers/socket_pairs.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array | null | undefined) =>
  new TextDecoder().decode(bytes ?? undefined);

/** A socket, and its peer in a process of its own. */
async function remotePair(): Promise<[Cosocket, RemoteEnd]> {
  const peer = remotePeer();
  const sock = await connect(peer.listen({ hostname: "127.0.0.1", port: 0 }));
  return [sock, peer.accept()];
}

/** Every read that wants more than "abc" to be content. */
const unfinished: Readonly<Record<string, (sock: Cosocket) => Promise<unknown>>> = {
  "receiveLine()": (sock) => sock.receiveLine(),
  "receiveLine() as bytes": (sock) => sock.receiveLine({ as: "bytes" }),
  "receiveExactly()": (sock) => sock.receiveExactly(10),
  "receiveUntil()": (sock) => sock.receiveUntil("cx"),
  "parts().read()": (sock) => sock.parts("cx").read(),
};

const cuts: readonly { what: string; cut(end: RemoteEnd): void; code: SocketErrorCode }[] = [
  { what: "the peer's end", cut: (end) => end.end(), code: "closed" },
  { what: "a reset", cut: (end) => end.reset(), code: "reset" },
];

for (const { what, cut, code } of cuts) {
  for (const [name, read] of Object.entries(unfinished)) {
    test(`${what} in the middle of ${name} gives what had come, once`, async () => {
      const [sock, end] = await remotePair();
      end.send("abc");
      const reading = read(sock);
      await sleep(20);
      cut(end);
      const error = await failureOf(reading, code);
      assert.equal(textOf(error.partial), "abc");
      assert.equal((await failureOf(read(sock), code)).partial?.length ?? 0, 0);
      sock.close();
    });

    test(`what came before ${what} is there for ${name} afterwards`, async () => {
      const [sock, end] = await remotePair();
      end.send("abc");
      cut(end);
      await sleep(20);
      const error = await failureOf(read(sock), code);
      assert.equal(textOf(error.partial), "abc");
      sock.close();
    });
  }
}

test("the peer's end is success for receiveAll(), and a quiet end of what only flows", async () => {
  const [sock, end] = await remotePair();
  end.send("a\nb");
  end.end();
  assert.equal(textOf(await sock.receiveAll()), "a\nb");
  assert.equal(await sock.receiveAny(10), null);
  assert.equal(await sock.readInto(new Uint8Array(4)), 0);
  assert.deepEqual(await collect(sock.lines()), []);
  // Writing goes on.
  assert.equal(await sock.send("still here"), 10);
  sock.close();
});

test("a reset is no quiet end", async () => {
  const [sock, end] = await remotePair();
  end.send("a\nb");
  end.reset();
  await failureOf(collect(sock.lines()), "reset");
  await failureOf(sock.receiveAny(10), "reset");
  await failureOf(sock.receiveAll(), "reset");
  sock.close();
});

test("a dialogue that comes a byte at a time is understood", async () => {
  const [sock, server] = await loopbackPair();
  const dialogue = "HTTP/1.1 200 OK\r\nLength: 5\r\n\r\nhellopart--boundary--rest\n";
  const sending = (async () => {
    for (const byte of bytesOf(dialogue)) {
      await server.send(Uint8Array.of(byte));
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  })();
  assert.equal(await sock.receiveLine(), "HTTP/1.1 200 OK");
  assert.equal(await sock.receiveLine(), "Length: 5");
  assert.equal(await sock.receiveLine(), "");
  assert.equal(textOf(await sock.receiveExactly(5)), "hello");
  assert.equal(textOf(await sock.receiveUntil("--boundary--")), "part");
  assert.equal(await sock.receiveLine(), "rest");
  await sending;
  sock.close();
  server.close();
});

test("a line of 1 MiB is one line", async () => {
  const [sock, server] = await loopbackPair();
  const long = "x".repeat(1024 * 1024);
  const [, line, next] = await Promise.all([
    server.send([long, "\r\n", "next\n"]),
    sock.receiveLine(),
    sock.receiveLine({ as: "text" }).catch((error) => error.code),
  ]);
  assert.equal(line, long);
  assert.equal(next, "busy");
  assert.equal(await sock.receiveLine(), "next");
  sock.close();
  server.close();
});

test("a line longer than maxBytes is too large, and costs no more than that", async () => {
  const [sock, server] = await loopbackPair();
  const flood = server.send("x".repeat(64 * 1024 * 1024)).catch((error) => error.code);
  await failureOf(sock.receiveLine({ maxBytes: 100_000 }), "too large");
  assert.ok(sock.bytesRead < 1024 * 1024, `it read ${sock.bytesRead} bytes`);
  sock.close();
  assert.notEqual(await flood, 64 * 1024 * 1024);
  server.close();
});

test("a peer that never reads: send() times out, memory is bounded, reading goes on", async () => {
  const [sock, end] = await remotePair();
  end.stopReading();
  const much = new Uint8Array(64 * 1024 * 1024);
  await failureOf(sock.send(much, { timeoutMs: 200 }), "timeout");
  assert.ok(sock.bytesWritten < 16 * 1024 * 1024, `it took ${sock.bytesWritten} bytes`);
  await failureOf(sock.send("more"), "closed");
  end.send("I can still talk\n");
  assert.equal(await sock.receiveLine(), "I can still talk");
  sock.close();
});

test("a slow reader's progress keeps a send alive", async () => {
  const [sock, server] = await loopbackPair();
  const size = 16 * 1024 * 1024;
  const sending = sock.send(new Uint8Array(size), { timeoutMs: 2000 });
  let got = 0;
  while (got < size) {
    const bytes = await server.receiveAny(1024 * 1024);
    got += bytes!.length;
    if (got % (4 * 1024 * 1024) < 65536) await sleep(20);
  }
  assert.equal(await sending, size);
  sock.close();
  server.close();
});

test("a peer that floods fills no more than a bounded part of our memory", async () => {
  const [sock, end] = await remotePair();
  end.flood();
  await sleep(200);
  assert.equal((await sock.receiveExactly(10)).length, 10);
  await sleep(200);
  assert.ok(sock.bytesRead <= 512 * 1024, `it read ${sock.bytesRead} bytes`);
  sock.close();
});

test("half-close goes both ways: each side ends when it likes", async () => {
  const [sock, server] = await loopbackPair();
  await sock.send("question");
  await sock.closeWrite();
  assert.equal(textOf(await server.receiveAll()), "question");
  await server.send("answer");
  await server.closeWrite();
  assert.equal(textOf(await sock.receiveAll()), "answer");
  await failureOf(sock.send("more"), "closed");
  sock.close();
  server.close();
});

test("close() during each kind of read rejects it with closed", async () => {
  for (const read of Object.values(unfinished)) {
    const [sock, server] = await loopbackPair();
    const reading = read(sock);
    const failure = failureOf(reading, "closed");
    sock.close();
    await failure;
    await failureOf(read(sock), "closed");
    server.close();
  }
});

async function collect(lines: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = [];
  for await (const line of lines) found.push(line);
  return found;
}
