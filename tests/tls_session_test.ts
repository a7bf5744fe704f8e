/** Sessions of TLS, resumed by later connections. */

import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import tls from "node:tls";
import { type Address, connect, listen, type TlsOptions, type TlsVersion } from "../mod.ts";
import { certificates } from "./helpers/certificates.ts";
import { failureOf } from "./helpers/failure_of.ts";
import { runtime } from "./helpers/native_pairs.ts";

const { ca, localhost, otherCa } = await certificates();
const trusting: TlsOptions = { caCerts: ca.cert, serverName: "localhost" };
const skip = runtime === "Deno" && "Deno's TLS gives no sessions that later connections can use";

interface Server extends AsyncDisposable {
  readonly address: Address;
}

/** One of ours. */
async function ours(version: TlsVersion): Promise<Server> {
  const tls = { ...localhost, minVersion: version, maxVersion: version };
  const server = await listen("127.0.0.1:0", { tls });
  (async () => {
    for await (const guest of server) {
      const answer = async () => {
        for await (const line of guest.lines()) await guest.send(`${line}\n`);
        guest.close();
      };
      answer().catch(() => guest.close());
    }
  })();
  return server;
}

/** The runtime's own. */
async function theirs(version: TlsVersion): Promise<Server> {
  const server = tls.createServer({ ...localhost, minVersion: version, maxVersion: version });
  server.on("secureConnection", (socket) => socket.on("error", () => {}).pipe(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { address: hostname, port } = server.address() as AddressInfo;
  return {
    address: { hostname, port },
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

async function exchange(server: Server, options: TlsOptions) {
  const sock = await connect(server.address, { tls: options });
  try {
    await sock.send("hello\n");
    assert.equal(await sock.receiveLine(), "hello");
    const { resumed, session, verified } = sock.tls!;
    return { resumed, session, verified };
  } finally {
    await sock[Symbol.asyncDispose]();
  }
}

const servers = {
  "the runtime's server": { serve: theirs, skip },
  "our server": {
    serve: ours,
    skip: skip || (runtime === "Bun" && "Bun's TLS over a stream takes no ticket keys"),
  },
};

for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
  for (const [name, { serve, skip }] of Object.entries(servers)) {
    test(`a session with ${name} is resumed, ${version}`, { skip }, async () => {
      const server = await serve(version);
      try {
        const first = await exchange(server, trusting);
        assert.deepEqual([first.resumed, first.verified], [false, true]);
        assert.ok(first.session);
        const second = await exchange(server, { ...trusting, session: first.session });
        assert.deepEqual([second.resumed, second.verified], [true, true]);
      } finally {
        await server[Symbol.asyncDispose]();
      }
    });

    test(`none with ${name} is resumed that nobody gave, ${version}`, async () => {
      const server = await serve(version);
      try {
        for (let round = 0; round < 3; round++) {
          assert.equal((await exchange(server, trusting)).resumed, false);
        }
      } finally {
        await server[Symbol.asyncDispose]();
      }
    });
  }
}

const others: Record<string, TlsOptions> = {
  "another name": { ...trusting, serverName: "127.0.0.1" },
  "other roots": { ...trusting, caCerts: otherCa.cert },
  "a fingerprint": { ...trusting, fingerprints: ["00".repeat(32)] },
  "its name verified": trusting,
};

for (const [what, options] of Object.entries(others)) {
  test(`a session is refused where ${what} is wanted`, { skip }, async () => {
    const server = await theirs("TLSv1.3");
    try {
      const from = what === "its name verified"
        ? { ...trusting, dangerouslySkipNameVerification: true }
        : trusting;
      const { session } = await exchange(server, from);
      assert.ok(session);
      await assert.rejects(connect(server.address, { tls: { ...options, session } }), {
        name: "TypeError",
        message: "session must come from a connection with the same TLS options",
      });
    } finally {
      await server[Symbol.asyncDispose]();
    }
  });
}

test("what is no session is refused", async () => {
  const session = new Uint8Array(8) as never;
  await assert.rejects(connect("127.0.0.1:1", { tls: { ...trusting, session } }), TypeError);
});

test("where there are no sessions, one is unsupported", { skip: !skip }, async () => {
  const { TlsSession } = await import("../mod.ts");
  const session = new TlsSession(new Uint8Array(8), "");
  const error = await failureOf(
    connect("127.0.0.1:1", { tls: { ...trusting, session } }),
    "unsupported",
  );
  assert.match(error.message, /session/);
});
