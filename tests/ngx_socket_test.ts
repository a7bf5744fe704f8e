// What of the sockets no scenario can say: bytes and texts of JavaScript, its collector, and what
// stays as it was. All else that they answer is compared with the original in `conformance/`.

import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { setImmediate } from "node:timers";
import { byteString } from "../src/bytes.ts";
import { askedForNews } from "../src/drivers/turns.ts";
import { createNgx, LuaError } from "../src/faces/ngx/mod.ts";
import { collectGarbage } from "./conformance/collect_garbage.ts";
import { connected, echo, Peer, quietNgx, raises, silent, until } from "./helpers/ngx_peer.ts";
import { Random } from "./helpers/random.ts";

test("a socket can be used beside any handler, until it is closed", async () => {
  await Peer.with(echo, async (peer) => {
    const sock = await connected(quietNgx().ngx, peer.port);
    await sock.send("hello\n");
    assert.deepEqual(await sock.receive(), ["hello"]);
    assert.deepEqual(sock.close(), [1]);
  });
});

test("after a read that timed out setkeepalive says 1, and nobody gets that connection", async () => {
  await Peer.with(silent, async (peer) => {
    const { ngx } = quietNgx();
    const sock = await connected(ngx, peer.port);
    sock.settimeout(20);
    await sock.send("question");
    assert.deepEqual(await sock.receive(), [null, "timeout", ""]);
    assert.deepEqual(await sock.setkeepalive(), [1]);
    const next = await connected(ngx, peer.port);
    assert.deepEqual(next.getreusedtimes(), [0]);
    await until(() => peer.connections[0]!.ended);
    next.close();
  });
});

test("getfd has no number to give: tests/runtime_limits/descriptors.ts", async () => {
  await Peer.with(silent, async (peer) => {
    const sock = quietNgx().ngx.socket.tcp();
    raises(() => sock.getfd(), "socket is never created nor connected");
    await sock.connect("127.0.0.1", peer.port);
    assert.deepEqual(sock.getfd(), [null, "faked connection"]);
    sock.close();
    assert.deepEqual(sock.getfd(), [null, "closed"]);
  });
});

test("a forgotten socket is collected, and its connection closed", async () => {
  await Peer.with(silent, async (peer) => {
    const { ngx } = quietNgx();
    await (async () => {
      for (let made = 0; made < 5; made++) await connected(ngx, peer.port);
    })();
    for (let look = 0; look < 20 && !peer.connections.every((it) => it.ended); look++) {
      await collectGarbage();
    }
    assert.equal(peer.connections.filter((it) => it.ended).length, 5);
  });
});

test("a socket in the middle of a read is not forgotten", async () => {
  await Peer.with(silent, async (peer) => {
    const { ngx } = quietNgx();
    const reading = (async () => {
      const sock = await connected(ngx, peer.port);
      sock.settimeout(400);
      return await sock.receive();
    })();
    await collectGarbage();
    assert.deepEqual(await reading, [null, "timeout", ""]);
  });
});

test("a socket in the middle of a send is not forgotten", async () => {
  const size = 20_000_000;
  let accepted: Socket | undefined;
  await Peer.with((socket) => void (accepted = socket.pause()), async (peer) => {
    const sending = connected(quietNgx().ngx, peer.port).then((sock) =>
      sock.send(new Uint8Array(size))
    );
    await until(() => accepted !== undefined);
    await collectGarbage();
    accepted!.resume();
    assert.deepEqual(await sending, [size]);
  });
});

test("while setkeepalive looks what has come, a line at hand waits like all else", async () => {
  await Peer.with((socket) => void socket.write("one\ntwo\nthree\n"), async (peer) => {
    const sock = await connected(quietNgx().ngx, peer.port);
    assert.deepEqual(await sock.receive(), ["one"]);
    const looking = sock.setkeepalive();
    const [reader] = sock.receiveuntil("\n");
    for (const read of [() => sock.receive(), () => sock.receive(3), () => reader!()]) {
      assert.deepEqual(await read(), [null, "socket busy reading"]);
    }
    assert.deepEqual(await looking, [null, "unread data in buffer"]);
    assert.deepEqual(await sock.receive(), ["two"]);
    sock.close();
  });
});

