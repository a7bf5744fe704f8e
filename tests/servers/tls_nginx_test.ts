import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import { connect, type Cosocket, Pool, type TlsOptions } from "../../mod.ts";
import { type CertificateName, certificates } from "../helpers/certificates.ts";
import { runtime } from "../helpers/native_pairs.ts";
import { nginx, nginxServers } from "./recipes.ts";
import { missing, PLACES, withServer } from "./start_server.ts";
import { until } from "./until.ts";

const skip = missing("nginx");
const all = await certificates();
const caCerts = all.ca.cert;
const used = ["good", "other", "wildcard"] as const;

const page = new Uint8Array(4 * 1024 * 1024 + 7);
for (let at = 0; at < page.length; at++) page[at] = 97 + (at * 7 + (at >> 10)) % 26;

const serverFor = (name: string, certificate: CertificateName, place: string, rest: string) => `
  server {
    listen ${place} ssl${certificate === "good" ? " default_server" : ""};
    server_name ${name};
    ssl_certificate ${certificate}.pem;
    ssl_certificate_key ${certificate}.key;
    ssl_protocols TLSv1.2 TLSv1.3;
    root files;
    location /name { return 200 "${name}"; }
    ${rest}
  }
`;
const recipe = nginxServers(
  (place) => `
    ${
    serverFor(
      "test.example",
      "good",
      place,
      `
        location /tls { return 200 "$ssl_protocol,$ssl_server_name,$ssl_session_reused"; }
        location /alpn { return 200 "$ssl_alpn_protocol"; }
        location /connection { return 200 "$connection"; }
        location /short { keepalive_timeout 200ms; return 200 "$connection"; }
        location /close { keepalive_timeout 0; return 200 "bye"; }
        location /upload { client_max_body_size 0; return 200 "thanks"; }
      `,
    )
  }
    ${serverFor("other.example", "other", place, "")}
    ${
    serverFor(
      "clients.test.example",
      "wildcard",
      place,
      `
        ssl_verify_client on;
        ssl_client_certificate ca.pem;
        location /who { return 200 "$ssl_client_s_dn"; }
      `,
    )
  }
  `,
  {
    "files/page.html": page,
    "ca.pem": caCerts,
    ...Object.fromEntries(used.map((name) => [`${name}.pem`, all[name].cert])),
    ...Object.fromEntries(used.map((name) => [`${name}.key`, all[name].key])),
  },
);

const usual: TlsOptions = { serverName: "test.example", caCerts };

