// Whom we trust, on every way to TLS: the same certificates are taken and refused
// whether TLS is there from the first byte or begins later, with and without a pool,
// and whatever it runs over.

import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import { Pool } from "../src/connection_pool.ts";
import { connect, type Cosocket } from "../src/cosocket.ts";
import { SocketError } from "../src/errors.ts";
import { listen } from "../src/listener.ts";
import type { TlsInfo, TlsOptions, TlsServerOptions } from "../src/tls.ts";
import type { Address } from "../src/transport.ts";
import { type CertificateName, certificates } from "./helpers/certificates.ts";
import { type Kind, runtime, TCP4, UNIX } from "./helpers/native_pairs.ts";
import { CLIENT_PATHS, farTls, type Path, SERVER_PATHS } from "./helpers/tls_paths.ts";

const all = await certificates();

/** What came of a handshake at one end. */
type Outcome = { readonly tls: TlsInfo } | { readonly failed: unknown };

/** A way to TLS, and what comes of it at the client's end. */
type ClientWay = (toClient: TlsOptions, toServer: TlsServerOptions) => Promise<Outcome>;

const pool = new Pool();

// OpenSSL speaks the old versions only where nothing is demanded of ciphers.
const OLD_CIPHERS = runtime === "Node" ? { ciphers: "DEFAULT@SECLEVEL=0" } : {};

const clientWays: Readonly<Record<string, ClientWay>> = {
  "connect()": direct(TCP4, (at, tls) => connect(at, { tls })),
  "connect() from a local address": direct(
    TCP4,
    (at, tls) => connect(at, { tls, localAddress: "127.0.0.1" }),
  ),
  "connect() to a unix socket": direct(UNIX, (at, tls) => connect(at, { tls })),
  "a Pool": direct(TCP4, (at, tls) => pool.connect(at, { tls })),
  ...Object.fromEntries(CLIENT_PATHS.map((path) => [`startTls(), ${path.name}`, upgraded(path)])),
};

const NAME = "test.example";

/** A server's certificate, what the client is told, and whether it takes it. */
const clientCases: readonly {
  readonly name: string;
  readonly shows: CertificateName;
  readonly serverName?: string;
  readonly tls?: TlsOptions;
  readonly takes: boolean;
}[] = [
  { name: "a good certificate", shows: "good", takes: true },
  { name: "one with an RSA key", shows: "rsa", takes: true },
  { name: "one that comes with its root", shows: "withRoot", takes: true },
  { name: "one of an intermediate CA", shows: "viaIntermediate", takes: true },
  { name: "one of an intermediate CA's intermediate CA", shows: "viaTwo", takes: true },
  { name: "one that has signed itself", shows: "selfSigned", takes: false },
  {
    name: "one of an unknown CA",
    shows: "good",
    tls: { caCerts: all.otherCa.cert },
    takes: false,
  },
  {
    name: "one of either of two CAs",
    shows: "good",
    tls: { caCerts: [all.otherCa.cert, all.ca.cert] },
    takes: true,
  },
  { name: "one for another name", shows: "other", takes: false },
  { name: "one that has expired", shows: "expired", takes: false },
  { name: "one that is not valid yet", shows: "notYet", takes: false },
  { name: "one for clients", shows: "clientUsage", takes: false },
  { name: "one with the name as common name only", shows: "commonNameOnly", takes: false },
  { name: "one with a NUL byte behind the name", shows: "nul", takes: false },
  { name: "one with a NUL byte in the common name", shows: "nulCommonName", takes: false },
  { name: "one for the address", shows: "address", serverName: "127.0.0.1", takes: true },
  { name: "one for another address", shows: "address", serverName: "127.0.0.2", takes: false },
  {
    name: "one with the address as a name",
    shows: "nameAsAddress",
    serverName: "127.0.0.1",
    takes: false,
  },
  { name: "one for a name, by address", shows: "good", serverName: "127.0.0.1", takes: false },
  { name: "one for the IPv6 address", shows: "localhost", serverName: "::1", takes: true },
  {
    name: "one for the IPv6 address, written long",
    shows: "localhost",
    serverName: "0:0:0:0:0:0:0:1",
    takes: true,
  },
  { name: "one for the address in brackets", shows: "localhost", serverName: "[::1]", takes: true },
  { name: "one for another IPv6 address", shows: "localhost", serverName: "::2", takes: false },
  {
    name: "one for one label in place of the star",
    shows: "wildcard",
    serverName: "a.test.example",
    takes: true,
  },
  {
    name: "one for two labels in place of the star",
    shows: "wildcard",
    serverName: "a.b.test.example",
    takes: false,
  },
  { name: "one for no label in place of the star", shows: "wildcard", takes: false },
  {
    name: "one for an international name",
    shows: "international",
    serverName: "bücher.example",
    takes: true,
  },
  {
    name: "one for an international name in upper case",
    shows: "international",
    serverName: "BÜCHER.example",
    takes: true,
  },
  {
    name: "one for an international name in ASCII",
    shows: "international",
    serverName: "xn--bcher-kva.example",
    takes: true,
  },
  {
    name: "one for another international name",
    shows: "international",
    serverName: "bucher.example",
    takes: false,
  },
  { name: "one for the name with a dot", shows: "good", serverName: "test.example.", takes: true },
  {
    name: "one for the name in upper case",
    shows: "good",
    serverName: "TEST.Example",
    takes: true,
  },
  {
    name: "one that has signed itself, if chains are not verified",
    shows: "selfSigned",
    tls: { dangerouslySkipChainVerification: true },
    takes: true,
  },
  {
    name: "one that has expired, if chains are not verified",
    shows: "expired",
    tls: { dangerouslySkipChainVerification: true },
    takes: true,
  },
  {
    name: "one for another name, if chains are not verified",
    shows: "other",
    tls: { dangerouslySkipChainVerification: true },
    takes: false,
  },
  {
    name: "one for another name, if names are not verified",
    shows: "other",
    tls: { dangerouslySkipNameVerification: true },
    takes: true,
  },
  {
    name: "one that has signed itself, if names are not verified",
    shows: "selfSigned",
    tls: { dangerouslySkipNameVerification: true },
    takes: false,
  },
  {
    name: "one that has signed itself for another name, if neither is verified",
    shows: "selfSigned",
    serverName: "other.example",
    tls: { dangerouslySkipChainVerification: true, dangerouslySkipNameVerification: true },
    takes: true,
  },
  {
    name: "one with the fingerprint",
    shows: "good",
    tls: { fingerprints: ["0".repeat(64), fingerprint("good")] },
    takes: true,
  },
  {
    name: "one without the fingerprint",
    shows: "good",
    tls: { fingerprints: [fingerprint("rsa")] },
    takes: false,
  },
  {
    name: "one with the fingerprint, of an unknown CA",
    shows: "good",
    tls: { fingerprints: [fingerprint("good")], caCerts: all.otherCa.cert },
    takes: false,
  },
  {
    name: "one with the fingerprint, if neither chain nor name is verified",
    shows: "selfSigned",
    tls: {
      fingerprints: [fingerprint("selfSigned")],
      dangerouslySkipChainVerification: true,
      dangerouslySkipNameVerification: true,
    },
    takes: true,
  },
  {
    name: "one without the fingerprint, if neither chain nor name is verified",
    shows: "good",
    tls: {
      fingerprints: [fingerprint("selfSigned")],
      dangerouslySkipChainVerification: true,
      dangerouslySkipNameVerification: true,
    },
    takes: false,
  },
];

