/** We as clients of `openssl s_server`. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, type Cosocket, type TlsOptions } from "../../mod.ts";
import { type Certificate, type CertificateName, certificates } from "../helpers/certificates.ts";
import { runtime } from "../helpers/native_pairs.ts";
import { opensslServer } from "./recipes.ts";
import { type End, missing, withServer } from "./start_server.ts";

const skip = missing("openssl");
const all = await certificates();
const caCerts = all.ca.cert;
const usual: TlsOptions = { serverName: "test.example", caCerts };

/** A test against a server that says each line backwards. */
function serverTest(
  name: string,
  options: readonly string[],
  work: (target: string, end: End) => Promise<void>,
  own: Certificate = all.good,
): void {
  const recipe = opensslServer(own, ["-rev", ...options], { "ca.pem": caCerts });
  test(name, { skip }, () => withServer("TCP", recipe, work));
}

async function converse(sock: Cosocket): Promise<void> {
  await sock.send("hello\n");
  assert.equal(await sock.receiveLine(), "olleh");
  await sock.send(["Otto", " and ", "Anna", "\n"]);
  assert.equal(await sock.receiveLine(), "annA dna ottO");
}

// Versions and ciphers

for (
  const [flag, version, other] of [
    ["-tls1_2", "TLSv1.2", { minVersion: "TLSv1.3" }],
    ["-tls1_3", "TLSv1.3", { maxVersion: "TLSv1.2" }],
  ] as const
) {
  serverTest(
    `a server of ${version} alone is one for us, unless told otherwise`,
    [flag],
    async (target) => {
      const sock = await connect(target, { tls: usual });
      assert.equal(sock.tls!.protocol, version);
      await converse(sock);
      sock.close();
      await assert.rejects(connect(target, { tls: { ...usual, ...other } }), { code: "tls" });
    },
  );
}

const OLD = ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"];
serverTest("a server of TLS 1.1 is too old, unless told otherwise", OLD, async (target) => {
  await assert.rejects(connect(target, { tls: usual }), { code: "tls" });
  const tls: TlsOptions = {
    ...usual,
    minVersion: "TLSv1.1",
    // OpenSSL has more to object to than its version.
    ...(runtime === "Node" && { ciphers: "ALL:@SECLEVEL=0" }),
  };
  if (runtime === "Deno") {
    await assert.rejects(connect(target, { tls }), { code: "unsupported" });
    return;
  }
  const sock = await connect(target, { tls });
  assert.equal(sock.tls!.protocol, "TLSv1.1");
  await converse(sock);
  sock.close();
});

