// Look-ups at a server on this machine, which answers as its names say: see tiny_dns.

import assert from "node:assert/strict";
import dgram from "node:dgram";
import { after, before, test } from "node:test";
import { Pool } from "../src/connection_pool.ts";
import { connect } from "../src/cosocket.ts";
import { lookup, type LookupOptions } from "../src/connect.ts";
import { DnsError } from "../src/dns/failure.ts";
import { parseServers } from "../src/dns/servers.ts";
import { listen } from "../src/listener.ts";
import { createLookup, type CreateLookupOptions, lookupBy } from "../src/name_lookup.ts";
import { TYPE } from "./helpers/dns_messages.ts";
import { failureOf } from "./helpers/failure_of.ts";
import { runtime } from "./helpers/native_pairs.ts";
import { Random } from "./helpers/random.ts";
import { leftOver, snapshot } from "./helpers/resources.ts";
import { answerTo, has, hasBoth, recordsOf, says, TinyDns } from "./helpers/tiny_dns.ts";
import { WatchedSignal } from "./helpers/watched_signal.ts";

// Less than a server is given before the next one is asked.
const SOON_MS = 4500;

let server: TinyDns;

before(async () => {
  server = await TinyDns.start();
});

after(async () => {
  await server.close();
});

const at = (more: LookupOptions = {}): LookupOptions => ({ servers: [server.at], ...more });
const ask = async (name: string, more?: LookupOptions) =>
  (await lookup(name, at(more))).map((it) => it.address);

const LARGE = Array.from({ length: 100 }, (_, at) => `127.0.1.${at}`);

/** Names and what is found. */
const found: { name: string; is: string[]; options?: LookupOptions }[] = [
  { name: "one.test", is: ["127.0.0.1"] },
  { name: "One.TEST.", is: ["127.0.0.1"] },
  { name: "three.test", is: ["127.0.0.1", "127.0.0.2", "127.0.0.3"] },
  { name: "both.test", is: ["::1", "127.0.0.1"] },
  { name: "both.test", is: ["127.0.0.1"], options: { family: 4 } },
  { name: "both.test", is: ["::1"], options: { family: 6 } },
  { name: "slow.test", is: ["127.0.0.1"] },
  { name: "large.test", is: LARGE },
  { name: "chain.test", is: ["127.0.0.1"] },
  { name: "alias.test", is: ["127.0.0.1"] },
  { name: "twice.test", is: ["127.0.0.1"] },
  { name: "wrong-id.test", is: ["127.0.0.1"] },
  { name: "wrong-source.test", is: ["127.0.0.1"] },
  { name: "wrong-question.test", is: ["127.0.0.1"] },
  { name: "wrong-type.test", is: ["127.0.0.1"] },
  { name: "echo.test", is: ["127.0.0.1"] },
  { name: "malformed.test", is: ["127.0.0.1"] },
  { name: "127.0.0.9", is: ["127.0.0.9"] },
];

for (const { name, is, options } of found) {
  const how = options === undefined ? "" : ` of family ${options.family}`;
  test(`lookup() finds the addresses${how} of ${name}`, async () => {
    assert.deepEqual(await ask(name, options), is);
  });
}

/** Names that have no address, what the server said of them, and how we say it. */
const notFound: { name: string; rcode: number; message: RegExp; options?: LookupOptions }[] = [
  { name: "nx.test", rcode: 3, message: /^Cannot look up "nx\.test": there is no such name$/ },
  { name: "unknown.test", rcode: 3, message: /there is no such name/ },
  { name: "empty.test", rcode: 0, message: /"empty\.test": it has no such address$/ },
  { name: "one.test", rcode: 0, message: /it has no such address/, options: { family: 6 } },
  { name: "poison.test", rcode: 0, message: /it has no such address/ },
  { name: "circle.test", rcode: 0, message: /it has no such address/ },
  { name: "format.test", rcode: 1, message: /at 127\.0\.0\.1:\d+: the question could not be read/ },
  { name: "failure.test", rcode: 2, message: /at 127\.0\.0\.1:\d+: the server failed$/ },
  { name: "refused.test", rcode: 5, message: /at 127\.0\.0\.1:\d+: the server refused$/ },
  { name: "always-truncated.test", rcode: 2, message: /the server failed$/ },
  { name: "one..test", rcode: 3, message: /there is no such name/ },
  { name: "x".repeat(64), rcode: 3, message: /there is no such name/ },
  { name: "x.".repeat(150), rcode: 3, message: /there is no such name/ },
  { name: "one test", rcode: 3, message: /there is no such name/ },
];

