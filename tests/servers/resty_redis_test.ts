import assert from "node:assert/strict";
import { test } from "node:test";
import { Redis } from "../../examples/resty_redis.ts";
import { createNgx, type Ngx } from "../../src/faces/ngx/mod.ts";
import { certificates } from "../helpers/certificates.ts";
import { Peer } from "../helpers/ngx_peer.ts";
import { redis, redisTls } from "./recipes.ts";
import { argumentsOf, type ConnectArguments, QUIET, serverTests } from "./ported_client.ts";
import { runExample } from "./run_example.ts";
import { missing, PLACES, withServer } from "./start_server.ts";

const skip = missing("redis-server");

async function connected(ngx: Ngx, place: ConnectArguments, options: object = {}): Promise<Redis> {
  const [red] = Redis.new(ngx);
  red.set_timeouts(5000, 5000, 5000);
  assert.deepEqual(await red.connect(...place, options), [1]);
  return red;
}

for (const place of PLACES) {
  const serverTest = serverTests(place, redis, skip);

  serverTest("the resty client gets all kinds of replies", async (ngx, place) => {
    const red = await connected(ngx, place);
    assert.deepEqual(await red.set("dog", "an\r\nanimal \xff\0"), ["OK"]);
    assert.deepEqual(await red.get("dog"), ["an\r\nanimal \xff\0"]);
    assert.deepEqual(await red.get("no such key"), [ngx.null]);
    assert.deepEqual(await red.set("empty", ""), ["OK"]);
    assert.deepEqual(await red.get("empty"), [""]);
    assert.deepEqual(await red.set("yes", true), ["OK"]);
    assert.deepEqual(await red.mget("yes", "none", "empty"), [["true", ngx.null, ""]]);
    assert.deepEqual(await red.mget(["yes", "empty"]), [["true", ""]]);
    assert.deepEqual(await red.incr("n"), [1]);
    assert.deepEqual(await red.incrby("n", -42), [-41]);
    assert.deepEqual(await red.hset("hash", "a", 1, "b", 2), [2]);
    assert.deepEqual(await red.hgetall("hash"), [["a", "1", "b", "2"]]);
    assert.deepEqual(await red.lrange("none", 0, -1), [[]]);
    assert.deepEqual(await red.blpop("none", "0.01"), [ngx.null]);
    assert.deepEqual(await red.del("dog", "yes", "none"), [2]);
    assert.deepEqual(
      await red.eval("return {1, {'a', {}}, false, redis.error_reply('ERR no')}", 0),
      [[1, ["a", []], ngx.null, [false, "ERR no"]]],
    );
    assert.deepEqual(red.close(), [1]);
  });

  serverTest("a refusal is false and why, and the connection serves on", async (ngx, place) => {
    const red = await connected(ngx, place);
    await red.set("text", "a");
    const notInteger = "ERR value is not an integer or out of range";
    const wrongType = "WRONGTYPE Operation against a key holding the wrong kind of value";
    assert.deepEqual(await red.incr("text"), [false, notInteger]);
    assert.deepEqual(await red.lpush("text", "b"), [false, wrongType]);
    red.init_pipeline();
    red.get("text");
    red.hget("text", "field");
    red.get("text");
    assert.deepEqual(await red.commit_pipeline(), [["a", [false, wrongType], "a"]]);
    assert.deepEqual(await red.multi(), ["OK"]);
    assert.deepEqual(await red.incr("text"), ["QUEUED"]);
    assert.deepEqual(await red.get("text"), ["QUEUED"]);
    assert.deepEqual(await red.exec(), [[[false, notInteger], "a"]]);
  });

  serverTest("10,000 commands go out in one pipeline", async (ngx, place) => {
    const red = await connected(ngx, place);
    const count = 10_000;
    for (let round = 0; round < 2; round++) {
      red.init_pipeline();
      for (let at = 0; at < count; at++) {
        assert.deepEqual(await (at % 2 === 0 ? red.incr("n") : red.echo(`e${at}`)), []);
      }
      const [results, err] = await red.commit_pipeline();
      assert.equal(err, undefined);
      const first = round * count / 2 + 1;
      const wanted = Array.from({ length: count }, (_, at) => at % 2 ? `e${at}` : first + at / 2);
      assert.deepEqual(results, wanted);
    }
    assert.deepEqual(await red.commit_pipeline(), [null, "no pipeline"]);
    red.init_pipeline();
    red.flushall();
    red.cancel_pipeline();
    assert.deepEqual(await red.get("n"), [String(count)]);
    red.init_pipeline();
    assert.deepEqual(await red.commit_pipeline(), [[]]);
  });

  serverTest("text that is no byte string is refused before it is sent", async (ngx, place) => {
    const red = await connected(ngx, place);
    await assert.rejects(red.set("price", "1 €"), TypeError);
    red.init_pipeline();
    red.set("price", "1");
    red.set("price", "2 €");
    await assert.rejects(red.commit_pipeline(), TypeError);
    assert.deepEqual(await red.get("price"), [ngx.null]);
  });

  serverTest("a value of 10 MiB comes back as it was, also in pipelines", async (ngx, place) => {
    const red = await connected(ngx, place);
    const bytes = Array.from({ length: 65536 }, (_, at) => (at * 31 + (at >> 8)) & 0xff);
    const value = String.fromCharCode(...bytes).repeat(160);
    assert.deepEqual(await red.set("big", value), ["OK"]);
    const [back] = await red.get("big");
    assert.ok(back === value);
    red.init_pipeline();
    for (let count = 0; count < 4; count++) red.echo(value);
    const [echoes] = await red.commit_pipeline();
    assert.equal(echoes?.length, 4);
    assert.ok(echoes.every((echo) => echo === value));
  });

  serverTest("a connection that was kept is used again", async (ngx, place) => {
    const red = await connected(ngx, place);
    const id = await red.client("id");
    for (let times = 1; times <= 3; times++) {
      assert.deepEqual(await red.set_keepalive(10_000, 10), [1]);
      assert.deepEqual(await red.get("n"), [null, "closed"]);
      assert.deepEqual(red.get_reused_times(), [null, "closed"]);
      assert.deepEqual(await red.connect(...place), [1]);
      assert.deepEqual(red.get_reused_times(), [times]);
      assert.deepEqual(await red.client("id"), id);
    }
    // What is known of a connection stays with it.
    await red.select(3);
    await red.set("here", 3);
    await red.set_keepalive();
    const other = await connected(ngx, place);
    assert.deepEqual(await other.get("here"), ["3"]);
    const third = await connected(ngx, place, { pool: "mine", pool_size: 1 });
    assert.deepEqual(third.get_reused_times(), [0]);
    assert.deepEqual(await third.get("here"), [ngx.null]);
  });

  serverTest("a pool opens no more than its size, and the others wait", async (ngx, place) => {
    const ids = new Set<unknown>();
    const visit = async () => {
      const red = await connected(ngx, place, { pool: "small", pool_size: 3, backlog: 100 });
      ids.add((await red.client("id"))[0]);
      await red.incr("visits");
      assert.deepEqual(await red.set_keepalive(), [1]);
    };
    await Promise.all(Array.from({ length: 60 }, visit));
    assert.ok(ids.size <= 3, String(ids.size));
    assert.deepEqual(await (await connected(ngx, place)).get("visits"), ["60"]);
  });

  serverTest("the server closing a kept connection costs nobody a reply", async (ngx, place) => {
    const red = await connected(ngx, place);
    const [id] = await red.client("id");
    await red.set_keepalive();
    const killer = await connected(ngx, place, { pool: "other" });
    assert.deepEqual(await killer.client("kill", "id", Number(id)), [1]);
    const next = await connected(ngx, place);
    assert.deepEqual(next.get_reused_times(), [0]);
    assert.deepEqual(await next.ping(), ["PONG"]);
  });

  serverTest("a subscriber hears, and is not kept before it is done", async (ngx, place) => {
    const [sub, pub] = [await connected(ngx, place), await connected(ngx, place)];
    assert.deepEqual(await sub.read_reply(), [null, "not subscribed"]);
    assert.deepEqual(await sub.subscribe("dog", "cat"), [["subscribe", "dog", 1]]);
    assert.deepEqual(await sub.read_reply(), [["subscribe", "cat", 2]]);
    assert.deepEqual(await sub.set_keepalive(), [null, "subscribed state"]);
    const speaking = ngx.thread.spawn(async () => {
      for (let at = 0; at < 1000; at++) await pub.publish(at % 2 ? "dog" : "cat", at);
    });
    for (let at = 0; at < 1000; at++) {
      assert.deepEqual(await sub.read_reply(), [["message", at % 2 ? "dog" : "cat", `${at}`]]);
    }
    await ngx.thread.wait(speaking);
    // A channel may be silent.
    sub.set_timeout(20);
    assert.deepEqual(await sub.read_reply(), [null, "timeout"]);
    sub.set_timeout(5000);
    assert.deepEqual(await pub.publish("dog", "wuff"), [1]);
    assert.deepEqual(await sub.read_reply(), [["message", "dog", "wuff"]]);
    assert.deepEqual(await sub.unsubscribe("dog"), [["unsubscribe", "dog", 1]]);
    assert.deepEqual(await sub.unsubscribe(), [["unsubscribe", "cat", 0]]);
    assert.deepEqual(await sub.ping(), ["PONG"]);
    assert.deepEqual(await sub.psubscribe("d*"), [["psubscribe", "d*", 1]]);
    await pub.publish("doe", "a deer");
    assert.deepEqual(await sub.read_reply(), [["pmessage", "d*", "doe", "a deer"]]);
    assert.deepEqual(await sub.punsubscribe("d*"), [["punsubscribe", "d*", 0]]);
    // Also where it is subscribed to in a pipeline.
    pub.init_pipeline();
    pub.subscribe("a");
    assert.deepEqual(await pub.commit_pipeline(), [[["subscribe", "a", 1]]]);
    assert.deepEqual(await pub.set_keepalive(), [null, "subscribed state"]);
  });

  serverTest("after a timeout nobody gets the late answer", async (ngx, place) => {
    const red = await connected(ngx, place);
    red.set_timeout(30);
    assert.deepEqual(await red.blpop("list", 0), [null, "timeout"]);
    assert.deepEqual(await red.get("n"), [null, "closed"]);
    assert.deepEqual(await red.set_keepalive(), [null, "closed"]);
    assert.deepEqual(red.close(), [null, "closed"]);
    assert.deepEqual(await red.connect(...place), [1]);
    red.init_pipeline();
    red.set("n", 1);
    red.blpop("list", 0);
    red.get("n");
    assert.deepEqual(await red.commit_pipeline(), [null, "timeout"]);
    const next = await connected(ngx, place);
    assert.deepEqual(next.get_reused_times(), [0]);
    assert.deepEqual(await next.get("n"), ["1"]);
  });

  serverTest("a server that dies is said to be closed, then refuses", async (ngx, place, end) => {
    const red = await connected(ngx, place);
    const waiting = red.blpop("list", 0);
    red.set_timeouts(1000, 1000, 1000);
    await end();
    const [res, err] = await waiting;
    assert.equal(res, null);
    assert.match(String(err), /^(?:closed|connection reset by peer)$/);
    assert.deepEqual(await red.get("n"), [null, "closed"]);
    const [ok, err2] = await red.connect(...place);
    assert.deepEqual([ok, err2], [null, "connection refused"]);
  });
}

