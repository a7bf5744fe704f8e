/**
 * Programs from OpenResty's manual and from an introduction to cosockets, line by line. The Lua
 * stands above each port; what it says is what the original says.
 *
 * Names of hosts on the internet have become an embedded server on loopback.
 */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type Cosocket, listen } from "../mod.ts";
import { createNgx, type Ngx } from "../src/faces/ngx/mod.ts";

/** Serves each connection with `work`, while `client` runs against it. */
async function withServer(
  work: (sock: Cosocket) => Promise<void>,
  client: (port: number) => Promise<void>,
  at = "127.0.0.1:0",
): Promise<void> {
  const listener = await listen(at);
  const open: Cosocket[] = [];
  const serve = (async () => {
    const conversations: Promise<void>[] = [];
    for await (const sock of listener) {
      open.push(sock);
      conversations.push(work(sock).catch(() => {})); // a client may leave at any moment
    }
    await Promise.all(conversations);
  })();
  try {
    await client("port" in listener.address ? listener.address.port : 0);
  } finally {
    await listener.close();
    for (const sock of open) sock.close();
    await serve;
  }
}

/** Runs a handler as a request of its own, and gives what it said. */
async function said(handler: (ngx: Ngx) => Promise<void>, ngx?: Ngx): Promise<string> {
  let text = "";
  const worker = ngx ?? createNgx({}, { out: (some) => text += some, log: () => {} });
  await worker.run(handler);
  return text;
}

/** An HTTP server that answers as www.baidu.com did: a status line, headers, a body. */
async function answerHttp(sock: Cosocket): Promise<void> {
  for await (const line of sock.lines()) {
    if (line !== "") continue;
    await sock.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  }
}

/** Answers commands as memcached does. */
async function answerMemcached(sock: Cosocket): Promise<void> {
  for await (const line of sock.lines()) {
    if (line === "quit") break;
    await sock.send(
      line === "flush_all" ? "OK\r\n" : line === "version" ? "VERSION 1\r\n" : "ERROR\r\n",
    );
  }
  sock.close();
}

/** Sends something, and stays. */
const sends = (...pieces: string[]) => async (sock: Cosocket) => {
  for (const piece of pieces) await sock.send(piece);
  await sock.receiveAll();
};

/*
  local sock = ngx.socket.tcp()
  sock:settimeout(1000)  -- one second timeout
  local ok, err = sock:connect("www.baidu.com", 80)
  if not ok then
      ngx.say("failed to connect: ", err)
      return
  end

  local req_data = "GET / HTTP/1.1\r\nHost: www.baidu.com\r\n\r\n"
  local bytes, err = sock:send(req_data)
  if err then
      ngx.say("failed to send: ", err)
      return
  end

  local data, err, partial = sock:receive()
  if err then
      ngx.say("failed to receive: ", err)
      return
  end

  sock:close()
  ngx.say("response is: ", data)
*/
const wholeProgram = (host: string, port: number) => async (ngx: Ngx) => {
  const sock = ngx.socket.tcp();
  sock.settimeout(1000); // one second timeout
  const [ok, err] = await sock.connect(host, port);
  if (!ok) {
    ngx.say("failed to connect: ", err);
    return;
  }

  const req_data = "GET / HTTP/1.1\r\nHost: www.baidu.com\r\n\r\n";
  const [_bytes, err2] = await sock.send(req_data);
  if (err2) {
    ngx.say("failed to send: ", err2);
    return;
  }

  const [data, err3, _partial] = await sock.receive();
  if (err3) {
    ngx.say("failed to receive: ", err3);
    return;
  }

  sock.close();
  ngx.say("response is: ", data);
};

test("the whole program says the status line", async () => {
  await withServer(answerHttp, async (port) => {
    assert.equal(await said(wholeProgram("127.0.0.1", port)), "response is: HTTP/1.1 200 OK\n");
  });
});

test("the whole program finds its server by name", async () => {
  await withServer(answerHttp, async (port) => {
    assert.equal(await said(wholeProgram("localhost", port)), "response is: HTTP/1.1 200 OK\n");
  }, "localhost:0");
});

test("the whole program says why it cannot connect", async () => {
  let port = 0;
  await withServer(answerHttp, async (open) => {
    port = open;
  });
  const text = await said(wholeProgram("127.0.0.1", port));
  assert.equal(text, "failed to connect: connection refused\n");
});

