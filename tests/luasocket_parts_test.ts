/** The parts of LuaSocket's face that need no network: arguments, limits, names, descriptors. */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  checkBoolean,
  checkNumber,
  checkText,
  checkWord,
  toNumber,
} from "../src/faces/luasocket/arguments.ts";
import { Descriptor, descriptorOf } from "../src/faces/luasocket/descriptor.ts";
import { dns } from "../src/faces/luasocket/dns.ts";
import { Inbox } from "../src/faces/luasocket/inbox.ts";
import { addressesOf, literalPlaceOf, placesOf } from "../src/faces/luasocket/resolve.ts";
import { portOf, serviceOf } from "../src/faces/luasocket/services.ts";
import { AT_ONCE, FOR_EVER, longestWaitMs, Timeouts } from "../src/faces/luasocket/timeouts.ts";
import { waitUntil } from "../src/faces/luasocket/waiting.ts";
import { wordFor } from "../src/faces/luasocket/words.ts";
import { SocketError, type SocketErrorCode } from "../src/errors.ts";
import { mapError } from "../src/drivers/map_error.ts";

const NUMBERS: readonly [unknown, number | undefined][] = [
  [5, 5],
  ["5", 5],
  [" 2.5 ", 2.5],
  ["1e1", 10],
  ["0x10", 16],
  ["-0x10", -16],
  ["0b1", undefined],
  ["", undefined],
  ["5x", undefined],
  [true, undefined],
  [null, undefined],
];

for (const [value, number] of NUMBERS) {
  test(`${JSON.stringify(value)} is ${number} where a number is wanted`, () => {
    assert.equal(toNumber(value), number);
  });
}

test("complaints name the argument, what was wanted and what was there", () => {
  const refused = (call: () => unknown, message: string) =>
    assert.throws(call, { name: "LuaError", message: `bad argument ${message}` });
  refused(() => checkText([], 0, "f"), "#1 to 'f' (string expected, got no value)");
  refused(() => checkText([null], 0, "f"), "#1 to 'f' (string expected, got nil)");
  refused(() => checkNumber([1, {}], 1, "f"), "#2 to 'f' (number expected, got table)");
  refused(() => checkBoolean([1], 0, "f"), "#1 to 'f' (boolean expected, got number)");
  refused(() => checkWord(["c"], 0, "f", ["a", "b"], "a"), "#1 to 'f' (invalid option 'c')");
  assert.equal(checkWord([], 0, "f", ["a", "b"], "b"), "b");
  assert.equal(checkText([12.5], 0, "f"), "12.5");
});

const LIMITS: readonly [block: number, total: number, waits: object][] = [
  [-1, -1, FOR_EVER],
  [0, -1, AT_ONCE],
  [0, 5, AT_ONCE],
  [-1, 0, AT_ONCE],
  [0.0009, -1, AT_ONCE],
  [1.5, -1, { atOnce: false, timeoutMs: 0, deadlineMs: 1500 }],
  [-1, 1.5, { atOnce: false, timeoutMs: 0, deadlineMs: 1500 }],
  [0.1, 2, { atOnce: false, timeoutMs: 100, deadlineMs: 2000 }],
  [Infinity, -1, FOR_EVER],
  [1e300, 2, { atOnce: false, timeoutMs: 0, deadlineMs: 2000 }],
];

for (const [block, total, waits] of LIMITS) {
  test(`a block limit of ${block} and a total one of ${total} make ${JSON.stringify(waits)}`, () => {
    const timeouts = new Timeouts();
    timeouts.set([block]);
    timeouts.set([total, "t"]);
    assert.deepEqual(timeouts.waits, waits);
  });
}

test("the longest wait is the shorter one of the limits", () => {
  assert.equal(longestWaitMs(FOR_EVER), Infinity);
  assert.equal(longestWaitMs(AT_ONCE), 0);
  assert.equal(longestWaitMs({ atOnce: false, timeoutMs: 9, deadlineMs: 5 }), 5);
});

test("a wait for what holds already takes no time; one of no time asks once", async () => {
  const never = () => () => {};
  assert.equal(await waitUntil(() => true, never, 0), true);
  assert.equal(await waitUntil(() => false, never, 0), false);
  let is = false;
  let wake = () => {};
  const waiting = waitUntil(() => is, (fresh) => {
    wake = fresh;
    return () => {};
  }, Infinity);
  wake();
  is = true;
  wake();
  assert.equal(await waiting, true);
});

const PORTS: readonly [string, number | undefined][] = [
  ["80", 80],
  [" 80", 80],
  ["+80", 80],
  ["", 0],
  ["*", 0],
  ["http", 80],
  ["www", 80],
  ["65535", 65535],
  ["65536", undefined],
  ["-1", undefined],
  ["80.5", undefined],
  ["80x", undefined],
  ["nosvc", undefined],
  ["toString", undefined],
];

