import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis, RedisError } from "../../examples/redis.ts";
import { connect, Pool, type TlsOptions } from "../../mod.ts";
import { certificates } from "../helpers/certificates.ts";
import { redis, redisTls } from "./recipes.ts";
import { type End, missing, withServer } from "./start_server.ts";
import { until } from "./until.ts";

const skip = missing("redis-server");
const { ca, client, good, otherClient } = await certificates();
const recipe = redisTls(good, "none");
const tls: TlsOptions = { serverName: "test.example", caCerts: ca.cert };

for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
  const versioned = { ...tls, minVersion: version, maxVersion: version };
  const serverTest = (name: string, work: (target: string, end: End) => Promise<void>) =>
    test(`${name} (${version})`, { skip }, () => withServer("TCP", recipe, work));

  serverTest("Redis answers by TLS with all kinds of replies", async (target) => {
    const redis = await Redis.connect(target, { tls: versioned });
    assert.equal(await redis.call("SET", "greeting", "grüß\r\ngott"), "OK");
    assert.equal(await redis.call("GET", "greeting"), "grüß\r\ngott");
    assert.equal(await redis.call("GET", "no such key"), null);
    assert.deepEqual(await redis.call("RPUSH", "list", "a", "b"), 2);
    assert.deepEqual(await redis.call("LRANGE", "list", 0, -1), ["a", "b"]);
    await assert.rejects(redis.call("INCR", "list"), RedisError);
    redis.close();
  });

  serverTest("10,000 commands go out in one pipeline", async (target) => {
    const redis = await Redis.connect(target, { tls: versioned });
    const commands = Array.from({ length: 10_000 }, (_, at) => ["ECHO", `e${at}`]);
    assert.deepEqual(await redis.pipeline(commands), commands.map(([, echo]) => echo));
    redis.close();
  });

  serverTest("a pipeline larger than all buffers does not lock up", async (target) => {
    const redis = await Redis.connect(target, { tls: versioned, as: "bytes" });
    const value = new Uint8Array(1024 * 1024);
    for (let at = 0; at < value.length; at++) value[at] = (at * 31 + (at >> 8)) & 0xff;
    const echoes = await redis.pipeline(Array.from({ length: 32 }, () => ["ECHO", value]));
    for (const echo of echoes) assert.deepEqual(echo, value);
    redis.close();
  });

  serverTest("a subscriber hears while it speaks", async (target) => {
    const publisher = await Redis.connect(target, { tls: versioned });
    const subscriber = await Redis.connect(target, { tls: versioned });
    await subscriber.subscribe("news");
    let heard = 0;
    for await (const { kind, content } of subscriber.messages()) {
      if (kind === "unsubscribe") break;
      if (kind === "message") assert.equal(content, String(heard++));
      if (heard === 100) await subscriber.unsubscribe();
      else await publisher.call("PUBLISH", "news", heard);
    }
    assert.equal(heard, 100);
    subscriber.close();
    publisher.close();
  });

  serverTest("a read that timed out goes on where it was", async (target) => {
    const sock = await connect(target, { tls: versioned });
    await sock.send("BLPOP list 0\r\n");
    await assert.rejects(sock.receiveLine({ timeoutMs: 50 }), { code: "timeout" });
    const other = await Redis.connect(target, { tls: versioned });
    await other.call("RPUSH", "list", "a");
    assert.equal(await sock.receiveLine(), "*2");
    assert.equal(await sock.receiveLine(), "$4");
    other.close();
    sock.close();
  });

  serverTest("who must show a certificate, and does not, is told so", async (target) => {
    // The server of this test asks for none; whoever has one may show it all the same.
    const redis = await Redis.connect(target, { tls: { ...versioned, ...otherClient } });
    assert.equal(await redis.call("PING"), "PONG");
    redis.close();

    await withServer("TCP", redisTls(good, { ca: ca.cert }), async (strict) => {
      const known = await Redis.connect(strict, { tls: { ...versioned, ...client } });
      assert.equal(await known.call("PING"), "PONG");
      known.close();
      for (const own of [undefined, otherClient]) {
        // With TLS 1.3 a client is through before the server has looked at its certificate.
        await assert.rejects(async () => {
          const sock = await connect(strict, { tls: { ...versioned, ...own } });
          await sock.receiveLine();
        }, { code: "tls" });
      }
    });
  });

  serverTest("a pool keeps its connections, and drops those that are killed", async (target) => {
    const pool = new Pool();
    const idOf = () =>
      pool.use(target, async (sock) => {
        await sock.send("CLIENT ID\r\n");
        return await sock.receiveLine();
      }, { tls: versioned });
    const id = await idOf();
    assert.equal(await idOf(), id);
    const killer = await Redis.connect(target, { tls: versioned });
    assert.equal(await killer.call("CLIENT", "KILL", "ID", id.slice(1)), 1);
    await until(() => pool.stats().idle === 0);
    assert.notEqual(await idOf(), id);
    killer.close();
    pool.close();
  });

  serverTest("a server that dies in the middle has not ended", async (target, end) => {
    const sock = await connect(target, { tls: versioned });
    await sock.send("PING\r\n");
    assert.equal(await sock.receiveLine(), "+PONG");
    await end();
    await assert.rejects(sock.receiveAll(), { code: "closed" });
    assert.equal(sock.tls!.closeNotify, false);
    sock.close();
  });
}

test(
  "Redis without TLS is no server for us",
  { skip },
  () =>
    withServer("TCP", redis, async (target) => {
      await assert.rejects(connect(target, { tls, timeoutMs: 500 }), (error) => {
        // It may answer in plain, or wait for the rest of a command: both are no handshake.
        assert.match((error as { code: string }).code, /^(?:tls|closed|timeout)$/);
        return true;
      });
    }),
);
