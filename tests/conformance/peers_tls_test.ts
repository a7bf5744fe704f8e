/**
 * What the far ends of the conformance runs do with TLS, seen by a plain client, and on the wire
 * between the two: a client says too little of how the connection ended, and in words of its own.
 */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { X509Certificate } from "node:crypto";
import { type AddressInfo, connect as connectPlain, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectSecure, type ConnectionOptions } from "node:tls";
import { type CertificateName, certificates } from "../helpers/certificates.ts";
import { Certificate, PrivateKey } from "../../src/faces/ngx/ssl.ts";
import { isParsed, parsedValue } from "./parsed_certificates.ts";
import { Peers } from "./peers.ts";
import type { Step } from "./scenario.ts";

const all = await certificates();

/** What the peer reports of a handshake. */
const tls13 = { tls: "TLSv1.3", sni: "test.example" };
const tls12 = { tls: "TLSv1.2", sni: "test.example" };
const only12 = { maxVersion: "TLSv1.2" } as const;

/** The script, what the client sends (then it ends), and what each of them saw. */
const cases: {
  name: string;
  script: Step[];
  client?: ConnectionOptions;
  /** Sent before the handshake, and answered by a line. */
  plain?: string;
  sends?: string;
  /** What the client received, and how the peer ended the connection below TLS. */
  seen: { received: string; end: string };
  peer: Record<string, unknown>;
}[] = [
  {
    name: "leaves a handshake unread until it comes to that",
    script: [{ sleep: 50 }, { starttls: {} }, { echo: true }, { close: true }],
    sends: "hi",
    seen: { received: "hi", end: "end" },
    peer: { in: "hi", end: "fin", ...tls13 },
  },
  {
    name: "begins in the middle of a conversation",
    script: [
      { read_until: "STARTTLS\n" },
      { send: "go\n" },
      { sleep: 30 },
      { starttls: {} },
      { send: "hello " },
      { echo: true },
      { close: true },
    ],
    plain: "STARTTLS\n",
    sends: "x",
    seen: { received: "hello x", end: "end" },
    peer: { in: "STARTTLS\nx", end: "fin", ...tls13 },
  },
  {
    name: "closes its side, and reads on",
    script: [{ starttls: {} }, { send: "bye" }, { sleep: 30 }, { tlsclose: true }],
    sends: "late",
    seen: { received: "bye", end: "end" },
    peer: { in: "late", end: "fin", ...tls13 },
  },
  {
    name: "shuts down, and reads on",
    script: [{ starttls: only12 }, { sleep: 30 }, { shutdown: true }],
    sends: "late",
    seen: { received: "", end: "end" },
    peer: { in: "late", end: "fin", ...tls12 },
  },
  {
    name: "closes behind what it sent",
    script: [{ starttls: {} }, { send: "abc" }, { close: true }],
    seen: { received: "abc", end: "end" },
    peer: { in: "", end: "server", ...tls13 },
  },
  {
    name: "resets",
    script: [{ starttls: {} }, { send: "abc" }, { sleep: 50 }, { reset: true }],
    seen: { received: "abc", end: "ECONNRESET" },
    peer: { in: "", end: "server", ...tls13 },
  },
  {
    name: "asks for a certificate and gets one",
    script: [{ starttls: { requestCert: true } }, { echo: true }, { close: true }],
    client: all.client,
    sends: "x",
    seen: { received: "x", end: "end" },
    peer: { in: "x", end: "fin", ...tls13, clientCert: "client.example" },
  },
  {
    name: "asks for a certificate and does without",
    script: [{ starttls: { requestCert: true } }, { echo: true }, { close: true }],
    sends: "x",
    seen: { received: "x", end: "end" },
    peer: { in: "x", end: "fin", ...tls13 },
  },
  {
    name: "refuses a client without a certificate if told to",
    script: [{ starttls: { requestCert: true, requireCert: true } }, { send: "never" }],
    seen: { received: "", end: "end" },
    peer: { in: "", end: "error" },
  },
  {
    name: "speaks no older version than it was told to",
    script: [{ starttls: { minVersion: "TLSv1.3" } }, { send: "never" }],
    client: only12,
    seen: { received: "", end: "end" },
    peer: { in: "", end: "error" },
  },
];

for (const { name, script, client = {}, plain, sends, seen, peer } of cases) {
  test(`A scripted peer with TLS ${name}`, () =>
    withPeer(script, async ({ port, report }) => {
      const wire = await relay(port);
      const received = await converse(await begin(wire.port, client, plain), sends);
      assert.deepEqual({ received, end: await wire.ended }, seen);
      await sleep(30);
      assert.deepEqual(await report(), [peer]);
    }));
}

for (const step of ["tlsclose", "shutdown", "close"]) {
  test(`A scripted peer says close_notify before the FIN of "${step}"`, () =>
    withPeer([{ starttls: only12 }, { send: "bye" }, { [step]: true }], async ({ port }) => {
      const wire = await relay(port);
      assert.equal(await converse(await begin(wire.port, {})), "bye");
      assert.equal(await wire.ended, "end");
      assert.deepEqual(recordTypes(wire.bytes()).slice(-2), [RECORD.data, RECORD.alert]);
    }));
}

