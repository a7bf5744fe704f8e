/** Parsers, each against a judge that knows what was put in, because it put it in. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesOf } from "../src/bytes.ts";
import { type Answer, decodeAnswer, nameOf } from "../src/dns/message.ts";
import { serverNameOf } from "../src/drivers/client_hello.ts";
import { chunkedSource } from "../src/faces/luasocket/chunked.ts";
import { type Address, addressText } from "../src/transport.ts";
import { parseTarget } from "../src/target.ts";
import { cutAt } from "./helpers/cuts.ts";
import {
  FLAG,
  ipv4,
  message,
  pointer,
  question,
  record,
  soa,
  TYPE,
  wire,
  words,
} from "./helpers/dns_messages.ts";
import { Random } from "./helpers/random.ts";

const ROUNDS = 3000;
const LETTERS = "abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-_";

/** A test that says which seed it failed with. */
function fuzz(name: string, round: (random: Random) => unknown): void {
  test(`${name} (seeds 1 to ${ROUNDS})`, async () => {
    for (let seed = 1; seed <= ROUNDS; seed++) {
      try {
        await round(new Random(seed));
      } catch (error) {
        throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
      }
    }
  });
}

fuzz("parseTarget() reads the host and port that were written", (random) => {
  const port = random.below(65536);
  const host = random.onceIn(3) ? ipv6Text(random) : hostText(random);
  const text = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  const address = parseTarget(text);
  assert.deepEqual(address, { hostname: host.toLowerCase(), port });
  assert.equal(addressText(address), text.toLowerCase());
  assert.deepEqual(parseTarget({ hostname: host, port }), address);
});

fuzz("parseTarget() takes what it can write, and refuses all else as a mistake", (random) => {
  const pieces = ["unix:", "[", "]", ":", "::1", "a", "B", "%e", "0", "80", "/", "@", "\0", " "];
  const text = Array.from({ length: random.between(1, 8) }, () => random.of(pieces)).join("");
  let address: Address;
  try {
    address = parseTarget(text);
  } catch (error) {
    assert.ok(error instanceof TypeError || error instanceof RangeError, String(error));
    // What a person would call a host and a port is none of those.
    assert.doesNotMatch(text, /^(?!unix:)([\da-z.%]+|\[[\da-z:]+(%\w+)?\]):\d{1,4}$/i);
    return;
  }
  if (text.startsWith("unix:")) return assert.deepEqual(address, { path: text.slice(5) });
  assert.deepEqual(parseTarget(addressText(address)), address);
  // All that stands in it was said, and in its place.
  const { hostname, port } = address as { hostname: string; port: number };
  assert.match(text.toLowerCase(), new RegExp(`^\\[?${escaped(hostname)}\\]?:0*${port}$`, "i"));
});

fuzz("decodeAnswer() finds the addresses behind any chain of aliases, in any order", (random) => {
  const names = Array.from(
    { length: random.between(1, 5) },
    (_, at) => `n${at}.${nameText(random)}`,
  );
  const asked = { id: random.below(65536), name: nameOf(names[0]!)!, type: "A" as const };
  const ttls: number[] = [];
  const ttlSeconds = () => ttls[ttls.push(random.below(1000)) - 1]!;
  const last = names.at(-1)!;
  const chain = names.slice(1).map((to, at) =>
    record({
      name: at === 0 && random.onceIn(2) ? pointer(12) : wire(mixed(names[at]!, random)),
      type: TYPE.CNAME,
      data: wire(to),
      ttlSeconds: ttlSeconds(),
    })
  );
  const addresses = Array.from({ length: random.below(4) }, () => [...random.bytes(4)].join("."));
  const found = addresses.map((it) =>
    record({ name: wire(last), type: TYPE.A, data: ipv4(it), ttlSeconds: ttlSeconds() })
  );
  const others = Array.from({ length: random.below(3) }, () =>
    random.of([
      record({ name: wire("other.test"), type: TYPE.A, data: ipv4("10.6.6.6") }),
      record({ name: wire(last), type: TYPE.TXT, data: "\x04text" }),
      record({ name: wire(last), type: TYPE.AAAA, data: "\0".repeat(16) }),
      record({ name: wire(last), type: TYPE.A, data: ipv4("10.6.6.6"), class: 3 }),
    ]));
  const bytes = message({
    id: asked.id,
    flags: FLAG.answer | FLAG.recursion,
    questions: [question(names[0]!, TYPE.A)],
    answers: mixedOrder([...chain, ...found, ...others], found, random),
  });
  const answer = decodeAnswer(bytes, asked);
  const expected: Answer = addresses.length > 0
    ? { kind: "addresses", addresses, ttlMs: 1000 * Math.min(...ttls) }
    : names.length > 1
    ? { kind: "alias", name: nameOf(last)!, ttlMs: 1000 * Math.min(...ttls) }
    : { kind: "nothing", rcode: 0, ttlMs: 0 };
  assert.deepEqual(answer, expected);
  // A message that breaks off, or answers somebody else, is no answer at all.
  assert.equal(decodeAnswer(bytes.subarray(0, random.below(bytes.length)), asked), undefined);
  assert.equal(decodeAnswer(bytes, { ...asked, id: (asked.id + 1) % 65536 }), undefined);
});

