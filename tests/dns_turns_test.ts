// Whom resolveName() asks, and when: over a network that is a script, in a time that
// passes when the test says so.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Network } from "../src/dns/exchange.ts";
import type { DnsError } from "../src/dns/failure.ts";
import type { Inquiry } from "../src/dns/inquiry.ts";
import { type Found, resolveName } from "../src/dns/resolver.ts";
import { SocketError } from "../src/errors.ts";
import { addressText, type DatagramTransport, type Packet } from "../src/transport.ts";
import { FLAG, message, readQuery, record, soa, TYPE, wire } from "./helpers/dns_messages.ts";
import { failureOf } from "./helpers/failure_of.ts";
import { FakeClock } from "./helpers/fake_clock.ts";
import { answerTo, recordsOf } from "./helpers/tiny_dns.ts";
import { turns } from "./helpers/turns.ts";
import { WatchedSignal } from "./helpers/watched_signal.ts";

const [A, B, C] = ["10.0.0.1:53", "10.0.0.2:53", "10.0.0.3:53"] as const;

test("asks the next server when one has not answered in time, and the first one after the last", async () => {
  const it = begin([A, B], { family: 4 });
  await it.passes(0, [A]);
  await it.passes(999, [A]);
  await it.passes(1, [A, B]);
  await it.passes(1000, [A, B, A]);
  await it.passes(1000, [A, B, A, B]);
  await it.passes(999, [A, B, A, B]);
  assert.equal(it.settled(), false);
  await it.passes(1, [A, B, A, B]);
  const error = await failureOf(it.found, "timeout");
  assert.equal(error.message, `Cannot look up "db.test": no server answered`);
  it.checkOver();
});

test("tries without end go on until somebody answers", async () => {
  const it = begin([A, B], { family: 4, tries: Infinity });
  await it.clock.pass(100_500);
  assert.equal(it.asked.length, 101);
  it.asked.at(-1)!.has(["10.1.1.1"]);
  assert.deepEqual((await it.found).addresses, ["10.1.1.1"]);
  it.checkOver();
});

test("an answer to any of the questions counts, also to the first one", async () => {
  for (const which of [0, 1, 2]) {
    const it = begin([A, B], { family: 4 });
    await it.clock.pass(2500);
    it.asked[which]!.has(["10.1.1.1"], 7);
    assert.deepEqual(await it.found, { addresses: ["10.1.1.1"], ttlMs: 7000 });
    it.checkOver();
  }
});

test("asks the next server at once when one has failed, and that one no more", async () => {
  const it = begin([A, B, C], { family: 4 });
  await it.passes(500, [A]);
  it.asked[0]!.says({ rcode: 2 });
  await it.passes(0, [A, B]);
  // The time of each begins when it is asked.
  await it.passes(999, [A, B]);
  await it.passes(1, [A, B, C]);
  it.asked[2]!.fails(Object.assign(new Error("x"), { code: "ECONNREFUSED" }));
  await it.passes(0, [A, B, C, B]);
  await it.passes(1000, [A, B, C, B]);
  const error = await failureOf(it.found, "not found");
  assert.equal(error.message, `Cannot look up "db.test" at ${A}: the server failed`);
  assert.equal(error.address, A);
  assert.equal((error.cause as DnsError).rcode, 2);
  it.checkOver();
});

test("a failure that comes when the next one was asked already has nobody else asked", async () => {
  const it = begin([A, B, C], { family: 4 });
  await it.passes(1000, [A, B]);
  it.asked[0]!.says({ rcode: 5 });
  await it.passes(999, [A, B]);
  await it.passes(1, [A, B, C]);
  await it.passes(1000, [A, B, C, B]);
  it.asked[3]!.has(["10.1.1.1"]);
  await it.found;
  it.checkOver();
});

test("when all servers have failed, that is told at once", async () => {
  const it = begin([A, B], { family: 4 });
  await it.passes(0, [A]);
  it.asked[0]!.fails(Object.assign(new Error("x"), { code: "ECONNREFUSED" }));
  await it.passes(0, [A, B]);
  it.asked[1]!.fails(Object.assign(new Error("x"), { code: "ENETUNREACH" }));
  const error = await failureOf(it.found, "refused");
  assert.equal(error.message, `Cannot look up "db.test": Cannot ask ${A}: nobody listens there`);
  it.checkOver();
});

test("tries without end end when all servers have failed", async () => {
  const it = begin([A, B], { family: 4, tries: Infinity });
  await it.passes(1000, [A, B]);
  it.asked[0]!.says({ rcode: 5 });
  it.asked[1]!.says({ rcode: 2 });
  const error = await failureOf(it.found, "not found");
  assert.equal((error.cause as DnsError).rcode, 5);
  it.checkOver();
});