for (const [way, go] of Object.entries(clientWays)) {
  for (const { name, shows, serverName = NAME, tls, takes } of clientCases) {
    test(`${way}: a client ${takes ? "takes" : "refuses"} ${name}`, async () => {
      const options = { caCerts: all.ca.cert, ...tls, serverName };
      const outcome = await go(options, all[shows]);
      if (!takes) return refused(outcome);
      assert.ok("tls" in outcome, String((outcome as { failed: unknown }).failed));
      const { verified, peerCertificate, closeNotify } = outcome.tls;
      const isLax = options.dangerouslySkipChainVerification ||
        options.dangerouslySkipNameVerification;
      assert.equal(verified, !isLax);
      assert.equal(peerCertificate?.fingerprint, fingerprint(shows));
      assert.notEqual(closeNotify, false);
    });
  }

  for (const { name, offers, knows, agree } of alpnCases()) {
    test(`${way}: ${name}`, async () => {
      const toClient = { caCerts: all.ca.cert, serverName: NAME, ...offers };
      const outcome = await go(toClient, { ...all.good, ...knows });
      // A server on Deno goes without an alert that would tell why.
      if (agree === "refused") return refused(outcome, runtime === "Deno" ? "closed" : "tls");
      assert.ok("tls" in outcome, String((outcome as { failed: unknown }).failed));
      assert.equal(outcome.tls.alpnProtocol, agree);
    });
  }

  for (const version of ["TLSv1", "TLSv1.1"] as const) {
    const skip = runtime === "Deno" && "Deno's TLS knows no such version";
    test(`${way}: ${version} is refused, unless it is asked for`, { skip }, async () => {
      const old = { minVersion: version, maxVersion: version, ...OLD_CIPHERS };
      const toServer = { ...all.good, ...old };
      const toClient = { caCerts: all.ca.cert, serverName: NAME };
      refused(await go(toClient, toServer));
      const asked = await go({ ...toClient, ...old }, toServer);
      assert.ok("tls" in asked, String((asked as { failed: unknown }).failed));
      assert.equal(asked.tls.protocol, version);
    });
  }
}

const serverWays: Readonly<Record<string, ClientWay>> = {
  "listen()": async (toClient, toServer) => {
    const listener = await listen("127.0.0.1:0", { tls: toServer });
    try {
      const accepting = listener.accept();
      const at = listener.address;
      const client = await settled(connect(at, { tls: toClient }).then(heard));
      if ("failed" in client) return client;
      const guest = (await accepting)!;
      const { tls } = guest;
      guest.close();
      return { tls: tls! };
    } finally {
      await listener[Symbol.asyncDispose]();
    }
  },
  ...Object.fromEntries(SERVER_PATHS.map((path) => [`startTls(), ${path.name}`, upgraded(path)])),
};

