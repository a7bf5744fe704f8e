/** How scripts write bytes down, and how reports and results shorten them. */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";

/** A byte string, one repeated `{"rep": [string, count]}`, or a list of those. */
export type ByteValue = string | Repeated | readonly ByteValue[];

export type Repeated = { readonly rep: readonly [string, number] };

export function bytesOf(value: ByteValue): Buffer {
  return Buffer.from(byteStringOf(value), "latin1");
}

export function byteStringOf(value: ByteValue): string {
  if (typeof value === "string") return value;
  if ("rep" in value) return value.rep[0].repeat(value.rep[1]);
  return value.map(byteStringOf).join("");
}

/** The byte string itself, or length and MD5 if it has more than 200 bytes. */
export function digest(bytes: Uint8Array): string | { len: number; md5: string } {
  if (bytes.length <= 200) return Buffer.from(bytes).toString("latin1");
  return { len: bytes.length, md5: createHash("md5").update(bytes).digest("hex") };
}
