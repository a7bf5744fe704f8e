// The examples for LuaSocket, against servers in this process.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { download } from "../examples/lua_download.ts";
import { sendMail } from "../examples/lua_protect.ts";
import { type Cosocket, listen } from "../mod.ts";
import { ltn12 } from "../src/faces/luasocket/mod.ts";

const LONG = "0123456789".repeat(10_000);

async function withHttp(work: (origin: string) => Promise<void>): Promise<void> {
  const server = createServer((request, response) => {
    if (request.url === "/length") {
      response.setHeader("Content-Length", LONG.length);
      response.end(LONG);
    } else if (request.url === "/chunked") {
      response.write(LONG.slice(0, 5000));
      response.end(LONG.slice(5000));
    } else {
      response.statusCode = 404;
      response.end("none");
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** A server that does one conversation after the other. */
async function withServer(
  serve: (guest: Cosocket) => Promise<unknown>,
  work: (port: number) => Promise<void>,
): Promise<void> {
  const listener = await listen("127.0.0.1:0");
  const serving = (async () => {
    for await (const guest of listener) {
      await serve(guest);
      guest.close();
    }
  })();
  try {
    await work((listener.address as AddressInfo & { hostname: string }).port);
  } finally {
    await listener.close();
    await serving;
  }
}

for (const path of ["/length", "/chunked"]) {
  test(`examples/lua_download.ts downloads ${path}`, () =>
    withHttp(async (origin) => {
      const [sink, chunks] = ltn12.sink.table();
      const [downloaded, err] = await download(origin + path, sink);
      assert.equal(err, undefined);
      assert.equal(downloaded!.status, 200);
      assert.equal(downloaded!.bytes, LONG.length);
      assert.equal(chunks.join(""), LONG);
    }));
}

test("examples/lua_download.ts downloads into a file", () =>
  withHttp(async (origin) => {
    const folder = mkdtempSync(join(tmpdir(), "download-"));
    try {
      const path = join(folder, "copy");
      const sink = ltn12.sink.file(await open(path, "w"));
      const [downloaded] = await download(`${origin}/chunked`, sink);
      assert.equal(downloaded!.bytes, LONG.length);
      assert.equal(readFileSync(path, "latin1"), LONG);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }));

test("examples/lua_download.ts downloads what ends with the connection", () =>
  withServer(async (guest) => {
    await guest.receiveUntil("\r\n\r\n");
    await guest.send("HTTP/1.0 200 OK\r\n\r\nsome text");
  }, async (port) => {
    const [sink, chunks] = ltn12.sink.table();
    const [downloaded] = await download(`http://127.0.0.1:${port}/`, sink);
    assert.equal(downloaded!.bytes, 9);
    assert.equal(chunks.join(""), "some text");
  }));

const failures: [said: string, why: string][] = [
  ["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome", "closed"],
  ["HTTP/1.1 200 OK\r\nContent", "closed"],
  ["SSH-2.0-OpenSSH\r\n", "not an HTTP server"],
  ["HTTP/1.1 200 OK\r\nno colon\r\n", "malformed response headers"],
];
for (const [said, why] of failures) {
  test(`examples/lua_download.ts answers ${why} to ${JSON.stringify(said)}`, () =>
    withServer(async (guest) => {
      await guest.receiveUntil("\r\n\r\n");
      await guest.send(said);
    }, async (port) => {
      const failed = await download(`http://127.0.0.1:${port}/`, ltn12.sink.null());
      assert.deepEqual(failed, [null, why]);
    }));
}

test("examples/lua_download.ts stops when the sink takes no more, and closes the socket", () =>
  withServer(async (guest) => {
    await guest.receiveUntil("\r\n\r\n");
    await guest.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome text");
    await guest.receiveAll();
  }, async (port) => {
    const failed = await download(`http://127.0.0.1:${port}/`, ltn12.sink.error("disk full"));
    assert.deepEqual(failed, [null, "disk full"]);
  }));

/** A mail server; `answers` replaces what it says to some commands. */
const mailServer =
  (letters: string[], answers: Record<string, string> = {}) => async (guest: Cosocket) => {
    const replies: Record<string, string> = {
      HELO: "220 ready",
      EHLO: "250-here\r\n250-SIZE 1000\r\n250 8BITMIME",
      MAIL: "250 ok",
      RCPT: "250 ok",
      DATA: "354 go on",
      QUIT: "221 bye",
      ...answers,
    };
    await guest.send(`${replies.HELO}\r\n`);
    for await (const line of guest.lines()) {
      const verb = line.slice(0, 4);
      if (replies[verb] === undefined) return;
      await guest.send(`${replies[verb]}\r\n`);
      if (verb === "DATA" && replies.DATA!.startsWith("354")) {
        const letter = await guest.receiveUntil("\r\n.\r\n");
        letters.push(new TextDecoder().decode(letter));
        await guest.send("250 queued as 1\r\n");
      }
      if (verb === "QUIT") return;
    }
  };

const mail = { host: "127.0.0.1", from: "ann@example.org", to: "bob@example.org" };

test("examples/lua_protect.ts sends a letter", async () => {
  const letters: string[] = [];
  await withServer(mailServer(letters), async (port) => {
    const answer = await sendMail({ ...mail, port, body: "Hello, Bob\n.\n..\nAnn" });
    assert.deepEqual(answer, ["queued as 1"]);
  });
  assert.deepEqual(letters, ["Hello, Bob\r\n..\r\n...\r\nAnn"]);
});

for (const [verb, refusal] of [["RCPT", "550 no such user"], ["HELO", "554 go away"]]) {
  test(`examples/lua_protect.ts answers what the server says to ${verb}, and leaves`, () =>
    withServer(mailServer([], { [verb!]: refusal! }), async (port) => {
      assert.deepEqual(await sendMail({ ...mail, port, body: "Hello" }), [null, refusal]);
    }));
}

test("examples/lua_protect.ts answers what the network says", async () => {
  await withServer(async () => {}, async (port) => {
    assert.deepEqual(await sendMail({ ...mail, port, body: "Hello" }), [null, "closed"]);
  });
  const listener = await listen("127.0.0.1:0");
  const { port } = listener.address as { port: number };
  await listener.close();
  const refused = [null, "connection refused"];
  assert.deepEqual(await sendMail({ ...mail, port, body: "Hello" }), refused);
});