test("what was forbidden is told, also when others are merely silent", async () => {
  const it = begin([A, B], { family: 4, tries: 1 });
  await it.passes(0, [A]);
  it.asked[0]!.fails(new SocketError("denied", "permission was denied; run with --it"));
  await it.clock.pass(1000);
  await failureOf(it.found, "denied");
  it.checkOver();
});

test("a refusal is not told while others are merely silent", async () => {
  const it = begin([A, B], { family: 4, tries: 1 });
  await it.passes(0, [A]);
  it.asked[0]!.fails(Object.assign(new Error("x"), { code: "ECONNREFUSED" }));
  await it.clock.pass(1000);
  await failureOf(it.found, "timeout");
  it.checkOver();
});

for (const rcode of [1, 2, 4, 5]) {
  test(`with failsOver false the first server's code ${rcode} is the answer`, async () => {
    const it = begin([A, B], { family: 4, failsOver: false });
    await it.passes(0, [A]);
    it.asked[0]!.says({ rcode });
    const error = await failureOf(it.found, "not found");
    assert.equal((error.cause as DnsError).rcode, rcode);
    assert.deepEqual(it.servers(), [A]);
    it.checkOver();
  });
}

test("a code without a word of its own is told as it is", async () => {
  const it = begin([A], { family: 4 });
  await it.passes(0, [A]);
  it.asked[0]!.says({ rcode: 9 });
  const error = await failureOf(it.found, "not found");
  assert.match(error.message, /: it answered with code 9$/);
});

test("what is no answer is not believed, and has nobody asked", async () => {
  const it = begin([A, B], { family: 4 });
  await it.passes(0, [A]);
  const { query, sends } = it.asked[0]!;
  const forged = { answers: recordsOf(["10.6.6.6"]) };
  sends(answerTo({ ...query, id: query.id ^ 1 }, forged));
  sends(answerTo({ ...query, name: "other.test" }, forged));
  sends(answerTo({ ...query, type: TYPE.AAAA }, forged));
  sends(answerTo(query, { ...forged, flags: FLAG.recursion }));
  sends(answerTo(query, forged).subarray(0, -1));
  sends(new Uint8Array(0));
  sends(message({ id: query.id ^ 1, rcode: 2 }));
  await it.passes(999, [A]);
  assert.equal(it.settled(), false);
  it.asked[0]!.has(["10.1.1.1"]);
  assert.deepEqual((await it.found).addresses, ["10.1.1.1"]);
  it.checkOver();
});

/** What is found when both families are asked for, by what is answered, and after how long. */
const pairs: {
  name: string;
  six: (it: Asked) => void;
  four: (it: Asked) => void;
  afterMs?: number;
  is: readonly string[] | { code: number };
}[] = [
  { name: "both", six: has6, four: has4, is: ["::1", "10.1.1.1"] },
  { name: "IPv6 only", six: has6, four: empty, is: ["::1"] },
  { name: "IPv4 only", six: empty, four: has4, is: ["10.1.1.1"] },
  { name: "IPv4, and a failure", six: failure, four: has4, is: ["10.1.1.1"] },
  { name: "IPv4, and that there is no such name", six: unknown, four: has4, is: ["10.1.1.1"] },
  { name: "IPv4, and silence", six: () => {}, four: has4, afterMs: 500, is: ["10.1.1.1"] },
  { name: "IPv6, and silence", six: has6, four: () => {}, afterMs: 500, is: ["::1"] },
  { name: "nothing of both", six: empty, four: empty, is: { code: 0 } },
  { name: "no such name", six: unknown, four: unknown, is: { code: 3 } },
  { name: "nothing, and no such name", six: unknown, four: empty, is: { code: 0 } },
  { name: "nothing, and a failure", six: failure, four: empty, is: { code: 2 } },
];

for (const { name, six, four, afterMs = 0, is } of pairs) {
  for (const fourIsFirst of [true, false]) {
    test(`answered ${name}, IPv${fourIsFirst ? 4 : 6} first: ${JSON.stringify(is)}`, async () => {
      const it = begin([A], { tries: 1 });
      await turns();
      const byType = (type: number) => it.asked.find((it) => it.query.type === type)!;
      const acts = [() => four(byType(TYPE.A)), () => six(byType(TYPE.AAAA))];
      for (const act of fourIsFirst ? acts : acts.reverse()) {
        act();
        await turns();
      }
      if (afterMs > 0) {
        await it.clock.pass(afterMs - 1);
        assert.equal(it.settled(), false);
        await it.clock.pass(1);
      }
      if ("code" in is) {
        const error = await failureOf(it.found, "not found");
        assert.equal((error.cause as DnsError).rcode, is.code);
      } else {
        assert.deepEqual((await it.found).addresses, is);
      }
      it.checkOver();
    });
  }
}