for (const { name, rcode, message, options } of notFound) {
  const how = options === undefined ? "" : ` of family ${options.family}`;
  test(`lookup() says of ${name.slice(0, 20)}${how} that it is not found, with code ${rcode}`, async () => {
    const error = await failureOf(lookup(name, at(options)), "not found");
    assert.match(error.message, message);
    assert.equal(error.op, "lookup");
    assert.ok(error.cause instanceof DnsError);
    assert.equal(error.cause.rcode, rcode);
  });
}

test("a server of IPv6 answers, too", async () => {
  const six = await TinyDns.start({}, "::1");
  for (const name of ["one.test", "slow.test", "wrong-id.test"]) {
    const [one] = await lookup(name, { servers: [six.at] });
    assert.deepEqual(one, { address: "127.0.0.1", family: 4 });
  }
  assert.equal((await lookup("large.test", { servers: [six.at] })).length, 100);
  await six.close();
});

test("a name in other letters is asked for in those that the DNS has", async () => {
  const server = await TinyDns.start({ "xn--bcher-kva.test": has(["127.0.0.1"]) });
  assert.equal((await lookup("Bücher.test", { servers: [server.at] })).length, 1);
  await server.close();
});

test("every question has an id and a port of its own", async () => {
  const server = await TinyDns.start();
  for (let times = 0; times < 20; times++) {
    await lookup("one.test", { servers: [server.at], family: 4 });
  }
  assert.equal(server.queries.length, 20);
  assert.ok(new Set(server.queries.map((it) => it.id)).size > 15);
  assert.ok(new Set(server.queries.map((it) => it.port)).size > 10);
  await server.close();
});

test("with family only that is asked for", async () => {
  const server = await TinyDns.start();
  await lookup("both.test", { servers: [server.at], family: 6 });
  assert.deepEqual(server.queries.map((it) => it.type), [TYPE.AAAA]);
  await server.close();
});

test("who drops one of the two questions does not hold up the other for long", async () => {
  const server = await TinyDns.start({
    "half.test": (query, reply) => {
      if (query.type === TYPE.A) reply(answerTo(query, { answers: recordsOf(["127.0.0.1"]) }));
    },
  });
  const fromMs = performance.now();
  assert.deepEqual(await lookup("half.test", { servers: [server.at] }), [
    { address: "127.0.0.1", family: 4 },
  ]);
  assert.ok(performance.now() - fromMs < SOON_MS);
  await server.close();
});

test("when a server says that it failed, the next is asked at once", async () => {
  for (const parts of [{ rcode: 2 }, { rcode: 5 }, { rcode: 4 }]) {
    const broken = await TinyDns.start({ "one.test": says(parts) });
    const fromMs = performance.now();
    const servers = [broken.at, server.at];
    assert.equal((await lookup("one.test", { servers }))[0]!.address, "127.0.0.1");
    assert.ok(performance.now() - fromMs < SOON_MS);
    assert.equal(broken.times("one.test"), 2);
    await broken.close();
  }
});

test("a name that does not exist is not asked for at the next server", async () => {
  const next = await TinyDns.start({ "nx.test": has(["127.0.0.1"]) });
  await failureOf(lookup("nx.test", { servers: [server.at, next.at] }), "not found");
  assert.equal(next.queries.length, 0);
  await next.close();
});

test("a silent server is asked again, and the next one after it", async () => {
  const silent = await TinyDns.start({ "one.test": () => {} });
  const options: CreateLookupOptions = { family: 4, tryMs: 50 };
  const servers = [silent.at, server.at];
  const patient = createLookup({ ...options, servers, tries: Infinity });
  assert.deepEqual(await patient("one.test"), ["127.0.0.1"]);
  const times = silent.times("one.test");
  assert.ok(times > 0);
  const never = createLookup({ ...options, servers: [silent.at], tries: 3 });
  const error = await failureOf(never("one.test"), "timeout");
  assert.equal(error.message, `Cannot look up "one.test": no server answered`);
  assert.equal(silent.times("one.test") - times, 3);
  await silent.close();
});

