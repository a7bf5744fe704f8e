import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { HttpClient } from "../../examples/http_client.ts";
import { type Cosocket, Pool } from "../../mod.ts";
import { nginx } from "./recipes.ts";
import { runExample } from "./run_example.ts";
import { missing, PLACES, withServer } from "./start_server.ts";

const skip = missing("nginx");

const page = new Uint8Array(1024 * 1024 + 7);
for (let at = 0; at < page.length; at++) page[at] = 97 + (at * 7 + (at >> 10)) % 26;

const locations = `
  location /hello { return 200 "hello"; }
  location /connection { return 200 "$connection $connection_requests"; }
  location /three { keepalive_requests 3; return 200 "$connection"; }
  location /short { keepalive_timeout 200ms; return 200 "$connection"; }
  location /nothing { return 204; }
  location /old { return 301 /hello; }
  # What goes through the filter for includes has no known length: it comes in chunks.
  location /chunked/ { ssi on; alias files/; }
  location /close { keepalive_timeout 0; return 200 "bye"; }
`;
const recipe = nginx(locations, { "page.html": page, "empty.html": new Uint8Array() });
const text = (body: Uint8Array) => new TextDecoder().decode(body);

for (const place of PLACES) {
  const serverTest = (name: string, work: (target: string) => Promise<void>) =>
    test(`${name} (${place})`, { skip }, () => withServer(place, recipe, work));

  serverTest("one connection serves all kinds of answers, one after another", async (target) => {
    const client = new HttpClient(target);
    const hello = await client.get("/hello");
    assert.deepEqual([hello.status, hello.reason, text(hello.body)], [200, "OK", "hello"]);
    const head = await client.request("HEAD", "/page.html");
    assert.equal(head.headers.get("content-length"), String(page.length));
    assert.equal(head.body.length, 0);
    assert.equal((await client.get("/nothing")).status, 204);
    const { status, headers } = await client.get("/old");
    assert.deepEqual([status, headers.get("location")?.endsWith("/hello")], [301, true]);
    assert.equal((await client.get("/no such".replace(" ", "-"))).status, 404);
    assert.equal(Buffer.compare((await client.get("/page.html")).body, page), 0);
    const last = await client.get("/connection");
    assert.match(text(last.body), / 7$/);
    assert.equal(last.reusedTimes, 6);
    assert.deepEqual(client.stats(), { idle: 1, lent: 0, waiting: 0 });
    client.close();
  });

  serverTest("a body in chunks is joined, and the connection goes on behind it", async (target) => {
    const client = new HttpClient(target);
    const chunked = await client.get("/chunked/page.html");
    assert.equal(chunked.headers.get("transfer-encoding"), "chunked");
    assert.equal(Buffer.compare(chunked.body, page), 0);
    assert.equal((await client.get("/chunked/empty.html")).body.length, 0);
    const next = await client.get("/hello");
    assert.deepEqual([next.reusedTimes, text(next.body)], [2, "hello"]);
    client.close();
  });

  serverTest("keepalive_requests: a new connection takes over, unnoticed", async (target) => {
    const client = new HttpClient(target);
    const connections: string[] = [];
    const reused: number[] = [];
    for (let count = 0; count < 8; count++) {
      const { status, body, reusedTimes } = await client.get("/three");
      assert.equal(status, 200);
      connections.push(text(body));
      reused.push(reusedTimes);
    }
    assert.deepEqual(reused, [0, 1, 2, 0, 1, 2, 0, 1]);
    assert.equal(new Set(connections).size, 3);
    client.close();
  });

  serverTest(
    "the pool drops a connection that the server closed behind an answer",
    async (target) => {
      // Unlike the client above, this one does not look at "Connection: close".
      const pool = new Pool();
      for (let count = 0; count < 20; count++) {
        assert.equal(await pool.use(target, (sock) => ask(sock, "/close")), "bye");
        // It is dropped when it comes back, or when the end comes.
        await until(() => pool.stats().idle === 0);
      }
      pool.close();
    },
  );

  serverTest("keepalive_timeout: the pool drops what the server closed", async (target) => {
    const client = new HttpClient(target);
    const first = await client.get("/short");
    const again = await client.get("/short");
    assert.deepEqual([again.reusedTimes, text(again.body)], [1, text(first.body)]);
    assert.deepEqual(client.stats(), { idle: 1, lent: 0, waiting: 0 });
    await until(() => client.stats().idle === 0);
    const later = await client.get("/short");
    assert.equal(later.reusedTimes, 0);
    assert.notEqual(text(later.body), text(first.body));
    client.close();
  });

  serverTest("a connection that the server closed just now is not used", async (target) => {
    const client = new HttpClient(target);
    // About as long as nginx waits: now before the end has come, now after.
    for (let count = 0; count < 12; count++) {
      assert.equal((await client.get("/short")).status, 200);
      await new Promise((resolve) => setTimeout(resolve, 194 + count));
    }
    client.close();
  });

  serverTest("200 requests at a time take turns on eight connections", async (target) => {
    const client = new HttpClient(target, { maxConnections: 8 });
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => client.get("/connection")),
    );
    const connections = new Set(answers.map(({ body }) => text(body).split(" ")[0]));
    assert.equal(connections.size, 8);
    assert.deepEqual(client.stats(), { idle: 8, lent: 0, waiting: 0 });
    client.close();
  });

  serverTest("a large body streams by, and the connection goes back behind it", async (target) => {
    const pool = new Pool();
    for (const reusedTimes of [0, 1, 2]) {
      await pool.use(target, async (sock) => {
        assert.equal(sock.reusedTimes, reusedTimes);
        await sock.send("GET /page.html HTTP/1.1\r\nHost: localhost\r\n\r\n");
        const head = text(await sock.receiveUntil("\r\n\r\n"));
        const size = Number(/^content-length: (\d+)/im.exec(head)![1]);
        let at = 0;
        for await (const chunk of sock.body(size)) {
          assert.equal(Buffer.compare(chunk, page.subarray(at, at + chunk.length)), 0);
          at += chunk.length;
        }
        assert.equal(at, page.length);
      });
    }
    pool.close();
  });
}

async function ask(sock: Cosocket, path: string): Promise<string> {
  await sock.send(["GET ", path, " HTTP/1.1\r\nHost: localhost\r\n\r\n"]);
  const head = text(await sock.receiveUntil("\r\n\r\n"));
  return text(await sock.receiveExactly(Number(/^content-length: (\d+)/im.exec(head)![1])));
}

async function until(isSo: () => boolean): Promise<void> {
  const endMs = performance.now() + 10_000;
  while (!isSo()) {
    assert.ok(performance.now() < endMs, `Not so after ten seconds: ${isSo}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test(
  "examples/http_client.ts runs by itself",
  { skip },
  () =>
    withServer("TCP", recipe, async (target) => {
      const output = await runExample("http_client.ts", target, "/hello");
      assert.match(output, /^200 OK\nserver: nginx.*\n\nhello\n$/s);
    }),
);
