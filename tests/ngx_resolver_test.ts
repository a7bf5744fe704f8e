// Names as the directive `resolver` has them looked up: what no scenario can say, for nobody there
// sees what the name server was asked.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { DEFAULTS, type Settings, settingsOf } from "../src/faces/ngx/directives.ts";
import { LuaError } from "../src/faces/lua.ts";
import { createNgx } from "../src/faces/ngx/mod.ts";
import { Names } from "../src/faces/ngx/names.ts";
import type { Resolver } from "../src/faces/ngx/resolver.ts";
import { TYPE } from "./helpers/dns_messages.ts";
import { FakeClock } from "./helpers/fake_clock.ts";
import { echo, Peer } from "./helpers/ngx_peer.ts";
import { answerTo, has, type Script, TinyDns } from "./helpers/tiny_dns.ts";

const never = new AbortController().signal;

/** Runs with a name server, and ends it. */
async function withDns(
  scripts: Record<string, Script>,
  work: (dns: TinyDns, settings: (resolver: string, timeout?: string) => Settings) => Promise<void>,
): Promise<void> {
  const dns = await TinyDns.start(scripts);
  try {
    await work(
      dns,
      (words, resolver_timeout = "5s") =>
        settingsOf({ resolver: `${dns.at} ${words}`, resolver_timeout }, DEFAULTS),
    );
  } finally {
    await dns.close();
  }
}

/** What is found of a name, with the port 7. */
const find = (names: Names, name: string, settings: Settings, signal = never) =>
  names.find({ name, port: 7 }, settings, signal);

function resolverOf(value: string): Resolver | null {
  return settingsOf({ resolver: value }, DEFAULTS).resolver;
}

const directives: [string, Partial<Resolver>][] = [
  ["127.0.0.1", { servers: [{ hostname: "127.0.0.1", port: 53 }], family: undefined }],
  ["  127.0.0.1:5353  [::1]:54 ", {
    servers: [{ hostname: "127.0.0.1", port: 5353 }, { hostname: "0:0:0:0:0:0:0:1", port: 54 }],
  }],
  ["localhost", { servers: [{ hostname: "localhost", port: 53 }] }],
  ["ns.example:5353", { servers: [{ hostname: "ns.example", port: 5353 }] }],
  ["127.0.0.1 valid=30s", { validMs: 30_000 }],
  ["valid=1m 127.0.0.1", { validMs: 60_000 }],
  ["127.0.0.1 valid=0", { validMs: undefined }],
  ["127.0.0.1 ipv6=off", { family: 4 }],
  ["127.0.0.1 ipv4=off", { family: 6 }],
  ["127.0.0.1 ipv4=on ipv6=on status_zone=names", { family: undefined }],
];

for (const [value, wanted] of directives) {
  test(`the directive resolver takes "${value}"`, () => {
    const resolver = resolverOf(value) as unknown as Record<string, unknown>;
    for (const [key, it] of Object.entries(wanted)) assert.deepEqual(resolver[key], it, key);
  });
}

test("what nginx refuses as a resolver is refused", () => {
  const servers = ["", "valid=30s", "ipv6=off", "127.0.0.1:", "127.0.0.1:0", "::1", "a/b", "f=b"];
  const words = ["valid=", "valid=-1", "valid=500ms", "ipv6=x", "ipv6=ON", "ipv4=off ipv6=off"];
  for (const value of [...servers, ...words.map((it) => `127.0.0.1 ${it}`)]) {
    assert.throws(() => resolverOf(value), LuaError, value);
  }
});

test("resolver_timeout is 30 seconds by default, and 0 is for ever", () => {
  assert.equal(DEFAULTS.resolverTimeoutMs, 30_000);
  assert.equal(settingsOf({ resolver_timeout: "0" }, DEFAULTS).resolverTimeoutMs, 0);
  assert.equal(settingsOf({ resolver_timeout: "300ms" }, DEFAULTS).resolverTimeoutMs, 300);
});

test("an answer is used as long as it says", () =>
  withDns({ "ten.test": has(["127.0.0.1"], 10) }, async (dns, settings) => {
    const clock = new FakeClock();
    const names = new Names(clock);
    for (const passedMs of [0, 5000, 4999]) {
      await clock.pass(passedMs);
      const found = await find(names, "ten.test", settings("ipv6=off"));
      assert.deepEqual(found, { hostname: "127.0.0.1", port: 7 });
    }
    assert.equal(dns.times("ten.test"), 1);
    await clock.pass(1);
    await find(names, "TEN.test.", settings("ipv6=off"));
    assert.equal(dns.times("ten.test"), 2);
  }));

test("valid= stands for what answers say", () =>
  withDns({ "ten.test": has(["127.0.0.1"], 10) }, async (dns, settings) => {
    const clock = new FakeClock();
    const names = new Names(clock);
    const find20 = () => find(names, "ten.test", settings("ipv6=off valid=20s"));
    await find20();
    await clock.pass(19_999);
    await find20();
    assert.equal(dns.times("ten.test"), 1);
    await clock.pass(1);
    await find20();
    assert.equal(dns.times("ten.test"), 2);
  }));