test("where nobody listens the next server is asked, and the last one's refusal is told", {
  skip: runtime === "Deno" ? "Deno does not tell of a refusal" : false,
}, async () => {
  const gone = await nobody();
  const fromMs = performance.now();
  assert.equal((await lookup("one.test", { servers: [gone, server.at] })).length, 1);
  const error = await failureOf(lookup("one.test", { servers: [gone] }), "refused");
  assert.match(error.message, /^Cannot look up "one\.test": Cannot .+: nobody listens there$/);
  assert.equal(error.address, gone);
  assert.ok(performance.now() - fromMs < SOON_MS);
});

test("when the long answer is not to be had over TCP, the next server is asked", async () => {
  const cuts = await TinyDns.start({
    "large.test": (query, reply) => {
      if (!query.overTcp) reply(answerTo(query, { flags: 0x8200 }));
    },
  });
  const servers = [cuts.at, server.at];
  const find = createLookup({ servers, family: 4, tryMs: 50, tries: Infinity });
  assert.deepEqual(await find("large.test"), LARGE);
  await cuts.close();
});

// Deno leaves some connections open that are given up in the moment that they open.
const settled = runtime === "Deno" ? [300] : [1, 5, 100];

/** Limits and aborts, at each moment. */
const moments: { name: string; hostname: string; afterMs: number[] }[] = [
  { name: "while the answer is awaited", hostname: "drop.test", afterMs: [0, 1, 5, 60] },
  { name: "while an answer over TCP is awaited", hostname: "tcp-drop.test", afterMs: settled },
  { name: "while half of one is there", hostname: "tcp-half.test", afterMs: settled },
  { name: "while the other answer is awaited", hostname: "half.test", afterMs: [0, 1, 5, 60] },
  { name: "while an alias is asked for", hostname: "alias-drop.test", afterMs: [0, 1, 5, 60] },
];

for (const { name, hostname, afterMs } of moments) {
  test(`limit and abort ${name} leave nothing behind`, async () => {
    const server = await TinyDns.start({
      "tcp-drop.test": (query, reply) => {
        if (!query.overTcp) reply(answerTo(query, { flags: 0x8200 }));
      },
      "tcp-half.test": (query, reply) => {
        if (!query.overTcp) reply(answerTo(query, { flags: 0x8200 }));
        else reply(answerTo(query), 5000);
      },
      "alias-drop.test": says({
        answers: [
          "\x0aalias-drop\x04test\0\0\x05\0\x01\0\0\0\x3c\0\x0b\x04drop\x04test\0",
        ],
      }),
      "half.test": (query, reply) => {
        if (query.type === TYPE.A) reply(answerTo(query, { answers: recordsOf(["127.0.0.1"]) }));
      },
    });
    const servers = [server.at];
    // What is loaded at the first use is not counted.
    await lookup("one.test", { servers });
    await lookup("large.test", { servers });
    const before = snapshot();
    for (const timeoutMs of afterMs.filter((it) => it > 0)) {
      const error = await failureOf(lookup(hostname, { servers, timeoutMs }), "timeout");
      assert.match(error.message, /^Cannot look up "[\w.-]+": no answer in \d+ ms$/);
    }
    for (const ms of afterMs) {
      const watched = new WatchedSignal();
      const reason = new Error("not needed any more");
      const { signal } = watched;
      const looking = lookup(hostname, { servers, signal });
      if (ms === 0) watched.abort(reason);
      else setTimeout(() => watched.abort(reason), ms);
      assert.equal((await failureOf(looking, "aborted")).cause, reason);
      assert.equal(watched.listeners, 0);
    }
    assert.deepEqual(await leftOver(before), {});
    await server.close();
  });
}

test("an aborted signal asks nobody", async () => {
  const before = server.queries.length;
  const reason = new Error("not needed any more");
  const signal = AbortSignal.abort(reason);
  assert.equal((await failureOf(lookup("one.test", at({ signal })), "aborted")).cause, reason);
  const find = createLookup(at());
  assert.equal((await failureOf(find("one.test", { signal }), "aborted")).cause, reason);
  assert.equal(server.queries.length, before);
});

