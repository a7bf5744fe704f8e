import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, type Cosocket } from "../src/cosocket.ts";
import { listen, type Listener } from "../src/listener.ts";
import { failureOf } from "./helpers/failure_of.ts";
import { freshAbstractPath, freshPath, runtime } from "./helpers/native_pairs.ts";

const places = {
  "a TCP port": () => "127.0.0.1:0",
  "a unix socket": () => `unix:${freshPath()}`,
  "an abstract unix socket": () => ({ path: freshAbstractPath() }),
};

for (const [name, place] of Object.entries(places)) {
  test(`a listener at ${name} gives each connection, and null once it is closed`, async () => {
    const listener = await listen(place());
    const socks = await Promise.all([1, 2, 3].map(() => connect(listener.address)));
    for (const sock of socks) await sock.send("hello\n");
    for (let count = 0; count < 3; count++) {
      const guest = await accepted(listener);
      assert.equal(await guest.receiveLine(), "hello");
      guest.close();
    }
    const last = listener.accept();
    await listener.close();
    assert.equal(await last, null);
    assert.equal(await listener.accept(), null);
    for (const sock of socks) sock.close();
  });

  test(`nobody can connect to ${name} any more once the listener is closed`, async () => {
    const listener = await listen(place());
    const { address } = listener;
    await listener.close();
    await listener.close();
    await assert.rejects(connect(address), { name: "SocketError" });
  });
}

test("port 0 becomes the port that was chosen", async () => {
  const listener = await listen({ hostname: "127.0.0.1", port: 0 });
  assert.ok("port" in listener.address && listener.address.port > 0);
  await listener.close();
});

test("an address in use says so", async () => {
  const listener = await listen("127.0.0.1:0");
  const error = await failureOf(listen(listener.address), "address in use");
  assert.equal(error.op, "listen");
  assert.match(error.message, /^Cannot listen at 127\.0\.0\.1:\d+: the address is in use$/);
  await listener.close();
});

test("an address of another machine says so", async () => {
  await failureOf(listen("203.0.113.7:0"), "address not available");
});

test("a second accept() is busy, and disturbs nothing", async () => {
  const listener = await listen("127.0.0.1:0");
  const first = listener.accept();
  await failureOf(listener.accept(), "busy");
  const sock = await connect(listener.address);
  (await first)!.close();
  sock.close();
  await listener.close();
});

test("connections that nobody takes are bounded by maxPending", {
  skip: runtime === "Deno" ? "Deno accepts none before it is asked to" : false,
}, async () => {
  const listener = await listen("127.0.0.1:0", { maxPending: 2 });
  const socks = await Promise.all([1, 2, 3, 4].map(() => connect(listener.address)));
  const ends = await Promise.all(
    socks.map((sock) => sock.receiveAny(1, { timeoutMs: 300 }).catch((error) => error.code)),
  );
  assert.equal(ends.filter((it) => it === "timeout").length, 2, String(ends));
  for (const sock of socks) sock.close();
  await listener.close();
});

test("no more connections are taken than maxConnections; the next one waits for a place", async () => {
  const listener = await listen("127.0.0.1:0", { maxConnections: 2 });
  const socks = await Promise.all([1, 2, 3, 4].map(() => connect(listener.address)));
  for (const sock of socks) await sock.send("hello\n");
  const guests = [await accepted(listener), await accepted(listener)];
  for (const free of [(it: Cosocket) => it.close(), (it: Cosocket) => it.abort()]) {
    const third = listener.accept();
    assert.equal(await Promise.race([third, sleep(30, "waits" as const)]), "waits");
    free(guests.shift()!);
    const guest = await third;
    assert.equal(await guest!.receiveLine(), "hello");
    guests.push(guest!);
  }
  for (const it of [...socks, ...guests]) it.close();
  await listener.close();
});

test("close() ends an accept() that waits for a place, with null", async () => {
  const listener = await listen("127.0.0.1:0", { maxConnections: 1 });
  const sock = await connect(listener.address);
  const guest = await accepted(listener);
  const second = listener.accept();
  await failureOf(listener.accept(), "busy");
  await listener.close();
  assert.equal(await second, null);
  // It is not closed with it.
  await sock.send("still here\n");
  assert.equal(await guest.receiveLine(), "still here");
  sock.close();
  guest.close();
});

test("the error of a connection that nobody took crashes nothing, nor does its end", async () => {
  const listener = await listen("127.0.0.1:0");
  const { port } = listener.address as { port: number };
  const raw = await rawConnection(port);
  raw.write("and away");
  await sleep(20);
  raw.resetAndDestroy();
  await sleep(50);
  const guest = await Promise.race([listener.accept(), sleep(100, "none" as const)]);
  if (guest !== "none" && guest !== null) {
    await assert.rejects(guest.receiveExactly(100), { name: "SocketError" });
    guest.close();
  }
  const sock = await connect(listener.address);
  sock.close();
  await listener.close();
});

