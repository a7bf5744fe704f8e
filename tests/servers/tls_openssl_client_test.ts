/** We as servers of `openssl s_client`. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Cosocket, TlsServerOptions } from "../../mod.ts";
import { certificates } from "../helpers/certificates.ts";
import { type OpensslClient, withOpensslClient } from "./openssl_client.ts";
import { missing } from "./start_server.ts";
import { until } from "./until.ts";
import { withListener } from "./with_listener.ts";

const skip = missing("openssl");
const all = await certificates();
const caCerts = all.ca.cert;

/** Runs a test with a server of ours and a client of OpenSSL's. */
async function withClient(
  tls: TlsServerOptions,
  options: readonly string[],
  work: (client: OpensslClient, accepted: () => Promise<Cosocket>) => Promise<void>,
  files: Readonly<Record<string, string>> = {},
): Promise<void> {
  await withListener({ tls }, (server) => {
    const accepted = async () => (await server.accept())!;
    const known = { "ca.pem": caCerts, ...files };
    return withOpensslClient(server.address, options, known, (client) => work(client, accepted));
  });
}

const clientTest = (name: string, work: () => Promise<void>) => test(name, { skip }, work);
const VERIFY = ["-CAfile", "ca.pem", "-verify_return_error"];

for (const [flag, version] of [["-tls1_2", "TLSv1.2"], ["-tls1_3", "TLSv1.3"]] as const) {
  clientTest(`we serve a client of ${version}`, () =>
    withClient(
      all.good,
      [flag, ...VERIFY, "-servername", "test.example", "-verify_hostname", "test.example"],
      async (client, accepted) => {
        const guest = await accepted();
        assert.equal(guest.tls!.protocol, version);
        assert.equal(guest.tls!.serverName, "test.example");
        assert.equal(guest.tls!.peerCertificate, null);
        client.send("hello\n");
        assert.equal(await guest.receiveLine(), "hello");
        await guest.send("HELLO\n");
        await until(() => client.output.includes("HELLO"));
        assert.match(client.output, /Verif(?:y return code: 0|ication: OK)/);
        client.end();
        assert.equal(await guest.receiveAny(1), null);
        assert.equal(guest.tls!.closeNotify, true);
        guest.close();
        await client.ended;
      },
    ));

  clientTest(
    `a client of ${version} that is gone without a word was cut off`,
    () =>
      withClient(all.good, [flag], async (client, accepted) => {
        const guest = await accepted();
        client.send("hello\nhal");
        assert.equal(await guest.receiveLine(), "hello");
        await guest.peek(3);
        client.kill();
        await assert.rejects(guest.receiveLine(), ({ code, partial }) => {
          assert.equal(code, "closed");
          assert.equal(String.fromCharCode(...partial), "hal");
          return true;
        });
        assert.equal(guest.tls!.closeNotify, false);
        guest.close();
      }),
  );

  clientTest(
    `a client of ${version} is told that we end`,
    () =>
      withClient(all.good, [flag, "-ign_eof"], async (client, accepted) => {
        const guest = await accepted();
        await guest.send("bye\n");
        guest.close();
        assert.equal(await client.ended, 0);
        assert.match(client.output, /bye\n/);
        // What it says at the end of TLS, not at the end of TCP.
        assert.match(client.output, /closed\n/);
        assert.doesNotMatch(client.output, /unexpected eof/);
      }),
  );
}

clientTest(
  "a client of TLS 1.1 is refused, and the next one is served",
  () =>
    withListener({ tls: all.good }, async (server) => {
      const accepted = server.accept();
      const old = ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"];
      await withOpensslClient(server.address, old, {}, async (client) => {
        assert.notEqual(await client.ended, 0);
        // Not every engine says why.
        assert.match(client.output, /alert|unexpected eof/);
      });
      await withOpensslClient(server.address, [], {}, async () => {
        const guest = (await accepted)!;
        assert.equal(guest.tls!.protocol, "TLSv1.3");
        guest.close();
      });
    }),
);

clientTest("each name has the certificate that is meant for it", async () => {
  const sni = { "other.example": all.other, "*.test.example": all.wildcard };
  for (
    const [name, subject] of [
      ["test.example", "test.example"],
      ["other.example", "other.example"],
      ["a.test.example", "wildcard"],
      ["nobody.example", "test.example"],
      [undefined, "test.example"],
    ]
  ) {
    const asked = name === undefined ? ["-noservername"] : ["-servername", name];
    await withClient({ ...all.good, sni }, asked, async (client, accepted) => {
      const guest = await accepted();
      assert.equal(guest.tls!.serverName, name ?? null);
      await until(() => client.output.includes("subject="));
      assert.match(client.output, new RegExp(`subject=CN ?= ?${subject}\n`));
      guest.close();
    });
  }
});

clientTest("a client that offers protocols gets one that we have", () =>
  withClient(
    { ...all.good, alpnProtocols: ["one", "two"] },
    ["-alpn", "three,two,one"],
    async (client, accepted) => {
      const guest = await accepted();
      const { alpnProtocol } = guest.tls!;
      assert.match(alpnProtocol!, /^(?:one|two)$/);
      await until(() => client.output.includes("ALPN protocol:"));
      assert.match(client.output, new RegExp(`ALPN protocol: ${alpnProtocol}\n`));
      guest.close();
    },
  ));

for (const flag of ["-tls1_2", "-tls1_3"]) {
  clientTest(`a client shows its certificate, or is refused (${flag})`, async () => {
    const tls: TlsServerOptions = { ...all.good, caCerts, clientCerts: "require" };
    const { cert, key } = all.client;
    const shown = [flag, "-cert", "cert.pem", "-key", "key.pem"];
    const good = { "cert.pem": cert, "key.pem": key };
    const wrong = { "cert.pem": all.otherClient.cert, "key.pem": all.otherClient.key };
    await withListener({ tls }, async (server) => {
      const accepted = server.accept();
      for (const [options, files] of [[[flag], {}], [shown, wrong]] as const) {
        await withOpensslClient(server.address, options, files, async (client) => {
          assert.notEqual(await client.ended, 0);
          assert.match(client.output, /alert|unexpected eof/);
        });
      }
      await withOpensslClient(server.address, shown, good, async (client) => {
        const guest = (await accepted)!;
        assert.equal(guest.tls!.peerCertificate!.subject, "CN=client.example");
        assert.equal(guest.tls!.verified, true);
        client.send("hello\n");
        assert.equal(await guest.receiveLine(), "hello");
        guest.close();
      });
    });
  });
}

for (const isThere of [false, true]) {
  const name = `a client that begins in plain goes over to TLS when we say so${
    isThere ? ", even if it is ahead of us" : ""
  }`;
  clientTest(name, () =>
    withListener({}, async (server) => {
      const options = ["-starttls", "smtp", "-name", "me", "-servername", "test.example", "-msg"];
      await withOpensslClient(server.address, options, {}, async (client) => {
        const guest = (await server.accept())!;
        await guest.send("220 hello\r\n");
        assert.equal(await guest.receiveLine(), "EHLO me");
        await guest.send("250-hello\r\n250 STARTTLS\r\n");
        assert.equal(await guest.receiveLine(), "STARTTLS");
        await guest.send("220 go ahead\r\n");
        // What lies unread then is its handshake, and nothing that was said in plain.
        if (isThere) await until(() => client.output.includes("ClientHello"));
        const info = await guest.startTls(all.good);
        assert.equal(info.serverName, "test.example");
        client.send("hello\n");
        assert.equal(await guest.receiveLine(), "hello");
        guest.close();
      });
    }));
}
