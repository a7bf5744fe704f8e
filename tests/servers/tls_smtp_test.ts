import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Smtp, SmtpError, type SmtpOptions } from "../../examples/smtp_starttls.ts";
import { type Certificate, certificates } from "../helpers/certificates.ts";
import { exim, missingExim as skip } from "./exim_recipe.ts";
import { runExampleIn } from "./run_example.ts";
import { type At, withServer } from "./start_server.ts";
import { trusting } from "./trusting.ts";
import { until } from "./until.ts";
import { withScript } from "./with_listener.ts";

const { ca, expired, good, localhost, otherCa } = await certificates();
const options: SmtpOptions = { tls: { serverName: "test.example", caCerts: ca.cert } };
const from = "me@here.example";
const [anna, bert] = ["anna@test.example", "bert@test.example"];

/** Runs a test against Exim; `mails` gives what it has put into the folder of mails, sorted. */
function withExim(
  own: Certificate | undefined,
  work: (target: string, mails: () => string[]) => Promise<void>,
): Promise<void> {
  let folder = "";
  const recipe = (at: At) => {
    folder = at.folder;
    return exim(own)(at);
  };
  const mails = () => {
    const path = join(folder, "mail");
    if (!existsSync(path)) return [];
    // Until it is whole, a mail is temporary.
    const names = readdirSync(path).filter((it) => !it.startsWith("temp."));
    return names.map((it) => readFileSync(join(path, it), "utf8")).sort();
  };
  return withServer("TCP", recipe, async (target) => {
    await work(target, mails);
    await until(() => isIdle(folder));
  });
}

/**
 * Whether Exim in a folder has nothing more to do. It serves and delivers in processes of their own,
 * which would outlive it, and write into the folder for what they still have to say.
 */
function isIdle(folder: string): boolean {
  const pid = readFileSync(join(folder, "pid"), "utf8").trim();
  const children = `/proc/${pid}/task/${pid}/children`;
  return isEmpty(join(folder, "spool", "input")) &&
    (!existsSync(children) || readFileSync(children, "utf8") === "");
}

function isEmpty(folder: string): boolean {
  return !existsSync(folder) || readdirSync(folder).length === 0;
}

/** What stands behind the headers of a mail. */
function bodyOf(mail: string): string {
  return mail.slice(mail.indexOf("\n\n") + 2);
}

test(
  "a mail goes out by TLS, and comes out as it was",
  { skip },
  () =>
    withExim(good, async (target, mails) => {
      const smtp = await Smtp.connect(target, options);
      assert.match(smtp.tls!.protocol!, /^TLSv1\.[23]$/);
      const body = ".\n..\n.a line with a dot\n\nQUIT\r\nGrüße, 😀\rand more\n.";
      assert.match(await smtp.send({ from, to: [anna], text: `Subject: a\n\n${body}` }), /id=/);
      await smtp.quit();
      await until(() => mails().length === 1);
      const [mail] = mails();
      // "esmtps" is SMTP by TLS: the server's own word for it.
      assert.match(mail!, /with esmtps +\(TLS1\.[23]\)/);
      assert.match(mail!, /^Subject: a$/m);
      assert.equal(bodyOf(mail!), `${body.replace(/\r\n?/g, "\n")}\n`);
    }),
);

test(
  "one connection takes many mails, each for many",
  { skip },
  () =>
    withExim(good, async (target, mails) => {
      const smtp = await Smtp.connect(target, options);
      for (let count = 0; count < 10; count++) {
        await smtp.send({ from, to: [anna, bert], text: `Subject: ${count}\n\n${count}\n` });
      }
      await smtp.quit();
      // Both have one file of their own for each.
      await until(() => mails().length === 20);
      assert.deepEqual(
        mails().map(bodyOf).sort(),
        Array.from({ length: 20 }, (_, at) => `${at >> 1}\n`).sort(),
      );
    }),
);

test(
  "a mail of three megabytes comes whole",
  { skip },
  () =>
    withExim(good, async (target, mails) => {
      const smtp = await Smtp.connect(target, options);
      const body = `${"x".repeat(70)}\n.y\n`.repeat(41_000);
      await smtp.send({ from, to: [anna], text: `Subject: b\n\n${body}` });
      await smtp.quit();
      await until(() => mails().length === 1 && bodyOf(mails()[0]!).length >= body.length);
      assert.ok(bodyOf(mails()[0]!) === body);
    }),
);