test("a thousand look-ups leave nothing behind, however they end", async () => {
  const names = ["one.test", "both.test", "nx.test", "failure.test", "large.test", "twice.test"];
  const watched = new WatchedSignal();
  const { signal } = watched;
  const some = async (count: number) => {
    let next = 0;
    const work = async () => {
      while (next < count) {
        const name = names[next++ % names.length]!;
        await lookup(name, at({ signal })).catch((error) => {
          if (!(error.cause instanceof DnsError)) throw error;
        });
      }
    };
    await Promise.all(Array.from({ length: 10 }, work));
  };
  await some(10);
  const before = snapshot();
  await some(1000);
  assert.deepEqual(await leftOver(before), {});
  assert.equal(watched.listeners, 0);
});

test("connect() asks servers, and tries all addresses that they know", async () => {
  const dns = await TinyDns.start({ "db.test": has(["127.0.0.9", "127.0.0.1"]) });
  const listener = await listen("127.0.0.1:0");
  const { port } = listener.address as { port: number };
  const sock = await connect(`db.test:${port}`, { servers: [dns.at] });
  assert.equal((sock.remoteAddress as { hostname: string }).hostname, "127.0.0.1");
  sock.close();
  const byLookup = await connect(`db.test:${port}`, {
    lookup: createLookup({ servers: [dns.at], cache: {} }),
  });
  byLookup.close();
  const error = await failureOf(connect(`nx.test:${port}`, { servers: [dns.at] }), "not found");
  assert.equal(error.message, `Cannot look up "nx.test": there is no such name`);
  const options = { servers: [dns.at], timeoutMs: 40 };
  const late = await failureOf(connect(`drop.test:${port}`, options), "timeout");
  assert.match(late.message, /^Cannot connect to drop\.test:\d+: no answer in 40 ms$/);
  await listener.close();
  await dns.close();
});

test("a Pool keeps apart what other servers said", async () => {
  const [one, other] = [
    await TinyDns.start({ "db.test": has(["127.0.0.1"]) }),
    await TinyDns.start({ "db.test": has(["127.0.0.2"]) }),
  ];
  const first = await listen("127.0.0.1:0");
  const { port } = first.address as { port: number };
  const second = await listen({ hostname: "127.0.0.2", port });
  const pool = new Pool();
  for (const dns of [one, other, one, other]) {
    await pool.use(`db.test:${port}`, (sock) => {
      const address = dns === one ? "127.0.0.1" : "127.0.0.2";
      assert.equal((sock.remoteAddress as { hostname: string }).hostname, address);
      return Promise.resolve();
    }, { servers: [dns.at] });
  }
  assert.equal(pool.stats().idle, 2);
  pool.close();
  await first.close();
  await second.close();
  await one.close();
  await other.close();
});

test("addresses of IPv6 come first, and the rest in the order of the server", async () => {
  const dns = await TinyDns.start({
    "many.test": hasBoth(["fe80:0:0:0:0:0:0:2", "fe80:0:0:0:0:0:0:1"], ["10.0.0.2", "10.0.0.1"]),
  });
  assert.deepEqual(
    (await lookup("many.test", { servers: [dns.at] })).map((it) => it.address),
    ["fe80::2", "fe80::1", "10.0.0.2", "10.0.0.1"],
  );
  await dns.close();
});

/** What nginx says of names, by the number that it gives. */
const nginx: { name: string; rcode?: number }[] = [
  { name: "format.test", rcode: 1 },
  { name: "failure.test", rcode: 2 },
  { name: "nx.test", rcode: 3 },
  { name: "empty.test", rcode: 0 },
  { name: "refused.test", rcode: 5 },
  // Nobody answered: 110 there.
  { name: "drop.test" },
];

test("all that nginx tells apart can be told apart", async () => {
  const inquiry = {
    servers: parseServers([server.at]),
    tryMs: 5000,
    tries: Infinity,
    failsOver: false,
  };
  const limits = { maxEntries: 10, minTtlMs: 0, maxTtlMs: Infinity, maxNegativeTtlMs: 0 };
  const find = lookupBy({ family: 4, inquiry }, 100, limits);
  for (const { name, rcode } of nginx) {
    const error = await failureOf(find(name), rcode === undefined ? "timeout" : "not found");
    assert.equal((error.cause as DnsError | undefined)?.rcode, rcode);
  }
  const before = server.times("three.test");
  for (let times = 0; times < 3; times++) assert.equal((await find("three.test")).length, 3);
  assert.equal(server.times("three.test") - before, 1);
});

