// Light threads, timers and time, as `ngx` has them.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { TcpSocket } from "../src/faces/ngx/mod.ts";
import { connected, Peer, quietNgx, raises, silent, until } from "./helpers/ngx_peer.ts";

test("a thread runs at once up to its first wait, and wait gives what it returned", async () => {
  const { ngx } = quietNgx();
  const story: string[] = [];
  const thread = ngx.thread.spawn(
    async (a: string, b: string) => {
      story.push("begun");
      await ngx.sleep(0.001);
      return [b, a];
    },
    "a",
    "b",
  );
  story.push("spawned");
  assert.deepEqual(await ngx.thread.wait(thread), [true, "b", "a"]);
  assert.deepEqual(story, ["begun", "spawned"]);
  assert.deepEqual(await ngx.thread.wait(ngx.thread.spawn(() => {})), [true]);
  assert.deepEqual(await ngx.thread.wait(ngx.thread.spawn(() => "one")), [true, "one"]);
});

test("wait gives the error of a thread", async () => {
  const { ngx } = quietNgx();
  const boom = ngx.thread.spawn(() => {
    throw new Error("boom");
  });
  assert.deepEqual(await ngx.thread.wait(boom), [false, "boom"]);
});

test("wait gives the first of several threads that ends, once", async () => {
  const { ngx } = quietNgx();
  const slow = ngx.thread.spawn(async () => {
    await ngx.sleep(0.05);
    return "slow";
  });
  const quick = ngx.thread.spawn(async () => {
    await ngx.sleep(0.01);
    return "quick";
  });
  assert.deepEqual(await ngx.thread.wait(slow, quick), [true, "quick"]);
  assert.deepEqual(await ngx.thread.wait(quick), [null, "already waited or killed"]);
  assert.deepEqual(await ngx.thread.wait(slow, quick), [null, "already waited or killed"]);
  assert.deepEqual(await ngx.thread.wait(slow), [true, "slow"]);
});

test("a killed thread lets go of its socket and never goes on", async () => {
  await Peer.with(silent, async (peer) => {
    const { ngx } = quietNgx();
    const sock = await connected(ngx, peer.port);
    let wentOn = false;
    const thread = ngx.thread.spawn(async () => {
      await sock.receive();
      wentOn = true;
    });
    assert.deepEqual(ngx.thread.kill(thread), [1]);
    await until(() => peer.connections[0]!.ended);
    assert.deepEqual(await sock.send("x"), [null, "closed"]);
    assert.deepEqual(ngx.thread.kill(thread), [null, "already waited or killed"]);
    assert.deepEqual(await sock.connect("127.0.0.1", peer.port), [1]);
    assert.equal(wentOn, false);
    sock.close();
  });
});

test("what a killed thread was looking at does not keep its object busy", async () => {
  await Peer.with(silent, async (peer) => {
    const { ngx } = quietNgx();
    const sock = await connected(ngx, peer.port);
    sock.settimeouts(1000, 1000, 1); // so short that it is looked first what has come
    const thread = ngx.thread.spawn(() => sock.receive());
    assert.deepEqual(await sock.receive(), [null, "socket busy reading"]);
    assert.deepEqual(ngx.thread.kill(thread), [1]);
    assert.deepEqual(await sock.connect("127.0.0.1", peer.port), [1]);
    assert.deepEqual(await sock.receive(), [null, "timeout", ""]);
    sock.close();
  });
});

const reads: { name: string; of: (sock: TcpSocket) => () => Promise<unknown> }[] = [
  { name: "lines", of: (sock) => () => sock.receive() },
  { name: "sizes", of: (sock) => () => sock.receive(2) },
  { name: "fetched bytes", of: (sock) => () => sock.receiveany(2) },
  { name: "parts", of: (sock) => sock.receiveuntil("\n")[0]! },
];

for (const { name, of } of reads) {
  test(`a thread that is killed among ${name} that are at hand never goes on`, async () => {
    await Peer.with((socket) => void socket.write("a\nb\nc\nd\ne\n"), async (peer) => {
      const { ngx } = quietNgx();
      const sock = await connected(ngx, peer.port);
      let count = 0;
      const thread = ngx.thread.spawn(async () => {
        const read = of(sock);
        for (; count < 5; count++) {
          if (count === 2) queueMicrotask(() => ngx.thread.kill(thread));
          await read();
        }
      });
      await until(() => peer.connections[0]!.ended);
      assert.equal(count, 2);
      sock.close();
    });
  });
}

test("threads refuse what is none", async () => {
  const { ngx } = quietNgx();
  raises(
    () => ngx.thread.spawn("x" as never),
    "bad argument #1 to 'spawn' (Lua function expected)",
  );
  raises(() => ngx.thread.kill(1), "bad argument #1 to 'kill' (lua thread expected)");
  await assert.rejects(ngx.thread.wait(), {
    message: "at least one coroutine should be specified",
  });
  await assert.rejects(ngx.thread.wait(1), {
    message: "bad argument #1 to 'wait' (lua thread expected)",
  });
});

test("a timer calls back with false and its arguments", async () => {
  const { ngx } = quietNgx();
  const called = new Promise<unknown[]>((resolve) => {
    const at = ngx.timer.at("0.01", (...args) => resolve(args), 1, "two");
    assert.deepEqual(at, [1]);
  });
  assert.deepEqual(await called, [false, 1, "two"]);
});

test("what a timer throws is logged", async () => {
  const { ngx, logged } = quietNgx();
  ngx.timer.at(0, () => Promise.reject(new Error("boom")));
  await until(() => logged.length > 0);
  assert.deepEqual(logged, [[4, "failed to run timer: Error: boom"]]);
});

test("timers refuse what is no time and what is no function", () => {
  const { ngx } = quietNgx();
  const at = ngx.timer.at as (...args: unknown[]) => unknown;
  raises(() => at(), "expecting at least 2 arguments but got 0");
  raises(() => at(1), "expecting at least 2 arguments but got 1");
  raises(() => at("x", () => {}), "bad argument #1 to 'at' (number expected, got string)");
  raises(() => at(0, 1), "bad argument #2 to 'at' (Lua function expected)");
});

test("sleep takes seconds, one argument, and nothing negative", async () => {
  const { ngx } = quietNgx();
  const startedMs = performance.now();
  assert.deepEqual(await ngx.sleep(0.03), []);
  assert.ok(performance.now() - startedMs > 20);
  await ngx.sleep("0.001");
  await ngx.sleep(-0.0001);
  const refused: [unknown[], string][] = [
    [[], "attempt to pass 0 arguments, but accepted 1"],
    [[1, 2], "attempt to pass 2 arguments, but accepted 1"],
    [["x"], "bad argument #1 to 'sleep' (number expected, got string)"],
    [[null], "bad argument #1 to 'sleep' (number expected, got nil)"],
    [[-1], 'invalid sleep duration "-1000"'],
  ];
  for (const [args, message] of refused) await assert.rejects(ngx.sleep(...args), { message });
});

test("now is the time, and update_time changes nothing", () => {
  const { ngx } = quietNgx();
  assert.ok(Math.abs(ngx.now() * 1000 - Date.now()) < 1000);
  assert.deepEqual(ngx.update_time(), []);
});
