/**
 * The core on Cloudflare's Workers: `workerd` runs `worker.ts`, which talks to peers in this process,
 * and what came of it is judged here. It runs in two forms. In modules, as they are, nothing of
 * Node's is there, and nothing of it may be loaded; as one file, as most Workers are deployed, that
 * file names what it never uses.
 *
 *     deno task test:workerd
 */

import assert from "node:assert/strict";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Listener } from "../../mod.ts";
import { esbuildProgram, workerdProgram } from "../../scripts/tools.ts";
import { certificates } from "../helpers/certificates.ts";
import { redis } from "../servers/recipes.ts";
import { missing, type Recipe, withServer } from "../servers/start_server.ts";
import { writeFiles } from "../servers/write_files.ts";
import { startPeer } from "./peer.ts";
import type { Failure, Peers } from "./worker.ts";

const { ca, localhost, selfSigned } = await certificates();
const programs = await installed();
const reason = programs instanceof Error ? programs.message : false;
if (reason) console.log(`Skipped: ${reason}`);

const forms = [
  // The oldest date that has what the core needs, and nothing of Node's.
  { name: "in modules", flags: ["--splitting"], date: "2025-05-05", compatibility: [] },
  { name: "as one file", flags: [], date: "2026-02-01", compatibility: ["nodejs_compat"] },
];

let peers: Peers;
const listeners: Listener[] = [];

before(async () => {
  const peer = await startPeer({ upgrade: localhost });
  const tlsPeer = await startPeer({ tls: localhost });
  const untrustedPeer = await startPeer({ tls: selfSigned });
  const gone = await startPeer();
  await gone.close();
  listeners.push(peer, tlsPeer, untrustedPeer);
  peers = {
    peer: `localhost:${portOf(peer)}`,
    address: `127.0.0.1:${portOf(peer)}`,
    tlsPeer: `localhost:${portOf(tlsPeer)}`,
    untrustedPeer: `localhost:${portOf(untrustedPeer)}`,
    closed: `127.0.0.1:${portOf(gone)}`,
    redis: null,
  };
});

after(() => Promise.all(listeners.map((it) => it.close())));

for (const form of forms) {
  test(
    `a Worker ${form.name} does all that the core promises there`,
    { skip: reason },
    async (t) => {
      await withServer("TCP", worker(form), async (target) => {
        for (const [name, { says, judge }] of Object.entries(SCENARIOS)) {
          await t.test(`${form.name}, ${says}`, async () => judge(await ask(target, name, peers)));
        }
        await t.test(`${form.name}, what a request left undone holds up no other`, async () => {
          for (const _ of [1, 2]) assert.equal(await ask(target, "left", peers), true);
        });
        await t.test(`${form.name}, a connection of another request is an error`, async () => {
          assert.deepEqual(await ask(target, "shared", peers), ["shared", 1]);
          assert.deepEqual(await ask(target, "shared", peers), ["failed", 0]);
          assert.deepEqual(await ask(target, "shared", peers), ["shared", 1]);
        });
      });
    },
  );

  const noRedis = reason || missing("redis-server");
  test(`a Worker ${form.name} talks to Redis over a pool`, { skip: noRedis }, async () => {
    await withServer("TCP", redis, async (server) => {
      await withServer("TCP", worker(form), async (target) => {
        assert.deepEqual(await ask(target, "redis", { ...peers, redis: server }), [
          ["+PONG", "+OK", "hello", "$-1", 0],
          [":1", ":2", "bye", 1],
        ]);
      });
    });
  });
}

// deno-lint-ignore no-explicit-any -- what came over HTTP is judged, whatever it is
type Found = any;