test("a send goes beside a read that looks what has come before it waits", async () => {
  // So much may have filled the memory that the system was offered: then more may be there.
  const piece = "a".repeat(512);
  const serve = (socket: Socket) => {
    socket.write(piece);
    socket.on("data", () => socket.write("\n"));
  };
  await Peer.with(serve, async (peer) => {
    const sock = await connected(quietNgx().ngx, peer.port);
    assert.deepEqual(await sock.receive(1), ["a"]);
    const reading = sock.receive();
    assert.deepEqual(await sock.receive(), [null, "socket busy reading"]);
    assert.deepEqual(sock.close(), [null, "socket busy reading"]);
    assert.deepEqual(await sock.send("#"), [1]);
    assert.deepEqual(await reading, [piece.slice(1)]);
    sock.close();
  });
});

test("a send goes beside a read whose time is up at once", async () => {
  await Peer.with(silent, async (peer) => {
    const sock = await connected(quietNgx().ngx, peer.port);
    sock.settimeouts(1000, 1000, 1);
    const reading = sock.receive();
    assert.deepEqual(await sock.send("#"), [1]);
    assert.deepEqual(await reading, [null, "timeout", ""]);
    await until(() => peer.connections[0]!.received === "#");
    sock.close();
  });
});

test("while setkeepalive looks what has come nobody sends: another one would be answered", async () => {
  await Peer.with(echo, async (peer) => {
    const { ngx } = quietNgx();
    const sock = await connected(ngx, peer.port);
    const keeping = sock.setkeepalive();
    assert.deepEqual(await sock.send("late"), [null, "socket busy reading"]);
    assert.deepEqual(await keeping, [1]);
    const next = await connected(ngx, peer.port);
    assert.deepEqual(next.getreusedtimes(), [1]);
    assert.deepEqual(await next.send("x"), [1]);
    assert.deepEqual(await next.receive(1), ["x"]);
    next.close();
  });
});

/** Each moment at which another call may come between the end of a look and who waits for it. */
const MOMENTS = Array.from({ length: 14 }, (_, at) => at);

/** Resolves when a look that begins now is over, and so many microtasks later. */
async function lookedAnd(microtasks: number): Promise<void> {
  await askedForNews();
  for (let left = microtasks; left > 0; left--) await undefined;
}

test("a read that comes between a look and setkeepalive has the connection, or has none", async () => {
  const { ngx } = quietNgx();
  await Peer.with(echo, async (peer) => {
    for (const moment of MOMENTS) {
      const sock = await connected(ngx, peer.port);
      const reading = lookedAnd(moment).then(() => sock.receive(1));
      const [kept, why] = await sock.setkeepalive();
      if (kept === null) {
        assert.equal(why, "socket busy reading");
        await sock.send("a");
        assert.deepEqual(await reading, ["a"]);
        sock.close();
      } else {
        assert.equal((await reading)[0], null);
        const next = await connected(ngx, peer.port);
        await next.send("b");
        assert.deepEqual(await next.receive(1), ["b"]);
        next.close();
      }
    }
  });
});

test("of two reads of which one looks first the other is told, and both halves live on", async () => {
  await Peer.with(echo, async (peer) => {
    for (const moment of MOMENTS) {
      const sock = await connected(quietNgx().ngx, peer.port);
      sock.settimeouts(1000, 1000, 1);
      const other = lookedAnd(moment).then(() => sock.receive(1));
      const answers = [await sock.receive(1), await other];
      for (const [data, why] of answers) {
        assert.equal(data, null);
        assert.match(why!, /^(timeout|socket busy reading)$/);
      }
      sock.settimeout(1000);
      await sock.send("a");
      assert.deepEqual(await sock.receive(1), ["a"]);
      sock.close();
    }
  });
});

