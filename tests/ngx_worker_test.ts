// `ngx` around its sockets: who closes what and shares what, and where what it says goes.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { TcpSocket } from "../src/faces/ngx/mod.ts";
import { connected, echo, Peer, quietNgx, raises, silent, until } from "./helpers/ngx_peer.ts";

test("run gives what its handler gives, and closes what it left open", async () => {
  await Peer.with(silent, async (peer) => {
    const { ngx } = quietNgx();
    let kept: TcpSocket | undefined;
    const result = await ngx.run(async (ngx) => {
      kept = await connected(ngx, peer.port);
      return "done";
    });
    assert.equal(result, "done");
    await until(() => peer.connections[0]!.ended);
    assert.deepEqual(await kept!.send("x"), [null, "closed"]);
    assert.deepEqual(await kept!.receive(), [null, "closed"]);
    assert.deepEqual(kept!.close(), [null, "closed"]);
  });
});

test("run closes what is open when its handler throws, and throws on", async () => {
  await Peer.with(silent, async (peer) => {
    const { ngx } = quietNgx();
    const running = ngx.run(async (ngx) => {
      await connected(ngx, peer.port);
      throw new RangeError("enough");
    });
    await assert.rejects(running, RangeError);
    await until(() => peer.connections[0]!.ended);
  });
});

test("run waits for the threads of its handler before it closes anything", async () => {
  await Peer.with(echo, async (peer) => {
    const { ngx, out } = quietNgx();
    await ngx.run(async (ngx) => {
      const sock = await connected(ngx, peer.port);
      ngx.thread.spawn(async () => {
        await ngx.sleep(0.05);
        ngx.thread.spawn(async () => {
          await ngx.sleep(0.02);
          await sock.send("late\n");
          ngx.say(...await sock.receive());
        });
      });
    });
    assert.equal(out(), "late\n");
    await until(() => peer.connections[0]!.ended);
  });
});

test("run leaves connections that went to a pool alone", async () => {
  await Peer.with(silent, async (peer) => {
    const { ngx } = quietNgx();
    await ngx.run(async (ngx) => {
      const sock = await connected(ngx, peer.port);
      assert.deepEqual(await sock.setkeepalive(), [1]);
    });
    await ngx.run(async (ngx) => {
      const sock = await connected(ngx, peer.port);
      assert.deepEqual(sock.getreusedtimes(), [1]);
    });
    assert.equal(peer.connections.length, 1);
  });
});

test("a handler that ends while it waits in a pool's queue leaves the queue", async () => {
  await Peer.with(silent, async (peer) => {
    const { ngx } = quietNgx();
    const limited = { pool: "p", pool_size: 1, backlog: 1 };
    const user = await connected(ngx, peer.port, limited);
    await ngx.run((ngx) => {
      void ngx.socket.tcp().connect("127.0.0.1", peer.port, limited);
    });
    const next = ngx.socket.tcp().connect("127.0.0.1", peer.port, limited);
    user.close();
    assert.deepEqual(await next, [1]);
  });
});

test("with gives other directives and the same pools", async () => {
  await Peer.with(silent, async (peer) => {
    const { ngx } = quietNgx();
    const hasty = ngx.with({ lua_socket_read_timeout: "40ms" });
    const sock = await connected(ngx, peer.port);
    await sock.setkeepalive();
    const reused = await connected(hasty, peer.port);
    assert.deepEqual(reused.getreusedtimes(), [1]);
    assert.deepEqual(await reused.receive(), [null, "timeout", ""]);
    reused.close();
  });
});

test("each worker has pools of its own", async () => {
  await Peer.with(silent, async (peer) => {
    await (await connected(quietNgx().ngx, peer.port)).setkeepalive();
    const other = await connected(quietNgx().ngx, peer.port);
    assert.deepEqual(other.getreusedtimes(), [0]);
    other.close();
  });
});

test("say and print give out what the original prints", () => {
  const { ngx, out } = quietNgx();
  assert.deepEqual(ngx.say("a", 1, null, true, [1, ["b", null, "c"]], ngx.null, 1e14), [1]);
  assert.deepEqual(ngx.print("x", 0.1, false), [1]);
  ngx.say();
  assert.equal(out(), "a1niltrue1bnilcnull1e+14\nx0.1false\n");
  raises(
    () => ngx.say("x", { a: 1 }),
    "bad argument #2 to 'say' (non-array table found)",
  );
});

test("log goes to its sink with its level", () => {
  const { ngx, logged } = quietNgx();
  assert.deepEqual(ngx.log(ngx.ERR, "bad: ", 1.5, null, true), []);
  ngx.log("8", "fine");
  assert.deepEqual(logged, [[4, "bad: 1.5niltrue"], [8, "fine"]]);
  raises(() => ngx.log(), "bad argument #1 to 'log' (number expected, got no value)");
  raises(() => ngx.log("x"), "bad argument #1 to 'log' (number expected, got string)");
  raises(() => ngx.log(100, "x"), "bad argument #1 to 'log' (bad log level: 100)");
  raises(() => ngx.log(-1, "x"), "bad argument #1 to 'log' (bad log level: -1)");
});

test("socket errors are logged, unless the directive says no", async () => {
  const { ngx, logged } = quietNgx();
  await ngx.socket.tcp().connect("127.0.0.1", 1);
  await ngx.socket.tcp().receive();
  const refused = "connect() failed (111: Connection refused), upstream: 127.0.0.1:1(127.0.0.1)";
  assert.deepEqual(logged, [
    [ngx.ERR, refused],
    [ngx.ERR, "attempt to receive data on a closed socket"],
  ]);
  await ngx.with({ lua_socket_log_errors: "off" }).socket.tcp().receive();
  assert.equal(logged.length, 2);
});

test("a line of the log says whom it speaks of", () =>
  Peer.with(silent, async (peer) => {
    const { ngx, logged } = quietNgx();
    const sock = await connected(ngx, peer.port);
    sock.settimeout(1);
    await sock.receive();
    const upstream = `127.0.0.1:${peer.port}(127.0.0.1)`;
    assert.deepEqual(logged, [[ngx.ERR, `lua tcp socket read timed out, upstream: ${upstream}`]]);
    sock.close();
    sock.settimeout(5000);
    await sock.connect("unix:/nonexistent/sock");
    const path = "unix:/nonexistent/sock";
    const refused = `connect() failed (2: No such file or directory), upstream: ${path}(${path})`;
    assert.deepEqual(logged[1], [ngx.ERR, refused]);
  }));

test("the log levels are nginx's", () => {
  const { ngx } = quietNgx();
  const { STDERR, EMERG, ALERT, CRIT, ERR, WARN, NOTICE, INFO, DEBUG } = ngx;
  const levels = [STDERR, EMERG, ALERT, CRIT, ERR, WARN, NOTICE, INFO, DEBUG];
  assert.deepEqual(levels, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
});