test("close() leaves accepted connections alone", async () => {
  const listener = await listen("127.0.0.1:0");
  const [sock, guest] = await Promise.all([connect(listener.address), accepted(listener)]);
  await listener.close();
  await sock.send("still\n");
  assert.equal(await guest.receiveLine(), "still");
  sock.close();
  guest.close();
});

test("close() with graceMs waits for those who go by themselves", async () => {
  const listener = await listen("127.0.0.1:0");
  const [sock, guest] = await Promise.all([connect(listener.address), accepted(listener)]);
  const closed = listener.close({ graceMs: 60_000 });
  await sock.send("bye\n");
  assert.equal(await guest.receiveLine(), "bye");
  guest.close();
  await closed;
  sock.close();
});

test("close() with graceMs ends those who stay", async () => {
  const listener = await listen("127.0.0.1:0");
  const [sock, guest] = await Promise.all([connect(listener.address), accepted(listener)]);
  const reading = failureOf(guest.receiveLine(), "closed");
  await listener.close({ graceMs: 20 });
  await reading;
  assert.equal(guest.closed, true);
  sock.close();
});

test("close() with graceMs may be called twice, and both end with the last connection", async () => {
  const listener = await listen("127.0.0.1:0");
  const [sock, guest] = await Promise.all([connect(listener.address), accepted(listener)]);
  const closed = [listener.close({ graceMs: 60_000 }), listener.close({ graceMs: Infinity })];
  guest.close();
  await Promise.all(closed);
  await listener.close({ graceMs: 60_000 });
  sock.close();
});

test("close() ends the connections that nobody took", async () => {
  const listener = await listen("127.0.0.1:0");
  const sock = await connect(listener.address);
  await sleep(20);
  await listener.close();
  // Deno leaves it to the system, which resets what waits in its queue.
  const end = await sock.receiveAny(1).catch((error) => error.code);
  assert.ok(end === null || end === "reset", String(end));
  sock.close();
});

test("who leaves an iteration may begin another one", async () => {
  const listener = await listen("127.0.0.1:0");
  for (const word of ["one", "two"]) {
    const sock = await connect(listener.address);
    await sock.send(`${word}\n`);
    for await (const guest of listener) {
      assert.equal(await guest.receiveLine(), word);
      guest.close();
      break;
    }
    sock.close();
  }
  await listener.close();
});

test("the file of a unix socket goes with its listener", async () => {
  const path = freshPath();
  for (let round = 0; round < 2; round++) {
    const listener = await listen({ path });
    assert.deepEqual(listener.address, { path });
    assert.ok(existsSync(path));
    await listener.close();
    assert.ok(!existsSync(path));
  }
});

test("accepted sockets start with the listener's settings", async () => {
  const listener = await listen("127.0.0.1:0", { readTimeoutMs: 20, maxBytes: 10 });
  const [sock, guest] = await Promise.all([connect(listener.address), accepted(listener)]);
  await failureOf(guest.receiveLine(), "timeout");
  await sock.send("much too long a line\n");
  await failureOf(guest.receiveLine(), "too large");
  sock.close();
  guest.close();
  await listener.close();
});

test("iteration ends with the listener", async () => {
  const listener = await listen("127.0.0.1:0");
  const seen: string[] = [];
  const serving = (async () => {
    for await (const guest of listener) {
      seen.push(await guest.receiveLine());
      guest.close();
    }
  })();
  for (const word of ["one", "two"]) {
    const sock = await connect(listener.address);
    await sock.send(`${word}\n`);
    assert.equal(await sock.receiveAny(1), null);
    sock.close();
  }
  await listener.close();
  await serving;
  assert.deepEqual(seen, ["one", "two"]);
});

const wrong: readonly { call: () => Promise<unknown>; error: RegExp }[] = [
  { call: () => listen("nowhere"), error: /^TypeError: target must be like "host:port"/ },
  { call: () => listen("127.0.0.1:70000"), error: /^RangeError: the port of target must be/ },
  { call: () => listen(7 as unknown as string), error: /^TypeError: target must be a string/ },
  {
    call: () => listen("127.0.0.1:0", { backlog: 0 }),
    error: /^RangeError: backlog must be a whole number of at least 1, not 0/,
  },
  {
    call: () => listen("127.0.0.1:0", { maxPending: -1 }),
    error: /^RangeError: maxPending must be a whole number of at least 0, not -1/,
  },
  {
    call: () => listen("127.0.0.1:0", { maxConnections: 0 }),
    error: /^RangeError: maxConnections must be a whole number of at least 1, not 0/,
  },
];

for (const { call, error } of wrong) {
  test(`listen() refuses what is wrong: ${error.source}`, async () => {
    await assert.rejects(call(), (caught) => error.test(String(caught)));
  });
}

async function accepted(listener: Listener): Promise<Cosocket> {
  const guest = await listener.accept();
  assert.ok(guest);
  return guest;
}

function rawConnection(port: number): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = createConnection(port, "127.0.0.1", () => resolve(socket));
    socket.on("error", () => {});
  });
}