test("the whole program says why it receives nothing", async () => {
  const silent = async (sock: Cosocket) => {
    await sock.receiveAll();
  };
  await withServer(silent, async (port) => {
    const text = await said(wholeProgram("127.0.0.1", port));
    assert.equal(text, "failed to receive: timeout\n");
  });
  const rude = async (sock: Cosocket) => {
    await sock.receiveUntil("\r\n\r\n");
    sock.close();
  };
  await withServer(rude, async (port) => {
    assert.equal(
      await said(wholeProgram("127.0.0.1", port)),
      "failed to receive: closed\n",
    );
  });
});

/*
  sock:settimeouts(1000, 2000, 3000)
*/
test("settimeouts() limits connect, send and read one by one", async () => {
  await withServer(sends(), async (port) => {
    const text = await said(async (ngx) => {
      const sock = ngx.socket.tcp();
      assert.deepEqual(sock.settimeouts(1000, 2000, 100), []);
      const [ok] = await sock.connect("127.0.0.1", port);
      assert.equal(ok, 1);
      const began = ngx.now();
      const [data, err, partial] = await sock.receive();
      ngx.say(data, " ", err, " [", partial, "]");
      assert.ok(ngx.now() - began < 0.9, "the read limit should have counted");
    });
    assert.equal(text, "nil timeout []\n");
  });
});

/*
  local data, err, partial = sock:receiveany(10240)
*/
test("receiveany() takes what has come, and never more than it was asked for", async () => {
  const bursts = async (sock: Cosocket) => {
    await sock.send("hello, ");
    await sock.receiveLine();
    await sock.send("x".repeat(2000));
    await sock.receiveLine();
    sock.close();
  };
  await withServer(bursts, async (port) => {
    const text = await said(async (ngx) => {
      const sock = ngx.socket.tcp();
      await sock.connect("127.0.0.1", port);
      const [data, err] = await sock.receiveany(10240);
      ngx.say(data, err);
      await sock.send("more\n");
      const [first] = await sock.receiveany(1000);
      ngx.say(first!.length);
      let rest = 1000 - first!.length + 1000;
      while (rest > 0) rest -= (await sock.receiveany(10240))[0]!.length;
      await sock.send("enough\n");
      ngx.say(...await values(sock.receiveany(10240)));
      ngx.say(...await values(sock.receiveany(10240)));
    });
    assert.match(text, /^hello, nil\n[1-9]\d{0,3}\nnil,closed,\nnil,closed\n$/);
    assert.ok(Number(text.split("\n")[1]) <= 1000);
  });
});

/** Several values as `say` would show them one by one. */
async function values(call: Promise<unknown[]>): Promise<string[]> {
  return [(await call).map((it) => it === null ? "nil" : String(it)).join()];
}

/*
  local reader = sock:receiveuntil("\r\n")

  while true do
      local data, err, partial = reader(4)
      if not data then
          if err then
              ngx.say("failed to read the data stream: ", err)
              break
          end

          ngx.say("read done")
          break
      end
      ngx.say("read chunk: [", data, "]")
  end
*/
const readInPieces = (port: number, pattern: string) => async (ngx: Ngx) => {
  const sock = ngx.socket.tcp();
  sock.settimeout(1000);
  await sock.connect("127.0.0.1", port);
  const [reader] = sock.receiveuntil(pattern);

  while (true) {
    const [data, err, _partial] = await reader!(4);
    if (data === null) { // the empty string is true in Lua
      if (err) {
        ngx.say("failed to read the data stream: ", err);
        break;
      }

      ngx.say("read done");
      break;
    }
    ngx.say("read chunk: [", data, "]");
  }
};

const pieces = [
  {
    name: "the manual's stream",
    pattern: "\r\n--abcedhb",
    sent: ["hello, world! -agentzh\r\n--abcedhb blah blah"],
    chunks: ["hell", "o, w", "orld", "! -a", "gent", "zh"],
  },
  {
    name: "the manual's stream, byte by byte",
    pattern: "\r\n--abcedhb",
    sent: [..."hello, world! -agentzh\r\n--abcedhb blah blah"],
    chunks: ["hell", "o, w", "orld", "! -a", "gent", "zh"],
  },
  { name: "a line", pattern: "\r\n", sent: ["a line\r\nmore"], chunks: ["a li", "ne"] },
  {
    name: "a line of a multiple of the size, to its empty last piece",
    pattern: "\r\n",
    sent: ["12345678\r\n"],
    chunks: ["1234", "5678", ""],
  },
  { name: "an empty line", pattern: "\r\n", sent: ["\r\nmore"], chunks: [""] },
];

