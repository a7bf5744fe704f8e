import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesOf, byteString } from "../src/bytes.ts";
import {
  type Answer,
  decodeAnswer,
  encodeQuery,
  nameOf,
  type Question,
} from "../src/dns/message.ts";
import {
  FLAG,
  ipv4,
  ipv6,
  message,
  type MessageParts,
  pointer,
  question,
  record,
  soa,
  TYPE,
  wire,
  words,
} from "./helpers/dns_messages.ts";
import { Random } from "./helpers/random.ts";

const ID = 0x1234;
const asked: Question = { id: ID, name: nameOf("www.one.test")!, type: "A" };
const own = question("www.one.test", TYPE.A);
const NAME = pointer(12);

const a = (address: string, more = {}) =>
  record({ name: NAME, type: TYPE.A, data: ipv4(address), ...more });
const cname = (name: string, target: string, more = {}) =>
  record({ name, type: TYPE.CNAME, data: target, ...more });
const authority = (ttlSeconds: number, minimumSeconds: number) =>
  record({ name: pointer(20), type: TYPE.SOA, data: soa(minimumSeconds), ttlSeconds });

const names: { hostname: string; name: string | undefined }[] = [
  { hostname: "one.test", name: "\x03one\x04test\0" },
  { hostname: "ONE.Test", name: "\x03one\x04test\0" },
  { hostname: "one.test.", name: "\x03one\x04test\0" },
  { hostname: "localhost", name: "\x09localhost\0" },
  { hostname: "_sip._tcp.one-1.test", name: "\x04_sip\x04_tcp\x05one-1\x04test\0" },
  { hostname: "one.test:80", name: "\x03one\x07test:80\0" },
  { hostname: "bücher.test", name: "\x0dxn--bcher-kva\x04test\0" },
  { hostname: "x".repeat(63), name: `\x3f${"x".repeat(63)}\0` },
  { hostname: "x".repeat(64), name: undefined },
  { hostname: "x.".repeat(127), name: `${"\x01x".repeat(127)}\0` },
  { hostname: "x.".repeat(128), name: undefined },
  { hostname: `${"x.".repeat(126)}xx`, name: undefined },
  { hostname: "", name: undefined },
  { hostname: ".", name: undefined },
  { hostname: "one..test", name: undefined },
  { hostname: ".one", name: undefined },
  { hostname: "one.test..", name: undefined },
  { hostname: "one test", name: undefined },
  { hostname: "one\0.test", name: undefined },
  { hostname: "ü?x.test", name: undefined },
  { hostname: "ü%41.test", name: undefined },
  { hostname: "ü#.test", name: undefined },
  { hostname: "ü:80", name: undefined },
  { hostname: "\ud800.test", name: undefined },
];

for (const { hostname, name } of names) {
  test(`nameOf(${JSON.stringify(hostname)}) is ${JSON.stringify(name)}`, () => {
    assert.equal(nameOf(hostname), name);
  });
}

test("encodeQuery() asks one question, and wants recursion", () => {
  for (const type of ["A", "AAAA"] as const) {
    const name = nameOf("one.test")!;
    assert.equal(
      byteString(encodeQuery({ id: 0xfedc, name, type })),
      "\xfe\xdc\x01\0\0\x01\0\0\0\0\0\0\x03one\x04test\0\0" + (type === "A" ? "\x01" : "\x1c") +
        "\0\x01",
    );
  }
});

/** What a message is taken for; it answers `asked` where it does not say otherwise. */
interface Case extends Partial<MessageParts> {
  name: string;
  question?: Question;
  answer: Answer | undefined;
}

const found = (ttlMs: number, ...addresses: string[]): Answer => ({
  kind: "addresses",
  addresses,
  ttlMs,
});
const nothing = (rcode: number, ttlMs: number): Answer => ({ kind: "nothing", rcode, ttlMs });

