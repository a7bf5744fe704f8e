import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8 } from "../src/bytes.ts";
import { Pool } from "../src/connection_pool.ts";
import { connect, type Cosocket } from "../src/cosocket.ts";
import { SocketError } from "../src/errors.ts";
import { listen, type Listener } from "../src/listener.ts";
import { collectGarbage } from "./conformance/collect_garbage.ts";
import { failureOf } from "./helpers/failure_of.ts";

const COUNT = 5;

/** What a socket did before it was forgotten. */
const pasts: { name: string; live: (sock: Cosocket) => Promise<unknown> }[] = [
  { name: "that was never used", live: async () => {} },
  { name: "after a dialogue", live: ask },
  {
    name: "after a read that timed out",
    live: async (sock) => {
      await ask(sock);
      await failureOf(sock.receiveLine({ timeoutMs: 1 }), "timeout");
    },
  },
  {
    name: "after a read that was aborted",
    live: async (sock) => {
      const controller = new AbortController();
      const reading = failureOf(sock.receiveExactly(9, controller), "aborted");
      controller.abort();
      await reading;
    },
  },
  {
    name: "after a stream of it was read for a while",
    live: async (sock) => {
      const reader = sock.readable.getReader();
      await sock.send("hello\n");
      await reader.read();
      reader.releaseLock();
    },
  },
  {
    name: "after half a part",
    live: async (sock) => {
      await sock.send("hello\n");
      await sock.parts("no such thing").read(3);
    },
  },
];

for (const { name, live } of pasts) {
  test(`a forgotten socket ${name} is collected and closed`, async () => {
    const server = await echo();
    for (let made = 0; made < COUNT; made++) await live(await connect(server.at));
    await collectUntil(() => server.ended() === COUNT);
    assert.equal(server.ended(), COUNT);
    await server.close();
  });
}

test("a forgotten socket that was accepted is collected and closed", async () => {
  const listener = await listen("127.0.0.1:0");
  const socks: Cosocket[] = [];
  for (let made = 0; made < COUNT; made++) {
    socks.push(await connect(addressOf(listener)));
    await (await listener.accept())!.send("hello\n");
  }
  let ended = 0;
  const ends = socks.map(async (sock) => {
    assert.equal(await sock.receiveLine(), "hello");
    await endOf(sock);
    ended++;
  });
  await collectUntil(() => ended === COUNT);
  assert.equal(ended, COUNT);
  await Promise.all(ends);
  await listener.close();
});

/** Calls whose answer comes when nobody but the call itself knows the socket. */
const calls: { name: string; call: (sock: Cosocket) => Promise<unknown> }[] = [
  { name: "receiveLine()", call: (sock) => sock.receiveLine() },
  { name: "receiveLine() as bytes", call: (sock) => sock.receiveLine({ as: "bytes" }) },
  { name: "receiveExactly()", call: (sock) => sock.receiveExactly(6) },
  {
    name: "receiveExactly() with limits",
    call: (sock) => sock.receiveExactly(6, { timeoutMs: 0 }),
  },
  { name: "receiveUntil()", call: (sock) => sock.receiveUntil("\n") },
  { name: "receiveAny()", call: (sock) => sock.receiveAny(100) },
  { name: "peek()", call: (sock) => sock.peek(6) },
  { name: "skip()", call: (sock) => sock.skip(6) },
  { name: "readInto()", call: (sock) => sock.readInto(new Uint8Array(9)) },
  { name: "lines()", call: (sock) => sock.lines().next() },
  { name: "parts().read()", call: (sock) => sock.parts("\n").read() },
  { name: "body()", call: (sock) => sock.body(6).getReader().read() },
  { name: "readable", call: (sock) => sock.readable.getReader().read() },
];

for (const { name, call } of calls) {
  test(`a socket that nobody holds stays open while ${name} waits`, async () => {
    const listener = await listen("127.0.0.1:0");
    const at = addressOf(listener);
    const answers = Array.from({ length: COUNT }, () => connect(at).then(call));
    const peers: Cosocket[] = [];
    for (let made = 0; made < COUNT; made++) peers.push((await listener.accept())!);
    await collectGarbage();
    for (const peer of peers) await peer.send("hello\n");
    await Promise.all(answers);
    for (const peer of peers) peer.close();
    await listener.close();
  });
}

test("a socket that nobody holds stays open while send() waits", async () => {
  const listener = await listen("127.0.0.1:0");
  const size = 20_000_000;
  const sending = connect(addressOf(listener)).then((sock) => sock.send(new Uint8Array(size)));
  const peer = (await listener.accept())!;
  await collectGarbage();
  await peer.skip(size);
  assert.equal(await sending, size);
  peer.close();
  await listener.close();
});

test("a forgotten socket of a pool is closed, and its place is free", async () => {
  const server = await echo();
  const pool = new Pool({ maxConnections: 1 });
  await pool.connect(server.at).then(ask);
  const waiting = pool.connect(server.at);
  await collectUntil(() => server.ended() === 1);
  const sock = await waiting;
  assert.equal(sock.reusedTimes, 0);
  await ask(sock);
  sock.close();
  pool.close();
  await server.close();
});

test("a socket that was released may be forgotten without harm to the connection", async () => {
  const server = await echo();
  const pool = new Pool({ maxConnections: 1 });
  for (let use = 0; use < COUNT; use++) {
    assert.equal(await pool.use(server.at, (sock) => ask(sock).then(() => sock.reusedTimes)), use);
    await collectGarbage();
  }
  assert.equal(server.ended(), 0);
  pool.close();
  await server.close();
});

async function ask(sock: Cosocket): Promise<void> {
  await sock.send("hello\n");
  assert.equal(await sock.receiveLine(), "hello");
}

/** Collects until it is so, or a few times. */
async function collectUntil(isSo: () => boolean): Promise<void> {
  for (let round = 0; round < 20 && !isSo(); round++) await collectGarbage();
}

/** Waits for the peer's end; a reset is one too. */
async function endOf(sock: Cosocket): Promise<void> {
  try {
    while (await sock.receiveAny(1000) !== null);
  } catch (error) {
    if (!(error instanceof SocketError) || error.code !== "reset") throw error;
  }
}

/** A server that says everything twice, and counts whom it has lost. */
async function echo() {
  const listener = await listen("127.0.0.1:0");
  let ended = 0;
  const serve = async (sock: Cosocket) => {
    try {
      for await (const line of sock.lines()) await sock.send(encodeUtf8(`${line}\n`));
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
    }
    ended++;
    sock.close();
  };
  const serving = (async () => {
    for await (const sock of listener) serve(sock);
  })();
  return {
    at: addressOf(listener),
    ended: () => ended,
    async close() {
      await listener.close();
      await serving;
    },
  };
}

function addressOf(listener: Listener): { hostname: string; port: number } {
  const { address } = listener;
  assert.ok("port" in address);
  return address;
}
