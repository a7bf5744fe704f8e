// What goes over the wire where TLS is asked for, as whoever listens there sees it:
// records of TLS, and nothing that an application has said.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import net from "node:net";
import { test } from "node:test";
import { Pool } from "../src/connection_pool.ts";
import { connect, type Cosocket } from "../src/cosocket.ts";
import { listen } from "../src/listener.ts";
import type { TlsOptions, TlsServerOptions } from "../src/tls.ts";
import type { Address } from "../src/transport.ts";
import { certificates } from "./helpers/certificates.ts";
import { runtime } from "./helpers/native_pairs.ts";

const { ca, otherCa, good, client, selfSigned } = await certificates();

const serverName = "test.example";
const MARK = "SECRET-OF-THE-APPLICATION";
const caCerts = ca.cert;
const isLax = { dangerouslySkipChainVerification: true, dangerouslySkipNameVerification: true };

/** All that can be asked of TLS; `shows` is what the server has. */
const cases: readonly { name: string; tls: TlsOptions; shows?: TlsServerOptions }[] = [
  { name: "caCerts", tls: { caCerts, serverName } },
  { name: "another serverName", tls: { caCerts, serverName: "other.example" } },
  { name: "another CA", tls: { caCerts: otherCa.cert, serverName } },
  { name: "a certificate of our own", tls: { caCerts, serverName, ...pick(client) } },
  {
    name: "a certificate of our own, where one is required",
    tls: { caCerts, serverName, ...pick(client) },
    shows: { ...good, caCerts, clientCerts: "require" },
  },
  {
    name: "no certificate, where one is required",
    tls: { caCerts, serverName },
    shows: { ...good, caCerts, clientCerts: "require" },
  },
  { name: "protocols", tls: { caCerts, serverName, alpnProtocols: ["one"] } },
  { name: "fingerprints", tls: { caCerts, serverName, fingerprints: ["0".repeat(64)] } },
  { name: "TLS 1.2 alone", tls: { caCerts, serverName, maxVersion: "TLSv1.2" } },
  { name: "TLS 1.3 alone", tls: { caCerts, serverName, minVersion: "TLSv1.3" } },
  {
    name: "versions that do not meet",
    tls: { caCerts, serverName, minVersion: "TLSv1.3" },
    shows: { ...good, maxVersion: "TLSv1.2" },
  },
  { name: "nothing to be verified", tls: { serverName, ...isLax }, shows: selfSigned },
  { name: "a certificate that is refused", tls: { caCerts, serverName }, shows: selfSigned },
  {
    name: "ciphers",
    tls: { caCerts, serverName, ...(runtime === "Node" && { ciphers: "HIGH" }) },
  },
];

const pool = new Pool();

/** Ways to TLS; whether something is said in plain before it. */
const ways: Readonly<
  Record<string, { dial(at: Address, tls: TlsOptions): Promise<Cosocket>; plain?: string }>
> = {
  "connect()": { dial: (at, tls) => connect(at, { tls }) },
  "connect() from a local address": {
    dial: (at, tls) => connect(at, { tls, localAddress: "127.0.0.1" }),
  },
  "a Pool": { dial: (at, tls) => pool.connect(at, { tls }) },
  "startTls()": {
    dial: async (at, tls) => {
      const sock = await connect(at);
      await sock.startTls(tls);
      return sock;
    },
  },
  "startTls() behind plain words": {
    dial: async (at, tls) => {
      const sock = await connect(at);
      await sock.send("go\n");
      assert.equal(await sock.receiveLine(), "go");
      await sock.startTls(tls);
      return sock;
    },
    plain: "go\n",
  },
};

for (const [way, { dial, plain = "" }] of Object.entries(ways)) {
  for (const { name, tls, shows = good } of cases) {
    test(`${way} with ${name}: nothing goes over the wire but TLS`, async () => {
      const server = await serve(shows, plain !== "");
      const relay = await recordingRelay(server.address as { port: number });
      const sock = await dial(relay.address, tls).catch(() => undefined);
      if (sock !== undefined) {
        // It may be the first to tell us that the server refuses us.
        await sock.send(`${MARK}\n`).catch(() => {});
        await sock.receiveLine().catch(() => {});
        sock.close();
      }
      const heard = await relay.end();
      await server.close();
      for (const bytes of heard) {
        assert.equal(bytes.includes(MARK), false, "plain words of the application");
        assert.equal(bytes.subarray(0, plain.length).toString(), plain);
        assertRecords(bytes.subarray(plain.length));
      }
      assert.ok(heard[0]!.length > plain.length, "the client said nothing");
    });
  }
}

/** A server with TLS, from the first byte on or behind a line; it says all twice. */
async function serve(tls: TlsServerOptions, isPlainFirst: boolean) {
  const listener = await listen("127.0.0.1:0", isPlainFirst ? {} : { tls });
  const answer = async (guest: Cosocket) => {
    try {
      if (isPlainFirst) {
        await guest.send(`${await guest.receiveLine()}\n`);
        await guest.startTls(tls);
      }
      await guest.send(`${await guest.receiveLine()}\n`);
      await guest.receiveAll();
    } catch {
      // Who is refused, or refuses us, goes.
    }
    guest.close();
  };
  void (async () => {
    for await (const guest of listener) {
      // TLS from the first byte on is expected, and so what comes may be anything.
      void answer(guest);
    }
  })();
  return listener;
}

/** What both ends said, the client first, once both have gone. */
async function recordingRelay(to: { port: number }) {
  const heard: Uint8Array[][] = [[], []];
  const gone: Promise<void>[] = [];
  const relay = net.createServer({ allowHalfOpen: true }, (near) => {
    const far = net.connect({ port: to.port, host: "127.0.0.1", allowHalfOpen: true });
    const sockets = [near, far] as const;
    sockets.forEach((socket, at) => {
      const other = sockets[1 - at]!;
      socket.on("data", (bytes: Uint8Array) => {
        heard[at]!.push(Uint8Array.from(bytes));
        if (!other.destroyed) other.write(bytes);
      });
      socket.on("end", () => other.end());
      socket.on("error", () => other.destroy());
      gone.push(new Promise((resolve) => socket.once("close", () => resolve())));
    });
  });
  await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
  const { port } = relay.address() as net.AddressInfo;
  const end = async () => {
    while (gone.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    await Promise.all(gone);
    relay.close();
    return heard.map((pieces) => Buffer.concat(pieces));
  };
  return { address: { hostname: "127.0.0.1", port }, end };
}

/** Every byte belongs to a record of TLS: a type, a version, a length, and so many bytes. */
function assertRecords(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    const [type, major, minor, high, low] = bytes.subarray(at, at + 5);
    const shown = Buffer.from(bytes.subarray(at, at + 16)).toString("hex");
    assert.ok(type !== undefined && type >= 20 && type <= 23, `no record at ${at}: ${shown}`);
    assert.equal(major, 3, `no version at ${at}: ${shown}`);
    assert.ok(minor! <= 4, `no version at ${at}: ${shown}`);
    at += 5 + high! * 256 + low!;
  }
}

function pick({ cert, key }: { cert: string; key: string }) {
  return { cert, key };
}
