import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { HttpClient } from "../../examples/http_client.ts";
import { chat } from "../../examples/line_server.ts";
import { Redis } from "../../examples/redis.ts";
import { relay, relayServer } from "../../examples/relay.ts";
import { connect, type Cosocket, listen, type Listener, SocketError } from "../../mod.ts";
import { socketPair } from "../../testing.ts";
import { nginx, redis } from "./recipes.ts";
import { missing, PLACES, withServer } from "./start_server.ts";

const noRedis = missing("redis-server");
const noNginx = missing("nginx");

/** Runs a test against a relay to the target. */
async function throughRelay(target: string, work: (at: string) => Promise<void>): Promise<void> {
  const listener = await relayServer("127.0.0.1:0", target, () => {});
  try {
    await work(placeOf(listener));
  } finally {
    await listener.close();
  }
}

function placeOf({ address }: Listener): string {
  return "path" in address ? `unix:${address.path}` : `${address.hostname}:${address.port}`;
}

for (const place of PLACES) {
  test(
    `Redis answers 10,000 commands through a relay (${place})`,
    { skip: noRedis },
    () =>
      withServer(place, redis, (target) =>
        throughRelay(target, async (at) => {
          const client = await Redis.connect(at);
          const value = "x".repeat(1000);
          const commands = Array.from({ length: 10_000 }, (_, n) => ["ECHO", `${n} ${value}`]);
          const replies = await client.pipeline(commands);
          assert.deepEqual(replies, commands.map(([, echo]) => echo));
          client.close();
        })),
  );

  test(
    `the last answer comes back behind our own end (${place})`,
    { skip: noRedis },
    () =>
      withServer(place, redis, (target) =>
        throughRelay(target, async (at) => {
          const sock = await connect(at);
          await sock.send("PING\r\nECHO last\r\n");
          await sock.closeWrite();
          assert.equal(Buffer.from(await sock.receiveAll()).toString(), "+PONG\r\n$4\r\nlast\r\n");
          sock.close();
        })),
  );

  test(
    `nginx keeps connections alive through a relay (${place})`,
    { skip: noNginx },
    () =>
      withServer(
        place,
        nginx(`location / { keepalive_requests 3; return 200 "$connection_requests"; }`),
        (target) =>
          throughRelay(target, async (at) => {
            const client = new HttpClient(at);
            const bodies: string[] = [];
            for (let count = 0; count < 5; count++) {
              bodies.push(Buffer.from((await client.get("/")).body).toString());
            }
            assert.deepEqual(bodies, ["1", "2", "3", "1", "2"]);
            client.close();
          }),
      ),
  );
}

test("a relay passes each end on, and the other way goes on", async () => {
  const [client, clientSide] = socketPair();
  const [serverSide, server] = socketPair();
  const relayed = relay(clientSide, serverSide);
  await client.send("question");
  await client.closeWrite();
  assert.equal(Buffer.from(await server.receiveAll()).toString(), "question");
  await server.send("an answer, ");
  await server.send("long after");
  await server.closeWrite();
  assert.equal(Buffer.from(await client.receiveAll()).toString(), "an answer, long after");
  assert.deepEqual(await relayed, { there: 8, back: 21 });
});

test("a relay slows a sender down that its reader does not keep up with", async () => {
  const listener = await listen("127.0.0.1:0");
  const accepted = listener.accept();
  await throughRelay(placeOf(listener), async (at) => {
    const sender = await connect(at, { sendTimeoutMs: 300 });
    const reader = (await accepted)!;
    const chunk = new Uint8Array(1024 * 1024);
    let sent = 0;
    await assert.rejects(async () => {
      // Whatever the systems between us hold, it is not this much.
      while (sent < 256) sent += await sender.send(chunk) / chunk.length;
    }, { code: "timeout" });
    sender.close();
    await assert.doesNotReject(drain(reader));
    reader.close();
  });
  await listener.close();
});