test("the other family's answer is still taken in the time that is left for it", async () => {
  const it = begin([A]);
  await turns();
  const byType = (type: number) => it.asked.find((it) => it.query.type === type)!;
  byType(TYPE.A).has(["10.1.1.1"], 9);
  await it.clock.pass(499);
  has6(byType(TYPE.AAAA));
  assert.deepEqual(await it.found, { addresses: ["::1", "10.1.1.1"], ttlMs: 9000 });
  it.checkOver();
});

test("silence of one family is no proof that there is nothing", async () => {
  const it = begin([A], { tries: 1 });
  await turns();
  it.asked.find((it) => it.query.type === TYPE.A)!.says({});
  await it.clock.pass(1000);
  await failureOf(it.found, "timeout");
  it.checkOver();
});

test("that there is nothing holds as long as the zone says, for the shorter of both", async () => {
  const it = begin([A]);
  await turns();
  const authority = (seconds: number) => ({
    authorities: [record({ name: wire("test"), type: TYPE.SOA, data: soa(seconds) })],
  });
  it.asked[0]!.says(authority(8));
  it.asked[1]!.says(authority(9));
  const error = await failureOf(it.found, "not found");
  assert.equal((error.cause as DnsError).ttlMs, 8000);
});

test("an alias is asked for at the first server again, and not for ever", async () => {
  const it = begin([A, B], { family: 4 });
  const target = (steps: number) => `a${steps}.test`;
  for (let steps = 0; steps < 8; steps++) {
    await turns();
    const last = it.asked.at(-1)!;
    const data = wire(target(steps));
    last.says({
      answers: [record({ name: wire(last.query.name), type: TYPE.CNAME, data, ttlSeconds: 5 })],
    });
  }
  await turns();
  assert.equal(it.asked.at(-1)!.query.name, target(7));
  assert.deepEqual(new Set(it.servers()), new Set([A]));
  it.asked.at(-1)!.has(["10.1.1.1"], 60);
  assert.deepEqual(await it.found, { addresses: ["10.1.1.1"], ttlMs: 5000 });
  it.checkOver();
});

test("an alias without end is no address", async () => {
  const it = begin([A], { family: 4 });
  for (let steps = 0; steps <= 8; steps++) {
    await turns();
    const last = it.asked.at(-1)!;
    const data = wire(`a${steps}.test`);
    last.says({ answers: [record({ name: wire(last.query.name), type: TYPE.CNAME, data })] });
  }
  const error = await failureOf(it.found, "not found");
  assert.equal((error.cause as DnsError).rcode, 0);
  it.checkOver();
});

/** Steps at which it may be given up. */
const steps: { name: string; until: (it: Begun) => Promise<void> }[] = [
  { name: "before it began", until: async () => {} },
  { name: "while sockets open", until: () => Promise.resolve() },
  { name: "while it waits for an answer", until: (it) => it.clock.pass(10) },
  { name: "while it waits for two servers", until: (it) => it.clock.pass(1500) },
  {
    name: "while it waits for the other family",
    until: async (it) => {
      await turns();
      it.asked[1]!.has(["10.1.1.1"]);
      await it.clock.pass(100);
    },
  },
  {
    name: "while it asks over TCP",
    until: async (it) => {
      await turns();
      it.asked[0]!.says({ flags: FLAG.answer | FLAG.truncated });
      await turns();
      assert.equal(it.connects.length, 1);
    },
  },
];

for (const { name, until } of steps) {
  test(`given up ${name}, it closes all that it opened`, async () => {
    const it = begin([A, B]);
    await until(it);
    const reason = new Error("enough");
    it.controller.abort(reason);
    const outcome = await it.found.then((found) => found, (error) => error);
    if (name.includes("family")) {
      // It has something to show, whether or not anybody looks.
      assert.deepEqual((outcome as Found).addresses, ["10.1.1.1"]);
    } else {
      assert.equal((outcome as SocketError).code, "aborted");
      assert.equal((outcome as SocketError).cause, reason);
    }
    await turns();
    it.checkOver();
  });
}

test("given up after any number of turns, it closes all that it opened", async () => {
  for (let count = 0; count < 40; count++) {
    const it = begin([A, B]);
    for (let turn = 0; turn < count; turn++) await Promise.resolve();
    it.controller.abort();
    await failureOf(it.found, "aborted");
    await turns();
    it.checkOver();
  }
});

test("whoever gave up before asks nobody", async () => {
  const controller = new WatchedSignal();
  controller.abort();
  const it = begin([A], {}, controller);
  await failureOf(it.found, "aborted");
  assert.equal(it.opened(), 0);
  assert.equal(it.clock.set, 0);
});

