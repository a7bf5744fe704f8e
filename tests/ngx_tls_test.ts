// What of TLS in `ngx` recorded scenarios cannot show: the directives, whom a
// connection is passed off as, sessions, and where this differs from the original.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createServer, type TlsOptions as ServerOptions, type TLSSocket } from "node:tls";
import { createNgx, type Directives, LuaError, type Ngx } from "../src/faces/ngx/mod.ts";
import type { TcpSocket } from "../src/faces/ngx/mod.ts";
import { certificates } from "./helpers/certificates.ts";
import { echo, Peer, raises, silent } from "./helpers/ngx_peer.ts";

const all = await certificates();
const isDeno = "Deno" in globalThis;

const folder = mkdtempSync(join(tmpdir(), "cosocket-ngx-tls-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A file with this in it. */
function file(text: string): string {
  const path = join(folder, `${files++}.pem`);
  writeFileSync(path, text);
  return path;
}
let files = 0;

const trusted: Directives = { lua_ssl_trusted_certificate: file(all.ca.cert) };
const MISMATCH = [null, "certificate host mismatch"];

/** A server with TLS, and what it saw of its connections. */
type Guest = { received: string; name: string | undefined; resumed: boolean; by: string };

async function serving(
  options: ServerOptions,
  work: (port: number, guests: Guest[], connections: () => number) => Promise<void>,
): Promise<void> {
  const guests: Guest[] = [];
  const sockets: TLSSocket[] = [];
  let connections = 0;
  const server = createServer(options, (socket) => {
    sockets.push(socket);
    socket.on("error", () => {}); // a client may leave at any moment
    const { servername } = socket as { servername?: string | false | null };
    const guest = {
      received: "",
      name: servername || undefined,
      resumed: socket.isSessionReused(),
      by: socket.getPeerCertificate()?.subject?.CN ?? "",
    };
    guests.push(guest);
    socket.on("data", (bytes) => {
      guest.received += bytes.toString("latin1");
      socket.write(bytes);
    });
  });
  server.on("tlsClientError", () => {});
  server.on("connection", () => connections++);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await work((server.address() as AddressInfo).port, guests, () => connections);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

function newNgx(directives: Directives = trusted): Ngx {
  return createNgx({ lua_socket_log_errors: "off", ...directives });
}

async function connected(ngx: Ngx, port: number, options: object = {}): Promise<TcpSocket> {
  const sock = ngx.socket.tcp();
  assert.deepEqual(await sock.connect("127.0.0.1", port, options), [1]);
  return sock;
}

/** Says something, and hears it. */
async function talks(sock: TcpSocket, text = "x"): Promise<void> {
  assert.deepEqual(await sock.send(text), [text.length]);
  assert.deepEqual(await sock.receive(text.length), [text]);
}

test("(a) sslhandshake verifies the host of connect where nothing is said", async () => {
  await serving(all.address, async (port, guests) => {
    const ngx = newNgx();
    const sock = await connected(ngx, port);
    assert.deepEqual(await sock.sslhandshake(false), [true]);
    await talks(sock);
    assert.equal(guests[0]!.name, undefined, "an address is no name to ask for");
    sock.close();
    const again = await connected(ngx, port);
    assert.deepEqual(await again.sslhandshake(false, "localhost"), MISMATCH);
  });
});

test("a certificate that is refused is logged as the original does it", async () => {
  await serving(all.good, async (port) => {
    const logged: string[] = [];
    const sinks = { log: (_level: number, text: string) => void logged.push(text) };
    const sock = await connected(createNgx(trusted, sinks), port);
    assert.deepEqual(await sock.sslhandshake(false, "other.example"), MISMATCH);
    const stranger = await connected(createNgx({}, sinks), port);
    await stranger.sslhandshake(false, "test.example");
    const [mismatch, refused] = logged;
    const upstream = `, upstream: 127.0.0.1:${port}(127.0.0.1)`;
    const why = 'lua ssl certificate does not match host "other.example"';
    assert.equal(mismatch, `${why}${upstream}`);
    assert.ok(refused!.endsWith(upstream));
    assert.match(refused!, /^lua ssl certificate verify error: \(\d+: [^)]+\),/);
  });
});

test("(a) the host of connect is asked for if it is a name", async () => {
  await serving(all.localhost, async (port, guests) => {
    const ngx = newNgx();
    const [sock] = await ngx.socket.connect("localhost", port);
    assert.deepEqual(await sock!.sslhandshake(false), [true]);
    await talks(sock!);
    assert.equal(guests[0]!.name, "localhost");
    sock!.close();
    const [unverified] = await ngx.socket.connect("localhost", port);
    assert.deepEqual(await unverified!.sslhandshake(false, null, false), [true]);
    await talks(unverified!);
    assert.equal(guests[1]!.name, "localhost");
    unverified!.close();
  });
});

test("(a) the runtime's roots are trusted where no others are", async () => {
  await serving(all.viaIntermediate, async (port) => {
    const sock = await connected(newNgx({}), port);
    const [ok, why] = await sock.sslhandshake(false, "test.example");
    assert.deepEqual([ok, why], [null, "20: unable to get local issuer certificate"]);
    assert.deepEqual(await sock.send("x"), [null, "closed"]);
  });
});

test("(a) the common name is no name", async () => {
  await serving(all.commonNameOnly, async (port) => {
    const sock = await connected(newNgx(), port);
    assert.deepEqual(await sock.sslhandshake(false, "test.example"), MISMATCH);
  });
});

test("(b) what was planted behind the answer to STARTTLS fails the handshake", async () => {
  const serve = (socket: { write(text: string): void }) => socket.write("220 go\r\nplanted\r\n");
  await Peer.with(serve, async (peer) => {
    const sock = await connected(newNgx(), peer.port);
    assert.deepEqual(await sock.receive(), ["220 go"]);
    assert.deepEqual(await sock.sslhandshake(false, "test.example"), [null, "handshake failed"]);
    assert.deepEqual(await sock.receive(), [null, "closed"]);
    assert.equal(peer.connections[0]!.received, "");
  });
});

test("(d) a pooled connection serves who asks no more than was verified", async () => {
  await serving(all.good, async (port, guests) => {
    const ngx = newNgx();
    const first = await connected(ngx, port);
    assert.deepEqual(await first.sslhandshake(false, "test.example"), [true]);
    await talks(first, "a");
    assert.deepEqual(await first.setkeepalive(), [1]);
    const asks: unknown[][] = [
      [false],
      [false, "test.example"],
      [false, "Test.Example", true],
      [false, null, true],
      [false, "other.example", false],
    ];
    for (const args of asks) {
      const sock = await connected(ngx, port);
      assert.deepEqual(await sock.sslhandshake(...args), [true], JSON.stringify(args));
      await talks(sock, "b");
      assert.deepEqual(await sock.setkeepalive(), [1]);
    }
    assert.deepEqual(guests.map((it) => it.received), ["abbbbb"]);
  });
});

test("(d) a pooled connection gives way where other certificates are trusted", async () => {
  await serving(all.good, async (port, _guests, connections) => {
    const ngx = newNgx();
    const first = await connected(ngx, port);
    await first.sslhandshake(false, "test.example");
    await talks(first);
    await first.setkeepalive();
    const other = ngx.with({ lua_ssl_trusted_certificate: file(all.otherCa.cert) });
    const sock = await connected(other, port);
    assert.deepEqual(sock.getreusedtimes(), [1]);
    const [ok] = await sock.sslhandshake(false, "test.example", true);
    assert.equal(ok, null);
    assert.equal(connections(), 2);
  });
});

test("(d) a pooled connection of one client is not another's", async () => {
  const options = { ...all.good, requestCert: true, ca: all.ca.cert, maxVersion: "TLSv1.2" };
  await serving(options as ServerOptions, async (port, guests) => {
    const ngx = newNgx();
    const first = await connected(ngx, port);
    assert.deepEqual(first.setclientcert(...parsed(ngx, all.client)), [true]);
    await first.sslhandshake(false, "test.example");
    await talks(first);
    await first.setkeepalive();
    const second = await connected(ngx, port);
    assert.deepEqual(second.setclientcert(...parsed(ngx, all.localhost)), [true]);
    assert.deepEqual(await second.sslhandshake(false), MISMATCH, "the new one is not 127.0.0.1's");
    const third = await connected(ngx, port);
    third.setclientcert(...parsed(ngx, all.localhost));
    await third.sslhandshake(false, "test.example");
    await talks(third);
    assert.deepEqual(guests.map((it) => it.by).filter((_, at) => at !== 1), [
      "client.example",
      "localhost",
    ]);
    third.setclientcert(...parsed(ngx, all.client));
    assert.deepEqual(await third.sslhandshake(false), [null, "ssl set client certificate failed"]);
    assert.deepEqual(third.close(), [null, "closed"]);
  });
});

test("(d) a connection that gives way keeps its place in a limited pool", async () => {
  await serving(all.good, async (port) => {
    const ngx = newNgx();
    const options = { pool: "p", pool_size: 1, backlog: 0 };
    const first = await connected(ngx, port, options);
    await first.sslhandshake(false, "test.example", false);
    await first.setkeepalive();
    const sock = await connected(ngx, port, options);
    assert.deepEqual(sock.getreusedtimes(), [1]);
    assert.deepEqual(await sock.sslhandshake(false, "test.example"), [true]);
    assert.deepEqual(sock.getreusedtimes(), [0]);
    const full = [null, "too many waiting connect operations"];
    assert.deepEqual(await ngx.socket.tcp().connect("127.0.0.1", port, options), full);
    sock.close();
    const next = await connected(ngx, port, options);
    next.close();
  });
});

test("(d) if no new connection can be made the place is free, and the error is told", async () => {
  const ngx = newNgx();
  const options = { pool: "p", pool_size: 1, backlog: 0 };
  const sock = ngx.socket.tcp();
  let lastPort = 0;
  await serving(all.good, async (port) => {
    lastPort = port;
    await sock.connect("127.0.0.1", port, options);
    await sock.sslhandshake(false, "test.example", false);
    await sock.setkeepalive();
    // Another host by the name of the pool: the connection is that of the pool.
    assert.deepEqual(await sock.connect("127.0.0.1", 1, options), [1]);
    assert.deepEqual(await sock.sslhandshake(false, "test.example"), [null, "connection refused"]);
    assert.deepEqual(sock.close(), [null, "closed"]);
    const next = await connected(ngx, port, options);
    next.close();
  });
  assert.deepEqual(await sock.connect("127.0.0.1", lastPort, options), [
    null,
    "connection refused",
  ]);
});

test("(d) the kind of a pool is forgotten with it", async () => {
  await serving(all.good, async (port) => {
    await Peer.with(echo, async (plain) => {
      const ngx = newNgx();
      const secure = await connected(ngx, port, { pool: "p" });
      await secure.sslhandshake(false, "test.example");
      await secure.setkeepalive();
      const taken = await connected(ngx, port, { pool: "p" });
      taken.close();
      const sock = await connected(ngx, plain.port, { pool: "p" });
      await talks(sock);
      assert.deepEqual(await sock.setkeepalive(), [1]);
      const again = await connected(ngx, plain.port, { pool: "p" });
      assert.deepEqual(again.getreusedtimes(), [1]);
      again.close();
    });
  });
});

test("the number of a refused certificate is kept for a handler", async () => {
  await serving(all.selfSigned, async (port) => {
    const ngx = newNgx();
    await ngx.run(async (ngx) => {
      const sock = await connected(ngx, port);
      assert.deepEqual(await sock.sslhandshake(false, "test.example"), [
        null,
        "18: self-signed certificate",
      ]);
      assert.deepEqual(await sock.sslhandshake(false), [null, "18: closed"]);
    });
    await ngx.run(async (ngx) => {
      const sock = await connected(ngx, port);
      sock.close();
      assert.deepEqual(await sock.sslhandshake(false), [null, "closed"]);
    });
  });
});

test("a handler that ends in a handshake ends it", async () => {
  await Peer.with(silent, async (peer) => {
    let pending: Promise<unknown[]> | undefined;
    await newNgx().run(async (ngx) => {
      const sock = await connected(ngx, peer.port);
      pending = sock.sslhandshake(false);
      await sleep(20);
    });
    assert.deepEqual(await pending, [null, "closed"]);
  });
});

test("(f) an object whose handshake was killed can be connected again", async () => {
  await Peer.with(silent, async (peer) => {
    await serving(all.good, async (port) => {
      const ngx = newNgx();
      const sock = await connected(ngx, peer.port);
      const thread = ngx.thread.spawn(() => sock.sslhandshake(false));
      await sleep(20);
      assert.deepEqual(ngx.thread.kill(thread), [1]);
      assert.deepEqual(await sock.send("x"), [null, "closed"]);
      assert.deepEqual(await sock.connect("127.0.0.1", port), [1]);
      assert.deepEqual(await sock.sslhandshake(false, "test.example"), [true]);
      await talks(sock);
      sock.close();
    });
  });
});

test("settrustedstore is trusted instead, in one handshake", async () => {
  await serving(all.good, async (port) => {
    const ngx = newNgx({ lua_ssl_trusted_certificate: file(all.otherCa.cert) });
    const [store] = ngx.ssl.parse_pem_store(all.otherCa.cert + all.ca.cert);
    const sock = await connected(ngx, port);
    assert.deepEqual(sock.settrustedstore(store), [true]);
    assert.deepEqual(await sock.sslhandshake(false, "test.example"), [true]);
    await talks(sock);
    await sock.connect("127.0.0.1", port);
    const [ok] = await sock.sslhandshake(false, "test.example");
    assert.equal(ok, null);
    await sock.connect("127.0.0.1", port);
    sock.settrustedstore(store);
    sock.settrustedstore(null);
    assert.equal((await sock.sslhandshake(false, "test.example"))[0], null);
  });
});

test("a session resumes, where the runtime has sessions", async () => {
  const options = { ...all.good, maxVersion: "TLSv1.2", sessionIdContext: "test" };
  await serving(options as ServerOptions, async (port, guests) => {
    const ngx = newNgx();
    const first = await connected(ngx, port);
    const [session] = await first.sslhandshake(null, "test.example");
    await talks(first);
    first.close();
    const second = await connected(ngx, port);
    const [again] = await second.sslhandshake(session, "test.example");
    assert.notEqual(again, session);
    await talks(second);
    second.close();
    assert.deepEqual(guests.map((it) => it.resumed), [false, !isDeno]);
  });
});

test("a session of an unverified connection resumes nothing that is to be verified", async () => {
  const options = { ...all.selfSigned, maxVersion: "TLSv1.2", sessionIdContext: "test" };
  await serving(options as ServerOptions, async (port, guests) => {
    const ngx = newNgx();
    const first = await connected(ngx, port);
    const [session] = await first.sslhandshake(null, "test.example", false);
    await talks(first);
    first.close();
    const second = await connected(ngx, port);
    const why = [null, "18: self-signed certificate"];
    assert.deepEqual(await second.sslhandshake(session, "test.example"), why);
    assert.equal(guests.some((it) => it.resumed), false);
  });
});

test("getsslsession tells whether there is a session to resume", async () => {
  await serving({ ...all.good, minVersion: "TLSv1.3", sessionIdContext: "test" }, async (port) => {
    const ngx = newNgx();
    const sock = ngx.socket.tcp();
    raises(() => sock.getsslsession(), "socket is never created nor connected");
    await sock.connect("127.0.0.1", port);
    assert.deepEqual(sock.getsslsession(), [null, "no session"]);
    await sock.sslhandshake(null, "test.example");
    await talks(sock);
    const [session] = sock.getsslsession();
    sock.close();
    assert.deepEqual(sock.getsslsession(), [null, "closed"]);
    await sock.connect("127.0.0.1", port);
    assert.equal((await sock.sslhandshake(session, "test.example")).length, 1);
    await talks(sock);
    sock.close();
  });
});

test("lua_ssl_certificate is shown unless the object has one of its own", async () => {
  const options = { ...all.good, requestCert: true, ca: all.ca.cert, maxVersion: "TLSv1.2" };
  await serving(options as ServerOptions, async (port, guests) => {
    const ngx = newNgx({
      ...trusted,
      lua_ssl_certificate: file(all.client.cert),
      lua_ssl_certificate_key: file(all.client.key),
    });
    const sock = await connected(ngx, port);
    assert.deepEqual(await sock.sslhandshake(false, "test.example"), [true]);
    await talks(sock);
    await sock.connect("127.0.0.1", port);
    sock.setclientcert(...parsed(ngx, all.localhost));
    assert.deepEqual(await sock.sslhandshake(false, "test.example"), [true]);
    await talks(sock);
    sock.close();
    assert.deepEqual(guests.map((it) => it.by), ["client.example", "localhost"]);
  });
});

test("a chain of our own is shown whole", async () => {
  const options = { ...all.good, requestCert: true, ca: all.ca.cert, rejectUnauthorized: true };
  await serving(options, async (port) => {
    const ngx = newNgx();
    const sock = await connected(ngx, port);
    sock.setclientcert(...parsed(ngx, all.viaTwo));
    assert.deepEqual(await sock.sslhandshake(false, "test.example"), [true]);
    await talks(sock);
    sock.close();
  });
});

test("lua_ssl_crl refuses what was revoked, where the runtime can", async () => {
  const directives = { ...trusted, lua_ssl_crl: file(all.crl) };
  if (isDeno) return raises(() => createNgx(directives), notSupported("lua_ssl_crl", CRL));
  await serving(all.revoked, async (port) => {
    const sock = await connected(newNgx(directives), port);
    assert.deepEqual(await sock.sslhandshake(false, "test.example"), [
      null,
      "23: certificate revoked",
    ]);
  });
  await serving(all.good, async (port) => {
    const sock = await connected(newNgx(directives), port);
    assert.deepEqual(await sock.sslhandshake(false, "test.example"), [true]);
    sock.close();
  });
});

const CRL = "this runtime's TLS takes no list of revoked certificates";
const CIPHERS = "this runtime's TLS chooses its ciphers itself";
const GAP = "no runtime leaves out a version between two others";

test("lua_ssl_ciphers is what is offered, where the runtime can", async () => {
  const name = "lua_ssl_ciphers";
  createNgx({ [name]: "DEFAULT" });
  const directives = { ...trusted, [name]: "ECDHE-ECDSA-AES256-GCM-SHA384" };
  if (isDeno) return raises(() => createNgx(directives), notSupported(name, CIPHERS));
  raises(() => createNgx({ [name]: "BOGUS" }), invalid(name, "BOGUS"));
  const ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256";
  const options = { ...all.good, ciphers, maxVersion: "TLSv1.2" } as ServerOptions;
  await serving(options, async (port) => {
    const sock = await connected(newNgx(directives), port);
    assert.deepEqual(await sock.sslhandshake(false, "test.example"), [null, "handshake failed"]);
    const other = await connected(newNgx({ ...trusted, [name]: ciphers }), port);
    assert.deepEqual(await other.sslhandshake(false, "test.example"), [true]);
    other.close();
  });
});

test("lua_ssl_protocols is a run of versions that the runtime knows", () => {
  const name = "lua_ssl_protocols";
  for (const value of ["TLSv1.2", "TLSv1.3", "TLSv1.3 TLSv1.2", "TLSv1.2 TLSv1.2"]) {
    createNgx({ [name]: value });
  }
  for (const value of ["", "TLSv1.4", "tlsv1.2", "TLSv1.2,TLSv1.3"]) {
    raises(() => createNgx({ [name]: value }), invalid(name, value));
  }
  const noSsl = (version: string) => notSupported(name, `this runtime's TLS knows no ${version}`);
  raises(() => createNgx({ [name]: "SSLv3 TLSv1" }), noSsl("SSLv3"));
  const old = () => createNgx({ [name]: "TLSv1 TLSv1.1 TLSv1.2" });
  if (isDeno) return raises(old, noSsl("TLSv1"));
  old();
  raises(() => createNgx({ [name]: "TLSv1 TLSv1.2" }), notSupported(name, GAP));
});

test("a directive whose file is no good is refused where it is set", () => {
  const missing = join(folder, "missing.pem");
  const names = ["lua_ssl_trusted_certificate", "lua_ssl_certificate", "lua_ssl_certificate_key"];
  for (const name of names) {
    for (const path of [missing, file("no PEM"), file(broken(all.good.cert)), folder]) {
      assert.throws(() => createNgx({ [name]: path }), LuaError, `${name} ${path}`);
    }
  }
});

test("certificates of a file are all trusted, and what else is in it is passed over", async () => {
  const path = file(`A comment\n${all.otherCa.cert}\nAnother\n${all.ca.cert}`);
  await serving(all.good, async (port) => {
    const sock = await connected(newNgx({ lua_ssl_trusted_certificate: path }), port);
    assert.deepEqual(await sock.sslhandshake(false, "test.example"), [true]);
    sock.close();
  });
});

test("a certificate to trust must have signed itself", async () => {
  const path = file(all.intermediate.cert);
  await serving(all.viaIntermediate, async (port) => {
    const sock = await connected(newNgx({ lua_ssl_trusted_certificate: path }), port);
    assert.deepEqual(await sock.sslhandshake(false, "test.example"), [
      null,
      "2: unable to get issuer certificate",
    ]);
    await sock.connect("127.0.0.1", port);
    const [store] = newNgx().ssl.parse_pem_store(all.intermediate.cert + all.ca.cert);
    sock.settrustedstore(store);
    assert.deepEqual(await sock.sslhandshake(false, "test.example"), [true]);
    sock.close();
  });
});

test("a certificate and its key go together", () => {
  const [certificate, key] = [file(all.client.cert), file(all.client.key)];
  const name = "lua_ssl_certificate";
  raises(
    () => createNgx({ [name]: certificate }),
    'no "lua_ssl_certificate_key" is defined for "lua_ssl_certificate"',
  );
  raises(
    () => createNgx({ [name]: certificate, [`${name}_key`]: file(all.good.key) }),
    '"lua_ssl_certificate_key" is not the key of "lua_ssl_certificate"',
  );
  createNgx({ [`${name}_key`]: key, [name]: certificate }).with({ [name]: "" });
});

test("lua_ssl_verify_depth is a number, and lua_ssl_conf_command is not served", () => {
  createNgx({ lua_ssl_verify_depth: 3 });
  for (const value of ["-1", "one", ""]) {
    const name = "lua_ssl_verify_depth";
    raises(() => createNgx({ [name]: value }), invalid(name, value));
  }
  const name = "lua_ssl_conf_command";
  const why = notSupported(name, "no runtime takes OpenSSL's commands");
  raises(() => createNgx({ [name]: "MinProtocol TLSv1.2" }), why);
});

test("ngx.ssl parses certificates and keys, or says why not", () => {
  const { ssl } = createNgx();
  for (const pem of ["", "no PEM", all.good.key, broken(all.good.cert)]) {
    assert.deepEqual(ssl.parse_pem_cert(pem), [null, "PEM_read_bio_X509_AUX() failed"]);
    assert.deepEqual(ssl.parse_pem_store(pem), [null, "PEM_read_bio_X509() failed"]);
  }
  for (const pem of ["", "no PEM", all.good.cert, broken(all.good.key)]) {
    assert.deepEqual(ssl.parse_pem_priv_key(pem), [null, "PEM_read_bio_PrivateKey() failed"]);
  }
  raises(() => ssl.parse_pem_cert(null), "attempt to get length of local 'pem' (a nil value)");
  const [key] = ssl.parse_pem_priv_key(all.good.key);
  assert.equal(JSON.stringify(key).includes("PRIVATE"), false);
});

test("a certificate is no key, and a key no certificate", () => {
  const ngx = createNgx();
  const sock = ngx.socket.tcp();
  const [certificate, key] = parsed(ngx, all.client);
  assert.equal(sock.setclientcert(key, certificate)[0], null);
  assert.equal(sock.setclientcert(certificate, certificate)[0], null);
  assert.equal(sock.settrustedstore(key)[0], null);
});

test("an environment variable turns no verification off", async () => {
  const name = "NODE_TLS_REJECT_UNAUTHORIZED";
  const before = process.env[name];
  process.env[name] = "0";
  try {
    await serving(all.selfSigned, async (port) => {
      const sock = await connected(newNgx(), port);
      assert.equal((await sock.sslhandshake(false, "test.example"))[0], null);
    });
  } finally {
    if (before === undefined) delete process.env[name];
    else process.env[name] = before;
  }
});

function parsed(ngx: Ngx, { cert, key }: { cert: string; key: string }): [unknown, unknown] {
  return [ngx.ssl.parse_pem_cert(cert)[0], ngx.ssl.parse_pem_priv_key(key)[0]];
}

/** PEM with something in it that is nothing. */
function broken(pem: string): string {
  return pem.replace(/\n[^-]{8}/, "\nAAAAAAAA");
}

function invalid(name: string, value: string): string {
  return `"${name}" directive has an invalid value: ${JSON.stringify(value)}`;
}

function notSupported(name: string, why: string): string {
  return `"${name}" directive is not supported: ${why}`;
}