for (const place of PLACES) {
  const serverTest = (name: string, work: (target: string) => Promise<void>) =>
    test(`${name} (${place})`, { skip }, () => withServer(place, recipe, work));

  serverTest("nginx and we say the same of the TLS between us", async (target) => {
    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      const sock = await connect(target, {
        tls: { ...usual, minVersion: version, maxVersion: version },
      });
      const info = sock.tls!;
      assert.equal(info.protocol, version);
      assert.equal(info.serverName, "test.example");
      assert.equal(info.verified, true);
      assert.equal(info.closeNotify, null);
      assert.equal(info.peerCertificate!.fingerprint, fingerprintOf(all.good.cert));
      assert.equal(info.peerCertificate!.subjectAltName, "DNS:test.example");
      assert.equal(await ask(sock, "/tls"), `${version},test.example,.`);
      sock.close();
    }
  });

  serverTest("nginx has a certificate and a server for each name", async (target) => {
    for (
      const [serverName, certificate] of [
        ["test.example", "good"],
        ["other.example", "other"],
        ["clients.test.example", "wildcard"],
      ] as const
    ) {
      const sock = await connect(target, { tls: { ...usual, serverName } });
      assert.equal(sock.tls!.peerCertificate!.fingerprint, fingerprintOf(all[certificate].cert));
      if (certificate !== "wildcard") {
        assert.equal(await ask(sock, "/name", serverName), serverName);
      }
      sock.close();
    }
  });

  serverTest("a name that nginx does not have is not the one it answers with", async (target) => {
    const tls = { ...usual, serverName: "nobody.example" };
    await assert.rejects(connect(target, { tls }), { code: "tls" });
    const sock = await connect(target, {
      tls: { ...tls, dangerouslySkipNameVerification: true },
    });
    assert.equal(sock.tls!.peerCertificate!.fingerprint, fingerprintOf(all.good.cert));
    assert.equal(sock.tls!.verified, false);
    assert.equal(await ask(sock, "/name"), "test.example");
    sock.close();
  });

  serverTest("a CA that we do not trust is refused, unless told otherwise", async (target) => {
    const { serverName } = usual;
    await assert.rejects(connect(target, { tls: { serverName } }), { code: "tls" });
    const tls = { serverName, caCerts: all.otherCa.cert };
    await assert.rejects(connect(target, { tls }), { code: "tls" });
    const both = await connect(target, {
      tls: { serverName, caCerts: [all.otherCa.cert, caCerts] },
    });
    assert.equal(await ask(both, "/name"), "test.example");
    both.close();
    const trusting = await connect(target, {
      tls: { ...tls, dangerouslySkipChainVerification: true },
    });
    assert.equal(await ask(trusting, "/name"), "test.example");
    trusting.close();
  });

  serverTest("of two pins the right one is enough", async (target) => {
    const right = fingerprintOf(all.good.cert);
    const wrong = fingerprintOf(all.other.cert);
    const sock = await connect(target, { tls: { ...usual, fingerprints: [wrong, right] } });
    assert.equal(await ask(sock, "/name"), "test.example");
    sock.close();
    await assert.rejects(connect(target, { tls: { ...usual, fingerprints: [wrong] } }), {
      code: "tls",
    });
  });

  serverTest("TLS may start later, as long as nothing was said", async (target) => {
    const sock = await connect(target);
    const info = await sock.startTls(usual);
    assert.equal(info.verified, true);
    assert.equal(await ask(sock, "/name"), "test.example");
    sock.close();
  });

  serverTest(
    "what was said in plain is answered in plain, and no TLS behind it",
    async (target) => {
      const sock = await connect(target);
      await sock.send("GET / HTTP/1.1\r\nHost: test.example\r\n\r\n");
      assert.match(await sock.receiveLine(), /^HTTP\/1.1 400 /);
      await assert.rejects(sock.startTls(usual), { code: "tls" });
      assert.equal(sock.closed, true);
    },
  );

  serverTest("megabytes come and go", async (target) => {
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
      const sock = await connect(target, { tls: { ...usual, maxVersion } });
      await sock.send("GET /page.html HTTP/1.1\r\nHost: test.example\r\n\r\n");
      const size = sizeIn(await sock.receiveUntil("\r\n\r\n"));
      assert.equal(size, page.length);
      let at = 0;
      for await (const chunk of sock.body(size)) {
        assert.equal(Buffer.compare(chunk, page.subarray(at, at + chunk.length)), 0);
        at += chunk.length;
      }
      assert.equal(at, page.length);
      await sock.send([
        `POST /upload HTTP/1.1\r\nHost: test.example\r\nContent-Length: ${page.length}\r\n\r\n`,
        page,
      ]);
      assert.equal(
        text(await sock.receiveExactly(sizeIn(await sock.receiveUntil("\r\n\r\n")))),
        "thanks",
      );
      assert.equal(await ask(sock, "/name"), "test.example");
      sock.close();
    }
  });

  serverTest("nginx says that it ends, and we see that it was not cut off", async (target) => {
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
      const sock = await connect(target, { tls: { ...usual, maxVersion } });
      assert.equal(await ask(sock, "/close"), "bye");
      assert.equal(await sock.receiveAny(1), null);
      assert.equal(sock.tls!.closeNotify, true);
      sock.close();
    }
  });

  serverTest("a pool keeps TLS connections alive, and apart", async (target) => {
    const pool = new Pool();
    const via = (tls: TlsOptions) =>
      pool.use(
        target,
        async (sock) => `${await ask(sock, "/connection")} ${sock.reusedTimes}`,
        { tls },
      );
    const [first] = (await via(usual)).split(" ");
    assert.equal(await via(usual), `${first} 1`);
    assert.equal(await via({ ...usual }), `${first} 2`);
    const others: TlsOptions[] = [
      { ...usual, caCerts: [caCerts, all.otherCa.cert] },
      { ...usual, minVersion: "TLSv1.3" },
      { ...usual, dangerouslySkipNameVerification: true },
      { ...usual, alpnProtocols: ["http/1.1"] },
      { ...usual, fingerprints: [fingerprintOf(all.good.cert)] },
      { ...usual, cert: all.client.cert, key: all.client.key },
    ];
    for (const tls of others) assert.match(await via(tls), / 0$/);
    assert.equal(pool.stats().idle, 1 + others.length);
    // None of these may get a connection that was made with less doubt.
    await assert.rejects(via({ serverName: "test.example" }), { code: "tls" });
    await assert.rejects(via({ ...usual, serverName: "other.test.example" }), { code: "tls" });
    assert.equal(await via(usual), `${first} 3`);
    pool.close();
  });

  serverTest("keepalive_timeout: the pool drops what the server closed", async (target) => {
    const pool = new Pool();
    const via = () => pool.use(target, (sock) => ask(sock, "/short"), { tls: usual });
    const first = await via();
    assert.equal(await via(), first);
    assert.equal(pool.stats().idle, 1);
    await until(() => pool.stats().idle === 0);
    assert.notEqual(await via(), first);
    pool.close();
  });

  serverTest(
    "the pool drops a connection that the server closed behind an answer",
    async (target) => {
      const pool = new Pool();
      for (let count = 0; count < 20; count++) {
        assert.equal(await pool.use(target, (sock) => ask(sock, "/close"), { tls: usual }), "bye");
        await until(() => pool.stats().idle === 0);
      }
      pool.close();
    },
  );

  serverTest("200 requests at a time take turns on eight connections", async (target) => {
    const pool = new Pool({ maxConnections: 8 });
    const answers = await Promise.all(
      Array.from(
        { length: 200 },
        () => pool.use(target, (sock) => ask(sock, "/connection"), { tls: usual }),
      ),
    );
    assert.equal(new Set(answers).size, 8);
    assert.deepEqual(pool.stats(), { idle: 8, lent: 0, waiting: 0 });
    pool.close();
  });

  serverTest("nginx asks for a certificate, and looks at who signed it", async (target) => {
    const asClient = async (own: { cert: string; key: string } | undefined, path: string) => {
      const sock = await connect(target, {
        tls: { caCerts, serverName: "clients.test.example", ...own },
      });
      await sock.send(`GET ${path} HTTP/1.1\r\nHost: clients.test.example\r\n\r\n`);
      const head = await sock.receiveUntil("\r\n\r\n");
      const body = text(await sock.receiveExactly(sizeIn(head)));
      sock.close();
      return `${text(head).slice(9, 12)} ${body}`;
    };
    assert.equal(await asClient(all.client, "/who"), "200 CN=client.example");
    assert.match(await asClient(undefined, "/who"), /^400 .*No required SSL certificate/s);
    assert.match(await asClient(all.otherClient, "/who"), /^400 .*The SSL certificate error/s);
  });

  serverTest("ALPN: nginx takes the protocol that it knows", async (target) => {
    const sock = await connect(target, { tls: { ...usual, alpnProtocols: ["odd", "http/1.1"] } });
    assert.equal(sock.tls!.alpnProtocol, "http/1.1");
    assert.equal(await ask(sock, "/alpn"), "http/1.1");
    sock.close();
    const none = await connect(target, { tls: usual });
    assert.equal(none.tls!.alpnProtocol, null);
    none.close();
  });

  serverTest("a session is resumed where the runtime can", async (target) => {
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
      const sock = await connect(target, { tls: { ...usual, maxVersion } });
      assert.equal(await ask(sock, "/tls"), `${maxVersion},test.example,.`);
      const { session } = sock.tls!;
      sock.close();
      if (runtime === "Deno") {
        assert.equal(session, null);
        continue;
      }
      const again = await connect(target, { tls: { ...usual, maxVersion, session: session! } });
      assert.equal(again.tls!.resumed, true);
      assert.equal(await ask(again, "/tls"), `${maxVersion},test.example,r`);
      again.close();
    }
  });
}