test(
  "whom the server does not know is an error, and the connection serves on",
  { skip },
  () =>
    withExim(good, async (target, mails) => {
      const smtp = await Smtp.connect(target, options);
      const mail = { from, to: [anna, "nobody@test.example"], text: "Subject: c\n\nc\n" };
      await assert.rejects(smtp.send(mail), (error) => {
        assert.ok(error instanceof SmtpError);
        assert.deepEqual([error.code, error.message], [550, "550 No such person"]);
        return true;
      });
      await smtp.send({ ...mail, to: [bert] });
      await smtp.quit();
      await until(() => mails().length === 1);
      assert.match(mails()[0]!, /^Subject: c$/m);
    }),
);

test(
  "a server without STARTTLS gets no mail",
  { skip },
  () =>
    withExim(undefined, async (target) => {
      await assert.rejects(Smtp.connect(target, options), /does not offer STARTTLS/);
    }),
);

test("a server that is not the one we mean gets no mail", { skip }, async () => {
  await withExim(good, async (target) => {
    await assert.rejects(Smtp.connect(target, { tls: { caCerts: ca.cert } }), { code: "tls" });
    await assert.rejects(Smtp.connect(target), { code: "tls" });
    const tls = { ...options.tls, caCerts: otherCa.cert };
    await assert.rejects(Smtp.connect(target, { tls }), { code: "tls" });
    // Those whom we turned away are no harm to others.
    await (await Smtp.connect(target, options)).quit();
  });
  await withExim(expired, async (target) => {
    await assert.rejects(Smtp.connect(target, options), { code: "tls" });
  });
});

test("what was planted behind the answer to STARTTLS is refused", () =>
  withScript(
    (target) => assert.rejects(Smtp.connect(target, options), { code: "tls" }),
    async (guest) => {
      await guest.send("220 hello\r\n");
      assert.match(await guest.receiveLine(), /^EHLO \[127\.0\.0\.1\]$/);
      await guest.send("250-hello\r\n250 STARTTLS\r\n");
      assert.equal(await guest.receiveLine(), "STARTTLS");
      await guest.send("220 go ahead\r\n250-hello\r\n250 AUTH PLAIN\r\n");
      // It hears nothing but the end, in whatever form.
      const heard = await guest.receiveAll().catch(({ partial }) => partial);
      assert.equal(heard?.length ?? 0, 0);
      guest.close();
    },
  ));

test("what a server offers in plain counts no more behind TLS", () =>
  withScript(
    async (target) => {
      const smtp = await Smtp.connect(target, options);
      assert.deepEqual([smtp.offers("8BITMIME"), smtp.offers("SIZE")], [false, true]);
      await assert.rejects(smtp.send({ from, to: [anna], text: "\n\nü" }), /only ASCII/);
      for (const to of ["a@b>\r\nRSET", "a b", "", "a\0b"]) {
        await assert.rejects(smtp.send({ from, to: [to], text: "" }), TypeError);
      }
      await smtp.quit();
    },
    async (guest) => {
      await guest.send("220-hello\r\n220 there\r\n");
      await guest.receiveLine();
      await guest.send("250-hello\r\n250-8BITMIME\r\n250 STARTTLS\r\n");
      await guest.receiveLine();
      await guest.send("220 go ahead\r\n");
      await guest.startTls(good);
      assert.match(await guest.receiveLine(), /^EHLO /);
      await guest.send("250-hello\r\n250 size 1000\r\n");
      assert.equal(await guest.receiveLine(), "QUIT");
      await guest.send("221 bye\r\n");
      guest.close();
    },
  ));

test(
  "examples/smtp_starttls.ts runs by itself",
  { skip },
  () =>
    withExim(localhost, (target, mails) =>
      trusting(ca.cert, async (env) => {
        const output = await runExampleIn(env, "smtp_starttls.ts", target, from, anna, bert);
        assert.match(output, /^TLS 127\.0\.0\.1\nsent OK id=\S+\n$/);
        await until(() => mails().length === 2);
        assert.equal(bodyOf(mails()[0]!), "The next line is a dot:\n.\nThis is the last.\n");
      })),
);
