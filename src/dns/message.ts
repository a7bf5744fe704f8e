// DNS messages, RFC 1035: one question out, one answer in. Pure: no IO, no clock.
//
// An answer comes from whoever could send a datagram to our port. So it is
// believed only where it repeats our id and our question, and of what it says
// only that counts which leads from the name we asked for, alias by alias, to
// addresses. What is not sound in form is no answer at all, and each loop here is
// bounded by the size of the message.
//
// Names are kept as they lie on the wire, in lower case: labels behind their
// lengths, in a byte string. No dot in a label can make two names look the same,
// and no capital letter is as small as a length, so that both can be lowered as
// one. Mixed case as one more secret ("0x20") is not used: there are servers that
// lose it, and the port and the id are random already.

import { bytesOf, byteString } from "../bytes.ts";
import { ipText } from "../ip.ts";

/** A name as on the wire, in lower case. */
export type Name = string;

/** The types of record that hold addresses. */
export type AddressType = "A" | "AAAA";

/** One question to one server. */
export interface Question {
  /** Made anew for each, at random: an answer repeats it. */
  readonly id: number;
  readonly name: Name;
  readonly type: AddressType;
}

/** What a server answered. */
export type Answer =
  | { readonly kind: "addresses"; readonly addresses: readonly string[]; readonly ttlMs: number }
  /** The name is another one's alias, and the server left it at that: ask for the other. */
  | { readonly kind: "alias"; readonly name: Name; readonly ttlMs: number }
  /**
   * There is no such name (`rcode` 3), or it has no such address (0). `ttlMs` is 0
   * where nobody said for how long.
   */
  | { readonly kind: "nothing"; readonly rcode: number; readonly ttlMs: number }
  /** The server did not do it; `rcode` says why. */
  | { readonly kind: "failure"; readonly rcode: number }
  /** There is more than a datagram holds: ask again over TCP. */
  | { readonly kind: "truncated" };

/** The code of a name that does not exist. */
export const NO_SUCH_NAME = 3;

const TYPES: Readonly<Record<AddressType, number>> = { A: 1, AAAA: 28 };
const SIZES: Readonly<Record<AddressType, number>> = { A: 4, AAAA: 16 };
const CNAME = 5;
const SOA = 6;
const INTERNET = 1;

const IS_ANSWER = 0x8000;
const OPCODE = 0x7800;
const IS_TRUNCATED = 0x0200;
const WANTS_RECURSION = 0x0100;
const RCODE = 0x000f;

const MOST_NAME_BYTES = 255;
// A name has at most 127 labels, and no need for more pointers than labels.
const MOST_POINTERS = 127;

/** The name that a host name means, or `undefined` where no name can look like that. */
export function nameOf(hostname: string): Name | undefined {
  const text = asciiOf(hostname)?.replace(/\.$/, "");
  if (text === undefined) return undefined;
  let name = "";
  for (const label of text.split(".")) {
    if (!/^[!-~]{1,63}$/.test(label)) return undefined;
    name += String.fromCharCode(label.length) + label;
  }
  return name.length < MOST_NAME_BYTES ? lower(`${name}\0`) : undefined;
}

/** The message that asks a question. */
export function encodeQuery({ id, name, type }: Question): Uint8Array {
  const head = [id, WANTS_RECURSION, 1, 0, 0, 0];
  const words = (list: readonly number[]) =>
    list.map((it) => String.fromCharCode(it >> 8, it & 0xff)).join("");
  return bytesOf(words(head) + name + words([TYPES[type], INTERNET]));
}

