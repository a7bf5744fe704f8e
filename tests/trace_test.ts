import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, Pool, SocketError } from "../mod.ts";
import { bytesText } from "../src/bytes_text.ts";
import { socket as luasocket } from "../src/faces/luasocket/mod.ts";
import { createNgx } from "../src/faces/ngx/mod.ts";
import { listen } from "../src/listener.ts";
import { trace } from "../src/trace.ts";
import { socketPair } from "../testing.ts";
import { certificates } from "./helpers/certificates.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

const shown: readonly { bytes: Uint8Array; maxBytes?: number; text: string }[] = [
  { bytes: bytes("+PONG\r\n"), text: String.raw`"+PONG\r\n"` },
  { bytes: bytes('a "b"\t'), text: String.raw`"a \"b\"\t"` },
  { bytes: bytes("grüße"), text: '"grüße"' },
  { bytes: Uint8Array.of(), text: '""' },
  { bytes: Uint8Array.of(0x61, 0x00, 0xff), text: "61 00 ff" },
  { bytes: bytes("\x1b[2J"), text: "1b 5b 32 4a" },
  { bytes: bytes("\u0085"), text: "c2 85" },
  { bytes: Uint8Array.of(0xc3), text: "c3" },
  { bytes: bytes("12345"), maxBytes: 5, text: '"12345"' },
  { bytes: bytes("123456"), maxBytes: 5, text: '"12345" ... 6 bytes in all' },
  { bytes: bytes("1234ü"), maxBytes: 5, text: '"1234" ... 6 bytes in all' },
  { bytes: Uint8Array.of(0, 1, 2), maxBytes: 2, text: "00 01 ... 3 bytes in all" },
];
for (const { bytes, maxBytes = 256, text } of shown) {
  test(`the bytes ${[...bytes].join(" ")} are shown as ${text}, of ${maxBytes} at most`, () => {
    assert.equal(bytesText(bytes, maxBytes), text);
  });
}

/** What is printed while `work` is done, without times and numbers of this run. */
async function traced(work: () => Promise<void>): Promise<string[]> {
  const lines: string[] = [];
  const stop = trace({ print: (line) => lines.push(line) });
  try {
    await work();
  } finally {
    stop();
  }
  const numbers = new Map<string, number>();
  return lines.map((line) =>
    line.replace(/^ *[\d.]+ ms {2}/, "")
      .replace(/#\d+/g, (found) => {
        if (!numbers.has(found)) numbers.set(found, numbers.size + 1);
        return `#${numbers.get(found)}`;
      })
      .replace(/127\.0\.0\.1:\d+/g, "SERVER")
      .replace(/[\d.]+ ms/g, "T")
  );
}

test("a dialogue is shown from both ends, from its connect to its close", async () => {
  const lines = await traced(async () => {
    const server = await listen("127.0.0.1:0");
    const accepted = server.accept();
    const sock = await connect(server.address);
    const guest = await accepted;
    await sock.send("PING\r\n");
    await guest!.receiveLine();
    await guest!.send(["+PONG", "\r\n"]);
    await sock.receiveLine();
    sock.close();
    guest!.abort();
    await server.close();
  });
  assert.deepEqual(lines.filter((line) => line.startsWith("#1")), [
    "#1 connects to SERVER",
    "#1 connected in T",
    String.raw`#1 > "PING\r\n"`,
    String.raw`#1 < "+PONG\r\n"`,
    "#1 closed by us; 6 bytes sent, 7 received",
  ]);
  assert.deepEqual(lines.filter((line) => line.startsWith("#2")), [
    "#2 accepted from SERVER",
    String.raw`#2 < "PING\r\n"`,
    String.raw`#2 > "+PONG\r\n"`,
    "#2 cut off by us; 7 bytes sent, 6 received",
  ]);
});