for (const step of ["tlsclose", "close"]) {
  test(`A scripted peer's "${step}" drops nothing of what was sent before`, () =>
    withPeer(
      [{ starttls: {} }, { send: { rep: ["x", 5_000_000] } }, { [step]: true }],
      async ({ port }) => {
        assert.equal((await converse(await begin(port, {}))).length, 5_000_000);
      },
    ));
}

const sent: { cert?: string; leaf: CertificateName; roots: number }[] = [
  { leaf: "good", roots: 1 },
  { cert: "expired", leaf: "expired", roots: 1 },
  { cert: "selfsigned", leaf: "selfSigned", roots: 0 },
  { cert: "rsa", leaf: "rsa", roots: 0 },
];

for (const { cert, leaf, roots } of sent) {
  test(`A scripted peer told ${cert ?? "nothing"} sends "${leaf}" and ${roots} roots`, () =>
    withPeer([{ starttls: { cert, ...only12 } }, { close: true }], async ({ port }) => {
      const wire = await relay(port);
      await converse(await begin(wire.port, { rejectUnauthorized: false }));
      assert.equal(count(wire.bytes(), leaf), 1);
      assert.equal(count(wire.bytes(), "ca"), roots);
    }));
}

test("Scripts in Lua find the certificates and keys of the peers", () =>
  withPeers(async (peers) => {
    const script = { certificates: await peers.ask("certificates") };
    assert.ok(parsedValue(script, "cert('client')") instanceof Certificate);
    assert.ok(parsedValue(script, "key('selfsigned')") instanceof PrivateKey);
    assert.equal(isParsed("cert('client')"), true);
    assert.equal(isParsed("1/3"), false);
    assert.throws(() => parsedValue(script, "1/3"), SyntaxError);
  }));

type Peer = { port: number; report: () => Promise<unknown[]> };

function withPeer(script: Step[], work: (peer: Peer) => Promise<void>): Promise<void> {
  return withPeers(async (peers) => {
    const { peer, port } = await peers.ask("serve", script);
    await work({ port, report: () => peers.ask("report", peer) });
  });
}

async function withPeers(work: (peers: Peers) => Promise<void>): Promise<void> {
  const peers = new Peers();
  try {
    await work(peers);
  } finally {
    await peers.stop();
  }
}

/** A client whose handshake has begun, behind a plain line and its answer if there is one. */
async function begin(port: number, options: ConnectionOptions, plain?: string): Promise<Socket> {
  const socket = connectPlain({ port, host: "127.0.0.1", allowHalfOpen: true });
  if (plain !== undefined) {
    socket.write(plain);
    await new Promise((resolve) => socket.once("data", resolve));
  }
  const known = { ca: all.ca.cert, servername: "test.example" };
  return connectSecure({ socket, ...known, ...options });
}

/** Sends if there is something to send, and reads to the end, whatever that is. */
async function converse(socket: Socket, sends?: string): Promise<string> {
  const pieces: Buffer[] = [];
  if (sends !== undefined) socket.end(sends);
  socket.on("data", (piece: Buffer) => pieces.push(piece));
  await new Promise<void>((resolve) => {
    for (const end of ["end", "error", "close"]) socket.on(end, () => resolve());
  });
  socket.destroy();
  return Buffer.concat(pieces).toString("latin1");
}

/** Lets one connection through; `ended` says how the far end did, `bytes` what it sent. */
async function relay(to: number) {
  const pieces: Buffer[] = [];
  const listener = createServer({ allowHalfOpen: true });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const ended = new Promise<string>((resolve) => {
    listener.once("connection", (near) => {
      listener.close();
      const far = connectPlain({ port: to, host: "127.0.0.1", allowHalfOpen: true });
      near.on("data", (piece) => far.write(piece));
      near.on("end", () => far.end());
      near.on("error", () => far.destroy());
      far.on("data", (piece: Buffer) => {
        pieces.push(piece);
        near.write(piece);
      });
      far.on("end", () => {
        near.end();
        resolve("end");
      });
      far.on("error", ({ code }: NodeJS.ErrnoException) => {
        near.destroy();
        resolve(String(code));
      });
    });
  });
  const { port } = listener.address() as AddressInfo;
  return { port, ended, bytes: () => Buffer.concat(pieces) };
}

/** RFC 5246, 6.2.1. */
const RECORD = { alert: 21, data: 23 };

/** Of each record the first byte; bytes 3 and 4 are the length of what follows. */
function recordTypes(bytes: Buffer): number[] {
  const types: number[] = [];
  for (let at = 0; at < bytes.length; at += 5 + bytes.readUInt16BE(at + 3)) types.push(bytes[at]!);
  return types;
}

/** How often the certificate is in there, as it is in a handshake of TLS 1.2. */
function count(bytes: Buffer, name: CertificateName): number {
  const certificate = new X509Certificate(all[name].cert).raw.toString("latin1");
  return bytes.toString("latin1").split(certificate).length - 1;
}