for (const [service, port] of PORTS) {
  test(`the service "${service}" stands for ${port}`, () => assert.equal(portOf(service), port));
}

test("a port has its service's name, or none", () => {
  assert.equal(serviceOf(443), "https");
  assert.equal(serviceOf(1), "1");
});

test("literals need no resolver, and are of one family", async () => {
  assert.deepEqual(await addressesOf("127.1"), [{ addr: "127.0.0.1", family: "inet" }]);
  assert.deepEqual(await addressesOf("::1"), [{ addr: "::1", family: "inet6" }]);
  assert.equal(
    await addressesOf("::1", "inet"),
    "Address family for hostname not supported",
  );
  for (const none of ["", "a b", "256.1.1.1", "1.2.3.4.5", "::1::2"]) {
    assert.equal(await addressesOf(none), "host or service not provided, or not known", none);
  }
});

test("a star is all of the machine to who binds, and this machine to who connects", async () => {
  const [all] = await placesOf("*", "7", undefined, "all of the machine");
  const [one] = await placesOf("*", "7", "inet6", "this machine");
  assert.deepEqual(all, { addr: "0.0.0.0", family: "inet", port: 7 });
  assert.deepEqual(one, { addr: "::1", family: "inet6", port: 7 });
});

test("sendto takes literals and numbers", () => {
  assert.deepEqual(literalPlaceOf("127.0.0.1", "9", undefined), {
    addr: "127.0.0.1",
    family: "inet",
    port: 9,
  });
  assert.equal(literalPlaceOf("localhost", "9", undefined), "Name or service not known");
  assert.equal(literalPlaceOf("127.0.0.1", "http", undefined), "Name or service not known");
});

test("dns gives names and addresses in the original's shapes", async () => {
  const [ip, entry] = await dns.toip("127.0.0.1");
  assert.equal(ip, "127.0.0.1");
  assert.deepEqual(entry, { name: "127.0.0.1", alias: [], ip: ["127.0.0.1"] });
  assert.deepEqual(await dns.getnameinfo(null, 80), [[], "http"]);
  await assert.rejects(dns.getnameinfo(), /host and serv cannot be both nil/);
  const [name] = dns.gethostname();
  assert.equal(typeof name, "string");
});

const WORDS: readonly [SocketErrorCode, string | undefined, string][] = [
  ["closed", undefined, "closed"],
  ["reset", "ECONNRESET", "closed"],
  ["reset", "EPIPE", "closed"],
  ["timeout", "ETIMEDOUT", "timeout"],
  ["refused", undefined, "connection refused"],
  ["unreachable", "ENETUNREACH", "Network is unreachable"],
  ["unreachable", "EHOSTUNREACH", "No route to host"],
  ["address in use", undefined, "address already in use"],
  ["failed", "EMFILE", "Too many open files"],
  ["failed", "EODD", "unknown error"],
];

for (const [code, system, word] of WORDS) {
  test(`"${code}"${system ? `, ${system},` : ""} is "${word}"`, () => {
    const cause = system && Object.assign(new Error("It failed"), { code: system });
    assert.equal(wordFor(new SocketError(code, "It failed", { cause })), word);
  });
}

test("a mistake of the program's is no word", () => {
  const busy = new SocketError("busy", "Another call is at it");
  assert.throws(() => wordFor(busy), busy);
  const error = new TypeError("No");
  assert.throws(() => wordFor(error), error);
  assert.equal(wordFor(mapError(error, "send", "Cannot send")), "unknown error");
});

test("an inbox gives out what was kept, and counts it", () => {
  const inbox = new Inbox();
  inbox.keep("one\ntw");
  assert.deepEqual(inbox.takeLine(), { text: "one", isAll: true });
  assert.deepEqual(inbox.takeLine(), { text: "tw", isAll: false });
  assert.deepEqual(inbox.takeBytes(0), { text: "", isAll: false });
  inbox.keep("abc");
  assert.deepEqual(inbox.takeBytes(0), { text: "", isAll: true });
  assert.deepEqual(inbox.takeBytes(2), { text: "ab", isAll: true });
  assert.deepEqual(inbox.takeBytes(2), { text: "c", isAll: false });
  assert.equal(inbox.received, 9);
  inbox.age = 100;
  assert.ok(inbox.age >= 100 && inbox.age < 101);
});

test("a descriptor has the lowest number that is free, and gives it back", () => {
  const [one, two] = [new Bare(), new Bare()];
  assert.equal(descriptorOf(one.fd), one);
  let woken = 0;
  const unwatch = two.watch(() => woken++);
  two.close();
  unwatch();
  two.close();
  assert.equal(woken, 1);
  assert.equal(descriptorOf(two.fd), undefined);
  assert.equal(new Bare().fd, two.fd);
  assert.equal(descriptorOf(-1), undefined);
});

class Bare extends Descriptor {
  readonly readable = true;
  readonly writable = true;

  attend(): void {}

  close(): void {
    this.discard();
  }
}
