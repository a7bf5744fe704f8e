// Text and bytes. A *byte string* has one character per byte, U+0000 to U+00FF:
// it loses nothing, its offsets are byte offsets, and the engines search and
// slice it faster than they do an array.

import { Slab } from "./slab.ts";

const utf8Encoder = new TextEncoder();
// ignoreBOM keeps a BOM: dropping one would make lines differ from their bytes.
const utf8Decoder = new TextDecoder("utf-8", { ignoreBOM: true });

// Requests are short, and a call of the encoder costs more than they do.
const SHORT_CHARACTERS = 64;
const short = new Slab(8 * 1024);

/** The UTF-8 bytes of a text. */
export function encodeUtf8(text: string): Uint8Array {
  const ascii = text.length <= SHORT_CHARACTERS ? short.encode(text) : undefined;
  return ascii ?? utf8Encoder.encode(text);
}

/** The text of UTF-8 bytes: a BOM is kept, bad bytes become U+FFFD. */
export function decodeUtf8(bytes: Uint8Array): string {
  return utf8Decoder.decode(bytes);
}

type Latin1Slice = (this: Uint8Array, start: number, end: number) => string;
type Latin1Write = (this: Uint8Array, text: string, offset: number, length: number) => number;

const buffer = (globalThis as {
  Buffer?: { prototype: { latin1Slice?: Latin1Slice; latin1Write?: Latin1Write } };
}).Buffer;

// 0.05 ns a byte where the runtime has it. TextDecoder("latin1") is no stand-in:
// the Web made that name mean windows-1252.
const latin1Slice: Latin1Slice = buffer?.prototype.latin1Slice ?? function (start, end) {
  let text = "";
  for (let at = start; at < end; at += 4096) {
    text += String.fromCharCode(...this.subarray(at, Math.min(at + 4096, end)));
  }
  return text;
};

const latin1Write: Latin1Write | undefined = buffer?.prototype.latin1Write;

/** The byte string of `bytes[start..end)`. */
export function byteString(bytes: Uint8Array, start = 0, end: number = bytes.length): string {
  return latin1Slice.call(bytes, start, end);
}

/**
 * The bytes of a byte string.
 *
 * @throws {TypeError} If a character stands above U+00FF.
 */
export function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  let above = 0;
  if (latin1Write && text.length > 64) {
    // It drops the upper half of a wide character in silence; so look first.
    if (isWide(text)) above = 0x100;
    else latin1Write.call(bytes, text, 0, text.length);
  } else {
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      above |= code;
      bytes[at] = code;
    }
  }
  if (above > 0xff) {
    throw new TypeError(
      `Cannot use ${quote(text)} as bytes: a character stands above U+00FF; ` +
        "encode the text first, with new TextEncoder().encode(text)",
    );
  }
  return bytes;
}

// deno-lint-ignore no-control-regex -- the range is the point
const WIDE = /[^\x00-\xff]/;

function isWide(text: string): boolean {
  return WIDE.test(text);
}

// deno-lint-ignore no-control-regex -- the range is the point
const NOT_ASCII = /[^\x00-\x7f]/;

/** The text of a byte string that holds UTF-8. */
export function textOf(byteText: string): string {
  return NOT_ASCII.test(byteText) ? decodeUtf8(bytesOf(byteText)) : byteText;
}

// So few bytes are looked at before a view of their words is made.
const FEW = 64;

/** Whether `bytes[start..end)` has no byte above 7F. */
export function isAscii(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  let seen = 0;
  if (end - start < FEW) {
    while (at < end) seen |= bytes[at++]!;
    return seen < 0x80;
  }
  while (at < end && ((bytes.byteOffset + at) & 3) !== 0) seen |= bytes[at++]!;
  const words = (end - at) >> 2;
  if (words > 0) {
    const view = new Int32Array(bytes.buffer, bytes.byteOffset + at, words);
    let bits = 0;
    for (let word = 0; word < words; word++) bits |= view[word]!;
    if ((bits & 0x80808080) !== 0) return false;
    at += words * 4;
  }
  while (at < end) seen |= bytes[at++]!;
  return seen < 0x80;
}

/** All pieces in one array. */
export function join(pieces: readonly Uint8Array[]): Uint8Array {
  if (pieces.length === 1) return pieces[0]!;
  let length = 0;
  for (const piece of pieces) length += piece.length;
  const joined = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}

/** A value as an error message shows it: strings in quotes, long ones cut. */
export function quote(value: unknown): string {
  if (typeof value === "string") {
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
  }
  if (value === null || typeof value !== "object") return String(value);
  return Array.isArray(value) ? "an array" : value.constructor?.name ?? "an object";
}
