/**
 * What an introduction to LuaSocket says, function by function and line by line, here. Where it
 * gives Lua, that stands above the port. Where it is wrong or only guesses, the test shows what the
 * original does, and says so.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { headers, ltn12, socket } from "../src/faces/luasocket/mod.ts";
import type { TcpSocket } from "../src/faces/luasocket/tcp.ts";

/** A connected pair: a client, and what its server accepted. */
async function withPair(
  work: (client: TcpSocket, accepted: TcpSocket, server: TcpSocket) => Promise<void>,
): Promise<void> {
  const [server] = socket.try(...await socket.bind("127.0.0.1", 0));
  try {
    const [, port] = server.getsockname();
    const [client] = socket.try(...await socket.connect("127.0.0.1", port));
    const [accepted] = socket.try(...await server.accept());
    try {
      await work(client, accepted, server);
    } finally {
      await client.close();
      await accepted.close();
    }
  } finally {
    await server.close();
  }
}

/** A port of loopback where nobody listens. */
async function closedPort(): Promise<number> {
  const [server] = socket.try(...await socket.bind("127.0.0.1", 0));
  const [, port] = server.getsockname();
  await server.close();
  return port as number;
}

// headers.lua

test("seed 002: headers.canonic (written canoic there) has the names to send", () => {
  assert.equal(headers.canonic["accept-charset"], "Accept-Charset");
});

// socket.lua

test("seed 002: socket.bind makes a server, bound and listening, with reuseaddr", async () => {
  const [server, err] = await socket.bind("127.0.0.1", 0);
  assert.equal(err, undefined);
  assert.equal(server!.class, "tcp{server}");
  assert.deepEqual(server!.getoption("reuseaddr"), [true]);
  await server!.close();
});

test("seed 002: socket.bind takes a name, and a backlog", async () => {
  const [server] = await socket.bind("localhost", 0, 5);
  const [ip] = server!.getsockname();
  assert.match(`${ip}`, /^127\.0\.0\.1$|^::1$/);
  await server!.close();
});

test("seed 002: socket.bind gives nil and why not", async () => {
  const [server] = socket.try(...await socket.bind("127.0.0.1", 0));
  const [, port] = server.getsockname();
  assert.deepEqual(await socket.bind("127.0.0.1", port), [null, "address already in use"]);
  await server.close();
});

test("seed 002: socket.connect makes a client, or gives nil and why not", async () => {
  await withPair(async (client) => {
    assert.equal(client.class, "tcp{client}");
  });
  const refused = [null, "connection refused"];
  assert.deepEqual(await socket.connect("127.0.0.1", await closedPort()), refused);
});

test("seed 002: socket.connect takes the local address to connect from", () =>
  withPair(async (_client, _accepted, server) => {
    const [, port] = server.getsockname();
    const [other] = socket.try(...await socket.connect("127.0.0.1", port, "127.0.0.1", 0));
    assert.equal(other.getsockname()[0], "127.0.0.1");
    await other.close();
  }));

test("seed 002: socket.connect4 connects; a family of its own has only socket.connect", () =>
  withPair(async (_client, _accepted, server) => {
    const [, port] = server.getsockname();
    const [four] = socket.try(...await socket.connect4("127.0.0.1", port));
    assert.equal(four.getpeername()[2], "inet");
    await four.close();
    const family = await socket.connect("127.0.0.1", port, null, null, "inet");
    assert.equal(family[0]!.getpeername()[2], "inet");
    await family[0]!.close();
  }));

test("seed 002: socket.connect6 connects", async (t) => {
  const [server, err] = await socket.bind("::1", 0);
  if (!server) return t.skip(`no IPv6 here: ${err}`);
  const [, port] = server.getsockname();
  const [six] = socket.try(...await socket.connect6("::1", port));
  assert.equal(six.getpeername()[2], "inet6");
  await six.close();
  await server.close();
});

// socket.core

test("seed 002: socket._VERSION", () => {
  // The introduction is about 3.0-rc1.
  assert.equal(socket._VERSION, "LuaSocket 3.1.0");
});