/** What a message answers to a question; `undefined` if it is no answer to it. */
export function decodeAnswer(bytes: Uint8Array, question: Question): Answer | undefined {
  try {
    return answerOf(new Reader(bytes), question);
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

function answerOf(reader: Reader, question: Question): Answer | undefined {
  const id = reader.word();
  const flags = reader.word();
  const counts = { questions: reader.word(), answers: reader.word(), authorities: reader.word() };
  // How much there is in the additional part, which nobody asked for.
  reader.word();
  if (id !== question.id || (flags & (IS_ANSWER | OPCODE)) !== IS_ANSWER) return undefined;
  const rcode = flags & RCODE;
  const isFailure = rcode !== 0 && rcode !== NO_SUCH_NAME;
  // A server that could not read the question cannot repeat it.
  if (isFailure && counts.questions === 0) return { kind: "failure", rcode };
  if (counts.questions !== 1 || reader.name() !== question.name) return undefined;
  if (reader.word() !== TYPES[question.type] || reader.word() !== INTERNET) return undefined;
  if ((flags & IS_TRUNCATED) !== 0) return { kind: "truncated" };
  if (isFailure) return { kind: "failure", rcode };
  const answers = new Answers(question.type);
  for (let count = 0; count < counts.answers; count++) answers.add(reader);
  let negativeTtlMs: number | undefined;
  for (let count = 0; count < counts.authorities; count++) negativeTtlMs ??= reader.soaTtlMs();
  const { name, ttlMs, addresses } = answers.from(question.name);
  if (rcode === 0 && addresses.length > 0) return { kind: "addresses", addresses, ttlMs };
  const isLeft = rcode === 0 && name !== question.name && negativeTtlMs === undefined;
  return isLeft
    ? { kind: "alias", name, ttlMs }
    : { kind: "nothing", rcode, ttlMs: Math.min(ttlMs, negativeTtlMs ?? 0) };
}

/** The records of an answer that may lead to addresses. */
class Answers {
  readonly #type: AddressType;
  readonly #aliases = new Map<Name, { readonly target: Name; readonly ttlMs: number }>();
  readonly #found: { readonly name: Name; readonly address: string; readonly ttlMs: number }[] = [];

  constructor(type: AddressType) {
    this.#type = type;
  }

  add(reader: Reader): void {
    const { name, type, ttlMs, end } = reader.record();
    if (type === CNAME) {
      const target = reader.name();
      if (reader.at !== end) throw new Malformed();
      if (!this.#aliases.has(name)) this.#aliases.set(name, { target, ttlMs });
    } else if (type === TYPES[this.#type]) {
      const address = reader.bytes(end - reader.at);
      if (address.length !== SIZES[this.#type]) throw new Malformed();
      this.#found.push({ name, address: ipText(address), ttlMs });
    }
    reader.at = end;
  }

  /** Where the aliases lead from a name, what is there, and for how long all of it holds. */
  from(first: Name): { name: Name; addresses: string[]; ttlMs: number } {
    let name = first;
    let leastMs = Infinity;
    for (let alias = this.#aliases.get(name); alias; alias = this.#aliases.get(name)) {
      // Each is followed once, so that a circle ends.
      this.#aliases.delete(name);
      name = alias.target;
      leastMs = Math.min(leastMs, alias.ttlMs);
    }
    const found = this.#found.filter((it) => it.name === name);
    const ttlMs = found.reduce((least, it) => Math.min(least, it.ttlMs), leastMs);
    return { name, addresses: [...new Set(found.map((it) => it.address))], ttlMs };
  }
}

/** The message is not what a message has to be. */
class Malformed extends Error {}

/** Reads a message from its front; what is not there is `Malformed`. */
class Reader {
  at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  bytes(size: number): Uint8Array {
    const end = this.at + size;
    if (end > this.#bytes.length) throw new Malformed();
    const bytes = this.#bytes.subarray(this.at, end);
    this.at = end;
    return bytes;
  }

  byte(): number {
    const byte = this.#bytes[this.at++];
    if (byte === undefined) throw new Malformed();
    return byte;
  }

  word(): number {
    return this.byte() << 8 | this.byte();
  }

  ttlMs(): number {
    const seconds = this.word() * 0x10000 + this.word();
    // RFC 2181, 8: with the first bit set it means 0.
    return seconds < 2 ** 31 ? seconds * 1000 : 0;
  }

  /** A name, whose end may be elsewhere. */
  name(): Name {
    let name = "";
    let end: number | undefined;
    let pointers = 0;
    for (;;) {
      const size = this.byte();
      if (size >= 0xc0) {
        const target = (size & 0x3f) << 8 | this.byte();
        end ??= this.at;
        if (++pointers > MOST_POINTERS) throw new Malformed();
        this.at = target;
      } else if (size > 63) {
        throw new Malformed();
      } else {
        name += String.fromCharCode(size) + byteString(this.bytes(size));
        if (name.length > MOST_NAME_BYTES) throw new Malformed();
        if (size === 0) break;
      }
    }
    this.at = end ?? this.at;
    return lower(name);
  }

  /** A record up to its data; of another class than the Internet's it has no type. */
  record(): { name: Name; type: number; ttlMs: number; end: number } {
    const name = this.name();
    const type = this.word();
    const isInternet = this.word() === INTERNET;
    const ttlMs = this.ttlMs();
    const size = this.word();
    const end = this.at + size;
    if (end > this.#bytes.length) throw new Malformed();
    return { name, type: isInternet ? type : -1, ttlMs, end };
  }

  /** Passes a record; of a zone's own one it says how long what it lacks is lacking. */
  soaTtlMs(): number | undefined {
    const { type, ttlMs, end } = this.record();
    if (type !== SOA) {
      this.at = end;
      return undefined;
    }
    this.name();
    this.name();
    // Serial number, refresh, retry and expire come before it.
    this.bytes(16);
    // RFC 2308, 5: the lesser of the two.
    const leastMs = Math.min(ttlMs, this.ttlMs());
    if (this.at !== end) throw new Malformed();
    return leastMs;
  }
}

function lower(name: Name): Name {
  return name.replace(/[A-Z]+/g, (it) => it.toLowerCase());
}

// deno-lint-ignore no-control-regex -- the range is the point
const NOT_ASCII = /[^\x00-\x7f]/;

/** The form in which a name with other letters stands in the DNS. */
function asciiOf(hostname: string): string | undefined {
  if (!NOT_ASCII.test(hostname)) return hostname;
  // What means something in a URL means nothing in a name.
  const url = `http://${hostname}/`;
  if (/[\s%:?#@/\\[\]]/.test(hostname) || !URL.canParse(url)) return undefined;
  return new URL(url).hostname;
}