interface Scenario {
  readonly says: string;
  judge(found: Found): void;
}

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  lines: {
    says: "lines are read as they come, and none after close()",
    judge([one, two, three, failure]) {
      assert.deepEqual([one, two, three], ["one", "two", "thür"]);
      assert.equal(failure.code, "closed");
    },
  },
  frames: {
    says: "so many bytes, all up to a boundary, and parts",
    judge: (found) =>
      assert.deepEqual(found, ["ab", "abcd", "--bound|", "par", "t1", "null", "par", "t2"]),
  },
  ends: {
    says: "each side ends by itself, and what comes before an end is told",
    judge({ all, any, failure, echoed }) {
      assert.deepEqual({ all, any, echoed }, { all: "all of it", any: null, echoed: "to the end" });
      assert.deepEqual([failure.code, failure.partial], ["closed", "half a li"]);
    },
  },
  timeouts: {
    says: "a read that gives up takes nothing",
    judge({ waited, given, over, whole, second, closed }) {
      assert.deepEqual([waited.code, waited.partial], ["timeout", "half"]);
      assert.deepEqual([given.code, given.partial], ["aborted", "half"]);
      assert.deepEqual([over.code, over.partial], ["timeout", "half"]);
      assert.equal(whole, "half-done");
      assert.deepEqual([second.code, closed.code], ["busy", "closed"]);
    },
  },
  duplex: {
    says: "it sends and receives at the same time",
    judge: (found) => assert.deepEqual(found, { same: true, counts: [3_000_009, 3_000_000] }),
  },
  pool: {
    says: "a pool lends what is in order, and nothing else",
    judge({ first, answers, again, failed, other, fresh, stats }) {
      assert.deepEqual(answers, [["a", 1], ["b", 2], ["c", 3]]);
      assert.equal(again, first);
      assert.equal(failed.code, "timeout");
      assert.equal(new Set([first, other, fresh]).size, 3);
      assert.deepEqual(stats, { idle: 1, lent: 0, waiting: 0 });
    },
  },
  streams: {
    says: "Web Streams go in and out",
    judge: (found) =>
      assert.deepEqual(found, {
        body: "hello",
        next: "+rest",
        rest: "by stream",
        line: "to myself",
      }),
  },
  addresses: {
    says: "who cannot be reached is an error",
    judge({ remoteAddress, localAddress, tls, refused, nameless, abandoned }) {
      const [hostname, port] = peers.address.split(":");
      assert.deepEqual(remoteAddress, { hostname, port: Number(port) });
      assert.deepEqual([localAddress, tls], [null, null]);
      // Workers have one error for all of it.
      assert.deepEqual([refused.code, refused.op], ["failed", "connect"]);
      assert.match(refused.message, new RegExp(`^Cannot connect to ${peers.closed}: `));
      assert.deepEqual([nameless.code, abandoned.code], ["failed", "aborted"]);
    },
  },
  tls: {
    says: "TLS is verified",
    judge({ line, tls, named, wrongName, untrusted, plain }) {
      assert.deepEqual([line, named], ["under TLS", "by name"]);
      assert.deepEqual([tls.verified, tls.serverName], [true, "localhost"]);
      assert.deepEqual([wrongName.code, wrongName.op], ["tls", "handshake"]);
      assert.deepEqual([untrusted.code, untrusted.op], ["tls", "handshake"]);
      assert.match(
        untrusted.message,
        new RegExp(`^Cannot start TLS with ${peers.untrustedPeer}: `),
      );
      // It waits for an answer that is none of TLS's.
      assert.equal(plain.code, "timeout");
    },
  },
  startTls: {
    says: "TLS begins in the middle of a dialogue, once",
    judge({ answer, line, twice, still }) {
      assert.deepEqual([answer, line, still], ["go", "protected", "still there"]);
      assert.equal(twice.code, "unsupported");
    },
  },
  injection: {
    says: "what was planted before TLS is never read behind it",
    judge({ answers, early, late, closed }) {
      assert.deepEqual(answers, ["go", "go"]);
      assert.deepEqual([early.code, late.code], ["tls", "tls"]);
      assert.match(early.message, /plain bytes lie unread/);
      assert.deepEqual(closed, [true, true]);
    },
  },
  readUnderWay: {
    says: "no TLS begins while a read is under way, and the socket stays as it was",
    judge({ waited, refused, line, busy, next }: Record<string, Failure & string>) {
      assert.deepEqual([waited!.code, refused!.code], ["timeout", "unsupported"]);
      assert.deepEqual([line, next], ["as it was", "and goes on"]);
      assert.equal(busy!.code, "unsupported");
    },
  },
  reused: {
    says: "no TLS begins on what a pool lends again before its parked read is answered",
    judge({ reusedTimes, early, lines, late, isBack, again }) {
      assert.equal(reusedTimes, 1);
      assert.deepEqual([early.code, late.code], ["unsupported", "unsupported"]);
      assert.match(early.message, /a read is under way, which Workers cannot take back/);
      assert.deepEqual(lines, ["as it was", "go", "protected"]);
      // What was refused changed nothing: the pool takes it back.
      assert.deepEqual([isBack, again], [true, [2, "lent"]]);
    },
  },
  unsupported: {
    says: "what Workers cannot do is unsupported",
    judge(found) {
      assert.ok(found.length > 0);
      assert.deepEqual([...new Set(found)], ["unsupported"]);
    },
  },
  sockets: {
    says: "the Web's sockets API works over the core, too",
    judge: (found) =>
      assert.deepEqual(found, {
        sameAddress: true,
        plain: "go\n",
        answer: "by the Web's own interface",
      }),
  },
};

