// TLS that begins in the middle of a connection: at the worst moment, with a peer
// that goes in the middle of it, or that nobody waits for any more. It works, or
// fails by the right error and leaves the socket closed; it never stalls.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers";
import { Pool } from "../src/connection_pool.ts";
import type { Cosocket } from "../src/cosocket.ts";
import { memoryPair } from "../src/drivers/memory.ts";
import type { SocketErrorCode } from "../src/errors.ts";
import { SocketError } from "../src/errors.ts";
import { listen } from "../src/listener.ts";
import type { Transport } from "../src/transport.ts";
import { failureOf } from "./helpers/failure_of.ts";
import { CLIENT, SERVER } from "./helpers/tls_pairs.ts";
import { type Ends, farTls, openTls, ourOptions } from "./helpers/tls_paths.ts";
import { type Path, PATHS } from "./helpers/tls_paths.ts";
import { WatchedSignal } from "./helpers/watched_signal.ts";

/** Ways that a peer goes in the middle of a handshake, and what we say then. */
const departures: Readonly<
  Record<string, { go(far: Transport): unknown; codes: readonly SocketErrorCode[] }>
> = {
  "ends": { go: (far) => far.closeWrite(), codes: ["closed"] },
  // A reset, if something lies unread there.
  "closes": { go: (far) => far.close(), codes: ["closed", "reset"] },
  "resets": { go: (far) => far.abort(), codes: ["closed", "reset"] },
  // Longer than any record that it may be taken for the rest of.
  "sends garbage": { go: (far) => far.write(new Uint8Array(20_000).fill(71)), codes: ["tls"] },
};

/** How many bytes of a true handshake come before. */
const stages = [0, 1, 6, 100];

/** What is done in the middle of a handshake, and how that ends. */
const interruptions: Readonly<Record<string, (sock: Cosocket) => unknown>> = {
  "close()": (sock) => sock.close(),
  "abort()": (sock) => sock.abort(),
  "release()": (sock) => sock.release(),
};

for (const path of PATHS) {
  const options = ourOptions(path);

  test(`${path.name}: startTls() protects what is said both ways`, async () => {
    const { sock, peer } = await openTls(path);
    await converse(sock, peer);
    assert.equal(sock.tls!.verified, path.side === "client");
    sock.close();
    peer.close();
  });

  test(`${path.name}: TLS begins within TLS, too`, async () => {
    const { sock, peer } = await openTls(path);
    const [inner] = await Promise.all([farTls(path, peer), sock.startTls(options)]);
    await converse(sock, inner);
    sock.close();
    inner.close();
  });

  test(`${path.name}: startTls() of an aborted signal leaves the socket as it was`, async () => {
    const { sock, far } = await path.open();
    const watched = new WatchedSignal();
    watched.abort("enough");
    const { cause } = await failureOf(
      sock.startTls({ ...options, signal: watched.signal }),
      "aborted",
    );
    assert.equal(cause, "enough");
    await sock.send("plain\n");
    assert.equal(text((await far.pull())!), "plain\n");
    const [peer] = await Promise.all([farTls(path, far), sock.startTls(options)]);
    await converse(sock, peer);
    sock.close();
    peer.close();
  });

  test(`${path.name}: a signal gives a handshake up, and the socket is closed`, async () => {
    const { sock, far } = await path.open();
    const watched = new WatchedSignal();
    const upgrade = failureOf(sock.startTls({ ...options, signal: watched.signal }), "aborted");
    await turns();
    watched.abort();
    await upgrade;
    await isOver(sock, far);
    assert.equal(watched.listeners, 0);
  });

  test(`${path.name}: a handshake that takes too long is given up, and the socket is closed`, async () => {
    const { sock, far } = await path.open();
    const { op } = await failureOf(sock.startTls({ ...options, timeoutMs: 20 }), "timeout");
    assert.equal(op, "handshake");
    await isOver(sock, far);
  });

  for (const [name, interrupt] of Object.entries(interruptions)) {
    for (const wait of [0, 1, 5]) {
      test(`${path.name}: ${name} ends a handshake, after ${wait} turns of it`, async () => {
        const { sock, far } = await path.open();
        const upgrade = failureOf(sock.startTls({ ...options, timeoutMs: 0 }), "closed");
        for (let turn = 0; turn < wait; turn++) await turns();
        void interrupt(sock);
        await upgrade;
        await isOver(sock, far);
      });
    }
  }

  for (const [name, { go, codes }] of Object.entries(departures)) {
    for (const size of stages) {
      test(`${path.name}: a handshake fails where the peer ${name} after ${size} bytes of it`, async () => {
        const { sock, far } = await path.open();
        const upgrade = failureIn(codes, sock.startTls({ ...options, timeoutMs: 0 }));
        await partOfHandshake(path, far, size);
        await go(far);
        await upgrade;
        await isOver(sock, far);
      });
    }
  }

  test(`${path.name}: a handshake fails by an alert of the peer's`, async () => {
    const { sock, far } = await path.open();
    const upgrade = failureOf(sock.startTls({ ...options, timeoutMs: 0 }), "tls");
    await partOfHandshake(path, far, 0);
    // Fatal: handshake failure.
    await far.write(Uint8Array.of(21, 3, 3, 0, 2, 2, 40));
    await upgrade;
    await isOver(sock, far);
  });

  test(`${path.name}: startTls() on a closed socket is refused`, async () => {
    const { sock, far } = await path.open();
    sock.close();
    await failureOf(sock.startTls(options), "closed");
    far.close();
  });

  test(`${path.name}: startTls() behind our own end fails`, async () => {
    const { sock, far } = await path.open();
    await sock.closeWrite();
    await failureOf(sock.startTls(options), "closed");
    await isOver(sock, far);
  });

  test(`${path.name}: startTls() behind the peer's end fails, whether it was read or not`, async () => {
    for (const isRead of [true, false]) {
      const { sock, far } = await path.open();
      await far.closeWrite();
      if (isRead) assert.equal(await sock.receiveAny(1), null);
      await failureOf(sock.startTls({ ...options, timeoutMs: 0 }), "closed");
      await isOver(sock, far);
    }
  });

  test(`${path.name}: startTls() is refused during a read, which goes on`, async () => {
    const { sock, far } = await path.open();
    const reading = sock.receiveLine();
    await failureOf(sock.startTls(options), "busy");
    await far.write(bytes("still plain\n"));
    assert.equal(await reading, "still plain");
    const [peer] = await Promise.all([farTls(path, far), sock.startTls(options)]);
    await converse(sock, peer);
    sock.close();
    peer.close();
  });

  test(`${path.name}: all else is refused during a handshake, which goes on`, async () => {
    const { sock, far } = await path.open();
    const upgrade = sock.startTls(options);
    await turns();
    await failureOf(sock.startTls(options), "busy");
    await failureOf(sock.receiveLine(), "busy");
    await failureOf(sock.send("x"), "busy");
    const [peer] = await Promise.all([farTls(path, far), upgrade]);
    await converse(sock, peer);
    sock.close();
    peer.close();
  });
}

