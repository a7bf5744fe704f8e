import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { Memcached, MemcachedError } from "../../examples/memcached.ts";
import { connect } from "../../mod.ts";
import { memcached } from "./recipes.ts";
import { runExample } from "./run_example.ts";
import { missing, PLACES, withServer } from "./start_server.ts";

const skip = missing("memcached");
const bytes = (text: string) => new TextEncoder().encode(text);

for (const place of PLACES) {
  const serverTest = (name: string, work: (target: string) => Promise<void>) =>
    test(`${name} (${place})`, { skip }, () => withServer(place, memcached, work));

  serverTest("memcached keeps what it is given", async (target) => {
    const cache = new Memcached(target);
    assert.match(await cache.version(), /^\d+\.\d+/);
    await cache.set("a", "line\r\nEND\r\nline");
    await cache.set("b", "");
    assert.deepEqual(await cache.get("a"), bytes("line\r\nEND\r\nline"));
    assert.deepEqual(await cache.get("b"), new Uint8Array());
    assert.equal(await cache.get("c"), null);
    const many = await cache.getMany(["c", "b", "a"]);
    assert.deepEqual([...many.keys()].sort(), ["a", "b"]);
    assert.equal(await cache.delete("a"), true);
    assert.equal(await cache.delete("a"), false);
    await cache.set("n", "41");
    assert.equal(await cache.increment("n"), 42);
    assert.equal(await cache.increment("none"), null);
    assert.deepEqual(cache.stats(), { idle: 1, lent: 0, waiting: 0 });
    cache.close();
  });

  serverTest("a value of 10 MiB comes back as it was", async (target) => {
    const cache = new Memcached(target);
    const value = new Uint8Array(10 * 1024 * 1024);
    for (let at = 0; at < value.length; at++) value[at] = (at * 31 + (at >> 8)) & 0xff;
    await cache.set("big", value);
    assert.equal(Buffer.compare((await cache.get("big"))!, value), 0);
    cache.close();
  });

  serverTest("what the server refuses is an error, and costs one connection", async (target) => {
    const cache = new Memcached(target);
    await cache.set("text", "a");
    await assert.rejects(cache.increment("text"), MemcachedError);
    assert.deepEqual(cache.stats(), { idle: 0, lent: 0, waiting: 0 });
    assert.deepEqual(await cache.get("text"), bytes("a"));
    await assert.rejects(cache.delete("a key\r\nflush_all"), TypeError);
    cache.close();
  });

  serverTest("1,000 dialogues at a time take turns on ten connections", async (target) => {
    const cache = new Memcached(target, { maxConnections: 10 });
    await cache.set("n", "0");
    const sums = await Promise.all(Array.from({ length: 1000 }, () => cache.increment("n")));
    assert.deepEqual(sums.sort((a, b) => a! - b!), sums.map((_, at) => at + 1));
    assert.deepEqual(cache.stats(), { idle: 10, lent: 0, waiting: 0 });
    cache.close();
  });

  serverTest("a read that timed out goes on where it was", async (target) => {
    const sock = await connect(target);
    await sock.send("set k 0 0 10\r\n01234");
    await assert.rejects(sock.receiveLine({ timeoutMs: 50 }), { code: "timeout" });
    await sock.send("56789\r\n");
    assert.equal(await sock.receiveLine(), "STORED");
    await sock.send("quit\r\n");
    assert.equal(await sock.receiveAny(100), null);
    sock.close();
  });
}

test(
  "examples/memcached.ts runs by itself",
  { skip },
  () =>
    withServer("TCP", memcached, async (target) => {
      const output = await runExample("memcached.ts", target);
      assert.match(output, /^version \d.*\nget hello\r\nworld\nincrement 42\n/);
      assert.match(output, /\ndelete true false\n/);
    }),
);