test("seed 002: with socket._DEBUG send and receive give the seconds they took", () =>
  withPair(async (client, accepted) => {
    try {
      socket._DEBUG = true;
      const sent = await client.send("abc\n") as unknown[];
      assert.equal(sent.length, 4);
      assert.equal(typeof sent[3], "number");
      const received = await accepted.receive() as unknown[];
      assert.equal(received.length, 4);
      assert.equal(typeof received[3], "number");
    } finally {
      socket._DEBUG = undefined;
    }
    assert.equal((await client.send("abc\n")).length, 3);
  }));

test("seed 002: socket._DATAGRAMSIZE, _SETSIZE and _SOCKETINVALID", () => {
  assert.equal(socket._DATAGRAMSIZE, 8192);
  // The introduction measured 64, on Windows.
  assert.equal(socket._SETSIZE, 1024);
  assert.equal(socket._SOCKETINVALID, -1);
});

test("seed 002: socket.gettime gives seconds of the day's clock, with their fraction", () => {
  const [time] = socket.gettime();
  assert(Math.abs(time - Date.now() / 1000) < 1);
});

/*
  -- connects or throws an exception with the appropriate error message
  c = socket.try(socket.connect("localhost", 80))
*/
test("seed 002: socket.try gives all, or throws for protect", () =>
  withPair(async (_client, _accepted, server) => {
    const [, port] = server.getsockname();
    // connects or throws an exception with the appropriate error message
    const [c] = socket.try(...await socket.connect("127.0.0.1", port));
    assert.equal(c.class, "tcp{client}");
    await c.close();

    const nobody = await closedPort();
    const refused = socket.protect(async () =>
      socket.try(...await socket.connect("127.0.0.1", nobody))
    );
    assert.deepEqual(await refused(), [null, "connection refused"]);
  }));

/*
  foo = socket.protect(function()
      -- connect somewhere
      local c = socket.try(socket.connect("somewhere", 42))
      -- create a try function that closes 'c' on error
      local try = socket.newtry(function() c:close() end)
      -- do everything reassured c will be closed
      try(c:send("hello there?\r\n"))
      local answer = try(c:receive())
      ...
      try(c:send("good bye\r\n"))
      c:close()
  end)
*/
for (const answers of [true, false]) {
  test(`seed 002: socket.newtry where the server ${answers ? "answers" : "leaves"}`, () =>
    withPair(async (_client, _accepted, server) => {
      const [somewhere, port] = server.getsockname();
      let c: TcpSocket | undefined;
      let answer: unknown;
      const foo = socket.protect(async () => {
        // connect somewhere
        [c] = socket.try(...await socket.connect(somewhere, port));
        // create a try function that closes 'c' on error
        const attempt = socket.newtry(() => c!.close());
        // do everything reassured c will be closed
        attempt(...await c.send("hello there?\r\n"));
        [answer] = attempt(...await c.receive());
        attempt(...await c.send("good bye\r\n"));
        await c.close();
      });

      const serving = (async () => {
        const [accepted] = socket.try(...await server.accept());
        assert.deepEqual(await accepted.receive(), ["hello there?", null, null]);
        if (answers) {
          await accepted.send("hello\r\n");
          assert.deepEqual(await accepted.receive(), ["good bye", null, null]);
        }
        await accepted.close();
      })();
      assert.deepEqual(await foo(), answers ? [] : [null, "closed"]);
      assert.equal(answer, answers ? "hello" : undefined);
      assert.deepEqual(c!.getfd(), [-1]);
      await serving;
    }));
}

test("seed 002: socket.protect catches what try throws, and no other error", async () => {
  const failed = socket.protect(() => socket.try(null, "timeout"));
  assert.deepEqual(await failed(), [null, "timeout"]);
  const broken = socket.protect(() => {
    throw new TypeError("a bug");
  });
  await assert.rejects(broken(), new TypeError("a bug"));
});