test("auth opens the server, and select chooses", { skip }, () =>
  withServer("TCP", (at) => {
    const program = redis(at);
    return { ...program, args: [...program.args, "--requirepass", "secret"] };
  }, (target) =>
    createNgx(QUIET).run(async (ngx) => {
      const red = await connected(ngx, argumentsOf(target));
      assert.deepEqual(await red.get("n"), [false, "NOAUTH Authentication required."]);
      assert.match(String((await red.auth("wrong"))[1]), /^WRONGPASS /);
      assert.deepEqual(await red.auth("secret"), ["OK"]);
      assert.deepEqual(await red.select(1), ["OK"]);
      assert.deepEqual(await red.select(99), [false, "ERR DB index is out of range"]);
    })));

test("TLS goes by the option ssl, and is verified", { skip }, async () => {
  const { good } = await certificates();
  await withServer("TCP", redisTls(good, "none"), async (target) => {
    await createNgx(QUIET).run(async (ngx) => {
      const [red] = Redis.new(ngx);
      const [ok, err] = await red.connect(...argumentsOf(target), { ssl: true });
      assert.equal(ok, null);
      assert.match(String(err), /^failed to do ssl handshake: /);
      assert.deepEqual(await red.ping(), [null, "closed"]);
      const options = { ssl: true, ssl_verify: false };
      assert.deepEqual(await red.connect(...argumentsOf(target), options), [1]);
      assert.deepEqual(await red.ping(), ["PONG"]);
    });
  });
});