for (const { name, pattern, sent, chunks } of pieces) {
  test(`reader(4) reads ${name} in pieces, then says nil`, async () => {
    await withServer(sends(...sent), async (port) => {
      const lines = [...chunks.map((chunk) => `read chunk: [${chunk}]`), "read done", ""];
      assert.equal(await said(readInPieces(port, pattern)), lines.join("\n"));
    });
  });
}

test("reader(4) says why the stream ended too early", async () => {
  const short = async (sock: Cosocket) => {
    await sock.send("hello");
    sock.close();
  };
  await withServer(short, async (port) => {
    const text = await said(readInPieces(port, "\r\n"));
    assert.equal(text, "read chunk: [hell]\nfailed to read the data stream: closed\n");
  });
});

/*
  local reader = sock:receiveuntil("\r\n--abcedhb")
  local data, err, partial = reader()
  if not data then
      ngx.say("failed to read the data stream: ", err)
  end
  ngx.say("read the data stream: ", data)
*/
test("reader() reads up to the pattern, and reader() again the next part", async () => {
  const stream = "hello, world! -agentzh\r\n--abcedhb blah blah\r\n--abcedhb";
  await withServer(sends(stream), async (port) => {
    const text = await said(async (ngx) => {
      const sock = ngx.socket.tcp();
      await sock.connect("127.0.0.1", port);
      const [reader] = sock.receiveuntil("\r\n--abcedhb");
      const [data, err, _partial] = await reader!();
      if (data === null) {
        ngx.say("failed to read the data stream: ", err);
      }
      ngx.say("read the data stream: ", data);
      ngx.say((await reader!())[0]);
    });
    assert.equal(text, "read the data stream: hello, world! -agentzh\n blah blah\n");
  });
});

/*
  local reader = sock:receiveuntil("_END_", { inclusive = true })
  local data = reader()
  ngx.say(data)
*/
test("reader() of an inclusive pattern gives the pattern, too", async () => {
  await withServer(sends("hello world _END_ blah blah blah"), async (port) => {
    const text = await said(async (ngx) => {
      const sock = ngx.socket.tcp();
      await sock.connect("127.0.0.1", port);
      const [reader] = sock.receiveuntil("_END_", { inclusive: true });
      const [data] = await reader!();
      ngx.say(data);
    });
    assert.equal(text, "hello world _END_\n");
  });
});

/*
  sock:settimeout(1000) -- one second timeout
  local line, err, partial = sock:receive()
  if not line then
      ngx.say("failed to read a line: ", err)
      return
  end
  ngx.say("successfully read a line: ", line)
*/
test("receive() reads a line, a size, and all the rest", async () => {
  const server = async (sock: Cosocket) => {
    await sock.send("a line\r\n12345the rest\r\nof it");
    sock.close();
  };
  await withServer(server, async (port) => {
    const text = await said(async (ngx) => {
      const sock = ngx.socket.tcp();
      await sock.connect("127.0.0.1", port);
      sock.settimeout(1000); // one second timeout
      const [line, err, _partial] = await sock.receive();
      if (line === null) {
        ngx.say("failed to read a line: ", err);
        return;
      }
      ngx.say("successfully read a line: ", line);
      ngx.say((await sock.receive(5))[0]);
      ngx.say((await sock.receive("*a"))[0]);
      ngx.say(await values(sock.receive()), " ", await values(sock.receive()));
    });
    assert.equal(
      text,
      "successfully read a line: a line\n12345\nthe rest\r\nof it\nnil,closed, nil,closed\n",
    );
  });
});