test("seed 002: socket.select waits for sockets to read and to write", () =>
  withPair(async (client, accepted, server) => {
    const nothing = await socket.select([client], null, 0);
    assert.deepEqual([nothing[0].length, nothing[1].length, nothing[2]], [0, 0, "timeout"]);

    await accepted.send("abc");
    const [readers, , err] = await socket.select([client, accepted], null, 1);
    assert.equal(readers.length, 1);
    assert.equal(readers[0], client);
    assert.equal(err, undefined);

    const [, writers] = await socket.select(null, [client], 1);
    assert.equal(writers[0], client);

    // A server can be read when somebody wants to be accepted.
    const [, port] = server.getsockname();
    const [other] = socket.try(...await socket.connect("127.0.0.1", port));
    assert.equal((await socket.select([server], null, 1))[0][0], server);
    await other.close();

    // Closed ones are left out.
    assert.equal((await socket.select([other], [other], 0))[2], "timeout");
  }));

test("seed 002: socket.select on nothing waits for its time", async () => {
  const [readers, writers, err] = await socket.select([], null, 0.01);
  assert.deepEqual([readers.length, writers.length, err], [0, 0, "timeout"]);
});

test("seed 002: socket.sink, http-chunked", () =>
  withPair(async (client, accepted) => {
    const sink = socket.sink("http-chunked", client);
    await ltn12.pump.all(ltn12.source.table(["hello", "there"]), sink);
    // It is not closed by that, other than the introduction says.
    await client.close();
    const sent = "5\r\nhello\r\n5\r\nthere\r\n0\r\n\r\n";
    assert.deepEqual(await accepted.receive("*a"), [sent, null, null]);
  }));

test("seed 002: socket.sink, close-when-done (written close-when-down there)", () =>
  withPair(async (client, accepted) => {
    const sink = socket.sink("close-when-done", client);
    await ltn12.pump.all(ltn12.source.string("hello"), sink);
    assert.deepEqual(client.getfd(), [-1]);
    assert.deepEqual(await accepted.receive("*a"), ["hello", null, null]);
  }));

test("seed 002: socket.sink, keep-open", () =>
  withPair(async (client, accepted) => {
    const sink = socket.sink("keep-open", client);
    await ltn12.pump.all(ltn12.source.string("hello"), sink);
    await client.send(", too\n");
    assert.deepEqual(await accepted.receive(), ["hello, too", null, null]);
  }));

test("seed 002: socket.source, http-chunked", () =>
  withPair(async (client, accepted) => {
    await client.send("5\r\nhello\r\n0\r\n\r\n");
    const source = socket.source("http-chunked", accepted);
    assert.deepEqual(await source(), ["hello", null]);
    assert.deepEqual(await source(), []);
  }));

test("seed 002: socket.source, by-length", () =>
  withPair(async (client, accepted) => {
    await client.send("hello, too");
    const source = socket.source("by-length", accepted, 5);
    assert.deepEqual(await source(), ["hello"]);
    assert.deepEqual(await source(), [null]);
  }));

test("seed 002: socket.source, until-closed", () =>
  withPair(async (client, accepted) => {
    await client.send("hello");
    await client.close();
    const source = socket.source("until-closed", accepted);
    assert.deepEqual(await source(), ["hello"]);
    assert.deepEqual(await source(), [null]);
  }));

test("seed 002: socket.sleep sleeps, and not at all for a negative time", async () => {
  const [before] = socket.gettime();
  await socket.sleep(0.02);
  const [after] = socket.gettime();
  assert(after - before >= 0.015);
  assert.deepEqual(await socket.sleep(-1), []);
});

/*
  local code, sep = socket.skip(2, string.find(line, "^(%d%d%d)(.?)"))
*/
test("seed 002: socket.skip", () => {
  // string.find gives where it found the pattern, from and to, and its captures.
  const find = (line: string, pattern: RegExp) => {
    const match = pattern.exec(line);
    return match === null
      ? [null]
      : [match.index + 1, match.index + match[0].length, ...match.slice(1)];
  };
  const line = "250-hello";
  const [code, sep] = socket.skip(2, ...find(line, /^(\d\d\d)(.?)/));
  assert.deepEqual([code, sep], ["250", "-"]);
  assert.deepEqual(socket.skip(2, ...find("hello", /^(\d\d\d)(.?)/)), []);
});