/** What a server might say, and what the client makes of it. */
const REPLIES = [
  { name: "a reply of no kind", says: "HTTP/1.1 400\r\n", is: [null, 'bad reply: "HTTP/1.1 400"'] },
  { name: "a number that is none", says: ":x\r\n", is: [null, 'bad reply: ":x"'] },
  { name: "a timeout in a line", says: "+O", is: [null, "timeout"] },
  { name: "a timeout in a value", says: "$5\r\nab", is: [null, "timeout"] },
  { name: "a timeout behind a value", says: "$2\r\nab", is: [null, "timeout"] },
  { name: "a timeout in a list", says: "*2\r\n$1\r\na\r\n", is: [null, "timeout"] },
];

for (const { name, says, is } of REPLIES) {
  test(`${name} closes the connection`, () =>
    Peer.with(
      (socket) => socket.once("data", () => socket.write(says)),
      (peer) =>
        createNgx(QUIET).run(async (ngx) => {
          const red = await connected(ngx, ["127.0.0.1", String(peer.port)]);
          red.set_timeout(50);
          assert.deepEqual(await red.get("n"), is);
          assert.deepEqual(await red.get("n"), [null, "closed"]);
          assert.deepEqual(await red.set_keepalive(), [null, "closed"]);
        }),
    ));
}