test("the target's own name is what is verified", { skip }, () => {
  const { cert, key } = all.localhost;
  const local = nginxServers(
    (place) =>
      `server {
      listen ${place} ssl;
      ssl_certificate cert.pem;
      ssl_certificate_key key.pem;
      location /sni { return 200 "$ssl_server_name"; }
    }`,
    { "cert.pem": cert, "key.pem": key },
  );
  return withServer("TCP", local, async (target) => {
    const port = target.split(":")[1];
    // An address is no name to ask for.
    for (const [host, asked] of [["127.0.0.1", ""], ["localhost", "localhost"]]) {
      const sock = await connect(`${host}:${port}`, { tls: { caCerts } });
      assert.equal(sock.tls!.serverName, host);
      assert.equal(await ask(sock, "/sni"), asked);
      sock.close();
    }
    const tls = { caCerts, serverName: "test.example" };
    await assert.rejects(connect(target, { tls }), { code: "tls" });
    await assert.rejects(connect(target, { tls: true }), { code: "tls" });
  });
});

test(
  "a server that speaks no TLS is an error, and soon",
  { skip },
  () =>
    withServer("TCP", nginx(`location / { return 200; }`), async (target) => {
      await assert.rejects(connect(target, { tls: usual, timeoutMs: 5000 }), { code: "tls" });
    }),
);

async function ask(sock: Cosocket, path: string, host = "test.example"): Promise<string> {
  await sock.send(["GET ", path, ` HTTP/1.1\r\nHost: ${host}\r\n\r\n`]);
  return text(await sock.receiveExactly(sizeIn(await sock.receiveUntil("\r\n\r\n"))));
}

function sizeIn(head: Uint8Array): number {
  return Number(/^content-length: (\d+)/im.exec(text(head))![1]);
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function fingerprintOf(pem: string): string {
  return new X509Certificate(pem).fingerprint256.replaceAll(":", "").toLowerCase();
}
