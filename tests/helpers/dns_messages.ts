/** DNS messages, written by hand: also such as no honest server sends. */

import { bytesOf, byteString } from "../../src/bytes.ts";

/** Types of records. */
export const TYPE = { A: 1, NS: 2, CNAME: 5, SOA: 6, TXT: 16, AAAA: 28, OPT: 41 } as const;

/** Bits of the second word. */
export const FLAG = { answer: 0x8000, truncated: 0x0200, recursion: 0x0180 } as const;

/** A record as it lies on the wire; all is a byte string. */
export interface RecordParts {
  name: string;
  type: number;
  data: string;
  ttlSeconds?: number;
  class?: number;
  /** Says another size than that of the data. */
  size?: number;
}

/** What a message consists of. */
export interface MessageParts {
  id: number;
  flags?: number;
  rcode?: number;
  /** The question as it lies on the wire; several, or none. */
  questions?: readonly string[];
  answers?: readonly string[];
  authorities?: readonly string[];
  additional?: readonly string[];
  /** Says other counts than those of the records. */
  counts?: readonly number[];
}

/** The bytes of a message. */
export function message(parts: MessageParts): Uint8Array {
  const { questions = [], answers = [], authorities = [], additional = [] } = parts;
  const sections = [questions, answers, authorities, additional];
  const flags = (parts.flags ?? FLAG.answer | FLAG.recursion) | (parts.rcode ?? 0);
  const counts = parts.counts ?? sections.map((it) => it.length);
  return bytesOf(words(parts.id, flags, ...counts) + sections.flat().join(""));
}

/** A question. */
export function question(name: string, type: number): string {
  return wire(name) + words(type, 1);
}

/** A record. */
export function record(parts: RecordParts): string {
  const { name, type, data, ttlSeconds = 60 } = parts;
  const ttl = words(Math.floor(ttlSeconds / 0x10000), ttlSeconds % 0x10000);
  return name + words(type, parts.class ?? 1) + ttl + words(parts.size ?? data.length) + data;
}

/** A name as labels behind their lengths. */
export function wire(name: string): string {
  if (name === "") return "\0";
  return name.split(".").map((it) => String.fromCharCode(it.length) + it).join("") + "\0";
}

/** A pointer to a place in the message; a question's name is at 12. */
export function pointer(at: number): string {
  return words(0xc000 | at);
}

/** The data of an A record. */
export function ipv4(text: string): string {
  return String.fromCharCode(...text.split(".").map(Number));
}

/** The data of an AAAA record, of eight groups. */
export function ipv6(...groups: number[]): string {
  return words(...groups);
}

/** The data of a SOA record. */
export function soa(minimumSeconds: number): string {
  return wire("ns.test") + wire("root.test") + words(0, 1, 0, 2, 0, 3, 0, 4, 0, minimumSeconds);
}

/** Numbers of two bytes. */
export function words(...list: number[]): string {
  return list.map((it) => String.fromCharCode((it >> 8) & 0xff, it & 0xff)).join("");
}

/** What a query asks. */
export function readQuery(bytes: Uint8Array): { id: number; name: string; type: number } {
  const text = byteString(bytes);
  const labels: string[] = [];
  let at = 12;
  for (let size = bytes[at]!; size > 0; size = bytes[at]!) {
    labels.push(text.slice(at + 1, at + 1 + size));
    at += size + 1;
  }
  return {
    id: bytes[0]! << 8 | bytes[1]!,
    name: labels.join("."),
    type: bytes[at + 1]! << 8 | bytes[at + 2]!,
  };
}
