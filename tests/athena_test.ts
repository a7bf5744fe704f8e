import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Cosocket, datagram, listen, type ListenerOptions } from "../mod.ts";
import { type AthenaSocket, socket } from "../src/faces/athena.ts";
import { LuaError } from "../src/faces/lua.ts";
import { certificates } from "./helpers/certificates.ts";

const { ca, good, localhost, other } = await certificates();

const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** A server whose connections do `serve`, while `work` runs; errors of a guest that left are fine. */
async function withServer(
  serve: (guest: Cosocket) => Promise<unknown>,
  work: (port: number) => Promise<void>,
  options: ListenerOptions = {},
): Promise<void> {
  const listener = await listen("127.0.0.1:0", options);
  const guests: Promise<unknown>[] = [];
  const serving = (async () => {
    for await (const guest of listener) {
      guests.push(serve(guest).catch(() => {}).finally(() => guest.close()));
    }
  })();
  try {
    await work((listener.address as { port: number }).port);
  } finally {
    await listener.close();
    await serving;
    await Promise.all(guests);
  }
}

const echo = async (guest: Cosocket) => {
  for (let bytes; (bytes = await guest.receiveAny(1000)) !== null;) await guest.send(bytes);
};

/** A connected socket, closed in the end. */
async function withSocket(
  port: number,
  work: (sock: AthenaSocket) => Promise<void>,
  sock: AthenaSocket = socket.new(),
): Promise<void> {
  try {
    assert.deepEqual(await sock.connect("tcp", "127.0.0.1", port), [true, null]);
    await work(sock);
  } finally {
    sock.close();
  }
}

async function closedPort(): Promise<number> {
  const listener = await listen("127.0.0.1:0");
  const { port } = listener.address as { port: number };
  await listener.close();
  return port;
}

test("lookup gives an address, and a literal one as it is", async () => {
  const [ip, err] = await socket.lookup("localhost");
  assert.equal(err, null);
  assert.match(ip!, /^127\.0\.0\.1$|^::1$/);
  assert.deepEqual(await socket.lookup("127.0.0.1"), ["127.0.0.1", null]);
  assert.deepEqual(await socket.lookup("::1"), ["::1", null]);
});

test("lookup says that there is no such host", async () => {
  const name = "no-such-host.invalid";
  assert.deepEqual(await socket.lookup(name), [null, `lookup ${name}: no such host`]);
});

test("new can be called both ways, and takes a timeout", () =>
  withServer(echo, async (port) => {
    const options = { timeout: 0.02 };
    for (const sock of [socket.new(options), socket.new(socket, options)]) {
      await withSocket(port, async (sock) => {
        const [msg, length, err] = await sock.recv(10);
        assert.equal(msg, "");
        assert.equal(length, 0);
        assert.match(err!, /^read tcp 127\.0\.0\.1:\d+->127\.0\.0\.1:\d+: i\/o timeout$/);
      }, sock);
    }
    for (const sock of [socket.new(), socket.new(null), socket.new(socket), socket.new({})]) {
      await withSocket(port, async (sock) => {
        assert.deepEqual(await sock.send("a"), [true]);
        assert.deepEqual(await sock.recv(10), ["a", 1, null]);
      }, sock);
    }
  }));

test("new refuses options that are no table", () => {
  const wrong = "options" as unknown as undefined;
  const refusal = new LuaError("bad argument #1 to new (table expected, got string)");
  assert.throws(() => socket.new(wrong), refusal);
  assert.throws(() => socket.new(socket, wrong), refusal);
});

test("timeout, servername and close give nothing", () => {
  const sock = socket.new();
  assert.deepEqual(sock.timeout(1), []);
  assert.deepEqual(sock.servername("test.example"), []);
  assert.deepEqual(sock.close(), []);
  assert.deepEqual(sock.close(), []);
});

test("timeout refuses what is no number", () => {
  const sock = socket.new();
  assert.throws(
    () => sock.timeout("soon" as unknown as number),
    new LuaError("bad argument #1 to timeout (number expected, got string)"),
  );
  assert.throws(() => socket.new({ timeout: {} as unknown as number }), LuaError);
  assert.deepEqual(sock.timeout("1.5" as unknown as number), []);
});