test("seed 002: socket.tcp, tcp4 and tcp6 make masters", async () => {
  for (const master of [socket.tcp(), socket.tcp4(), socket.tcp6()]) {
    assert.equal(master.class, "tcp{master}");
    await master.close();
  }
});

// TCP: master

test("seed 002: bind and listen make a server of a master", async () => {
  const master = socket.tcp();
  // bind alone does not, other than the introduction says.
  assert.deepEqual(await master.bind("*", 0), [1]);
  assert.equal(master.class, "tcp{master}");
  assert.deepEqual(await master.listen(5), [1]);
  assert.equal(master.class, "tcp{server}");
  await master.close();
});

test("seed 002: connect makes a client of a master", () =>
  withPair(async (_client, _accepted, server) => {
    const master = socket.tcp();
    const [, port] = server.getsockname();
    assert.deepEqual(await master.connect("127.0.0.1", port), [1]);
    assert.equal(master.class, "tcp{client}");
    await master.close();
  }));

test("seed 002: connect that may not wait goes on, and select tells when it is done", () =>
  withPair(async (_client, _accepted, server) => {
    const master = socket.tcp();
    master.settimeout(0);
    const [, port] = server.getsockname();
    const [ok, err] = await master.connect("127.0.0.1", port);
    assert(ok === 1 || err === "timeout", `${err}`);
    const [, writers] = await socket.select({} as [], [master], 1);
    assert.equal(writers[0], master);
    await master.close();
  }));

test("seed 002: dirty tells of bytes that were received and not taken", () =>
  withPair(async (client, accepted, server) => {
    assert.deepEqual(server.dirty(), [false]);
    await client.send("abc");
    assert.deepEqual(accepted.dirty(), [false]);
    await accepted.receive(1);
    assert.deepEqual(accepted.dirty(), [true]);
    await accepted.receive(2);
    assert.deepEqual(accepted.dirty(), [false]);
  }));

test("seed 002: close frees the address and the descriptor", async () => {
  const [server] = socket.try(...await socket.bind("127.0.0.1", 0));
  const [, port] = server.getsockname();
  assert.deepEqual(await server.close(), [1]);
  const [again] = socket.try(...await socket.bind("127.0.0.1", port));
  await again.close();
  // Other calls are allowed afterwards, other than the introduction says.
  assert.deepEqual(await server.close(), [1]);
});

test("seed 002: getfd gives a number, and -1 when closed", () =>
  withPair(async (client, _accepted, server) => {
    assert(client.getfd()[0] > 0);
    assert(server.getfd()[0] > 0);
    await client.close();
    assert.deepEqual(client.getfd(), [-1]);
  }));

test("seed 002: getsockname gives address, port and family", () =>
  withPair(async (client, _accepted, server) => {
    for (const sock of [client, server]) {
      const [ip, port, family] = sock.getsockname();
      assert.deepEqual([ip, typeof port, family], ["127.0.0.1", "number", "inet"]);
    }
  }));

test("seed 002: getstats and setstats, which clients alone have", () =>
  withPair(async (client, accepted, server) => {
    await client.send("hello\n");
    await accepted.receive();
    assert.deepEqual(client.getstats().slice(0, 2), [0, 6]);
    assert.deepEqual(accepted.getstats().slice(0, 2), [6, 0]);
    assert(client.getstats()[2] >= 0);
    assert.deepEqual(client.setstats(1, 2, 3), [1]);
    assert.deepEqual(client.getstats().slice(0, 2), [1, 2]);
    assert.throws(() => server.getstats());
  }));