/** What the scenario found, on the Worker. */
async function ask(target: string, name: string, peers: Peers): Promise<Found> {
  const response = await fetch(`http://${target}/${name}`, {
    method: "POST",
    body: JSON.stringify(peers),
    signal: AbortSignal.timeout(30_000),
  });
  const { found, thrown } = await response.json();
  assert.equal(thrown, undefined);
  return found;
}

/** workerd with one Worker; it trusts our CA and nobody else. */
function worker({ flags, date, compatibility }: typeof forms[number]): Recipe {
  return ({ folder, port }) => {
    const { workerd, esbuild } = programs as Exclude<typeof programs, Error>;
    const out = join(folder, "modules");
    mkdirSync(out, { recursive: true });
    bundle(esbuild, flags, out);
    // The first module is the one that runs.
    const names = readdirSync(out).sort((a) => a === "worker.js" ? -1 : 1);
    const modules = names.map((it) => `(name = "${it}", esModule = embed "modules/${it}")`);
    const flagged = compatibility.map((it) => `"${it}"`).join(", ");
    const paths = writeFiles(folder, {
      "ca.pem": ca.cert,
      "config.capnp": `
        using Workerd = import "/workerd/workerd.capnp";
        const config :Workerd.Config = (
          services = [
            (name = "main", worker = .main),
            (name = "internet", network = (
              allow = ["public", "private"],
              tlsOptions = (trustedCertificates = [embed "ca.pem"]),
            )),
          ],
          sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
        );
        const main :Workerd.Worker = (
          modules = [${modules.join(", ")}],
          compatibilityDate = "${date}",
          compatibilityFlags = [${flagged}],
        );`,
    });
    // What it complains of is what the peers do.
    return { program: workerd, args: ["serve", paths["config.capnp"]], isNoisy: true };
  };
}

function bundle(esbuild: string, flags: readonly string[], out: string): void {
  const { success, stderr } = new Deno.Command(esbuild, {
    args: [
      fileURLToPath(new URL("worker.ts", import.meta.url)),
      ...["--bundle", "--format=esm", "--target=es2022", "--external:node:*", ...flags],
      ...["--log-level=warning", `--outdir=${out}`],
    ],
  }).outputSync();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

async function installed(): Promise<{ workerd: string; esbuild: string } | Error> {
  try {
    const [workerd, esbuild] = [await workerdProgram(), await esbuildProgram()];
    return { workerd, esbuild };
  } catch (error) {
    return error as Error;
  }
}

function portOf({ address }: Listener): number {
  if (!("port" in address)) throw new Error("No port");
  return address.port;
}