const { cert: clientCert, key: clientKey } = all.client;

/** A client's certificate, and what a server makes of it. */
const serverCases: readonly {
  readonly name: string;
  readonly asks: "none" | "request" | "require";
  readonly shows?: { cert: string; key: string };
  readonly takes: "verified" | "unverified" | "not";
}[] = [
  { name: "that need show nothing", asks: "none", takes: "unverified" },
  {
    name: "of whom nothing is asked, and that would show something",
    asks: "none",
    shows: all.otherClient,
    takes: "unverified",
  },
  {
    name: "that show what is required",
    asks: "require",
    shows: { cert: clientCert, key: clientKey },
    takes: "verified",
  },
  { name: "that do not show what is required", asks: "require", takes: "not" },
  {
    name: "that show one of another CA where one is required",
    asks: "require",
    shows: all.otherClient,
    takes: "not",
  },
  { name: "that show what is requested", asks: "request", shows: all.client, takes: "verified" },
  { name: "that do not show what is requested", asks: "request", takes: "unverified" },
  {
    name: "that show one of another CA where one is requested",
    asks: "request",
    shows: all.otherClient,
    takes: "unverified",
  },
];

for (const [way, go] of Object.entries(serverWays)) {
  for (const { name, asks, shows = {}, takes } of serverCases) {
    test(`${way}: a server ${takes === "not" ? "refuses" : "takes"} clients ${name}`, async () => {
      const toClient = { caCerts: all.ca.cert, serverName: NAME, ...shows };
      const asked = asks === "none" ? {} : { clientCerts: asks, caCerts: all.ca.cert };
      const outcome = await go(toClient, { ...all.good, ...asked });
      if (takes === "not") {
        assert.ok("failed" in outcome, "taken");
        return;
      }
      assert.ok("tls" in outcome, String((outcome as { failed: unknown }).failed));
      assert.equal(outcome.tls.verified, takes === "verified");
      assert.equal(outcome.tls.serverName, NAME);
    });
  }
}

function alpnCases() {
  return [
    {
      name: "both agree on a protocol",
      offers: { alpnProtocols: ["one", "two"] },
      knows: { alpnProtocols: ["two", "three"] },
      agree: "two",
    },
    { name: "nobody offers a protocol", offers: {}, knows: {}, agree: null },
    {
      name: "the client offers no protocol",
      offers: {},
      knows: { alpnProtocols: ["two"] },
      agree: null,
    },
    {
      name: "the server knows of no protocols",
      offers: { alpnProtocols: ["two"] },
      knows: {},
      agree: null,
    },
    {
      name: "no protocol in common is refused",
      offers: { alpnProtocols: ["one"] },
      knows: { alpnProtocols: ["two"] },
      agree: "refused",
    },
  ] as const;
}

/** TLS from the first byte on. */
function direct(
  kind: Kind,
  dial: (at: Address, tls: TlsOptions) => Promise<Cosocket>,
): ClientWay {
  return async (toClient, toServer) => {
    const listener = await listen(kind.address(), { tls: toServer });
    const accepting = listener.accept();
    const outcome = await settled(dial(listener.address, toClient));
    await listener.close();
    if ("tls" in outcome) (await accepting)?.close();
    return outcome;
  };
}

/** TLS behind plain bytes, at our end of a path. */
function upgraded(path: Path): ClientWay {
  return async (toClient, toServer) => {
    const { sock, far } = await path.open();
    const [ours, theirs] = path.side === "client" ? [toClient, toServer] : [toServer, toClient];
    const peer = farTls(path, far, theirs).catch(() => far);
    const upgrade = sock.startTls(ours as TlsOptions & TlsServerOptions).then(() => sock);
    const outcome = await settled(upgrade);
    assert.equal(sock.closed, true);
    (await peer).close();
    return outcome;
  };
}

/** TLS of a socket, which is closed; or what went wrong. */
function settled(sock: Promise<Cosocket>): Promise<Outcome> {
  return sock.then((sock) => {
    const tls = sock.tls!;
    sock.close();
    return { tls };
  }, (failed) => ({ failed }));
}

/** A server's no may come behind what is the end of the handshake for a client. */
async function heard(sock: Cosocket): Promise<Cosocket> {
  await sock.peek(1, { timeoutMs: 20 }).catch((error) => {
    if (error.code !== "timeout") throw error;
  });
  return sock;
}

function refused(outcome: Outcome, code = "tls"): void {
  assert.ok("failed" in outcome, "taken");
  const { failed } = outcome;
  assert.ok(failed instanceof SocketError, String(failed));
  assert.equal(failed.code, code, failed.message);
  assert.equal(failed.op, "handshake");
}

function fingerprint(name: CertificateName): string {
  return new X509Certificate(all[name].cert).fingerprint256.replaceAll(":", "").toLowerCase();
}