const cases: Case[] = [
  { name: "one address", answers: [a("10.0.0.1")], answer: found(60_000, "10.0.0.1") },
  {
    name: "several, in their order, for the shortest of their times",
    answers: [
      a("10.0.0.3", { ttlSeconds: 9 }),
      a("10.0.0.1", { ttlSeconds: 7 }),
      a("10.0.0.2", { ttlSeconds: 8 }),
    ],
    answer: found(7000, "10.0.0.3", "10.0.0.1", "10.0.0.2"),
  },
  {
    name: "the same address twice",
    answers: [a("10.0.0.1"), a("10.0.0.1")],
    answer: found(60_000, "10.0.0.1"),
  },
  {
    name: "a name in other letters",
    questions: [question("wWw.OnE.tEsT", TYPE.A)],
    answers: [record({ name: wire("WWW.one.TEST"), type: TYPE.A, data: ipv4("10.0.0.1") })],
    answer: found(60_000, "10.0.0.1"),
  },
  {
    name: "addresses of IPv6",
    question: { ...asked, type: "AAAA" },
    questions: [question("www.one.test", TYPE.AAAA)],
    answers: [
      record({ name: NAME, type: TYPE.AAAA, data: ipv6(0xfe80, 0, 0, 0, 1, 0, 0, 2) }),
      record({ name: NAME, type: TYPE.AAAA, data: ipv6(0, 0, 0, 0, 0, 0xffff, 0x7f00, 1) }),
      record({ name: NAME, type: TYPE.AAAA, data: ipv6(0, 0, 0, 0, 0, 0, 0, 1) }),
    ],
    answer: found(60_000, "fe80::1:0:0:2", "::ffff:127.0.0.1", "::1"),
  },
  {
    name: "a time with the first bit set, which is none",
    answers: [a("10.0.0.1", { ttlSeconds: 2 ** 31 })],
    answer: found(0, "10.0.0.1"),
  },
  {
    name: "the longest time",
    answers: [a("10.0.0.1", { ttlSeconds: 2 ** 31 - 1 })],
    answer: found((2 ** 31 - 1) * 1000, "10.0.0.1"),
  },
  {
    name: "a chain of aliases, in any order",
    answers: [
      record({ name: wire("c.test"), type: TYPE.A, data: ipv4("10.0.0.1"), ttlSeconds: 50 }),
      cname(wire("B.test"), wire("C.test"), { ttlSeconds: 5 }),
      cname(NAME, wire("b.test"), { ttlSeconds: 40 }),
    ],
    answer: found(5000, "10.0.0.1"),
  },
  {
    name: "an address of the name and an alias: the alias counts",
    answers: [
      a("10.6.6.6"),
      cname(NAME, wire("b.test")),
      record({ name: wire("b.test"), type: TYPE.A, data: ipv4("10.0.0.1") }),
    ],
    answer: found(60_000, "10.0.0.1"),
  },
  {
    name: "an alias whose name is in part elsewhere",
    answers: [
      cname(NAME, `\x01b${pointer(20)}`),
      record({ name: wire("b.test"), type: TYPE.A, data: ipv4("10.0.0.1") }),
    ],
    answer: found(60_000, "10.0.0.1"),
  },
  {
    name: "an alias alone",
    answers: [cname(NAME, wire("b.test"), { ttlSeconds: 3 })],
    answer: { kind: "alias", name: wire("b.test"), ttlMs: 3000 },
  },
  {
    name: "an alias of something that has no such address",
    answers: [cname(NAME, wire("b.test"), { ttlSeconds: 3 })],
    authorities: [authority(20, 10)],
    answer: nothing(0, 3000),
  },
  {
    name: "an alias of something that does not exist",
    rcode: 3,
    answers: [cname(NAME, wire("b.test"))],
    answer: nothing(3, 0),
  },
  {
    name: "aliases in a circle",
    answers: [cname(NAME, wire("b.test")), cname(wire("b.test"), NAME)],
    answer: nothing(0, 0),
  },
  {
    name: "an alias of itself",
    answers: [cname(NAME, NAME)],
    answer: nothing(0, 0),
  },
  {
    name: "two aliases of one name: the first counts",
    answers: [
      cname(NAME, wire("b.test")),
      cname(NAME, wire("c.test")),
      record({ name: wire("c.test"), type: TYPE.A, data: ipv4("10.6.6.6") }),
      record({ name: wire("b.test"), type: TYPE.A, data: ipv4("10.0.0.1") }),
    ],
    answer: found(60_000, "10.0.0.1"),
  },
  { name: "no record", answer: nothing(0, 0) },
  { name: "no record, for a while", authorities: [authority(30, 20)], answer: nothing(0, 20_000) },
  { name: "the zone's own time", authorities: [authority(10, 20)], answer: nothing(0, 10_000) },
  {
    name: "a name that does not exist",
    rcode: 3,
    authorities: [record({ name: "\0", type: TYPE.NS, data: wire("ns.test") }), authority(9, 9)],
    answer: nothing(3, 9000),
  },
  {
    name: "a name that does not exist, and its addresses",
    rcode: 3,
    answers: [a("10.6.6.6")],
    answer: nothing(3, 0),
  },
  {
    name: "addresses of other names",
    answers: [
      record({ name: wire("one.test"), type: TYPE.A, data: ipv4("10.6.6.6") }),
      record({ name: wire("x.www.one.test"), type: TYPE.A, data: ipv4("10.6.6.6") }),
      record({ name: "\0", type: TYPE.A, data: ipv4("10.6.6.6") }),
      // One label with a dot in it.
      record({ name: "\x0cwww.one.test\0", type: TYPE.A, data: ipv4("10.6.6.6") }),
      record({ name: "\x07www.one\x04test\0", type: TYPE.A, data: ipv4("10.6.6.6") }),
    ],
    answer: nothing(0, 0),
  },
  {
    name: "addresses among the authorities and in the additional part",
    authorities: [a("10.6.6.6")],
    additional: [a("10.6.6.6")],
    answer: nothing(0, 0),
  },
  {
    name: "an address of another family",
    answers: [record({ name: NAME, type: TYPE.AAAA, data: ipv6(1, 2, 3, 4, 5, 6, 7, 8) })],
    answer: nothing(0, 0),
  },
  {
    name: "an address of another class",
    answers: [a("10.6.6.6", { class: 3 })],
    answer: nothing(0, 0),
  },
  {
    name: "records that mean nothing here",
    answers: [
      record({ name: NAME, type: TYPE.TXT, data: "\x05hello" }),
      a("10.0.0.1"),
      record({ name: NAME, type: 46, data: "\0".repeat(40) }),
    ],
    additional: [record({ name: "\0", type: TYPE.OPT, data: "" })],
    answer: found(60_000, "10.0.0.1"),
  },
  {
    name: "more after its end",
    answers: [a("10.0.0.1"), "\xff\xff\xff"],
    counts: [1, 1, 0, 0],
    answer: found(60_000, "10.0.0.1"),
  },
  {
    name: "a truncated one, whatever it holds",
    flags: FLAG.answer | FLAG.truncated,
    answers: ["\xff"],
    answer: { kind: "truncated" },
  },
  {
    name: "a format error without the question",
    rcode: 1,
    questions: [],
    answer: { kind: "failure", rcode: 1 },
  },
  { name: "a server failure", rcode: 2, answer: { kind: "failure", rcode: 2 } },
  { name: "not implemented", rcode: 4, answer: { kind: "failure", rcode: 4 } },
  { name: "a refusal", rcode: 5, answer: { kind: "failure", rcode: 5 } },
  {
    name: "a refusal with addresses",
    rcode: 5,
    answers: [a("10.6.6.6")],
    answer: { kind: "failure", rcode: 5 },
  },
  { name: "another id", id: ID + 1, answers: [a("10.6.6.6")], answer: undefined },
  { name: "a failure of another id", id: 0, rcode: 2, questions: [], answer: undefined },
  { name: "a query", flags: FLAG.recursion, answers: [a("10.6.6.6")], answer: undefined },
  { name: "another kind of query", flags: 0xa800, answers: [a("10.6.6.6")], answer: undefined },
  {
    name: "another question",
    questions: [question("www.two.test", TYPE.A)],
    answers: [a("10.6.6.6")],
    answer: undefined,
  },
  {
    name: "the question in one label",
    questions: [`\x0cwww.one.test\0${words(TYPE.A, 1)}`],
    answers: [a("10.6.6.6")],
    answer: undefined,
  },
  {
    name: "another type",
    questions: [question("www.one.test", TYPE.AAAA)],
    answers: [a("10.6.6.6")],
    answer: undefined,
  },
  {
    name: "another class",
    questions: [wire("www.one.test") + words(TYPE.A, 3)],
    answer: undefined,
  },
  { name: "no question", questions: [], answer: undefined },
  { name: "no question, and no such name", rcode: 3, questions: [], answer: undefined },
  { name: "two questions", questions: [own, own], answer: undefined },
  {
    name: "a failure of another question",
    rcode: 2,
    questions: [question("x.test", TYPE.A)],
    answer: undefined,
  },
  {
    name: "fewer answers than it says",
    answers: [a("10.6.6.6")],
    counts: [1, 2, 0, 0],
    answer: undefined,
  },
  {
    name: "the most that it can say",
    answers: [a("10.6.6.6")],
    counts: [1, 0xffff, 0xffff, 0xffff],
    answer: undefined,
  },
  {
    name: "fewer authorities than it says",
    counts: [1, 0, 1, 0],
    answer: undefined,
  },
  {
    name: "an address of three bytes",
    answers: [record({ name: NAME, type: TYPE.A, data: "\x0a\0\0" })],
    answer: undefined,
  },
  {
    name: "an address of five bytes",
    answers: [record({ name: NAME, type: TYPE.A, data: "\x0a\0\0\0\0" })],
    answer: undefined,
  },
  {
    name: "a record that is longer than the message",
    answers: [a("10.6.6.6", { size: 5 })],
    answer: undefined,
  },
  {
    name: "an alias that is longer than its name",
    answers: [cname(NAME, `${wire("b.test")}\0`)],
    answer: undefined,
  },
  {
    name: "an alias that is shorter than its name",
    answers: [cname(NAME, wire("b.test"), { size: 3 })],
    answer: undefined,
  },
  {
    name: "a zone's record that is too short",
    authorities: [record({ name: NAME, type: TYPE.SOA, data: wire("a") + wire("b") })],
    answer: undefined,
  },
  { name: "a name that points to itself", answers: [a("10.6.6.6")], answer: undefined },
  {
    name: "a name that points behind the end",
    answers: [record({ name: pointer(0x3fff), type: TYPE.A, data: ipv4("10.6.6.6") })],
    answer: undefined,
  },
  {
    name: "a label of a kind that does not exist",
    answers: [record({ name: "\x41x\0", type: TYPE.A, data: ipv4("10.6.6.6") })],
    answer: undefined,
  },
  {
    name: "a label longer than labels are",
    answers: [
      record({ name: `\x41${"x".repeat(0x41)}\0`, type: TYPE.A, data: ipv4("10.6.6.6") }),
    ],
    answer: undefined,
  },
  {
    name: "a name of more than 255 bytes",
    answers: [record({ name: wire("x.".repeat(150).slice(0, -1)), type: TYPE.A, data: "1234" })],
    answer: undefined,
  },
];
// Each points to where it stands: behind the header, and the question of 18 bytes.
const atFirstRecord = pointer(12 + own.length);
cases.find((it) => it.name === "a name that points to itself")!.answers = [
  record({ name: atFirstRecord, type: TYPE.A, data: ipv4("10.6.6.6") }),
];
cases.push({
  name: "a name that grows in a circle",
  answers: [record({ name: `\x01x${atFirstRecord}`, type: TYPE.A, data: ipv4("10.6.6.6") })],
  answer: undefined,
});