test("seed 002: settimeout and gettimeout: for each wait, for the whole call, for ever", () =>
  withPair(async (client) => {
    assert.deepEqual(client.gettimeout(), [-1, -1]);
    assert.deepEqual(client.settimeout(0.01), [1]);
    assert.deepEqual(client.settimeout(5, "t"), [1]);
    assert.deepEqual(client.gettimeout(), [0.01, 5]);
    assert.deepEqual(await client.receive(), [null, "timeout", ""]);
    client.settimeout(null);
    assert.deepEqual(client.gettimeout(), [-1, 5]);
    client.settimeout(0.01, "t");
    assert.deepEqual(await client.receive(), [null, "timeout", ""]);
  }));

test("seed 002: setfd gives nothing; -1 is no descriptor any more", () =>
  withPair(async (client) => {
    assert.deepEqual(client.setfd(-1), []);
    assert.deepEqual(client.getfd(), [-1]);
  }));

// TCP: server

test("seed 002: accept gives a client, or nil and timeout", () =>
  withPair(async (_client, accepted, server) => {
    assert.equal(accepted.class, "tcp{client}");
    server.settimeout(0.01);
    assert.deepEqual(await server.accept(), [null, "timeout"]);
  }));

test("seed 002: getoption and setoption", () =>
  withPair(async (client, _accepted, server) => {
    assert.deepEqual(server.getoption("reuseaddr"), [true]);
    for (const name of ["keepalive", "tcp-nodelay"]) {
      assert.deepEqual(client.setoption(name, true), [1]);
      assert.deepEqual(client.getoption(name), [true]);
    }
    assert.equal(typeof client.getoption("linger")[0], "object");
    assert.throws(() => client.getoption("no-such-option"));
  }));

// TCP: client

test("seed 002: getpeername gives address, port and family of the other end", () =>
  withPair(async (client, _accepted, server) => {
    const [, port] = server.getsockname();
    assert.deepEqual(client.getpeername(), ["127.0.0.1", port, "inet"]);
  }));

test("seed 002: receive takes all, a line, or so many bytes", () =>
  withPair(async (client, accepted) => {
    await client.send("one\r\ntwo\nthree four");
    await client.close();
    assert.deepEqual(await accepted.receive(), ["one", null, null]);
    assert.deepEqual(await accepted.receive("*l"), ["two", null, null]);
    assert.deepEqual(await accepted.receive(6), ["three ", null, null]);
    assert.deepEqual(await accepted.receive("*a"), ["four", null, null]);
    assert.deepEqual(await accepted.receive("*a"), [null, "closed", ""]);
  }));

test("seed 002: receive puts the prefix before what comes", () =>
  withPair(async (client, accepted) => {
    await client.send("fix\n");
    assert.deepEqual(await accepted.receive("*l", "pre"), ["prefix", null, null]);
  }));

test("seed 002: the third value of receive is what came of what did not all come", () =>
  withPair(async (client, accepted) => {
    await client.send("some");
    accepted.settimeout(0.01);
    // It is not deprecated, other than the introduction says.
    assert.deepEqual(await accepted.receive(), [null, "timeout", "some"]);
  }));

test("seed 002: send gives the index of the last byte sent, of all or of a part", () =>
  withPair(async (client, accepted) => {
    assert.deepEqual(await client.send("hello"), [5, null, null]);
    // It is the number of bytes only where the first is the first.
    assert.deepEqual(await client.send("hello", 2, 4), [4, null, null]);
    assert.deepEqual(await accepted.receive(8), ["helloell", null, null]);
    await client.close();
    assert.deepEqual(await client.send("hello"), [null, "closed", 0]);
  }));

test("seed 002: shutdown ends one direction; the socket and the other one stay", () =>
  withPair(async (client, accepted) => {
    await client.send("question");
    assert.deepEqual(client.shutdown("send"), [1]);
    assert.deepEqual(await accepted.receive("*a"), ["question", null, null]);
    await accepted.send("answer\n");
    assert.deepEqual(await client.receive(), ["answer", null, null]);
    assert.deepEqual(client.shutdown("both"), [1]);
    assert(client.getfd()[0] > 0);
  }));