/*
  sock:settimeout(1000)  -- one second timeout
  local bytes, err = sock:send(request)
*/
test("send() takes a string, or a nested table of them", async () => {
  const received: string[] = [];
  const server = async (sock: Cosocket) => {
    for await (const line of sock.lines()) received.push(line);
  };
  await withServer(server, async (port) => {
    await said(async (ngx) => {
      const sock = ngx.socket.tcp();
      sock.settimeout(1000);
      await sock.connect("127.0.0.1", port);
      assert.deepEqual(await sock.send("one\n"), [4]);
      assert.deepEqual(await sock.send(["GET ", ["/", ["a", "b"]], " ", 1.5, "\r\n"]), [13]);
      assert.deepEqual(await sock.send([]), [0]);
      sock.close();
      assert.deepEqual(await sock.send("too late"), [null, "closed"]);
    });
    while (received.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(received, ["one", "GET /ab 1.5"]);
  });
});

/*
  local ok, err = sock:setkeepalive(2 * 1000, 100)
  if not ok then
      ngx.say("failed to set reusable: ", err)
  end
*/
test("setkeepalive(2 * 1000, 100) keeps the connection for the next handler", async () => {
  let accepted = 0;
  const server = async (sock: Cosocket) => {
    accepted++;
    await answerMemcached(sock);
  };
  await withServer(server, async (port) => {
    const lines: string[] = [];
    const ngx = createNgx({}, { out: (some) => lines.push(some) });
    for (let request = 0; request < 3; request++) {
      await ngx.run(async (ngx) => {
        const sock = ngx.socket.tcp();
        await sock.connect("127.0.0.1", port);
        const [times] = sock.getreusedtimes();
        await sock.send("flush_all\r\n");
        const [line] = await sock.receive();
        const [ok, err] = await sock.setkeepalive(2 * 1000, 100);
        if (!ok) {
          ngx.say("failed to set reusable: ", err);
        }
        ngx.say(line, " ", times);
        assert.deepEqual(sock.close(), [null, "closed"]);
      });
    }
    assert.deepEqual(lines, ["OK 0\n", "OK 1\n", "OK 2\n"]);
    assert.equal(accepted, 1);
  });
});

test("setkeepalive() says why a connection is not fit for others", async () => {
  const chatty = async (sock: Cosocket) => {
    await sock.send("one\r\ntwo\r\n");
    await sock.receiveLine();
    await sock.send("three\r\n");
    await sock.receiveAll();
  };
  await withServer(chatty, async (port) => {
    await said(async (ngx) => {
      const sock = ngx.socket.tcp();
      await sock.connect("127.0.0.1", port);
      assert.deepEqual(await sock.receive(), ["one"]);
      assert.deepEqual(await sock.setkeepalive(), [null, "unread data in buffer"]);
      assert.deepEqual(await sock.receive(), ["two"]);
      await sock.send("go on\n");
      await ngx.sleep(0.2);
      assert.deepEqual(await sock.setkeepalive(), [null, "connection in dubious state"]);
      assert.deepEqual(await sock.receive(), [null, "closed"]);
    });
  });
});

test("a connection that the server closes leaves the pool, unseen", async () => {
  let accepted = 0;
  const server = async (sock: Cosocket) => {
    accepted++;
    await sock.receiveLine();
    await sock.send("OK\r\n");
    await sock.receiveAny(1, { timeoutMs: 100 }).catch(() => {});
    sock.close();
  };
  await withServer(server, async (port) => {
    const ngx = createNgx();
    for (const _ of [1, 2]) {
      await ngx.run(async (ngx) => {
        const [sock] = await ngx.socket.connect("127.0.0.1", port);
        assert.deepEqual(sock!.getreusedtimes(), [0]);
        await sock!.send("a\r\n");
        assert.deepEqual(await sock!.receive(), ["OK"]);
        assert.deepEqual(await sock!.setkeepalive(), [1]);
        await ngx.sleep(0.3);
      });
    }
    assert.equal(accepted, 2);
  });
});

/*
  local sock = ngx.socket.tcp()
  local ok, err = sock:connect("unix:/tmp/memcached.sock")
  if not ok then
      ngx.say("failed to connect to the memcached unix domain socket: ", err)
      return
  end
*/
test("connect() takes the path of a unix socket", async () => {
  const folder = mkdtempSync(join(tmpdir(), "cosocket-seeds-"));
  const path = `unix:${join(folder, "memcached.sock")}`;
  const program = async (ngx: Ngx) => {
    const sock = ngx.socket.tcp();
    const [ok, err] = await sock.connect(path);
    if (!ok) {
      ngx.say("failed to connect to the memcached unix domain socket: ", err);
      return;
    }
    await sock.send("version\r\n");
    ngx.say((await sock.receive())[0]);
    await sock.setkeepalive();
  };
  try {
    assert.equal(
      await said(program),
      "failed to connect to the memcached unix domain socket: no such file or directory\n",
    );
    await withServer(answerMemcached, async () => {
      assert.equal(await said(program), "VERSION 1\n");
    }, path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/*
  The manual: "a reader 'light thread' and a writer 'light thread' can operate on a single cosocket
  object simultaneously", "but you cannot have two 'light threads' both reading".
*/
test("one thread reads and one writes; a second reader is told so", async () => {
  const echo = async (sock: Cosocket) => {
    for await (const line of sock.lines()) await sock.send(`${line.toUpperCase()}\n`);
  };
  await withServer(echo, async (port) => {
    const text = await said(async (ngx) => {
      const sock = ngx.socket.tcp();
      await sock.connect("127.0.0.1", port);
      const reader = ngx.thread.spawn(async () => {
        const lines: string[] = [];
        while (lines.length < 100) {
          const [line] = await sock.receive();
          if (line === null) break;
          lines.push(line);
        }
        return lines.length;
      });
      const [data, err] = await sock.receive();
      ngx.say(data, " ", err);
      ngx.say(await values(sock.setkeepalive()), " ", sock.close()[1]);
      const writer = ngx.thread.spawn(async () => {
        for (let count = 0; count < 100; count++) await sock.send(`line ${count}\n`);
      });
      assert.deepEqual(await ngx.thread.wait(writer), [true]);
      ngx.say(...await ngx.thread.wait(reader));
    });
    assert.equal(
      text,
      "nil socket busy reading\nnil,socket busy reading socket busy reading\ntrue100\n",
    );
  });
});

/*
  The manual: "read timeout error is the only error that is not fatal"; the question of a reader
  who relays a protocol that it does not know: read with a small timeout, and try again.
*/
test("after a read timeout the connection goes on, and its partial data was taken", async () => {
  const slow = async (sock: Cosocket) => {
    await sock.send("half a ");
    await sock.receiveLine();
    await sock.send("line\r\n");
    await sock.receiveAll();
  };
  await withServer(slow, async (port) => {
    const text = await said(async (ngx) => {
      const sock = ngx.socket.tcp();
      await sock.connect("127.0.0.1", port);
      sock.settimeout(200);
      const [data, err, partial] = await sock.receive();
      ngx.say(data, " ", err, " [", partial, "]");
      await sock.send("go on\n");
      sock.settimeout(1000);
      ngx.say((await sock.receive())[0]);
    });
    assert.equal(text, "nil timeout [half a ]\nline\n");
  });
});

/*
  The manual: a socket that was neither closed nor kept alive is closed when its handler ends.
*/
test("what a handler leaves open is closed behind it", async () => {
  let ended = false;
  const server = async (sock: Cosocket) => {
    await sock.receiveAll();
    ended = true;
  };
  await withServer(server, async (port) => {
    const kept: ReturnType<Ngx["socket"]["tcp"]>[] = [];
    await said(async (ngx) => {
      const sock = ngx.socket.tcp();
      await sock.connect("127.0.0.1", port);
      kept.push(sock);
    });
    while (!ended) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(await kept[0]!.receive(), [null, "closed"]);
  });
});

/*
  How to use a cosocket where there is none to be had: in a timer.

  local ok, err = ngx.timer.at(0, function(premature, line)
      local sock = ngx.socket.tcp()
      ...
  end, "version")
*/
test("a timer may use sockets of its own", async () => {
  await withServer(answerMemcached, async (port) => {
    const line = await new Promise((resolve, reject) => {
      const ngx = createNgx();
      const handler = async (premature: boolean, command: string) => {
        try {
          assert.equal(premature, false);
          const sock = ngx.socket.tcp();
          await sock.connect("127.0.0.1", port);
          await sock.send([command, "\r\n"]);
          resolve((await sock.receive())[0]);
          sock.close();
        } catch (error) {
          reject(error);
        }
      };
      assert.deepEqual(ngx.timer.at(0, handler, "version"), [1]);
    });
    assert.equal(line, "VERSION 1");
  });
});