const messageOf = ({ id = ID, questions = [own], ...parts }: Case) =>
  message({ ...parts, id, questions });

for (const it of cases) {
  const is = it.answer === undefined ? "no answer" : JSON.stringify(it.answer);
  test(`decodeAnswer() takes ${it.name} for ${is}`, () => {
    assert.deepEqual(decodeAnswer(messageOf(it), it.question ?? asked), it.answer);
  });
}

test("decodeAnswer() takes what was cut off anywhere for no answer", () => {
  for (const it of cases) {
    const whole = messageOf(it);
    // What follows the records was not said, and a truncated one is not read.
    if (it.answer === undefined || it.answer.kind === "truncated") continue;
    if (it.name === "more after its end" || it.additional) continue;
    if (it.answer.kind === "failure" && it.answers) continue;
    for (let size = 0; size < whole.length; size++) {
      assert.equal(decodeAnswer(whole.subarray(0, size), it.question ?? asked), undefined, it.name);
    }
  }
});

test("decodeAnswer() reads any byte in any place without a throw", () => {
  for (const it of cases) {
    const whole = messageOf(it);
    for (let at = 0; at < whole.length; at++) {
      const bytes = whole.slice();
      for (const value of [0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xff]) {
        bytes[at] = value;
        checkSound(decodeAnswer(bytes, it.question ?? asked));
      }
    }
  }
});