test("a timeout may be changed, and 0 waits for ever", () =>
  withServer(async (guest) => {
    await guest.receiveAny(1);
    await sleep(60);
    await guest.send("late");
    await guest.receiveAll();
  }, (port) =>
    withSocket(port, async (sock) => {
      await sock.send("x");
      sock.timeout(0.01);
      assert.match((await sock.recv(10))[2]!, /i\/o timeout$/);
      sock.timeout(0);
      assert.deepEqual(await sock.recv(10), ["late", 4, null]);
    })));

test("connect takes a port as a number or a text, and a name", () =>
  withServer(echo, async (port) => {
    for (const [host, at] of [["127.0.0.1", port], ["127.0.0.1", `${port}`], ["localhost", port]]) {
      const sock = socket.new();
      assert.deepEqual(await sock.connect("tcp", `${host}`, at!), [true, null]);
      sock.close();
    }
  }));

test("connect says why not, as Go does", async () => {
  const port = await closedPort();
  const sock = socket.new();
  const refused = `dial tcp 127.0.0.1:${port}: connect: connection refused`;
  assert.deepEqual(await sock.connect("tcp", "127.0.0.1", port), [null, refused]);
  const unknown = "dial tcp: lookup no-such-host.invalid: no such host";
  assert.deepEqual(await sock.connect("tcp", "no-such-host.invalid", 80), [null, unknown]);
  const network = "dial icmp: unknown network icmp";
  assert.deepEqual(await sock.connect("icmp" as "tcp", "127.0.0.1", 80), [null, network]);
  for (const bad of ["65536", "-1", "8o", "", 1.5]) {
    const invalid = `dial tcp: address ${bad}: invalid port`;
    assert.deepEqual(await sock.connect("tcp", "127.0.0.1", bad), [null, invalid]);
  }
  // Nothing of that has made it connected.
  assert.deepEqual(await sock.send("x"), [false]);
});

test("connect refuses arguments of other types", async () => {
  const sock = socket.new();
  const wrong = {} as unknown as string;
  await assert.rejects(sock.connect("tcp", wrong, 80), LuaError);
  await assert.rejects(sock.connect("tcp", "127.0.0.1", wrong), LuaError);
  await assert.rejects(sock.connect(wrong as "tcp", "127.0.0.1", 80), LuaError);
});

test("connect closes what was connected before", () =>
  withServer(async (guest) => {
    await guest.send(`${(guest.remoteAddress as { port: number }).port}`);
    await guest.receiveAll();
  }, async (port) => {
    const sock = socket.new();
    await withSocket(port, async () => {
      const [first] = await sock.recv(10);
      await sock.connect("tcp", "127.0.0.1", port);
      const [second] = await sock.recv(10);
      assert.notEqual(first, second);
    }, sock);
  }));

test("close gives up a connect that is under way", async () => {
  const sock = socket.new();
  const connecting = sock.connect("tcp", "127.0.0.1", 9);
  sock.close();
  const [status, err] = await connecting;
  assert.equal(status, null);
  assert.match(
    err!,
    /^dial tcp 127\.0\.0\.1:9: (operation was canceled|connect: connection refused)$/,
  );
});

test("send and recv exchange bytes of all values", () =>
  withServer(echo, (port) =>
    withSocket(port, async (sock) => {
      const bytes = Uint8Array.from({ length: 256 }, (_, at) => at);
      const text = String.fromCharCode(...bytes);
      assert.deepEqual(await sock.send(text), [true]);
      assert.deepEqual(await sock.recv(256), [text, 256, null]);
      assert.deepEqual(await sock.send(bytes), [true]);
      assert.deepEqual(await sock.recv(256), [text, 256, null]);
      assert.deepEqual(await sock.send(12 as unknown as string), [true]);
      assert.deepEqual(await sock.recv(256), ["12", 2, null]);
      await assert.rejects(sock.send("\u0100"), TypeError);
      await assert.rejects(sock.send(null as unknown as string), LuaError);
    })));