fuzz("decodeAnswer() tells for how long there is nothing, as the zone says", (random) => {
  const name = nameText(random);
  const rcode = random.of([0, 3]);
  const [ttlSeconds, minimum] = [random.below(10_000), random.below(10_000)];
  const zone = record({ name: wire("test"), type: TYPE.SOA, data: soa(minimum), ttlSeconds });
  const bytes = message({
    id: 7,
    rcode,
    questions: [question(name, TYPE.AAAA)],
    authorities: [zone],
  });
  const answer = decodeAnswer(bytes, { id: 7, name: nameOf(name)!, type: "AAAA" });
  assert.deepEqual(answer, { kind: "nothing", rcode, ttlMs: 1000 * Math.min(ttlSeconds, minimum) });
});

fuzz("serverNameOf() finds the name among any extensions, and wants more of any part", (random) => {
  const name = nameText(random);
  const fields = Array.from(
    { length: random.below(6) },
    () => extension(random.between(1, 60), charactersOf(random.bytes(random.below(40)))),
  );
  const hasName = !random.onceIn(4);
  const named = extension(0, `${words(name.length + 3)}\0${words(name.length)}${name}`);
  if (hasName) fields.splice(random.below(fields.length + 1), 0, named);
  const all = fields.join("");
  const body = [
    "\x03\x03" + "r".repeat(32),
    sized(charactersOf(random.bytes(random.below(33)))),
    `${words(4)}\x13\x01\x13\x02`,
    sized("\0"),
    fields.length > 0 || random.onceIn(2) ? words(all.length) + all : "",
  ].join("");
  const hello = `\x01\0${words(body.length)}${body}`;
  // In records as they like.
  const places = Array.from({ length: random.below(4) }, () => random.between(1, hello.length - 1));
  const pieces = cutAt(bytesOf(hello), [...new Set(places)].sort((a, b) => a - b));
  const records = pieces.map((it) => `\x16\x03\x01${words(it.length)}${charactersOf(it)}`).join("");
  const bytes = bytesOf(records);
  assert.equal(serverNameOf(bytes), hasName ? name : null);
  // Until it is all there nobody knows.
  assert.equal(serverNameOf(bytes.subarray(0, random.below(bytes.length))), undefined);
});

fuzz("chunkedSource() gives what was put into chunks, and the fields behind it", async (random) => {
  const chunks = Array.from(
    { length: random.below(5) },
    () => charactersOf(random.bytes(random.between(1, 60))),
  );
  const fields = Array.from(
    { length: random.below(3) },
    (_, at) => [`x-${at}`, `v ${at}`] as const,
  );
  const size = (chunk: string) => {
    const text = chunk.length.toString(16);
    return (random.onceIn(2) ? text.toUpperCase() : text) + random.of(["", ";name=value"]);
  };
  const coded = [
    ...chunks.map((it) => `${size(it)}\r\n${it}\r\n`),
    "0\r\n",
    ...fields.map(([name, value]) => `${name.toUpperCase()}: ${value}\r\n`),
    "\r\n",
  ].join("");
  const headers: Record<string, string> = {};
  const source = chunkedSource(carrierOf(coded), headers);
  const got: string[] = [];
  for (let [chunk] = await source(); typeof chunk === "string"; [chunk] = await source()) {
    got.push(chunk);
  }
  assert.deepEqual(got, chunks);
  assert.deepEqual(headers, Object.fromEntries(fields));
});

/** A socket of LuaSocket's, as far as a source asks for one. */
function carrierOf(text: string): Parameters<typeof chunkedSource>[0] {
  let at = 0;
  const receive = (pattern: unknown = "*l") => {
    const end = typeof pattern === "number" ? at + pattern : text.indexOf("\n", at);
    if (end < at || end > text.length) return Promise.resolve([null, "closed", text.slice(at)]);
    const piece = text.slice(at, end);
    at = typeof pattern === "number" ? end : end + 1;
    return Promise.resolve([typeof pattern === "number" ? piece : piece.replaceAll("\r", "")]);
  };
  return { receive } as unknown as Parameters<typeof chunkedSource>[0];
}

/** The order of the records that are looked for stays; where they stand does not matter. */
function mixedOrder(
  all: readonly string[],
  kept: readonly string[],
  random: Random,
): string[] {
  const order = all.map((it) => ({ it, by: random.fraction() })).sort((a, b) => a.by - b.by)
    .map(({ it }) => it);
  const left = [...kept];
  return order.map((it) => kept.includes(it) ? left.shift()! : it);
}

function mixed(name: string, random: Random): string {
  return [...name].map((it) => random.onceIn(2) ? it.toUpperCase() : it).join("");
}

function nameText(random: Random): string {
  return `${text(random, "abcxyz019", random.between(1, 20))}.test`;
}

function hostText(random: Random): string {
  const labels = Array.from(
    { length: random.between(1, 4) },
    () => text(random, LETTERS, random.between(1, 12)),
  );
  // What begins so is a path.
  return labels.join(".").replace(/^unix$/i, "host");
}

function ipv6Text(random: Random): string {
  const groups = Array.from({ length: 8 }, () => random.below(65536).toString(16)).join(":");
  return random.of([
    groups,
    "::1",
    "::",
    groups.replace(/:.*:/, "::"),
    `fe80::1%eth${random.below(9)}`,
  ]);
}

function text(random: Random, letters: string, size: number): string {
  return Array.from({ length: size }, () => letters[random.below(letters.length)]).join("");
}

function extension(type: number, data: string): string {
  return words(type, data.length) + data;
}

function sized(data: string): string {
  return String.fromCharCode(data.length) + data;
}

function charactersOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

function escaped(literal: string): string {
  return literal.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