/** Mistakes of the caller. */
const wrong: { call: () => unknown; error: RegExp }[] = [
  { call: () => lookup("one.test", { servers: [] }), error: /^RangeError: servers must not be em/ },
  {
    call: () => lookup("one.test", { servers: "127.0.0.1" as unknown as string[] }),
    error: /^TypeError: servers must be an array of strings, not the string "127\.0\.0\.1"/,
  },
  {
    call: () => lookup("one.test", { servers: [53 as unknown as string] }),
    error: /^TypeError: servers must be an array of strings, not number 53/,
  },
  ...["ns.test", "::1", "::1:53", "[127.0.0.1]:53", "256.0.0.1", "1.2.3", "[::g]:53", ""].map(
    (text) => ({
      call: () => lookup("one.test", { servers: [text] }),
      error: RegExp(`^TypeError: servers must be like .+, not "${text.replace(/[[\]]/g, "\\$&")}"`),
    }),
  ),
  {
    call: () => lookup("one.test", { servers: ["127.0.0.1:0"] }),
    error: /^RangeError: the port of a server must not be 0/,
  },
  {
    call: () => lookup("one.test", { servers: ["127.0.0.1:65536"] }),
    error: /^RangeError: the port of a server must be at most 65535/,
  },
  {
    call: () => connect("a.test:1", { servers: ["127.0.0.1"], lookup: async () => [] }),
    error: /^TypeError: lookup and servers exclude each other/,
  },
  { call: () => createLookup({ tryMs: 0 }), error: /^RangeError: tryMs must be more than 0/ },
  { call: () => createLookup({ tries: 0 }), error: /^RangeError: tries must be a whole number/ },
  { call: () => createLookup({ family: 5 as 4 }), error: /^RangeError: family must be 4 or 6/ },
  { call: () => createLookup({ servers: ["x"] }), error: /^TypeError: servers must be .+"x"/ },
  { call: () => createLookup({ cache: { maxEntries: 0 } }), error: /^RangeError: maxEntries must/ },
  { call: () => createLookup({ cache: { validMs: -1 } }), error: /^RangeError: validMs must be/ },
  {
    call: () => createLookup({ cache: { minTtlMs: 5, maxTtlMs: 4 } }),
    error: /^RangeError: minTtlMs must be at most maxTtlMs/,
  },
  { call: () => createLookup()(""), error: /^RangeError: hostname must not be empty/ },
];

for (const { call, error } of wrong) {
  test(`what is wrong is refused by name: ${error.source}`, async () => {
    await assert.rejects(async () => await call(), (caught) => error.test(String(caught)));
  });
}

test("random datagrams are never believed, and never in the way", async () => {
  const random = new Random(7);
  const server = await TinyDns.start({
    "fuzz.test": (query, reply, server) => {
      for (let times = 0; times < 20; times++) {
        const bytes = answerTo(query, { answers: recordsOf(["10.6.6.6"]) });
        // The id, or the name, or the records' count, is always another.
        const places = [0, 1, 13, 14, 15, 16, 6];
        const place = random.of(places);
        bytes[place] = (bytes[place]! + 1 + random.below(200)) & 0xff;
        if (place > 12) bytes[place] = 0x21;
        for (let more = random.below(3); more > 0; more--) {
          bytes[20 + random.below(bytes.length - 20)] = random.below(256);
        }
        reply(random.onceIn(3) ? random.bytes(random.below(600)) : bytes);
      }
      server.after(10, () => has(["127.0.0.1"])(query, reply, server));
    },
  });
  for (let times = 0; times < 30; times++) {
    const [one] = await lookup("fuzz.test", { servers: [server.at], family: 4 });
    assert.equal(one!.address, "127.0.0.1");
  }
  await server.close();
});

/** A port for UDP that was ours a moment ago. */
async function nobody(): Promise<string> {
  const socket = dgram.createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return `127.0.0.1:${port}`;
}