for (const seed of [1, 2, 3, 4]) {
  test(`decodeAnswer() believes nothing random (seed ${seed})`, () => {
    const random = new Random(seed);
    for (let round = 0; round < 5000; round++) {
      const bytes = random.bytes(random.below(80));
      assert.equal(decodeAnswer(bytes, asked), undefined);
    }
  });

  test(`decodeAnswer() reads what is random behind the question without a throw (seed ${seed})`, () => {
    const random = new Random(seed);
    // Such as names, pointers, sizes and types are made of.
    const values = [0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 12, 16, 28, 0x3f, 0xc0, 0xc0, 30, 31, 40, 0xff];
    for (let round = 0; round < 5000; round++) {
      const rest = byteString(random.bytes(random.below(120), values));
      const counts = [1, random.below(4), random.below(3), random.below(2)];
      const bytes = message({ id: ID, questions: [own], answers: [rest], counts });
      checkSound(decodeAnswer(bytes, asked));
    }
  });

  test(`decodeAnswer() reads a message with some changes without a throw (seed ${seed})`, () => {
    const random = new Random(seed);
    for (let round = 0; round < 5000; round++) {
      const it = random.of(cases);
      let bytes = messageOf(it);
      for (let change = random.below(4); change >= 0; change--) {
        bytes[random.below(bytes.length)] = random.below(256);
      }
      if (random.onceIn(4)) bytes = bytes.subarray(0, random.below(bytes.length));
      checkSound(decodeAnswer(bytes, it.question ?? asked));
    }
  });
}

