import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Redis } from "../../examples/redis.ts";
import { tlsRelay } from "../../examples/tls_relay.ts";
import {
  type Address,
  connect,
  Cosocket,
  listen,
  type SocketError,
  type TlsOptions,
  type TlsServerOptions,
} from "../../mod.ts";
import { certificates } from "../helpers/certificates.ts";
import { runtime } from "../helpers/native_pairs.ts";
import { redis } from "./recipes.ts";
import { missing, type Recipe, withServer } from "./start_server.ts";
import { writeFiles } from "./write_files.ts";

const skip = missing("redis-server");
const { ca, client, good, otherClient } = await certificates();
const tls: TlsOptions = { serverName: "test.example", caCerts: ca.cert };

/** Runs a test against a relay to a target, and gives what the relay reported. */
async function throughRelay(
  target: string | Address,
  own: TlsServerOptions,
  work: (at: Address) => Promise<void>,
): Promise<unknown[]> {
  const reports: unknown[] = [];
  const report = (error: unknown) => reports.push(error);
  const listener = await tlsRelay("127.0.0.1:0", target, { tls: own, report });
  try {
    await work(listener.address);
  } finally {
    await listener.close({ graceMs: 1000 });
  }
  return reports;
}

test(
  "Redis answers 10,000 commands through a relay that ends TLS",
  { skip },
  () =>
    withServer("TCP", redis, async (target) => {
      const reports = await throughRelay(target, good, async (at) => {
        const db = await Redis.connect(at, { tls });
        const value = "x".repeat(1000);
        const commands = Array.from({ length: 10_000 }, (_, n) => ["ECHO", `${n} ${value}`]);
        assert.deepEqual(await db.pipeline(commands), commands.map(([, echo]) => echo));
        db.close();
      });
      assert.deepEqual(reports, []);
    }),
);

test(
  "a pipeline larger than all buffers on the way does not lock up",
  { skip },
  () =>
    withServer("TCP", redis, async (target) => {
      await throughRelay(target, good, async (at) => {
        const db = await Redis.connect(at, { tls, as: "bytes" });
        const value = new Uint8Array(1024 * 1024).map((_, at) => (at * 31 + (at >> 8)) & 0xff);
        const echoes = await db.pipeline(Array.from({ length: 32 }, () => ["ECHO", value]));
        for (const echo of echoes) assert.deepEqual(echo, value);
        db.close();
      });
    }),
);

test(
  "only who has a certificate of ours comes through to Redis",
  { skip },
  () =>
    withServer("TCP", redis, async (target) => {
      const own = { ...good, clientCerts: "require", caCerts: ca.cert } as const;
      await throughRelay(target, own, async (at) => {
        for (const wrong of [{}, otherClient]) {
          // With TLS 1.3 a client is through before the server has looked at its certificate.
          const asked = connect(at, { tls: { ...tls, ...wrong } }).then(async (sock) => {
            await sock.send("PING\r\n");
            return await sock.receiveLine();
          });
          await assert.rejects(asked, (error) => {
            assert.match((error as SocketError).code, /^(?:tls|closed|reset)$/);
            return true;
          });
        }
        const db = await Redis.connect(at, { tls: { ...tls, ...client } });
        assert.equal(await db.call("PING"), "PONG");
        db.close();
      });
    }),
);

test("a relay that ends TLS passes back-pressure on", async () => {
  const listener = await listen("127.0.0.1:0");
  const accepted = listener.accept();
  await throughRelay(listener.address, good, async (at) => {
    const sender = await connect(at, { tls });
    const reader = (await accepted)!;
    // Whatever the systems between us hold, it is not this much.
    const most = new Uint8Array(64 * 1024 * 1024);
    const sent = await sender.sendSome(most, { timeoutMs: 300 });
    assert.ok(sent < most.length, `${sent} bytes went, though nobody reads`);
    sender.close();
    reader.close();
  });
  await listener.close();
});

test("a client that was cut off has not ended", async () => {
  const listener = await listen("127.0.0.1:0");
  const accepted = listener.accept();
  const reports = await throughRelay(listener.address, good, async (at) => {
    const wire = await connect(at);
    const sock = Cosocket.over(wire);
    await sock.startTls(tls);
    await sock.send("half a messa");
    const server = (await accepted)!;
    assert.equal(Buffer.from(await server.receiveExactly(12)).toString(), "half a messa");
    wire.close(); // below TLS, which says nothing
    const rest = server.receiveAny(1);
    if (runtime === "Deno") assert.equal(await rest, null); // it has no resets
    else await assert.rejects(rest, { code: "reset" });
    server.close();
  });
  assert.deepEqual(reports.map((it) => (it as SocketError).code), ["closed"]);
  await listener.close();
});

test("a server that is down costs its client the connection, and is reported", async () => {
  const gone = await listen("127.0.0.1:0");
  const { address } = gone;
  await gone.close();
  const reports = await throughRelay(address, good, async (at) => {
    const sock = await connect(at, { tls });
    await assert.rejects(sock.receiveLine());
    sock.close();
  });
  assert.deepEqual(reports.map((it) => (it as SocketError).code), ["refused"]);
});

test(
  "examples/tls_relay.ts runs by itself",
  { skip },
  () =>
    withServer("TCP", redis, async (target) => {
      const relay: Recipe = ({ folder, port }) => {
        const paths = writeFiles(folder, {
          "cert.pem": good.cert,
          "key.pem": good.key,
          "clients.pem": ca.cert,
        });
        const path = fileURLToPath(new URL("../../examples/tls_relay.ts", import.meta.url));
        const flags = "Deno" in globalThis ? ["run", "--allow-net", "--allow-read"] : [];
        const files = [paths["cert.pem"]!, paths["key.pem"]!, paths["clients.pem"]!];
        return {
          program: process.execPath,
          args: [...flags, path, `127.0.0.1:${port}`, target, ...files],
        };
      };
      await withServer("TCP", relay, async (at) => {
        const db = await Redis.connect(at, { tls: { ...tls, ...client } });
        assert.equal(await db.call("PING"), "PONG");
        db.close();
      });
    }),
);
