/**
 * A listener in the open, and clients that mean no good: it must go on serving the
 * others, hold no more connections than it was told to, and no more memory than those
 * need.
 */

import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  connect,
  type Cosocket,
  listen,
  type Listener,
  type ListenerOptions,
  SocketError,
} from "../../mod.ts";
import { collectGarbage } from "../conformance/collect_garbage.ts";
import { certificates } from "../helpers/certificates.ts";
import { runtime } from "../helpers/native_pairs.ts";
import { leftOver, snapshot } from "../helpers/resources.ts";
import type { Attack } from "./attackers_process.ts";
import { underAttack } from "./attackers.ts";

const { ca, localhost } = await certificates();
const TLS = { caCerts: ca.cert, serverName: "localhost" };

const MOST = 50;
const LIMITS: ListenerOptions = {
  maxConnections: MOST,
  maxBytes: 1000,
  readTimeoutMs: 300,
  sendTimeoutMs: 300,
};
// A line must be whole by then, however it comes.
const LINE_MS = 600;
const DIALOGUES = 20;
// 100 who never read hold a send of 256 KiB each, and as much that came unasked: 50 MiB; Bun has
// as much again that no collection has found yet. Without limits it would be all that they send.
const MOST_MEMORY_BYTES = 192 * 1024 * 1024;
const PATIENCE_MS = 60_000;

/** A server that answers lines in capitals, and counts. */
class Shouter {
  readonly listener: Listener;
  readonly #lineMs: number;
  readonly serving: Promise<void>;
  readonly ends = new Map<string, number>();
  open = 0;
  mostOpen = 0;

  constructor(listener: Listener, lineMs = LINE_MS) {
    this.listener = listener;
    this.#lineMs = lineMs;
    this.serving = this.#serve();
  }

  get port(): number {
    return (this.listener.address as { port: number }).port;
  }

  async #serve(): Promise<void> {
    for await (const guest of this.listener) void this.#converse(guest);
  }

  async #converse(guest: Cosocket): Promise<void> {
    this.mostOpen = Math.max(this.mostOpen, ++this.open);
    let end = "done";
    try {
      for await (const line of guest.lines({ deadlineMs: this.#lineMs })) {
        await guest.send([line.toUpperCase(), "\r\n"]);
      }
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
      end = error.code;
    } finally {
      this.open--;
      guest.close();
    }
    this.ends.set(end, (this.ends.get(end) ?? 0) + 1);
  }
}

/** What clients do, how many of them, and the error that the server ends them with, if it must. */
const attacks: readonly { attack: Attack; count: number; tls: boolean; end?: string }[] = [
  { attack: "silence", count: 1000, tls: false, end: "timeout" },
  { attack: "dribble", count: 500, tls: false, end: "timeout" },
  { attack: "endless line", count: 300, tls: false, end: "too large" },
  { attack: "deaf", count: 100, tls: false, end: "timeout" },
  { attack: "knocking", count: 100, tls: false },
  { attack: "silence", count: 300, tls: true },
  { attack: "rubbish", count: 300, tls: true },
  { attack: "knocking", count: 50, tls: true },
];

for (const { attack, count, tls, end } of attacks) {
  const where = tls ? "a listener with TLS" : "a listener";
  test(
    `${where} serves others beside ${count} clients: ${attack}`,
    { timeout: 180_000 },
    async () => {
      // With TLS they fill the handshakes, which have a minute each.
      const options = tls ? { ...LIMITS, maxPending: MOST, tls: localhost } : LIMITS;
      const server = new Shouter(await listen("127.0.0.1:0", options));
      await shout(server.port, "warm", tls);
      const before = snapshot();
      const memory = await memoryBytes();
      let mostMemory = 0;
      try {
        await underAttack(server.port, attack, count, async () => {
          for (let number = 0; number < DIALOGUES; number++) {
            await shout(server.port, `dialogue ${number}`, tls);
            mostMemory = Math.max(mostMemory, await memoryBytes());
          }
        });
      } finally {
        await server.listener.close({ graceMs: 0 });
      }
      await server.serving;
      const more = mostMemory - memory;
      assert.ok(server.mostOpen <= MOST, `${server.mostOpen} were open`);
      assert.ok(more < MOST_MEMORY_BYTES, `It took ${more >> 20} MiB`);
      if (end !== undefined) {
        assert.ok((server.ends.get(end) ?? 0) > 0, JSON.stringify([...server.ends]));
      }
      // What Deno and Bun keep of a handshake that failed, tests/tls_leaks_test.ts says.
      if (!tls || runtime === "Node") assert.deepEqual(await leftOver(before), {});
    },
  );
}

/** What is alive, behind a full collection. */
async function memoryBytes(): Promise<number> {
  await collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** One who means well: tries until it is served, as long as there is patience. */
async function shout(port: number, text: string, tls: boolean): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      const timeoutMs = 20_000;
      const sock = await connect({ hostname: "127.0.0.1", port }, {
        timeoutMs,
        readTimeoutMs: timeoutMs,
        ...(tls && { tls: TLS }),
      });
      try {
        await sock.send([text, "\r\n"]);
        assert.equal(await sock.receiveLine(), text.toUpperCase());
        return;
      } finally {
        sock.close();
      }
    } catch (error) {
      // Where all queues are full the runtime or the system turns who comes away.
      if (!(error instanceof SocketError) || performance.now() > endMs) throw error;
      await sleep(50);
    }
  }
}

test("close({ graceMs }) lets dialogues under way come to their end, and takes no new ones", async () => {
  const before = snapshot();
  const listener = await listen("127.0.0.1:0", { maxConnections: 200 });
  const server = new Shouter(listener);
  const { address } = listener;
  const socks = await Promise.all(Array.from({ length: 100 }, () => connect(address)));
  for (const [number, sock] of socks.entries()) {
    await sock.send(`hello ${number}\r\n`);
    assert.equal(await sock.receiveLine(), `HELLO ${number}`);
  }
  const closed = listener.close({ graceMs: PATIENCE_MS });
  // The system may still have taken it, for nobody.
  await assert.rejects(connect(address), { code: /^(refused|reset)$/ });
  await Promise.all(socks.map(async (sock, number) => {
    // In pieces, now one and then another.
    for (const piece of [`once `, `more `, `${number}`, `\r\n`]) {
      await sock.send(piece);
      await sleep(1);
    }
    assert.equal(await sock.receiveLine(), `ONCE MORE ${number}`);
    await sock.closeWrite();
    assert.equal(await sock.receiveAny(1), null);
    sock.close();
  }));
  await closed;
  await server.serving;
  assert.equal(server.ends.get("done"), 100);
  assert.deepEqual(await leftOver(before), {});
});

test("close({ graceMs }) ends those who do not come to an end, when the time is up", async () => {
  const before = snapshot();
  const listener = await listen("127.0.0.1:0", { maxBytes: 1000 });
  const server = new Shouter(listener, PATIENCE_MS);
  await underAttack(
    server.port,
    "endless line",
    10,
    () =>
      underAttack(server.port, "deaf", 5, async () => {
        const sock = await connect(listener.address);
        await sock.send("good\n");
        assert.equal(await sock.receiveLine(), "GOOD");
        const closed = listener.close({ graceMs: 3000 });
        await sock.send("bye\n");
        assert.equal(await sock.receiveLine(), "BYE");
        sock.close();
        await closed;
      }),
  );
  await server.serving;
  assert.equal(server.open, 0);
  assert.deepEqual(await leftOver(before), {});
});
