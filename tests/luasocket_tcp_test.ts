/** The TCP object where scenarios do not reach: with itself, with others, and forgotten. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { SocketError } from "../src/errors.ts";
import { LuaError, socket } from "../src/faces/luasocket/mod.ts";
import type { TcpSocket } from "../src/faces/luasocket/tcp.ts";
import { collectGarbage } from "./conformance/collect_garbage.ts";

test("a port of a program of LuaSocket's talks to itself", async () => {
  await withPair(async (client, guest) => {
    assert.deepEqual(await client.send("one\r\ntwo"), [8, null, null]);
    assert.deepEqual(await guest.receive(), ["one", null, null]);
    client.shutdown("send");
    assert.deepEqual(await guest.receive("*a"), ["two", null, null]);
    assert.deepEqual(await guest.receive("*a"), [null, "closed", ""]);
  });
});

test("bytes can be sent as bytes; a character that is no byte names the way out", async () => {
  await withPair(async (client, guest) => {
    assert.deepEqual(await client.send(new Uint8Array([0, 255, 10]), 2), [3, null, null]);
    assert.deepEqual(await guest.receive(), ["\xff", null, null]);
    await assert.rejects(client.send("€"), /TextEncoder/);
  });
});

test("_DEBUG adds the seconds that a call took", async () => {
  await withPair(async (client, guest) => {
    socket._DEBUG = true;
    try {
      const [, , , sending] = await client.send("a\n") as unknown[];
      guest.settimeout(0.05);
      await guest.receive();
      const [, , , waiting] = await guest.receive() as unknown[];
      assert.ok(Number(sending) >= 0);
      assert.ok(Number(waiting) > 0.03 && Number(waiting) < 5);
    } finally {
      socket._DEBUG = undefined;
    }
    assert.equal((await client.send("a\n")).length, 3);
  });
});

test("a receive under way is told that the object was closed", async () => {
  await withPair(async (client) => {
    const receiving = client.receive(10);
    await sleep(5);
    await client.close();
    assert.deepEqual(await receiving, [null, "closed", ""]);
  });
});

test("a second receive at the same time is a mistake of the program's", async () => {
  await withPair(async (client, guest) => {
    const first = client.receive();
    await assert.rejects(client.receive(), (error) => {
      return error instanceof SocketError && error.code === "busy";
    });
    await guest.send("one\n");
    assert.deepEqual(await first, ["one", null, null]);
  });
});

test("a send that times out goes on where the index says", async () => {
  await withPair(async (client, guest) => {
    const data = Array.from({ length: 3_000_000 }, (_, at) => String(at % 10)).join("").repeat(6);
    client.settimeout(0.05);
    let [last, why, index] = await client.send(data);
    assert.deepEqual([last, why], [null, "timeout"]);
    const receiving = guest.receive(data.length);
    client.settimeout(10);
    [last, why, index] = await client.send(data, index! + 1);
    assert.deepEqual([last, why, index], [data.length, null, null]);
    assert.equal((await receiving)[0] === data, true);
    assert.equal(client.getstats()[1], data.length);
  });
});

test("getfd gives the lowest number that is free, and setfd hands it on", async () => {
  await withPair(async (client, guest) => {
    const [fd] = client.getfd();
    const other = socket.tcp();
    client.setfd(-1);
    assert.deepEqual(client.getfd(), [-1]);
    other.setfd(fd);
    assert.deepEqual(other.getfd(), [fd]);
    assert.throws(() => other.setfd(100_000), LuaError);
    await guest.send("hello\n");
    client.setfd(fd);
    assert.deepEqual(await client.receive(), ["hello", null, null]);
    await client.close();
    const next = socket.tcp4();
    assert.deepEqual(next.getfd(), [fd]);
    await next.close();
  });
});

test("select takes what has getfd and dirty, and refuses too large a number", async () => {
  await withPair(async (client, guest) => {
    await guest.send("x");
    const stranger = { getfd: () => client.getfd()[0], dirty: () => false };
    const [readers] = await socket.select([stranger, { getfd: () => 900 }], [], 1);
    assert.deepEqual([...readers], [stranger]);
    assert.equal(readers.get(stranger), 1);
    assert.equal(readers.get(client), undefined);
    await assert.rejects(
      socket.select([{ getfd: () => 1024 }]),
      /^LuaError: bad argument #1 to 'select' \(descriptor too large for set size\)/,
    );
  });
});

test("select sleeps where there is nothing to wait for", async () => {
  const startMs = performance.now();
  const [readers, writers, why] = await socket.select(null, null, 0.03);
  assert.deepEqual([readers.length, writers.length, why], [0, 0, "timeout"]);
  assert.ok(performance.now() - startMs > 25);
});

test("select over many sockets finds all that are ready", async () => {
  const [server] = socket.try(...await socket.bind("127.0.0.1", 0));
  const [, port] = server.getsockname();
  const clients: TcpSocket[] = [];
  const guests: TcpSocket[] = [];
  for (let at = 0; at < 200; at++) {
    clients.push(socket.try(...await socket.connect("127.0.0.1", port))[0]);
    guests.push(socket.try(...await server.accept())[0]);
  }
  for (let at = 0; at < 200; at += 2) await guests[at]!.send("x");
  await sleep(50);
  const [readers, writers] = await socket.select(clients, guests, 1);
  assert.equal(writers.length, 200);
  assert.deepEqual([...readers], clients.filter((_, at) => at % 2 === 0));
  for (const it of [server, ...clients, ...guests]) await it.close();
});

test("linger makes close wait for what is on its way", async () => {
  await withPair(async (client, guest) => {
    const data = "x".repeat(20_000_000);
    client.settimeout(0);
    client.setoption("linger", { on: true, timeout: 5 });
    const [, , index] = await client.send(data);
    const closing = client.close();
    const [text] = await guest.receive("*a");
    assert.deepEqual(await closing, [1]);
    assert.equal(text!.length, index);
  });
});

test("what timed out is still delivered behind a close", async () => {
  await withPair(async (client, guest) => {
    client.settimeout(0);
    const [, , index] = await client.send("x".repeat(20_000_000));
    await client.close();
    const [text] = await guest.receive("*a");
    assert.equal(text!.length, index);
  });
});

test("a send behind the peer's reset is closed, not taken", async () => {
  await withPair(async (client, guest) => {
    await guest.close();
    await client.receive();
    await client.send("x");
    await sleep(20);
    assert.deepEqual(await client.send("y"), [null, "closed", 0]);
    assert.deepEqual(client.getpeername(), [null, "Transport endpoint is not connected"]);
  });
});

test("a client that is forgotten is closed", async () => {
  const [server] = socket.try(...await socket.bind("127.0.0.1", 0));
  await (async () => {
    await socket.connect("127.0.0.1", server.getsockname()[1]);
  })();
  const [guest] = socket.try(...await server.accept());
  guest.settimeout(0.01);
  let why: string | null = "timeout";
  for (let round = 0; round < 50 && why === "timeout"; round++) {
    await collectGarbage();
    [, why] = await guest.receive();
  }
  assert.equal(why, "closed");
  await guest.close();
  await server.close();
});

test("one that waits is not forgotten", async () => {
  const [server] = socket.try(...await socket.bind("127.0.0.1", 0));
  const line = (async () => {
    const [client] = socket.try(...await socket.connect("127.0.0.1", server.getsockname()[1]));
    return await client.receive();
  })();
  const [guest] = socket.try(...await server.accept());
  await collectGarbage();
  await guest.send("still there\n");
  assert.deepEqual(await line, ["still there", null, null]);
  await guest.close();
  await server.close();
});

test("a connect that is given up is closed, whatever becomes of it", async () => {
  const [server] = socket.try(...await socket.bind("127.0.0.1", 0));
  const [, port] = server.getsockname();
  const client = socket.tcp();
  client.settimeout(0);
  assert.deepEqual(await client.connect("127.0.0.1", port), [null, "timeout"]);
  assert.deepEqual(await client.close(), [1]);
  const [guest] = await server.accept();
  if (guest) {
    guest.settimeout(2);
    assert.equal((await guest.receive())[1], "closed");
    await guest.close();
  }
  await server.close();
});

test("accept under way is told that the server was closed", async () => {
  const [server] = socket.try(...await socket.bind("127.0.0.1", 0));
  const accepting = server.accept();
  await sleep(5);
  await server.close();
  assert.deepEqual(await accepting, [null, "closed"]);
});

test("an object says what it is", () => {
  const [one, other] = [socket.tcp(), socket.tcp()];
  assert.match(String(one), /^tcp\{master\}: 0x[0-9a-f]{8}$/);
  assert.notEqual(String(one), String(other));
  assert.equal(one.class, "tcp{master}");
});

async function withPair(
  work: (client: TcpSocket, guest: TcpSocket) => Promise<void>,
): Promise<void> {
  const [server] = socket.try(...await socket.bind("127.0.0.1", 0));
  const [client] = socket.try(...await socket.connect("127.0.0.1", server.getsockname()[1]));
  const [guest] = socket.try(...await server.accept());
  try {
    await work(client, guest);
  } finally {
    for (const it of [client, guest, server]) await it.close();
  }
}