function has4(it: Asked): void {
  it.has(["10.1.1.1"]);
}

function has6(it: Asked): void {
  const name = wire(it.query.name);
  const data = `${"\0".repeat(15)}\x01`;
  it.says({ answers: [record({ name, type: TYPE.AAAA, data })] });
}

function empty(it: Asked): void {
  it.says({});
}

function unknown(it: Asked): void {
  it.says({ rcode: 3 });
}

function failure(it: Asked): void {
  it.says({ rcode: 2 });
}

type Asked = ReturnType<typeof asked>;
type Begun = ReturnType<typeof begin>;

/** One question, as a server sees it. */
function asked(server: string, bytes: Uint8Array, receiver: Receiver) {
  const query = { ...readQuery(bytes), overTcp: false, port: 0 };
  const sends = (bytes: Uint8Array) => receiver.came(bytes);
  const says = (parts: Parameters<typeof answerTo>[1]) => sends(answerTo(query, parts));
  return {
    server,
    query,
    sends,
    says,
    has: (addresses: string[], ttlSeconds?: number) =>
      says({ answers: recordsOf(addresses, ttlSeconds) }),
    fails: (error: unknown) => receiver.failed(error),
  };
}

/** What a socket was sent, until somebody asks for it. */
class Receiver {
  readonly #packets: Packet[] = [];
  #waits: PromiseWithResolvers<Packet> | undefined;

  came(data: Uint8Array): void {
    const packet = { data, from: { hostname: "10.0.0.1", port: 53 } };
    if (this.#waits) this.#waits.resolve(packet);
    else this.#packets.push(packet);
    this.#waits = undefined;
  }

  failed(error: unknown): void {
    this.#waits?.reject(error);
  }

  next(): Promise<Packet> {
    const packet = this.#packets.shift();
    if (packet) return Promise.resolve(packet);
    this.#waits = Promise.withResolvers<Packet>();
    return this.#waits.promise;
  }
}

/** Begins a look-up whose servers do what the test says. */
function begin(
  servers: readonly string[],
  how: Partial<Inquiry> = {},
  controller = new WatchedSignal(),
) {
  const clock = new FakeClock();
  const asks: Asked[] = [];
  const connects: { abandoned: boolean }[] = [];
  let opened = 0;
  let closed = 0;
  const network: Network = {
    clock,
    openDatagram: async () => {
      await Promise.resolve();
      opened++;
      return socketOf(asks, () => closed++);
    },
    connect: () => {
      const { promise, reject } = Promise.withResolvers<never>();
      const it = { abandoned: false };
      connects.push(it);
      return {
        opened: promise,
        abandon: () => {
          it.abandoned = true;
          reject(new SocketError("closed", "it was abandoned"));
        },
      };
    },
  };
  const inquiry: Inquiry = {
    servers: servers.map((it) => ({ hostname: it.split(":")[0]!, port: 53 })),
    tryMs: 1000,
    tries: 2,
    failsOver: true,
    ...how,
  };
  let settled = false;
  const found = resolveName("db.test", inquiry, network, controller.signal);
  found.then(() => settled = true, () => settled = true);
  return {
    clock,
    controller,
    found,
    asked: asks,
    connects,
    opened: () => opened,
    settled: () => settled,
    servers: () => asks.map((it) => it.server),
    /** Lets time pass; then these have been asked. */
    async passes(ms: number, servers: readonly string[]): Promise<void> {
      await clock.pass(ms);
      assert.deepEqual(asks.map((it) => it.server), servers);
    },
    /** Nothing is open any more, and no timer set. */
    checkOver(): void {
      assert.equal(closed, opened);
      assert.equal(clock.timers.size, 0);
      for (const it of connects) assert.ok(it.abandoned);
      assert.equal(controller.listeners, 0);
    },
  };
}

function socketOf(asks: Asked[], closed: () => void): DatagramTransport {
  const receiver = new Receiver();
  let isClosed = false;
  let peer = "";
  const checkOpen = () => {
    if (isClosed) throw new SocketError("closed", "it was closed");
  };
  const socket: Partial<DatagramTransport> = {
    connect: async (to) => {
      await Promise.resolve();
      checkOpen();
      peer = addressText(to);
    },
    send: async (bytes) => {
      checkOpen();
      asks.push(asked(peer, bytes, receiver));
      await Promise.resolve();
    },
    receive: () => receiver.next(),
    close: () => {
      if (isClosed) return;
      isClosed = true;
      receiver.failed(new SocketError("closed", "it was closed"));
      closed();
    },
  };
  return socket as DatagramTransport;
}