test("a server that leaves in the middle of a list", () =>
  Peer.with(
    (socket) => socket.once("data", () => socket.end("*2\r\n$1\r\na\r\n$")),
    (peer) =>
      createNgx(QUIET).run(async (ngx) => {
        const red = await connected(ngx, ["127.0.0.1", String(peer.port)]);
        assert.deepEqual(await red.get("n"), [null, "closed"]);
        assert.deepEqual(red.close(), [null, "closed"]);
      }),
  ));

test("a timeout in the middle of a message closes a subscriber's connection, too", () =>
  Peer.with(
    (socket) =>
      socket.once("data", () => socket.write("*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n")),
    (peer) =>
      createNgx(QUIET).run(async (ngx) => {
        const red = await connected(ngx, ["127.0.0.1", String(peer.port)]);
        assert.deepEqual(await red.subscribe("a"), [["subscribe", "a", 1]]);
        red.set_timeout(50);
        assert.deepEqual(await red.read_reply(), [null, "timeout"]);
        assert.deepEqual(await red.read_reply(), [null, "not subscribed"]);
        assert.deepEqual(await red.ping(), [null, "closed"]);
      }),
  ));

test(
  "examples/resty_redis.ts runs by itself",
  { skip },
  () =>
    withServer("TCP", redis, async (target) => {
      const output = await runExample("resty_redis.ts", ...argumentsOf(target));
      assert.deepEqual(output.split("\n"), [
        "set: OK",
        "get: an animal",
        "1: false,ERR value is not an integer or out of range",
        "2: an animal,null",
        "kept: 1",
        "",
      ]);
    }),
);
