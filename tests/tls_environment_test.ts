// What the environment of a program says of TLS: whom the runtime trusts, which
// `caCerts` replaces; and never that nobody is to be verified.

import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { connect } from "../src/cosocket.ts";
import { listen } from "../src/listener.ts";
import type { TlsOptions } from "../src/tls.ts";
import { certificates } from "./helpers/certificates.ts";
import { failureOf } from "./helpers/failure_of.ts";
import { environmentWithRoots, hasOurRoots, testIn } from "./helpers/tls_roots.ts";

const { ca, otherCa, good, other } = await certificates();
const serverName = "test.example";

const isLax = process.env.NODE_TLS_REJECT_UNAUTHORIZED === "0";

/** What a client is told, and whether it takes a good certificate of our CA. */
const cases: readonly { name: string; tls: TlsOptions; takes: boolean }[] = [
  { name: "the runtime's roots", tls: {}, takes: hasOurRoots },
  { name: "our CA", tls: { caCerts: ca.cert }, takes: true },
  {
    name: "another CA, in place of the runtime's roots",
    tls: { caCerts: otherCa.cert },
    takes: false,
  },
];

const world = [
  hasOurRoots ? "a runtime that trusts our CA" : "a runtime that does not know our CA",
  ...(isLax ? ["a variable that says not to verify"] : []),
].join(", ");

for (const { name, tls, takes } of cases) {
  test(`${world}: who trusts ${name} ${takes ? "takes" : "refuses"} a certificate of our CA`, async () => {
    const server = await listen("127.0.0.1:0", { tls: good });
    try {
      server.accept();
      const connecting = connect(server.address, { tls: { ...tls, serverName } });
      if (!takes) return void await failureOf(connecting, "tls");
      const sock = await connecting;
      assert.equal(sock.tls!.verified, true);
      sock.close();
    } finally {
      await server[Symbol.asyncDispose]();
    }
  });

  test(`${world}: who trusts ${name} refuses a certificate for another name`, async () => {
    const server = await listen("127.0.0.1:0", { tls: other });
    try {
      server.accept();
      await failureOf(connect(server.address, { tls: { ...tls, serverName } }), "tls");
    } finally {
      await server[Symbol.asyncDispose]();
    }
  });
}

if (process.env.COSOCKET_TEST_CHILD === undefined) {
  const LAX = { NODE_TLS_REJECT_UNAUTHORIZED: "0" };
  const roots = environmentWithRoots(ca.cert);
  testIn("the same with our CA among the runtime's roots", import.meta.url, roots);
  testIn("the same with a variable that says not to verify", import.meta.url, LAX);
  testIn("the same with both", import.meta.url, { ...roots, ...LAX });
}