test("a relay breaks one connection when the other breaks", async () => {
  const listener = await listen("127.0.0.1:0");
  const accepted = listener.accept();
  await throughRelay(placeOf(listener), async (at) => {
    const client = await connect(at);
    await client.send("hello\n");
    const server = (await accepted)!;
    assert.equal(await server.receiveLine(), "hello");
    server.abort();
    await assert.rejects(client.receiveLine(), SocketError);
    client.close();
  });
  await listener.close();
});

test("a relay gives up when nothing comes either way", async () => {
  const [client, clientSide] = socketPair();
  const [serverSide, server] = socketPair();
  const relayed = relay(clientSide, serverSide, { idleMs: 100 });
  relayed.catch(() => {}); // looked at below
  // One way is silent all the time, but not the other.
  for (let count = 0; count < 10; count++) {
    await new Promise((resolve) => setTimeout(resolve, 30));
    await server.send("tick\n");
    assert.equal(await client.receiveLine(), "tick");
  }
  await assert.rejects(relayed, { code: "timeout" });
});

test("guests of a chat behind a relay hear one another", async () => {
  const room = await chat("127.0.0.1:0", { maxLineBytes: 50, maxIdleMs: 5000, maxGuests: 3 });
  await throughRelay(placeOf(room), async (at) => {
    const [anna, bert] = [await enter(at, "Anna"), await enter(placeOf(room), "Bert")];
    assert.equal(await anna.receiveLine(), "* Bert comes in");
    await bert.send("/who\r\nhello\r\n");
    assert.equal(await bert.receiveLine(), "Anna, Bert");
    assert.equal(await anna.receiveLine(), "Bert: hello");
    await bert.send("x".repeat(100_000));
    assert.equal(await bert.receiveLine(), "Your line is too long.");
    assert.equal(await bert.receiveAny(1), null);
    bert.close();
    assert.equal(await anna.receiveLine(), "* Bert is gone");
    await anna.send("/quit\r\n");
    assert.equal(await anna.receiveLine(), "Good bye.");
    assert.equal(await anna.receiveAny(1), null);
    anna.close();
  });
  await room.close({ graceMs: 1000 });
});

test("a chat turns away who is too many, and who is silent", async () => {
  const room = await chat("127.0.0.1:0", { maxIdleMs: 200, maxGuests: 1 });
  const silent = await enter(placeOf(room), "Silent");
  const late = await connect(room.address);
  assert.equal(await late.receiveLine(), "The room is full.");
  late.close();
  assert.equal(await silent.receiveLine(), "You were silent for too long.");
  silent.close();
  await room.close({ graceMs: 1000 });
});

test("a chat does not wait for a guest who does not read", async () => {
  const room = await chat("127.0.0.1:0", { maxUnreadLines: 10 });
  const [deaf, loud] = [await enter(placeOf(room), "Deaf"), await enter(placeOf(room), "Loud")];
  const line = `${"x".repeat(900)}\r\n`;
  const heard = (async () => {
    // Deaf's system takes some megabytes before it is cut off; Loud hears of that.
    for await (const said of loud.lines()) if (said === "* Deaf is gone") return true;
    return false;
  })();
  const isGone = { now: false };
  heard.finally(() => isGone.now = true);
  for (let count = 0; count < 100_000 && !isGone.now; count++) await loud.send(line);
  assert.equal(await heard, true);
  loud.close();
  deaf.close();
  await room.close({ graceMs: 1000 });
});

async function enter(at: string, name: string): Promise<Cosocket> {
  const sock = await connect(at, { readTimeoutMs: 10_000 });
  assert.match(await sock.receiveLine(), /name/);
  await sock.send(`${name}\r\n`);
  // Its answer says that the name has been heard.
  await sock.send("/who\r\n");
  while (!(await sock.receiveLine()).includes(name)) { /* what others say */ }
  return sock;
}

async function drain(sock: Cosocket): Promise<void> {
  try {
    while (await sock.receiveAny(1024 * 1024) !== null) { /* thrown away */ }
  } catch (error) {
    // The sender gave up in the middle, which the relay passes on as a reset.
    if (!(error instanceof SocketError) || error.code !== "reset") throw error;
  }
}
