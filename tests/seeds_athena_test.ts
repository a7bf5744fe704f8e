/**
 * The programs of the manual of Athena's `socket` library, line by line. The Lua stands above each
 * port; `www.baidu.com` and port 8080 have become an embedded server on loopback.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Cosocket, listen } from "../mod.ts";
import { type AthenaSocket, socket } from "../src/faces/athena.ts";
import { certificates } from "./helpers/certificates.ts";

const { ca, good, localhost } = await certificates();

// The manual's `tls = true` trusts the roots of the machine; here it is our CA that is trusted.
const tls = { caCerts: ca.cert };

/** A TLS server that answers each connection with `hello, too`, while `client` runs. */
async function withServer(
  client: (port: number) => Promise<void>,
  identity = localhost,
): Promise<void> {
  const listener = await listen("127.0.0.1:0", { tls: identity });
  const serve = async (guest: Cosocket) => {
    const asked = await guest.receiveAny(1000);
    if (asked !== null) await guest.send("hello, too");
    guest.close();
  };
  const serving = (async () => {
    for await (const guest of listener) serve(guest).catch(() => guest.close());
  })();
  try {
    await client((listener.address as { port: number }).port);
  } finally {
    await listener.close();
    await serving;
  }
}

/** What a program prints. */
async function printed(program: (print: (value: unknown) => void) => Promise<void>) {
  const lines: unknown[] = [];
  await program((value) => lines.push(value));
  return lines;
}

const error = (message: string): never => {
  throw new Error(message);
};

/*
  local socket = require("socket")

  local ip, err = socket.lookup("www.baidu.com")

  if err ~= nil then
      error(err)
  end

  print(ip)
*/
test("seed 004: socket.lookup", async () => {
  const lines = await printed(async (print) => {
    const [ip, err] = await socket.lookup("localhost");

    if (err !== null) {
      error(err);
    }

    print(ip);
  });
  assert.match(`${lines}`, /^127\.0\.0\.1$|^::1$/);
});

/*
  local socket = require("socket")

  local sock = socket.new({ tls = true })
*/
test("seed 004: socket.new", () => {
  const sock = socket.new({ tls: true });

  assert.equal(typeof sock.connect, "function");
});

/*
  local crypto = require("crypto")

  local sock = socket.new({ tls = true })
  sock:timeout(1)
*/
test("seed 004: sock:timeout", () => {
  const sock = socket.new({ tls: true });
  sock.timeout(1);
});

/*
  local socket = require("socket")

  local sock = socket.new({ tls = true })
  sock:servername("www.baidu.com")
*/
test("seed 004: sock:servername, to be connected to an IP address by TLS", () =>
  withServer(async (port) => {
    const sock = socket.new({ tls });
    sock.servername("test.example");

    assert.deepEqual(await sock.connect("tcp", "127.0.0.1", port), [true, null]);
    sock.close();
  }, good));

/*
  local socket = require("socket")

  local sock = socket.new({ tls = true })

  local status, err = sock:connect("tcp", "127.0.0.1", 8080)

  if err ~= nil then
      error(err)
  end
  print(status)
*/
test("seed 004: sock:connect", () =>
  withServer(async (port) => {
    let sock: AthenaSocket;
    const lines = await printed(async (print) => {
      sock = socket.new({ tls });

      const [status, err] = await sock.connect("tcp", "127.0.0.1", port);

      if (err !== null) {
        error(err);
      }
      print(status);
    });
    sock!.close();
    assert.deepEqual(lines, [true]);
  }));

test("seed 004: the port of sock:connect may be a string", () =>
  withServer(async (port) => {
    const sock = socket.new({ tls });
    assert.deepEqual(await sock.connect("tcp", "127.0.0.1", `${port}`), [true, null]);
    sock.close();
  }));

test("seed 004: sock:connect says why not, and no status", async () => {
  const listener = await listen("127.0.0.1:0");
  const { port } = listener.address as { port: number };
  await listener.close();

  const sock = socket.new({ tls });
  const [status, err] = await sock.connect("tcp", "127.0.0.1", port);
  assert.equal(status, null);
  assert.equal(err, `dial tcp 127.0.0.1:${port}: connect: connection refused`);
});

/*
  local socket = require("socket")

  local sock = socket.new({ tls = true })

  local status, err = sock:connect("tcp", "127.0.0.1", 8080)

  if err ~= nil then
      error(err)
  end
  local status = sock:send("hello")
  print(status)
*/
test("seed 004: sock:send", () =>
  withServer(async (port) => {
    let sock: AthenaSocket;
    const lines = await printed(async (print) => {
      sock = socket.new({ tls });

      const [_status, err] = await sock.connect("tcp", "127.0.0.1", port);

      if (err !== null) {
        error(err);
      }
      const [status] = await sock.send("hello");
      print(status);
    });
    sock!.close();
    assert.deepEqual(lines, [true]);
  }));

/*
  local socket = require("socket")

  local sock = socket.new({ tls = true })

  local status, err = sock:connect("tcp", "127.0.0.1", 8080)

  if err ~= nil then
      error(err)
  end
  local status = sock:send("hello")
  local msg, length, err = sock:recv(1024)
  if err ~= nil then
      error(err)
  end
  print(msg)
*/
test("seed 004: sock:recv", () =>
  withServer(async (port) => {
    let sock: AthenaSocket;
    const lines = await printed(async (print) => {
      sock = socket.new({ tls });

      const [_status, err] = await sock.connect("tcp", "127.0.0.1", port);

      if (err !== null) {
        error(err);
      }
      const [_status2] = await sock.send("hello");
      const [msg, _length, err2] = await sock.recv(1024);
      if (err2 !== null) {
        error(err2);
      }
      print(msg);
    });
    sock!.close();
    assert.deepEqual(lines, ["hello, too"]);
  }));

test("seed 004: sock:recv gives the length, and at the end an error", () =>
  withServer(async (port) => {
    const sock = socket.new({ tls });
    await sock.connect("tcp", "127.0.0.1", port);
    await sock.send("hello");
    assert.deepEqual(await sock.recv(5), ["hello", 5, null]);
    assert.deepEqual(await sock.recv(1024), [", too", 5, null]);
    assert.deepEqual(await sock.recv(1024), ["", 0, "EOF"]);
    sock.close();
  }));

/*
  local socket = require("socket")

  local sock = socket.new({ tls = true })

  local status, err = sock:connect("tcp", "127.0.0.1", 8080)

  sock:close()
*/
test("seed 004: sock:close", () =>
  withServer(async (port) => {
    const sock = socket.new({ tls });

    const [_status, _err] = await sock.connect("tcp", "127.0.0.1", port);

    sock.close();

    assert.deepEqual(await sock.send("hello"), [false]);
  }));

test("seed 004: the way of connecting may be udp", async () => {
  const sock = socket.new();
  assert.deepEqual(await sock.connect("udp", "127.0.0.1", 9), [true, null]);
  sock.close();
});
