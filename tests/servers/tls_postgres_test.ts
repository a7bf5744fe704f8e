import assert from "node:assert/strict";
import { test } from "node:test";
import { Postgres, PostgresError, type PostgresOptions } from "../../examples/postgres_tls.ts";
import { type Cosocket, SocketError } from "../../mod.ts";
import { certificates } from "../helpers/certificates.ts";
import { missingPostgres as skip, postgres, POSTGRES_LOGIN } from "./postgres_recipe.ts";
import { runExampleIn } from "./run_example.ts";
import { withServer } from "./start_server.ts";
import { trusting } from "./trusting.ts";
import { withScript } from "./with_listener.ts";

const { ca, client, good, localhost, otherCa, otherClient } = await certificates();
const options: PostgresOptions = {
  ...POSTGRES_LOGIN,
  database: "postgres",
  tls: { serverName: "test.example", caCerts: ca.cert },
};

test(
  "PostgreSQL and we say the same of the TLS between us",
  { skip },
  () =>
    withServer("TCP", postgres(good), async (target) => {
      for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
        const tls = { ...options.tls, minVersion: version, maxVersion: version };
        const db = await Postgres.connect(target, { ...options, tls });
        assert.deepEqual(
          await db.query(
            "SELECT ssl, version, client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
          ),
          {
            columns: ["ssl", "version", "client_dn"],
            rows: [["t", version, null]],
            command: "SELECT 1",
          },
        );
        assert.equal(db.tls!.protocol, version);
        assert.equal(db.tls!.verified, true);
        await db.close();
      }
    }),
);

test(
  "PostgreSQL answers all kinds of queries",
  { skip },
  () =>
    withServer("TCP", postgres(good), async (target) => {
      const db = await Postgres.connect(target, options);
      assert.deepEqual(await db.query("CREATE TABLE words (at int, word text)"), {
        columns: [],
        rows: [],
        command: "CREATE TABLE",
      });
      await db.query("INSERT INTO words VALUES (1, 'grün'), (2, NULL), (3, '')");
      assert.deepEqual(await db.query("SELECT word, at FROM words ORDER BY at"), {
        columns: ["word", "at"],
        rows: [["grün", "1"], [null, "2"], ["", "3"]],
        command: "SELECT 3",
      });
      assert.deepEqual(await db.query("SELECT 1; DELETE FROM words"), {
        columns: [],
        rows: [],
        command: "DELETE 3",
      });
      assert.deepEqual(await db.query("  "), { columns: [], rows: [], command: "" });
      await assert.rejects(db.query("SELECT nothing"), (error) => {
        assert.ok(error instanceof PostgresError);
        assert.deepEqual([error.code, error.message], ["42703", 'column "nothing" does not exist']);
        return true;
      });
      const { rows } = await db.query("SELECT n, repeat('x', n) FROM generate_series(1, 3000) n");
      assert.deepEqual(
        rows,
        Array.from({ length: 3000 }, (_, at) => [`${at + 1}`, "x".repeat(at + 1)]),
      );
      const [[long]] = (await db.query("SELECT repeat('0123456789', 1000000)")).rows as [[string]];
      assert.ok(long === "0123456789".repeat(1_000_000));
      await assert.rejects(db.query("COPY words TO STDOUT"), /Not understood/);
      await assert.rejects(db.query("SELECT 1"), { code: "closed" });
    }),
);

test(
  "twenty clients at a time",
  { skip },
  () =>
    withServer("TCP", postgres(good), async (target) => {
      const answers = await Promise.all(Array.from({ length: 20 }, async (_, n) => {
        const db = await Postgres.connect(target, options);
        const { rows } = await db.query(`SELECT ${n}, pg_sleep(0.05)`);
        await db.close();
        return rows[0]![0];
      }));
      assert.deepEqual(answers, answers.map((_, n) => String(n)));
    }),
);

test(
  "who may not log in is told why",
  { skip },
  () =>
    withServer("TCP", postgres(good), async (target) => {
      for (
        const [wrong, code] of [
          [{ password: "wrong" }, "28P01"],
          [{ user: "nobody" }, "28P01"],
          [{ database: "none" }, "3D000"],
        ] as const
      ) {
        await assert.rejects(
          Postgres.connect(target, { ...options, ...wrong }),
          (error) => error instanceof PostgresError && error.code === code,
        );
      }
      await assert.rejects(Postgres.connect(target, { ...options, user: "a\0b" }), TypeError);
    }),
);

test(
  "a server that is not the one we mean gets no login",
  { skip },
  () =>
    withServer("TCP", postgres(good), async (target) => {
      for (
        const tls of [
          undefined,
          { caCerts: ca.cert },
          { ...options.tls, caCerts: otherCa.cert },
          { ...options.tls, fingerprints: ["00".repeat(32)] },
        ]
      ) {
        await assert.rejects(Postgres.connect(target, { ...options, tls }), { code: "tls" });
      }
    }),
);

test(
  "PostgreSQL asks for a certificate, and looks at who signed it",
  { skip },
  () =>
    withServer("TCP", postgres(good, { ca: ca.cert }), async (target) => {
      for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
        const as = (own: { cert: string; key: string } | undefined) =>
          Postgres.connect(target, { ...options, tls: { ...options.tls, maxVersion, ...own } });
        const db = await as(client);
        const { rows } = await db.query(
          "SELECT client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
        );
        assert.deepEqual(rows, [["/CN=client.example"]]);
        await db.close();
        // It takes none, but then it does not go on; a wrong one it does not take. With TLS 1.3
        // we have sent more by then, which it leaves unread, and that ends in a reset.
        await assert.rejects(as(undefined), { name: "PostgresError", code: "28000" });
        await assert.rejects(as(otherClient), (error) => {
          assert.ok(error instanceof SocketError);
          assert.match(error.code, maxVersion === "TLSv1.2" ? /^tls$/ : /^(?:tls|reset)$/);
          return true;
        });
      }
    }),
);