test("recv gives what there is, at most so many bytes", () =>
  withServer(async (guest) => {
    await guest.send("abcdef");
    await guest.receiveAll();
  }, (port) =>
    withSocket(port, async (sock) => {
      assert.deepEqual(await sock.recv(4), ["abcd", 4, null]);
      assert.deepEqual(await sock.recv(0), ["", 0, null]);
      assert.deepEqual(await sock.recv(4), ["ef", 2, null]);
      for (const wrong of [-1, NaN, Infinity, "x", null]) {
        await assert.rejects(sock.recv(wrong as number), LuaError);
      }
    })));

test("recv says EOF at the end, again and again", () =>
  withServer((guest) => guest.send("bye"), (port) =>
    withSocket(port, async (sock) => {
      assert.deepEqual(await sock.recv(10), ["bye", 3, null]);
      assert.deepEqual(await sock.recv(10), ["", 0, "EOF"]);
      assert.deepEqual(await sock.recv(10), ["", 0, "EOF"]);
    })));

test("a reset is told by recv, and makes send false in the end", () =>
  withServer(async (guest) => {
    await guest.receiveAny(1);
    guest.abort();
  }, (port) =>
    withSocket(port, async (sock) => {
      await sock.send("x");
      const [msg, length, err] = await sock.recv(10);
      assert.deepEqual([msg, length], ["", 0]);
      assert.match(err!, /^read tcp .*: connection reset by peer$|^EOF$/);
      let status = true;
      for (let left = 100; status && left > 0; left--) {
        [status] = await sock.send("x".repeat(1000));
        await sleep(1);
      }
      assert.equal(status, false);
    })));

test("a socket that is not connected, or closed, sends and receives nothing", () =>
  withServer(echo, async (port) => {
    const sock = socket.new();
    const nothing = ["", 0, "use of closed network connection"];
    assert.deepEqual(await sock.send("x"), [false]);
    assert.deepEqual(await sock.recv(1), nothing);
    await withSocket(port, async () => {}, sock);
    assert.deepEqual(await sock.send("x"), [false]);
    assert.deepEqual(await sock.recv(1), nothing);
    // It can be connected again.
    await withSocket(port, async () => {
      assert.deepEqual(await sock.send("x"), [true]);
    }, sock);
  }));

test("close ends a recv that waits", () =>
  withServer(echo, (port) =>
    withSocket(port, async (sock) => {
      const waiting = sock.recv(10);
      await sleep(5);
      sock.close();
      assert.match((await waiting)[2]!, /: use of closed network connection$/);
    })));

test("a send that takes too long is false", () =>
  withServer(async (guest) => {
    await sleep(200);
    guest.abort();
  }, (port) =>
    withSocket(port, async (sock) => {
      sock.timeout(0.05);
      assert.deepEqual(await sock.send("x".repeat(32 * 1024 * 1024)), [false]);
    })));

const trusting = { caCerts: ca.cert };

test("TLS shakes hands, for the address that was connected to", () =>
  withServer(echo, (port) =>
    withSocket(port, async (sock) => {
      assert.deepEqual(await sock.send("secret"), [true]);
      assert.deepEqual(await sock.recv(100), ["secret", 6, null]);
    }, socket.new({ tls: trusting })), { tls: localhost }));

test("TLS asks for the name that servername says, and verifies it", () =>
  withServer(async (guest) => {
    await guest.send(`${guest.tls?.serverName ?? ""}`);
    await guest.receiveAll();
  }, async (port) => {
    const sock = socket.new({ tls: trusting });
    sock.servername("test.example");
    await withSocket(port, async () => {
      // Deno does not tell a server the name.
      assert.match((await sock.recv(100))[0], /^(test\.example)?$/);
    }, sock);
    sock.servername("other.example");
    const [status, err] = await sock.connect("tcp", "127.0.0.1", port);
    assert.equal(status, null);
    assert.match(err!, /^dial tcp 127\.0\.0\.1:\d+: /);
  }, { tls: good }));

