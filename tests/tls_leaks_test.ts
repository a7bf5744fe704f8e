// Handshakes that fail, by the thousand and in every way, leave nothing behind, at
// the client's end and at the server's; nor do good ones, however they are closed.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import net from "node:net";
import { test } from "node:test";
import { connect, type Cosocket } from "../src/cosocket.ts";
import { SocketError } from "../src/errors.ts";
import { listen, type Listener } from "../src/listener.ts";
import type { TlsOptions } from "../src/tls.ts";
import { certificates } from "./helpers/certificates.ts";
import { failureOf } from "./helpers/failure_of.ts";
import { leftOver, snapshot } from "./helpers/resources.ts";
import { WatchedSignal } from "./helpers/watched_signal.ts";

const { ca, otherCa, good } = await certificates();

type Address = { hostname: string; port: number };

const AT_ONCE = 20;
// What is loaded or opened once, at the first use, is not counted.
const WARM_UP = 20;
const TLS: TlsOptions = { caCerts: ca.cert, serverName: "test.example" };

/** Servers that do no TLS: what each does with who connects. */
const rude: Readonly<Record<string, (socket: net.Socket) => void>> = {
  "say nothing": () => {},
  "send garbage": (socket) => void socket.once("data", () => socket.end("x".repeat(20_000))),
  "go in the middle": (socket) => void socket.once("data", () => socket.destroy()),
  "reset in the middle": (socket) => void socket.once("data", () => socket.resetAndDestroy()),
};

/** Ways that a handshake of a client fails. */
const failures: readonly {
  name: string;
  server: keyof typeof rude | "serve TLS";
  count: number;
  go(at: Address, signal: WatchedSignal): Promise<unknown>;
}[] = [
  {
    name: "that refuse the certificate",
    server: "serve TLS",
    count: 500,
    go: (at, { signal }) =>
      failureOf(connect(at, { tls: { ...TLS, caCerts: otherCa.cert }, signal }), "tls"),
  },
  {
    name: "that refuse the name",
    server: "serve TLS",
    count: 500,
    go: (at, { signal }) =>
      failureOf(connect(at, { tls: { ...TLS, serverName: "other.example" }, signal }), "tls"),
  },
  {
    name: "that get garbage",
    server: "send garbage",
    count: 250,
    go: (at, { signal }) => assert.rejects(connect(at, { tls: TLS, signal }), SocketError),
  },
  {
    name: "whose peer goes",
    server: "go in the middle",
    count: 250,
    go: (at, { signal }) => assert.rejects(connect(at, { tls: TLS, signal }), SocketError),
  },
  {
    name: "whose peer resets",
    server: "reset in the middle",
    count: 250,
    go: (at, { signal }) => assert.rejects(connect(at, { tls: TLS, signal }), SocketError),
  },
  {
    name: "that time out",
    server: "say nothing",
    count: 250,
    go: async (at, { signal }) => {
      const sock = await connect(at, { signal });
      await failureOf(sock.startTls({ ...TLS, timeoutMs: 5, signal }), "timeout");
    },
  },
  {
    name: "that are aborted",
    server: "say nothing",
    count: 250,
    go: async (at) => {
      const sock = await connect(at);
      const own = new WatchedSignal();
      const upgrade = failureOf(sock.startTls({ ...TLS, signal: own.signal }), "aborted");
      setTimeout(() => own.abort(), 1);
      await upgrade;
      assert.equal(own.listeners, 0);
    },
  },
];

for (const { name, server, count, go } of failures) {
  test(`${count} handshakes ${name} leave nothing behind`, async () => {
    const { at, end } = server === "serve TLS" ? await serveTls() : await serveRudely(server);
    const signal = new WatchedSignal();
    await many(WARM_UP, () => go(at, signal));
    const before = snapshot();
    await many(count, () => go(at, signal));
    assert.deepEqual(await leftOver(before), {});
    assert.equal(signal.listeners, 0);
    await end();
  });
}

/** Ways that a client makes a handshake of a server's fail. */
const intruders: Readonly<Record<string, (socket: net.Socket) => void>> = {
  "say nothing and go": (socket) => socket.destroy(),
  "end at once": (socket) => socket.end(),
  "send garbage": (socket) => socket.end("GET / HTTP/1.0\r\n\r\n"),
  "reset in the middle": (socket) => {
    socket.write(Buffer.from([22, 3, 1, 1, 0, 1]), () => socket.resetAndDestroy());
  },
  "say nothing at all": () => {},
};

for (const [name, act] of Object.entries(intruders)) {
  test(
    `400 clients that ${name} leave nothing behind at a server`,
    async () => {
      const { at, end } = await serveTls(50);
      const go = () =>
        new Promise<void>((resolve) => {
          const socket = net.connect(at.port, at.hostname, () => act(socket));
          socket.on("error", () => {});
          socket.on("close", () => resolve());
          socket.resume();
        });
      await many(WARM_UP, go);
      const before = snapshot();
      await many(400, go);
      assert.deepEqual(await leftOver(before), {});
      const sock = await connect(at, { tls: TLS });
      sock.close();
      await end();
    },
  );
}

/** Ways that a good connection is closed, each by who connected. */
const closings: Readonly<Record<string, (sock: Cosocket) => unknown>> = {
  "close()": (sock) => sock.close(),
  "abort()": (sock) => sock.abort(),
  "closeWrite(), and the peer's end": async (sock) => {
    await sock.closeWrite();
    await sock.receiveAll();
    sock.close();
  },
  "close() during a read": async (sock) => {
    const reading = failureOf(sock.receiveLine(), "closed");
    sock.close();
    await reading;
  },
  "close() right after a send": (sock) => {
    sock.send("x".repeat(100_000)).catch(() => {});
    sock.close();
  },
};

for (const [name, close] of Object.entries(closings)) {
  test(`500 good connections leave nothing behind, closed by ${name}`, async () => {
    const { at, end } = await serveTls();
    const go = async () => {
      const sock = await connect(at, { tls: TLS });
      await sock.send("hello\n");
      assert.equal(await sock.receiveLine(), "hello");
      await close(sock);
    };
    await many(WARM_UP, go);
    const before = snapshot();
    await many(500, go);
    assert.deepEqual(await leftOver(before), {});
    await end();
  });
}

/** Says all twice, with TLS. */
async function serveTls(handshakeTimeoutMs = 0) {
  const listener: Listener = await listen("127.0.0.1:0", {
    tls: { cert: good.cert, key: good.key, handshakeTimeoutMs },
  });
  const serving = (async () => {
    for await (const guest of listener) void echo(guest);
  })();
  const end = async () => {
    await listener.close({ graceMs: 0 });
    await serving;
  };
  return { at: listener.address as Address, end };
}

async function echo(guest: Cosocket): Promise<void> {
  try {
    for (let bytes = await guest.receiveAny(1000); bytes; bytes = await guest.receiveAny(1000)) {
      await guest.send(bytes);
    }
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
  }
  guest.close();
}

async function serveRudely(how: keyof typeof rude) {
  const server = net.createServer((socket) => {
    socket.on("error", () => {});
    socket.resume();
    rude[how]!(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  const end = () => new Promise<void>((resolve) => server.close(() => resolve()));
  return { at: { hostname: "127.0.0.1", port }, end };
}

async function many(count: number, go: () => Promise<unknown>): Promise<void> {
  let left = count;
  const worker = async () => {
    while (left-- > 0) await go();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