test("that a name is not there, or that a server failed, is not kept", () =>
  withDns({}, async (dns, settings) => {
    const names = new Names();
    for (const name of ["nx.test", "nx.test", "failure.test", "failure.test"]) {
      assert.equal(typeof await find(names, name, settings("ipv6=off")), "string");
    }
    assert.deepEqual([dns.times("nx.test"), dns.times("failure.test")], [2, 2]);
  }));

test("the families that are asked for are those that are on", () =>
  withDns({}, async (dns, settings) => {
    const asked = async (words: string) => {
      dns.queries.length = 0;
      await find(new Names(), "one.test", settings(words));
      return dns.queries.map((it) => it.type).sort();
    };
    assert.deepEqual(await asked(""), [TYPE.A, TYPE.AAAA]);
    assert.deepEqual(await asked("ipv6=off"), [TYPE.A]);
    assert.deepEqual(await asked("ipv4=off"), [TYPE.AAAA]);
  }));

test("of several addresses one is picked at random, each time", () =>
  withDns({}, async (dns, settings) => {
    const names = new Names();
    const seen = new Set<string>();
    for (let times = 0; times < 200; times++) {
      const found = await find(names, "three.test", settings("ipv6=off"));
      seen.add((found as { hostname: string }).hostname);
    }
    assert.deepEqual([...seen].sort(), ["127.0.0.1", "127.0.0.2", "127.0.0.3"]);
    assert.equal(dns.times("three.test"), 1);
  }));

test("who asks the same at the same time shares the question, each with a limit of its own", () =>
  withDns({}, async (dns, settings) => {
    const names = new Names();
    const [hasty, patient] = await Promise.all([
      find(names, "slow.test", settings("ipv6=off", "20ms")),
      find(names, "slow.test", settings("ipv6=off")),
    ]);
    assert.equal(hasty, "slow.test could not be resolved (110: Operation timed out)");
    assert.deepEqual(patient, { hostname: "127.0.0.1", port: 7 });
    assert.equal(dns.times("slow.test"), 1);
  }));

test("a server that could not read the question is asked again after five seconds", () => {
  let asked = 0;
  const script: Script = (query, reply) =>
    reply(answerTo(query, ++asked === 1 ? { rcode: 1 } : { rcode: 5 }));
  return withDns({ "twice-asked.test": script }, async (_dns, settings) => {
    const clock = new FakeClock();
    const finding = find(new Names(clock), "twice-asked.test", settings("ipv6=off", "30s"));
    // The limit of the one who asks, then the pause.
    while (clock.set < 2) await sleep(1);
    await clock.pass(4999);
    assert.equal(asked, 1);
    await clock.pass(1);
    assert.equal(await finding, "twice-asked.test could not be resolved (5: Operation refused)");
    assert.equal(clock.timers.size, 0);
  });
});

test("a name server may have a name, which the system knows", () =>
  withDns({}, async (dns) => {
    const [, port] = dns.at.split(":");
    const settings = settingsOf({ resolver: `localhost:${port} ipv6=off` }, DEFAULTS);
    const found = await find(new Names(), "one.test", settings);
    assert.deepEqual(found, { hostname: "127.0.0.1", port: 7 });
  }));

test("without a server that has an address, the time runs out", async () => {
  const clock = new FakeClock();
  const settings = settingsOf({ resolver: "nobody.invalid" }, DEFAULTS);
  const finding = find(new Names(clock), "one.test", settings);
  while (clock.set < 2) await sleep(1);
  await clock.pass(30_000);
  assert.equal(await finding, "one.test could not be resolved (110: Operation timed out)");
});

test("who gives up is not waited for", () =>
  withDns({}, async (_dns, settings) => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const finding = find(new Names(clock), "drop.test", settings(""), controller.signal);
    while (clock.set < 1) await sleep(1);
    controller.abort();
    assert.equal(typeof await finding, "string");
    assert.equal(clock.timers.size, 0);
  }));

test("what is known is a worker's, and shared by those who name the same resolver", () =>
  withDns({}, (dns) =>
    Peer.with(echo, async (peer) => {
      const resolver = `${dns.at} ipv6=off`;
      const ask = async (ngx: ReturnType<typeof createNgx>) => {
        const sock = ngx.socket.tcp();
        assert.deepEqual(await sock.connect("one.test", peer.port), [1]);
        sock.close();
      };
      const worker = createNgx({ resolver });
      await ask(worker);
      await worker.run(ask);
      await ask(worker.with({ resolver }));
      assert.equal(dns.times("one.test"), 1);
      await ask(worker.with({ resolver: `${resolver} valid=1s` }));
      await ask(createNgx({ resolver }));
      assert.equal(dns.times("one.test"), 3);
    })));

test("without a resolver the system is asked, over UDP, too", async () => {
  const sock = createNgx().socket.udp();
  assert.deepEqual(await sock.setpeername("localhost", 9), [1]);
  assert.deepEqual(sock.close(), [1]);
  assert.deepEqual(
    await sock.setpeername("nobody.invalid", 9),
    [null, "nobody.invalid could not be resolved (3: Host not found)"],
  );
});
