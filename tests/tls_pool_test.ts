// Whom a pooled connection was verified for, and as whom it came, it never changes:
// two uses share one only if nothing differs that decides it.

import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import { Pool } from "../src/connection_pool.ts";
import type { Cosocket } from "../src/cosocket.ts";
import { listen } from "../src/listener.ts";
import type { TlsOptions } from "../src/tls.ts";
import { certificates } from "./helpers/certificates.ts";
import { runtime } from "./helpers/native_pairs.ts";

const { ca, otherCa, localhost, client, good } = await certificates();

const fingerprint = new X509Certificate(localhost.cert).fingerprint256;
const caCerts = ca.cert;

/** Options that the server here serves; those of one kind mean the same. */
const kinds: Readonly<Record<string, readonly (TlsOptions | undefined)[]>> = {
  "by name": [
    { caCerts, serverName: "localhost" },
    { caCerts: [caCerts], serverName: "LOCALHOST" },
    { caCerts, serverName: "localhost.", alpnProtocols: undefined as never },
  ],
  "by address": [{ caCerts }, { caCerts, serverName: "127.0.0.1" }],
  "two CAs": [{ caCerts: [caCerts, otherCa.cert] }],
  "two CAs, the other way round": [{ caCerts: [otherCa.cert, caCerts] }],
  "with a certificate": [{ caCerts, cert: client.cert, key: client.key }],
  "with another certificate": [{ caCerts, cert: good.cert, key: good.key }],
  "a fingerprint": [
    { caCerts, fingerprints: [fingerprint] },
    { caCerts, fingerprints: [fingerprint.replaceAll(":", "").toLowerCase()] },
  ],
  "a fingerprint or another": [{ caCerts, fingerprints: [fingerprint, "0".repeat(64)] }],
  "a protocol": [{ caCerts, alpnProtocols: ["one"] }],
  "protocols": [{ caCerts, alpnProtocols: ["one", "two"] }],
  "protocols, the other way round": [{ caCerts, alpnProtocols: ["two", "one"] }],
  "TLS 1.3 alone": [{ caCerts, minVersion: "TLSv1.3" }],
  "TLS 1.2 alone": [{ caCerts, maxVersion: "TLSv1.2" }],
  "any chain": [{ caCerts, dangerouslySkipChainVerification: true }],
  "any name": [{ caCerts, dangerouslySkipNameVerification: true }],
  "any chain and name": [{
    caCerts,
    dangerouslySkipChainVerification: true,
    dangerouslySkipNameVerification: true,
  }],
  ...(runtime === "Node" && {
    "other ciphers": [{ caCerts, ciphers: "HIGH" }],
  }),
};

const sets = Object.entries(kinds).flatMap(([kind, all]) => all.map((tls) => ({ kind, tls })));

for (const { kind, tls } of sets) {
  test(`a connection opened with ${described(kind, tls)} serves those alone that mean the same`, async () => {
    const server = await listen("127.0.0.1:0", { tls: localhost });
    try {
      let accepted = 0;
      const serving = (async () => {
        for await (const guest of server) {
          accepted++;
          // Until it goes; in whichever way.
          guest.readable.pipeTo(guest.writable).catch(() => {});
        }
      })();
      for (const other of sets) {
        const pool = new Pool();
        try {
          const first = await pool.connect(server.address, { tls: tls! });
          await ask(first);
          assert.equal(await first.release(), true);
          accepted = 0;
          const second = await pool.connect(server.address, { tls: other.tls! });
          await ask(second);
          const isShared = other.kind === kind;
          assert.equal(second.reusedTimes, isShared ? 1 : 0, `${other.kind} after ${kind}`);
          assert.equal(accepted, isShared ? 0 : 1);
          second.close();
        } finally {
          await pool[Symbol.asyncDispose]();
        }
      }
      await server.close();
      await serving;
    } finally {
      await server[Symbol.asyncDispose]();
    }
  });
}

test("a connection without TLS serves nobody who asks for it, and the other way round", async () => {
  const plain = await listen("127.0.0.1:0");
  try {
    const pool = new Pool();
    try {
      const serving = (async () => {
        for await (const guest of plain) {
          guest.receiveAll().catch(() => {}).finally(() => guest.close());
        }
      })();
      const first = await pool.connect(plain.address);
      await first.release();
      assert.equal(pool.stats().idle, 1);
      // The server knows no TLS: the connection that is there would have served at once.
      await assert.rejects(pool.connect(plain.address, { tls: { caCerts }, timeoutMs: 100 }));
      assert.equal(pool.stats().idle, 1);
      await plain.close();
      pool.close();
      await serving;
    } finally {
      await pool[Symbol.asyncDispose]();
    }
  } finally {
    await plain[Symbol.asyncDispose]();
  }
});

test("clear() finds the connections that TLS options mean", async () => {
  const server = await listen("127.0.0.1:0", { tls: localhost });
  try {
    const pool = new Pool();
    try {
      const tls = { caCerts, serverName: "localhost" };
      const [sock, guest] = await Promise.all([
        pool.connect(server.address, { tls }),
        server.accept(),
      ]);
      await sock.release();
      pool.clear(server.address);
      pool.clear(server.address, { tls: { caCerts } });
      assert.equal(pool.stats().idle, 1);
      pool.clear(server.address, { tls: { caCerts, serverName: "LOCALHOST." } });
      assert.equal(pool.stats().idle, 0);
      guest!.close();
    } finally {
      await pool[Symbol.asyncDispose]();
    }
  } finally {
    await server[Symbol.asyncDispose]();
  }
});

async function ask(sock: Cosocket): Promise<void> {
  await sock.send("hello\n");
  assert.equal(await sock.receiveLine(), "hello");
}

function described(kind: string, tls: TlsOptions | undefined): string {
  return `TLS ${kind}${tls?.serverName === undefined ? "" : ` (${tls.serverName})`}`;
}
