import assert from "node:assert/strict";
import { test } from "node:test";
import { Memcached } from "../../examples/resty_memcached.ts";
import { createNgx, type Ngx } from "../../src/faces/ngx/mod.ts";
import { Peer } from "../helpers/ngx_peer.ts";
import { memcached } from "./recipes.ts";
import { argumentsOf, type ConnectArguments, QUIET, serverTests } from "./ported_client.ts";
import { runExample } from "./run_example.ts";
import { missing, PLACES, withServer } from "./start_server.ts";

const skip = missing("memcached");

async function connected(
  ngx: Ngx,
  place: ConnectArguments,
  options: object = {},
): Promise<Memcached> {
  const [memc] = Memcached.new(ngx);
  memc.set_timeouts(5000, 5000, 5000);
  assert.deepEqual(await memc.connect(...place, options), [1]);
  return memc;
}

/** What is said of a server that has left; the system decides which. */
const GONE = /^(?:closed|connection reset by peer|broken pipe)$/;

for (const place of PLACES) {
  const serverTest = serverTests(place, memcached, skip);

  serverTest("the resty client stores, and gets what it stored", async (ngx, place) => {
    const memc = await connected(ngx, place);
    const stored = "an\r\nEND\r\nanimal \xff\0";
    assert.deepEqual(await memc.set("dog", stored), [1]);
    assert.deepEqual(await memc.get("dog"), [stored, "0"]);
    assert.deepEqual(await memc.get("cat"), [null]);
    assert.deepEqual(await memc.set("empty", "", 0, 513), [1]);
    assert.deepEqual(await memc.get("empty"), ["", "513"]);
    assert.deepEqual(await memc.add("dog", "b"), [null, "NOT_STORED"]);
    assert.deepEqual(await memc.add("fish", "b"), [1]);
    assert.deepEqual(await memc.replace("cat", "b"), [null, "NOT_STORED"]);
    assert.deepEqual(await memc.replace("fish", "c", 100, 7), [1]);
    assert.deepEqual(await memc.append("fish", "d"), [1]);
    assert.deepEqual(await memc.prepend("fish", "b"), [1]);
    assert.deepEqual(await memc.append("cat", "d"), [null, "NOT_STORED"]);
    assert.deepEqual(await memc.get("fish"), ["bcd", "7"]);
    assert.deepEqual(await memc.touch("fish", 100), [1]);
    assert.deepEqual(await memc.touch("cat", 100), [null, "NOT_FOUND"]);
    assert.deepEqual(await memc.delete("fish"), [1]);
    assert.deepEqual(await memc.delete("fish"), [null, "NOT_FOUND"]);
    assert.deepEqual(await memc.set("gone", "at once", -1), [1]);
    assert.deepEqual(await memc.get("gone"), [null]);
    assert.deepEqual(await memc.set("n", 41), [1]);
    assert.deepEqual(await memc.incr("n", 1), ["42"]);
    assert.deepEqual(await memc.decr("n", 50), ["0"]);
    assert.deepEqual(await memc.incr("cat", 1), [null, "NOT_FOUND"]);
    assert.deepEqual(await memc.flush_all(), [1]);
    assert.deepEqual(await memc.get("n"), [null]);
    assert.deepEqual(await memc.flush_all(3), [1]);
    assert.deepEqual(memc.close(), [1]);
  });

  serverTest("cas stores where nobody else has stored meanwhile", async (ngx, place) => {
    const memc = await connected(ngx, place);
    await memc.set("dog", "a", 0, 3);
    const [value, flags, unique] = await memc.gets("dog");
    assert.deepEqual([value, flags], ["a", "3"]);
    assert.match(unique!, /^\d+$/);
    assert.deepEqual(await memc.cas("dog", "b", unique!, 0, 4), [1]);
    assert.deepEqual(await memc.cas("dog", "c", unique!), [null, "EXISTS"]);
    assert.deepEqual(await memc.cas("cat", "c", unique!), [null, "NOT_FOUND"]);
    assert.deepEqual(await memc.get("dog"), ["b", "4"]);
    assert.deepEqual(await memc.gets("cat"), [null]);
    const [found] = await memc.gets(["dog", "cat"]);
    assert.deepEqual([...found!.keys()], ["dog"]);
    assert.deepEqual(await memc.cas("dog", "d", found!.get("dog")![2]!), [1]);
  });

  serverTest("several keys come as a table, also thousands", async (ngx, place) => {
    const memc = await connected(ngx, place);
    const keys = Array.from({ length: 3000 }, (_, at) => `key ${at}`);
    for (const key of keys) await memc.set(key, `value of ${key}`);
    const [found, err] = await memc.get([...keys, "none", "__proto__"]);
    assert.equal(err, undefined);
    assert.deepEqual(found, new Map(keys.map((key) => [key, [`value of ${key}`, "0"]])));
    assert.deepEqual(await memc.get([]), [new Map()]);
    assert.deepEqual(await memc.get(["none"]), [new Map()]);
  });

  serverTest("a key may hold any bytes, and is never a command", async (ngx, place) => {
    const memc = await connected(ngx, place);
    const all = String.fromCharCode(...Array.from({ length: 256 }, (_, at) => at));
    const keys = [
      "a b",
      "a\r\nflush_all\r\n",
      "%20",
      "100%",
      "+",
      "\xe4",
      "__proto__",
      all.slice(0, 60),
    ];
    for (const key of keys) assert.deepEqual(await memc.set(key, `of ${key}`), [1]);
    for (const key of keys) assert.deepEqual(await memc.get(key), [`of ${key}`, "0"]);
    assert.deepEqual(await memc.get(keys), [new Map(keys.map((key) => [key, [`of ${key}`, "0"]]))]);
    // The server would take the value for the next command.
    const failed = [null, "bad argument"];
    assert.deepEqual(await memc.set("k".repeat(251), "flush_all"), failed);
    assert.deepEqual(await memc.set("", "flush_all"), failed);
    assert.deepEqual(await memc.cas("k", "flush_all", "1 0\r\nversion"), failed);
    assert.deepEqual(await memc.delete(all), failed);
    assert.deepEqual(await memc.get(all), [null, null, "bad argument"]);
    assert.deepEqual(await memc.get(["a b", all]), failed);
    await assert.rejects(memc.set("1 €", "a"), TypeError);
    await assert.rejects(memc.set("price", "1 €"), TypeError);
    assert.deepEqual(await memc.set("k".repeat(250), "a"), [1]);
    assert.deepEqual(await memc.get("a b"), ["of a b", "0"]);
  });

  serverTest("what the server refuses is its word, and it serves on", async (ngx, place) => {
    const memc = await connected(ngx, place);
    await memc.set("text", "a");
    const notNumber = "CLIENT_ERROR cannot increment or decrement non-numeric value";
    assert.deepEqual(await memc.incr("text", 1), [null, notNumber]);
    assert.deepEqual(await memc.incr("text", -1), [
      null,
      "CLIENT_ERROR invalid numeric delta argument",
    ]);
    const tooLarge = "x".repeat(17 * 1024 * 1024);
    const why = "SERVER_ERROR object too large for cache";
    assert.deepEqual(await memc.set("big", tooLarge), [null, why]);
    assert.deepEqual(await memc.get("text"), ["a", "0"]);
    assert.deepEqual(await memc.set_keepalive(), [1]);
  });

  serverTest("a value of 10 MiB comes back as it was", async (ngx, place) => {
    const memc = await connected(ngx, place);
    const bytes = Array.from({ length: 65536 }, (_, at) => (at * 31 + (at >> 8)) & 0xff);
    const value = String.fromCharCode(...bytes).repeat(160);
    assert.deepEqual(await memc.set("big", value), [1]);
    const [back, flags] = await memc.get("big");
    assert.ok(back === value);
    assert.equal(flags, "0");
  });

  serverTest("version, stats and quit", async (ngx, place) => {
    const memc = await connected(ngx, place);
    const [version] = await memc.version();
    assert.match(version!, /^\d+\.\d+/);
    await memc.set("a", "b");
    const [lines] = await memc.stats();
    assert.ok(lines!.includes(`version ${version}`));
    assert.ok(lines!.includes("curr_items 1"));
    const [items] = await memc.stats("items");
    assert.ok(items!.some((line) => /^items:\d+:number 1$/.test(line)), String(items));
    assert.deepEqual(await memc.stats("reset"), [[]]);
    assert.deepEqual(await memc.quit(), [1]);
    assert.match(String((await memc.version())[1]), GONE);
    assert.deepEqual(await memc.set_keepalive(), [null, "closed"]);
  });

  serverTest("a connection that was kept is used again", async (ngx, place) => {
    const memc = await connected(ngx, place);
    for (let times = 1; times <= 3; times++) {
      await memc.set("times", times);
      assert.deepEqual(await memc.set_keepalive(10_000, 10), [1]);
      assert.deepEqual(await memc.get("times"), [null, null, "closed"]);
      assert.deepEqual(memc.get_reused_times(), [null, "closed"]);
      assert.deepEqual(await memc.connect(...place), [1]);
      assert.deepEqual(memc.get_reused_times(), [times]);
      assert.deepEqual(await memc.get("times"), [String(times), "0"]);
    }
  });

  serverTest("1,000 threads take turns on ten connections", async (ngx, place) => {
    const memc = await connected(ngx, place, { pool: "other" });
    await memc.set("n", 0);
    const threads = Array.from({ length: 1000 }, () =>
      ngx.thread.spawn(async () => {
        const memc = await connected(ngx, place, { pool: "ten", pool_size: 10, backlog: 1000 });
        const [n] = await memc.incr("n", 1);
        await memc.set_keepalive();
        return n;
      }));
    const sums = await Promise.all(threads.map(async (it) => (await ngx.thread.wait(it))[1]));
    assert.deepEqual(sums.map(Number).sort((a, b) => a - b), sums.map((_, at) => at + 1));
    const [lines] = await memc.stats();
    const total = lines!.find((line) => line.startsWith("total_connections "))!.split(" ")[1];
    // Those ten, ours, and who looked whether the server is there.
    assert.ok(Number(total) <= 14, total);
  });

  serverTest("a server that dies is said to be closed, then refuses", async (ngx, place, end) => {
    const memc = await connected(ngx, place);
    await memc.set("a", "b");
    await end();
    const [value, , err] = await memc.get("a");
    assert.equal(value, null);
    assert.match(String(err), GONE);
    assert.deepEqual(await memc.set("a", "b"), [null, "closed"]);
    const [ok, err2] = await memc.connect(...place);
    assert.deepEqual([ok, err2], [null, "connection refused"]);
  });
}