test(
  "a server without TLS gets no login",
  { skip },
  () =>
    withServer("TCP", postgres(undefined), async (target) => {
      await assert.rejects(Postgres.connect(target, options), /does not offer TLS/);
    }),
);

/** Runs a client against a server that does what it is told to, once it is asked for TLS. */
function withAsked(
  work: (target: string) => Promise<void>,
  script: (guest: Cosocket) => Promise<void>,
): Promise<void> {
  return withScript(work, async (guest) => {
    // Eight bytes, and no more until they are answered.
    assert.equal((await guest.receiveExactly(8)).at(-1), 0x2f);
    await script(guest);
    guest.close();
  });
}

const silent = async (guest: Cosocket) => {
  const heard = await guest.receiveAll().catch(({ partial }) => partial);
  assert.equal(heard?.length ?? 0, 0);
};

test("what was planted behind the S is refused", () =>
  withAsked(
    (target) => assert.rejects(Postgres.connect(target, options), { code: "tls" }),
    async (guest) => {
      await guest.send(["S", authentication(0)]);
      await silent(guest);
    },
  ));

for (const answer of ["N", "E\0\0\0\x10SFATAL\0Mplanted\0\0", "s", "R"]) {
  test(`to the answer ${JSON.stringify(answer)} nothing is said`, () =>
    withAsked(
      (target) => assert.rejects(Postgres.connect(target, options), /does not offer TLS/),
      async (guest) => {
        await guest.send(answer);
        await silent(guest);
      },
    ));
}

/** A message about the login. */
function authentication(step: number, text = ""): Uint8Array {
  const bytes = new TextEncoder().encode(`R\0\0\0\0\0\0\0\0${text}`);
  const view = new DataView(bytes.buffer);
  view.setInt32(1, bytes.length - 1);
  view.setInt32(5, step);
  return bytes;
}

async function receiveText(guest: Cosocket): Promise<string> {
  const head = await guest.receiveExactly(5);
  const size = new DataView(head.buffer, head.byteOffset).getInt32(1) - 4;
  return new TextDecoder().decode(await guest.receiveExactly(size));
}

const salt = btoa("salt");
const challenges: Record<string, (nonce: string) => string> = {
  "that does not know the password": (nonce) => `r=${nonce}x,s=${salt},i=4096`,
  "that adds nothing to our nonce": (nonce) => `r=${nonce},s=${salt},i=4096`,
  "that has a nonce of its own": () => `r=something,s=${salt},i=4096`,
  "that makes the password easy to guess": (nonce) => `r=${nonce}x,s=${salt},i=1`,
  "that keeps us busy for ever": (nonce) => `r=${nonce}x,s=${salt},i=999999999`,
  "that says nonsense": () => "hello",
};
for (const [what, challenge] of Object.entries(challenges)) {
  test(`a server ${what} is not logged in to`, () =>
    withAsked(
      (target) =>
        assert.rejects(Postgres.connect(target, options), (error) => {
          assert.ok(error instanceof Error && !(error instanceof PostgresError));
          assert.match(
            error.message,
            /does not know the password|somebody else|iterations|Not a ch/,
          );
          return true;
        }),
      async (guest) => {
        await guest.send("S");
        await guest.startTls(good);
        const size = new DataView((await guest.receiveExactly(4)).slice().buffer).getInt32(0);
        await guest.skip(size - 4);
        await guest.send(authentication(10, "SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"));
        const nonce = /r=(.*)$/.exec(await receiveText(guest))![1]!;
        await guest.send(authentication(11, challenge(nonce)));
        // Some give up here; who goes on is told something that is not true.
        const proof = await receiveText(guest).catch(() => undefined);
        if (proof === undefined) return;
        assert.match(proof, /^c=biws,r=.*x,p=/);
        await guest.send([authentication(12, `v=${btoa("x".repeat(32))}`), authentication(0)]);
        await guest.receiveAll().catch(() => {});
      },
    ));
}

for (
  const [step, name] of [[0, "lets us in at once"], [3, "wants the password"], [
    5,
    "wants MD5",
  ]] as const
) {
  test(`a server that ${name} is not logged in to`, () =>
    withAsked(
      (target) => assert.rejects(Postgres.connect(target, options), /Cannot log in/),
      async (guest) => {
        await guest.send("S");
        await guest.startTls(good);
        await guest.receiveAny(1000);
        await guest.send(authentication(step, "salt"));
        await guest.receiveAll().catch(() => {});
      },
    ));
}

test(
  "examples/postgres_tls.ts runs by itself",
  { skip },
  () =>
    withServer("TCP", postgres(localhost), (target) =>
      trusting(ca.cert, async (trust) => {
        const { user, password } = POSTGRES_LOGIN;
        const env = { ...trust, PGPASSWORD: password };
        const sql = "SELECT 1 AS one, NULL AS none";
        const output = await runExampleIn(env, "postgres_tls.ts", target, user, "postgres", sql);
        assert.equal(output, "TLS 127.0.0.1\none | none\n1 | NULL\nSELECT 1\n");
      })),
);
