import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { type Message, Redis, RedisError } from "../../examples/redis.ts";
import { Pool } from "../../mod.ts";
import { redis } from "./recipes.ts";
import { runExample } from "./run_example.ts";
import { missing, PLACES, withServer } from "./start_server.ts";

const skip = missing("redis-server");

for (const place of PLACES) {
  const serverTest = (name: string, work: (target: string) => Promise<void>) =>
    test(`${name} (${place})`, { skip }, () => withServer(place, redis, work));

  serverTest("Redis answers with all kinds of replies", async (target) => {
    const client = await Redis.connect(target);
    assert.equal(await client.call("SET", "greeting", "grüß\r\ngott"), "OK");
    assert.equal(await client.call("GET", "greeting"), "grüß\r\ngott");
    assert.equal(await client.call("GET", "no such key"), null);
    assert.equal(await client.call("SET", "empty", ""), "OK");
    assert.equal(await client.call("GET", "empty"), "");
    assert.equal(await client.call("INCRBY", "count", 41), 41);
    assert.deepEqual(await client.call("RPUSH", "list", "a", "b"), 2);
    assert.deepEqual(await client.call("LRANGE", "list", 0, -1), ["a", "b"]);
    assert.deepEqual(await client.call("LRANGE", "none", 0, -1), []);
    assert.deepEqual(await client.call("EVAL", "return {1, {'a', {}}, false}", 0), [
      1,
      ["a", []],
      null,
    ]);
    client.close();
  });

  serverTest("an error reply is an error, and the connection serves on", async (target) => {
    const client = await Redis.connect(target);
    await client.call("SET", "text", "a");
    await assert.rejects(client.call("INCR", "text"), (error) => {
      assert.ok(error instanceof RedisError);
      assert.match(error.message, /not an integer/);
      return true;
    });
    await assert.rejects(client.call("NO SUCH"), RedisError);
    const [first, second, third] = await client.pipeline([["GET", "text"], ["INCR", "text"], [
      "GET",
      "text",
    ]]);
    assert.equal(first, "a");
    assert.ok(second instanceof RedisError);
    assert.equal(third, "a");
    client.close();
  });

  serverTest(
    "10,000 commands go out in one pipeline, and their answers come in order",
    async (target) => {
      const client = await Redis.connect(target);
      const count = 10_000;
      const replies = await client.pipeline(
        Array.from({ length: count }, (_, at) => at % 2 === 0 ? ["INCR", "n"] : ["ECHO", `e${at}`]),
      );
      assert.equal(replies.length, count);
      for (const [at, reply] of replies.entries()) {
        assert.equal(reply, at % 2 === 0 ? at / 2 + 1 : `e${at}`);
      }
      client.close();
    },
  );

  serverTest("10,000 calls side by side share one connection", async (target) => {
    const client = await Redis.connect(target);
    const calls = Array.from({ length: 10_000 }, () => client.call("INCR", "n"));
    assert.deepEqual(await Promise.all(calls), calls.map((_, at) => at + 1));
    client.close();
  });

  serverTest("a pipeline larger than all buffers does not lock up", async (target) => {
    const client = await Redis.connect(target, { as: "bytes" });
    const value = new Uint8Array(1024 * 1024).fill(120);
    const echoes = await client.pipeline(Array.from({ length: 32 }, () => ["ECHO", value]));
    for (const echo of echoes) assert.equal((echo as Uint8Array).length, value.length);
    client.close();
  });

  serverTest("a value of 10 MiB comes back as it was", async (target) => {
    const client = await Redis.connect(target, { as: "bytes" });
    const value = new Uint8Array(10 * 1024 * 1024);
    for (let at = 0; at < value.length; at++) value[at] = (at * 31 + (at >> 8)) & 0xff;
    assert.equal(await client.call("SET", "big", value), "OK");
    const back = await client.call("GET", "big");
    assert.ok(back instanceof Uint8Array);
    assert.equal(Buffer.compare(back, value), 0);
    assert.equal(await client.call("STRLEN", "big"), value.length);
    client.close();
  });

  serverTest("publish and subscribe in full duplex, on one connection", async (target) => {
    const [subscriber, publisher] = [await Redis.connect(target), await Redis.connect(target)];
    const count = 1000;
    const messages: Message[] = [];
    // One loop reads all the time, while we send on the same connection below.
    const reading = (async () => {
      for await (const message of subscriber.messages()) messages.push(message);
    })();
    await subscriber.subscribe("one");
    for (let at = 0; at < 50; at++) await subscriber.subscribe(`more ${at}`);
    await until(() => messages.length === 51);
    const published = Array.from(
      { length: count },
      (_, at) => publisher.call("PUBLISH", "one", `message ${at}`),
    );
    for (let at = 0; at < 50; at++) await subscriber.unsubscribe(`more ${at}`);
    assert.deepEqual(new Set(await Promise.all(published)), new Set([1]));
    await subscriber.unsubscribe();
    await reading;
    const texts = messages.filter(({ kind }) => kind === "message").map(({ content }) => content);
    assert.deepEqual(texts, Array.from({ length: count }, (_, at) => `message ${at}`));
    assert.equal(messages.filter(({ kind }) => kind === "subscribe").length, 51);
    assert.equal(messages.filter(({ kind }) => kind === "unsubscribe").length, 51);
    subscriber.close();
    publisher.close();
  });

  serverTest("a pool drops what the server has closed, and what is unread", async (target) => {
    const pool = new Pool();
    const idOf = async () =>
      await pool.use(target, async (sock) => {
        await sock.send("CLIENT ID\r\n");
        return await sock.receiveLine();
      });
    const id = await idOf();
    assert.equal(await idOf(), id);
    // Whoever leaves an answer behind does not give it to the next one.
    await pool.use(target, async (sock) => {
      await sock.send("PING\r\nPING\r\n");
      await sock.receiveLine();
    });
    const other = await idOf();
    assert.notEqual(other, id);
    const killer = await Redis.connect(target);
    assert.equal(await killer.call("CLIENT", "KILL", "ID", other.slice(1)), 1);
    await until(() => pool.stats().idle === 0);
    assert.notEqual(await idOf(), other);
    killer.close();
    pool.close();
  });
}

async function until(isSo: () => boolean): Promise<void> {
  const endMs = performance.now() + 10_000;
  while (!isSo()) {
    assert.ok(performance.now() < endMs, `Not so after ten seconds: ${isSo}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test(
  "examples/redis.ts runs by itself",
  { skip },
  () =>
    withServer("TCP", redis, async (target) => {
      assert.deepEqual((await runExample("redis.ts", target)).split("\n"), [
        "SET OK",
        "GET hello",
        "pipeline [ 1, 2, 1 ]",
        "subscribe news 1",
        "message news hello, all",
        "unsubscribe news 0",
        "",
      ]);
    }),
);