for (
  const [options, cipher] of [
    [
      ["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"],
      "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    ],
    [
      ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"],
      "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    ],
    [["-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"], "TLS_CHACHA20_POLY1305_SHA256"],
    [["-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"], "TLS_AES_128_GCM_SHA256"],
  ] as const
) {
  serverTest(`a server that wants ${cipher} gets it`, options, async (target) => {
    const sock = await connect(target, { tls: usual });
    assert.equal(sock.tls!.cipher, cipher);
    await converse(sock);
    sock.close();
  });
}

serverTest(
  "ciphers: those that we name, or none",
  ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"],
  async (target) => {
    const via = (ciphers: string) => connect(target, { tls: { ...usual, ciphers } });
    if (runtime === "Deno") {
      await assert.rejects(via("ECDHE-ECDSA-AES128-GCM-SHA256"), { code: "unsupported" });
      return;
    }
    await assert.rejects(via("ECDHE-ECDSA-AES256-GCM-SHA384"), { code: "tls" });
    const sock = await via("ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256");
    await converse(sock);
    sock.close();
  },
);

for (
  const options of [
    ["-groups", "P-384"], // not what a client offers first: the handshake begins anew
    ["-max_send_frag", "512"],
    ["-num_tickets", "0"],
    ["-num_tickets", "20"],
    ["-tls1_2", "-no_ticket"],
  ]
) {
  serverTest(`a server with ${options.join(" ")} is no problem`, options, async (target) => {
    const sock = await connect(target, { tls: usual });
    await converse(sock);
    await sock.send(`${"x".repeat(9000)}y\n`);
    assert.equal(await sock.receiveLine(), `y${"x".repeat(9000)}`);
    sock.close();
  });
}

// Certificates

const named: readonly (readonly [CertificateName, string, boolean])[] = [
  ["good", "test.example", true],
  ["good", "TEST.example.", true],
  ["good", "a.test.example", false],
  ["good", "test.example.evil.example", false],
  ["other", "test.example", false],
  ["expired", "test.example", false],
  ["notYet", "test.example", false],
  ["selfSigned", "test.example", false],
  ["commonNameOnly", "test.example", false],
  ["nul", "test.example", false],
  ["nulCommonName", "test.example", false],
  ["clientUsage", "test.example", false],
  ["client", "client.example", false],
  ["wildcard", "a.test.example", true],
  ["wildcard", "test.example", false],
  ["wildcard", "a.b.test.example", false],
  ["international", "bücher.example", true],
  ["address", "127.0.0.1", true],
  ["address", "127.0.0.2", false],
  ["nameAsAddress", "127.0.0.1", false],
  ["localhost", "::1", true],
  ["rsa", "test.example", true],
  ["withRoot", "test.example", true],
  ["viaIntermediate", "test.example", true],
  ["viaTwo", "test.example", true],
];
for (const [name, serverName, isGood] of named) {
  const verdict = isGood ? "good" : "refused";
  serverTest(`the certificate "${name}" is ${verdict} for ${serverName}`, [], async (target) => {
    const tls = { serverName, caCerts };
    if (!isGood) return await assert.rejects(connect(target, { tls }), { code: "tls" });
    const sock = await connect(target, { tls });
    assert.equal(sock.tls!.verified, true);
    await converse(sock);
    sock.close();
  }, all[name]);
}

const leafOnly = ({ cert, key }: Certificate): Certificate => ({
  cert: cert.slice(0, cert.indexOf("-----END CERTIFICATE-----") + 26),
  key,
});
serverTest("a chain with a gap is refused, unless we have what is missing", [], async (target) => {
  await assert.rejects(connect(target, { tls: usual }), { code: "tls" });
  const tls = { ...usual, caCerts: [caCerts, all.intermediate.cert] };
  const sock = await connect(target, { tls });
  await converse(sock);
  sock.close();
}, leafOnly(all.viaIntermediate));

serverTest("a certificate that signed itself is good for whoever trusts it", [], async (target) => {
  const sock = await connect(target, { tls: { ...usual, caCerts: all.selfSigned.cert } });
  await converse(sock);
  sock.close();
}, all.selfSigned);

serverTest("what is dangerous is so in one respect alone", [], async (target) => {
  const skipChain = { ...usual, dangerouslySkipChainVerification: true };
  const skipName = { ...usual, dangerouslySkipNameVerification: true };
  const sock = await connect(target, { tls: skipChain });
  assert.equal(sock.tls!.verified, false);
  await converse(sock);
  sock.close();
  await assert.rejects(connect(target, { tls: skipName }), { code: "tls" });
  const tls = { ...skipChain, serverName: "other.example" };
  await assert.rejects(connect(target, { tls }), { code: "tls" });
  const wrong = { ...skipChain, ...skipName, fingerprints: ["00".repeat(32)] };
  await assert.rejects(connect(target, { tls: wrong }), { code: "tls" });
}, all.selfSigned);

// ALPN and certificates of clients

serverTest("ALPN: one that both know, or none", ["-alpn", "h2,http/1.1"], async (target) => {
  for (
    const [offered, agreed] of [
      [["http/1.1", "h2"], "h2"], // the server's own order counts
      [["http/1.1"], "http/1.1"],
      [undefined, null],
    ] as const
  ) {
    const tls = { ...usual, ...(offered && { alpnProtocols: offered }) };
    const sock = await connect(target, { tls });
    assert.equal(sock.tls!.alpnProtocol, agreed);
    await converse(sock);
    sock.close();
  }
  await assert.rejects(connect(target, { tls: { ...usual, alpnProtocols: ["odd"] } }), {
    code: "tls",
  });
});

serverTest("ALPN: a server that has none agrees on none", [], async (target) => {
  const sock = await connect(target, { tls: { ...usual, alpnProtocols: ["h2"] } });
  assert.equal(sock.tls!.alpnProtocol, null);
  await converse(sock);
  sock.close();
});

for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
  const strict = ["-Verify", "3", "-CAfile", "ca.pem", "-verify_return_error"];
  serverTest(
    `certificates of clients: the right one goes through (${version})`,
    strict,
    async (target) => {
      const tls = { ...usual, minVersion: version, maxVersion: version };
      for (const own of [undefined, all.otherClient, all.expired]) {
        // With TLS 1.3 a client is through before the server has looked at its certificate.
        await assert.rejects(async () => {
          const sock = await connect(target, { tls: { ...tls, ...own } });
          await sock.receiveLine();
        }, { code: "tls" });
      }
      const sock = await connect(target, { tls: { ...tls, ...all.client } });
      await converse(sock);
      sock.close();
    },
  );
}

// Ends

for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
  const tls = { ...usual, minVersion: version, maxVersion: version };

  serverTest(`a server that says that it ends has ended (${version})`, [], async (target) => {
    const sock = await connect(target, { tls });
    await converse(sock);
    await sock.send("CLOSE\n");
    assert.equal(await sock.receiveAny(100), null);
    assert.equal(sock.tls!.closeNotify, true);
    sock.close();
  });

  serverTest(
    `a server that is gone without a word was cut off (${version})`,
    [],
    async (target, end) => {
      const sock = await connect(target, { tls });
      await sock.send("hello\nnot heard");
      assert.equal(await sock.receiveExactly(3).then((it) => String.fromCharCode(...it)), "oll");
      await end();
      await assert.rejects(sock.receiveAll(), ({ code, partial }) => {
        assert.equal(code, "closed");
        assert.equal(String.fromCharCode(...partial), "eh\n");
        return true;
      });
      assert.equal(sock.tls!.closeNotify, false);
      await assert.rejects(sock.receiveAny(1), { code: "closed" });
      sock.close();
    },
  );
}

serverTest("who waits behind another gives up in time, and is no harm", [], async (target) => {
  const first = await connect(target, { tls: usual });
  await converse(first);
  // The system has connected us; the server looks at one client after another.
  await assert.rejects(connect(target, { tls: usual, timeoutMs: 150 }), { code: "timeout" });
  const controller = new AbortController();
  const waiting = connect(target, { tls: usual, signal: controller.signal });
  setTimeout(() => controller.abort(), 50);
  await assert.rejects(waiting, { code: "aborted" });
  const later = await connect(target);
  await assert.rejects(later.startTls({ ...usual, timeoutMs: 100 }), { code: "timeout" });
  assert.equal(later.closed, true);
  await converse(first);
  first.close();
  const next = await connect(target, { tls: usual });
  await converse(next);
  next.close();
});