for (const key of [undefined, "upgraded"]) {
  const fate = key === undefined ? "closed" : "kept";
  test(`a pool's plain connection that started TLS is ${fate} when it is released, key: ${key}`, async () => {
    const listener = await listen("127.0.0.1:0");
    try {
      const pool = new Pool();
      try {
        const options = key === undefined ? {} : { key };
        const [sock, guest] = await Promise.all([
          pool.connect(listener.address, options),
          listener.accept(),
        ]);
        await Promise.all([sock.startTls(CLIENT), guest!.startTls(SERVER)]);
        await sock.send("x");
        assert.equal((await guest!.receiveExactly(1)).length, 1);
        assert.equal(await sock.release(), key !== undefined);
        assert.equal(pool.stats().idle, key === undefined ? 0 : 1);
        if (key !== undefined) {
          const again = await pool.connect(listener.address, options);
          assert.equal(again.reusedTimes, 1);
          assert.equal(again.tls!.verified, true);
          again.close();
        }
        assert.equal((await guest!.receiveAll()).length, 0);
        guest!.close();
      } finally {
        await pool[Symbol.asyncDispose]();
      }
    } finally {
      await listener[Symbol.asyncDispose]();
    }
  });
}

/** Both can say something that the other one understands. */
async function converse(sock: Cosocket, peer: Transport): Promise<void> {
  await sock.send("question\n");
  assert.equal(text((await peer.pull())!), "question\n");
  await peer.write(bytes("answer\n"));
  assert.equal(await sock.receiveLine(), "answer");
}

/** The socket is closed, and the peer sees it. */
async function isOver(sock: Cosocket, far: Transport): Promise<void> {
  assert.equal(sock.closed, true);
  assert.equal(sock.tls, null);
  await failureOf(sock.receiveAny(1), "closed");
  await failureOf(sock.send("x"), "closed");
  try {
    while (await far.pull() !== null);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
  far.close();
}

async function failureIn(codes: readonly SocketErrorCode[], call: Promise<unknown>): Promise<void> {
  const failed = await call.then(() => undefined, (error) => error);
  assert.ok(failed instanceof SocketError, String(failed));
  assert.ok(codes.includes(failed.code), `${failed.code}: ${failed.message}`);
}

/** A true peer's first words, as far as so many bytes of them. */
async function partOfHandshake(path: Path, far: Ends["far"], size: number): Promise<void> {
  const [relay, end] = memoryPair();
  const peer = farTls(path, end).catch(ignore);
  // A client speaks first.
  if (path.side === "client") await relay.write((await far.pull())!);
  const words = size === 0 ? new Uint8Array() : (await relay.pull())!;
  assert.ok(words.length >= size);
  if (size > 0) await far.write(words.slice(0, size));
  relay.close();
  await peer;
  await turns();
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise<void>((done) => void setImmediate(done));
}

function bytes(characters: string): Uint8Array {
  return new TextEncoder().encode(characters);
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function ignore(): void {}