test("decodeAnswer() is done soon with the worst that 64 KiB can hold", () => {
  // Pointers that lead to pointers, and records whose names all begin at the end.
  const places = 2000;
  const from = 12 + own.length;
  let chain = pointer(12);
  for (let at = 0; at < places; at++) chain += pointer(from + 2 * at);
  const data = record({ name: "\0", type: TYPE.TXT, data: chain });
  const shift = data.length - chain.length;
  const moved = bytesOf(data);
  for (let at = shift + 2; at < moved.length; at += 2) {
    const target = (moved[at]! << 8 | moved[at + 1]!) + shift;
    moved[at] = target >> 8;
    moved[at + 1] = target & 0xff;
  }
  for (const place of [125, 126, places - 1]) {
    const one = record({ name: pointer(from + shift + 2 * place), type: TYPE.TXT, data: "" });
    const count = Math.floor((65_000 - moved.length) / one.length);
    const answers = [byteString(moved), one.repeat(count)];
    const bytes = message({
      id: ID,
      questions: [own],
      answers,
      counts: [1, count + 1, 0, 0],
    });
    const fromMs = performance.now();
    const answer = decodeAnswer(bytes, asked);
    assert.ok(performance.now() - fromMs < 2000);
    assert.deepEqual(answer, place === 125 ? nothing(0, 0) : undefined);
  }
});

/** An answer holds only what it can hold. */
function checkSound(answer: Answer | undefined): void {
  if (answer === undefined) return;
  if ("ttlMs" in answer) assert.ok(answer.ttlMs >= 0 && answer.ttlMs < 2 ** 31 * 1000);
  if (answer.kind !== "addresses") return;
  assert.ok(answer.addresses.length > 0);
  for (const it of answer.addresses) {
    assert.match(it, /^(\d{1,3}(\.\d{1,3}){3}|[\da-f:]+(\d+(\.\d+){3})?)$/);
  }
}