test("TLS refuses a certificate for somebody else, and one that nobody it trusts has signed", () =>
  withServer(echo, async (port) => {
    for (const tls of [true, trusting]) {
      const sock = socket.new({ tls });
      const [status, err] = await sock.connect("tcp", "127.0.0.1", port);
      assert.equal(status, null);
      assert.equal(typeof err, "string");
      assert.deepEqual(await sock.send("x"), [false]);
    }
  }, { tls: other }));

test("TLS takes any certificate only if it is told so in so many words", () =>
  withServer(echo, (port) =>
    withSocket(
      port,
      async (sock) => {
        assert.deepEqual(await sock.send("x"), [true]);
        assert.deepEqual(await sock.recv(1), ["x", 1, null]);
      },
      socket.new({
        tls: {
          dangerouslySkipChainVerification: true,
          dangerouslySkipNameVerification: true,
        },
      }),
    ), { tls: other }));

test("a handshake that nobody answers takes no longer than the timeout", () =>
  withServer(async (guest) => {
    // Deno keeps the connection of a handshake that was given up until the peer ends.
    await guest.receiveAll({ deadlineMs: 200 });
  }, async (port) => {
    const sock = socket.new({ tls: true, timeout: 0.05 });
    const refusal = [null, `dial tcp 127.0.0.1:${port}: i/o timeout`];
    assert.deepEqual(await sock.connect("tcp", "127.0.0.1", port), refusal);
  }));

test("UDP sends and receives datagrams, which are cut where there is no room", async () => {
  const peer = await datagram({ localAddress: "127.0.0.1" });
  const sock = socket.new({ timeout: 5 });
  try {
    const { port } = peer.localAddress!;
    assert.deepEqual(await sock.connect("udp", "127.0.0.1", port), [true, null]);
    assert.deepEqual(await sock.send("ping\xff"), [true]);
    const { data, from } = await peer.receiveFrom();
    assert.deepEqual(data, Uint8Array.of(112, 105, 110, 103, 0xff));
    for (const text of ["pong", "", "much too long", "end"]) await peer.sendTo(text, from);
    assert.deepEqual(await sock.recv(100), ["pong", 4, null]);
    assert.deepEqual(await sock.recv(100), ["", 0, null]);
    assert.deepEqual(await sock.recv(4), ["much", 4, null]);
    assert.deepEqual(await sock.recv(3), ["end", 3, null]);
    sock.timeout(0.01);
    assert.match((await sock.recv(3))[2]!, /^read udp .*->127\.0\.0\.1:\d+: i\/o timeout$/);
    assert.deepEqual(await sock.send(new Uint8Array(70_000)), [false]);
    sock.close();
    assert.deepEqual(await sock.send("x"), [false]);
  } finally {
    sock.close();
    peer.close();
  }
});

test("UDP with TLS is refused", async () => {
  const sock = socket.new({ tls: true });
  const refusal = [null, "dial udp: TLS is not possible over UDP"];
  assert.deepEqual(await sock.connect("udp", "127.0.0.1", 53), refusal);
});

test("a large message goes there and back", () =>
  withServer(async (guest) => {
    const bytes = await guest.receiveExactly(1_000_000);
    await guest.send(bytes);
  }, (port) =>
    withSocket(port, async (sock) => {
      assert.deepEqual(await sock.send("x".repeat(1_000_000)), [true]);
      let total = 0;
      for (;;) {
        const [, length, err] = await sock.recv(4096);
        if (err === "EOF") break;
        assert(length <= 4096);
        total += length;
      }
      assert.equal(total, 1_000_000);
    })));

test("the server's side of a conversation sees plain bytes", () =>
  withServer(async (guest) => {
    assert.equal(decode(await guest.receiveExactly(5)), "hello");
    await guest.send("ok");
  }, (port) =>
    withSocket(port, async (sock) => {
      await sock.send("hello");
      assert.deepEqual(await sock.recv(10), ["ok", 2, null]);
    })));