test("what failed and what was too late is shown with its message", async () => {
  const lines = await traced(async () => {
    const server = await listen("127.0.0.1:0");
    const at = server.address;
    await server.close();
    await assert.rejects(connect(at), SocketError);
    const [sock] = socketPair();
    await assert.rejects(sock.receiveLine({ timeoutMs: 1 }), SocketError);
    sock.close();
  });
  assert.match(lines[1]!, /^#1 failed after T: Cannot connect to SERVER: /);
  assert.match(lines[2]!, /^#2 timed out: Cannot receive from the peer: no byte came in time$/);
  assert.equal(lines[3], "#2 closed after a failure; 0 bytes sent, 0 received");
});

test("what a pool does is shown", async () => {
  const lines = await traced(async () => {
    const server = await listen("127.0.0.1:0");
    const pool = new Pool({ maxConnections: 1 });
    const sock = await pool.connect(server.address);
    const next = pool.connect(server.address);
    await sock.release();
    await (await next).release();
    await pool.close();
    await server.close();
  });
  const [wait, ...others] = lines.filter((line) => /pool|waits/.test(line)).slice(1);
  assert.match(wait!, /^waits for a connection, as number 1: .*"127\.0\.0\.1"/);
  assert.deepEqual(others, [
    "#1 lent by its pool (reused 1 times)",
    "#1 kept by its pool",
    "#1 not kept by its pool: retired",
  ]);
});

test("a connection that is not fit to be kept is shown as such", async () => {
  const lines = await traced(async () => {
    const server = await listen("127.0.0.1:0");
    const pool = new Pool();
    const sock = await pool.connect(server.address);
    await assert.rejects(sock.receiveLine({ timeoutMs: 1 }), SocketError);
    assert.equal(await sock.release(), false);
    await server.close();
  });
  assert.deepEqual(lines.filter((line) => line.includes("pool")), [
    "#1 lent by its pool (reused 0 times)",
    "#1 not kept by its pool: not fit",
  ]);
});

test("a handshake that times out is shown with its connection, and as a failure", async () => {
  const lines = await traced(async () => {
    const server = await listen("127.0.0.1:0");
    const sock = await connect(server.address);
    await assert.rejects(
      sock.startTls({ serverName: "x.test", timeoutMs: 20 }),
      { code: "timeout" },
    );
    await server.close();
  });
  const [timeout, end, close] = lines.filter((line) => /time|failed|failure/.test(line));
  assert.match(timeout!, /^#1 timed out: Cannot start TLS/);
  assert.match(`${end}|${close}`, /#1 failed after T: Cannot start TLS/);
  assert.match(`${end}|${close}`, /#1 closed after a failure/);
});

test("a connection that luasocket accepts is shown", async () => {
  const lines = await traced(async () => {
    const [server] = await luasocket.bind("127.0.0.1", 0);
    const [, port] = server!.getsockname();
    const [client] = await luasocket.connect("127.0.0.1", port);
    const [guest] = await server!.accept();
    for (const it of [client, guest, server]) await it!.close();
  });
  assert.equal(lines.filter((line) => line.includes("accepted from SERVER")).length, 1);
});

test("what a pool of ngx does is shown by its name", async () => {
  const lines = await traced(async () => {
    const server = await listen("127.0.0.1:0");
    const { port } = server.address as { port: number };
    await createNgx().run(async (ngx) => {
      for (const _ of [1, 2]) {
        const sock = ngx.socket.tcp();
        assert.equal((await sock.connect("127.0.0.1", port, { pool: "mine" }))[0], 1);
        assert.equal((await sock.setkeepalive(1))[0], 1);
      }
      await ngx.sleep(0.05);
    });
    await server.close();
  });
  // The first setkeepalive makes the pool, as in the original.
  assert.deepEqual(lines.filter((line) => line.includes("pool")), [
    "#1 kept by its pool",
    "#1 lent by its pool (reused 1 times)",
    "#1 kept by its pool",
    "#1 not kept by its pool: idle",
  ]);
});

test("a handshake on an open connection is shown, and then what is inside of TLS", async () => {
  const { ca, localhost } = await certificates();
  const lines = await traced(async () => {
    const server = await listen("127.0.0.1:0");
    const accepted = server.accept();
    const { port } = server.address as { port: number };
    const sock = await connect({ hostname: "localhost", port }, { family: 4 });
    const guest = await accepted;
    await Promise.all([sock.startTls({ caCerts: ca.cert }), guest!.startTls(localhost)]);
    await sock.send("secret\r\n");
    await guest!.receiveLine();
    sock.close();
    guest!.close();
    await server.close();
  });
  const [starts, speaks, sends] = lines.filter((line) => /^#1 (?:starts|speaks|>)/.test(line));
  assert.equal(starts, "#1 starts TLS");
  assert.equal(speaks, "#1 speaks TLSv1.3 in T");
  assert.equal(sends, String.raw`#1 > "secret\r\n"`);
});

test("nothing is shown any more once it was stopped, and another trace goes on", async () => {
  const [mine, other]: [string[], string[]] = [[], []];
  const stop = trace({ print: (line) => mine.push(line) });
  const stopOther = trace({ print: (line) => other.push(line) });
  const [sock, peer] = socketPair();
  await sock.send("one");
  stop();
  await peer.send("two");
  stopOther();
  await sock.send("three");
  assert.equal(mine.length, 1);
  assert.equal(other.length, 2);
});

test("options that make no sense are refused, and nothing is shown then", () => {
  assert.throws(() => trace({ maxBytes: -1 }), RangeError);
  assert.throws(() => trace({ print: 1 as never }), TypeError);
});