test("reads of all kinds take turns, at hand or not, at any size of the buffer", async () => {
  const random = new Random(6);
  for (let round = 0; round < 20; round++) {
    const text = byteString(random.bytes(random.between(2000, 30_000), [10, 13, 45, 97, 98]));
    const pieces = random.between(1, 4);
    const serve = (socket: Socket) => {
      for (let piece = 0; piece < pieces; piece++) {
        const [from, end] = [piece, piece + 1].map((it) => Math.floor(it * text.length / pieces));
        setImmediate(() => socket.write(text.slice(from, end), "latin1"));
      }
    };
    await Peer.with(serve, async (peer) => {
      const sock = await connected(
        createNgx({ lua_socket_buffer_size: random.of(["1", "7", "512", "4k", "64k"]) }),
        peer.port,
      );
      const [whole] = sock.receiveuntil("--");
      const [inclusive] = sock.receiveuntil("ab-", { inclusive: true });
      const upTo = (mark: string, at: number) => text.indexOf(mark, at);
      for (let at = 0; at < text.length - 1000;) {
        const kind = random.below(5);
        const size = random.between(1, 100);
        const mark = ["\n", "--", "ab-"][kind];
        const found = mark === undefined ? 0 : upTo(mark, at);
        if (found < 0) break;
        if (kind === 0) {
          const wanted = text.slice(at, found).replaceAll("\r", "");
          assert.deepEqual(await (size > 50 ? sock.receive() : sock.receive("*l")), [wanted]);
          at = found + 1;
        } else if (kind === 1) {
          assert.deepEqual(await whole!(), [text.slice(at, found)]);
          at = found + 2;
        } else if (kind === 2) {
          assert.deepEqual(await inclusive!(), [text.slice(at, found + 3)]);
          at = found + 3;
        } else if (kind === 3) {
          assert.deepEqual(await sock.receive(size), [text.slice(at, at + size)]);
          at += size;
        } else {
          const [some] = await sock.receiveany(size);
          assert.ok(some!.length > 0 && some!.length <= size);
          assert.equal(some, text.slice(at, at + some!.length));
          at += some!.length;
        }
      }
      sock.close();
    });
  }
});

const ALL_BYTES = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join("");

test("every byte goes both ways, one character each", async () => {
  await Peer.with(echo, async (peer) => {
    const sock = await connected(quietNgx().ngx, peer.port);
    assert.deepEqual(await sock.send(ALL_BYTES), [256]);
    assert.deepEqual(await sock.receive(256), [ALL_BYTES]);
    await sock.send([ALL_BYTES, [ALL_BYTES]]);
    const [reader] = sock.receiveuntil(ALL_BYTES.slice(200));
    assert.deepEqual(await reader!(), [ALL_BYTES.slice(0, 200)]);
    assert.deepEqual(await sock.receive(256), [ALL_BYTES]);
    assert.equal(peer.connections[0]!.received, ALL_BYTES.repeat(3));
    sock.close();
  });
});

test("bytes are sent as they are, also within tables", async () => {
  await Peer.with(echo, async (peer) => {
    const sock = await connected(quietNgx().ngx, peer.port);
    const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    assert.deepEqual(await sock.send(bytes), [256]);
    assert.deepEqual(await sock.send(["<", bytes.subarray(65, 68), ">"]), [5]);
    assert.deepEqual(await sock.receive(261), [`${ALL_BYTES}<ABC>`]);
    sock.close();
  });
});

test("a character above U+00FF is refused, with what to do, and loses nothing", async () => {
  await Peer.with(echo, async (peer) => {
    const sock = await connected(quietNgx().ngx, peer.port);
    for (const data of ["snow \u2603", ["a", ["\u0100"]], `${"x".repeat(100)}\u2603`]) {
      await assert.rejects(sock.send(data), (error) => {
        return error instanceof TypeError && error.message.includes("TextEncoder");
      });
    }
    await sock.send(new TextEncoder().encode("snow \u2603\n"));
    assert.deepEqual(await sock.receive(), ["snow \xe2\x98\x83"]);
    sock.close();
  });
});

test("wrong arguments lose nothing", async () => {
  await Peer.with((socket) => void socket.write("one\ntwo\n"), async (peer) => {
    const sock = await connected(quietNgx().ngx, peer.port);
    assert.deepEqual(await sock.receive(), ["one"]);
    const wrong: (() => unknown)[] = [
      () => sock.receive(-1),
      () => sock.receive("*x"),
      () => sock.receive(null),
      () => sock.receive(1, 2),
      () => sock.receiveany(0),
      () => sock.send({ a: 1 }),
      () => sock.send(),
      () => sock.connect(),
      () => sock.connect({}, 1),
      () => sock.connect("127.0.0.1", 1, { pool: true }),
      () => sock.setkeepalive("x"),
      async () => sock.close(1),
      async () => sock.settimeout(-1),
      async () => sock.receiveuntil({}),
    ];
    for (const call of wrong) await assert.rejects(async () => await call(), LuaError);
    assert.deepEqual(await sock.connect("127.0.0.1", -1), [null, "bad port number: -1"]);
    assert.deepEqual(await sock.receive(), ["two"]);
    assert.deepEqual(await sock.send("x"), [1]);
    sock.close();
  });
});

test("tcp and stream take no argument", () => {
  const { ngx } = quietNgx();
  raises(() => ngx.socket.tcp(1), "expecting zero arguments, but got 1");
  raises(() => ngx.socket.stream(null, 2), "expecting zero arguments, but got 2");
});