/** What a server might say to `get`, and what the client makes of it. */
const REPLIES = [
  { name: "an answer of no kind", says: "HTTP/1.1 400\r\n", why: "HTTP/1.1 400", isOver: true },
  { name: "a refusal", says: "SERVER_ERROR busy\r\n", why: "SERVER_ERROR busy", isOver: false },
  { name: "a line that is no value", says: "VALUE a b\r\n", why: "VALUE a b", isOver: true },
  { name: "a timeout in a line", says: "VALUE a", why: "timeout", isOver: true },
  { name: "a timeout in a value", says: "VALUE a 0 5\r\nab", why: "timeout", isOver: true },
  { name: "a timeout behind a value", says: "VALUE a 0 2\r\nab\r\n", why: "timeout", isOver: true },
  { name: "a silent server", says: "", why: "timeout", isOver: true },
];

for (const { name, says, why, isOver } of REPLIES) {
  test(`${name} ${isOver ? "closes the connection" : "is told"}`, () =>
    Peer.with(
      (socket) => socket.on("data", () => socket.write(says)),
      (peer) =>
        createNgx(QUIET).run(async (ngx) => {
          const memc = await connected(ngx, ["127.0.0.1", String(peer.port)]);
          memc.set_timeout(50);
          assert.deepEqual(await memc.get("a"), [null, null, why]);
          assert.deepEqual(await memc.get(["a"]), [null, isOver ? "closed" : why]);
          assert.deepEqual(await memc.set_keepalive(), isOver ? [null, "closed"] : [1]);
        }),
    ));
}

test("after a timeout nobody gets the late answer", () =>
  Peer.with(
    (socket) => socket.once("data", () => setTimeout(() => socket.write("VERSION late\r\n"), 60)),
    (peer) =>
      createNgx(QUIET).run(async (ngx) => {
        const place: ConnectArguments = ["127.0.0.1", String(peer.port)];
        const memc = await connected(ngx, place);
        memc.set_timeout(30);
        assert.deepEqual(await memc.version(), [null, "timeout"]);
        assert.deepEqual(await memc.set_keepalive(), [null, "closed"]);
        const next = await connected(ngx, place);
        assert.deepEqual(next.get_reused_times(), [0]);
        assert.deepEqual(await next.version(), ["late"]);
      }),
  ));

test(
  "examples/resty_memcached.ts runs by itself",
  { skip },
  () =>
    withServer("TCP", memcached, async (target) => {
      const output = await runExample("resty_memcached.ts", ...argumentsOf(target));
      const [version, ...lines] = output.split("\n");
      assert.match(version!, /^version: \d/);
      assert.deepEqual(lines, [
        "set: 1",
        "get: 32 (flags: 0)",
        "incr: 42",
        "add: nilNOT_STORED",
        "kept: 1",
        "",
      ]);
    }),
);
