// What may be sent, as bytes.

import { encodeUtf8, join } from "./bytes.ts";
import { wrongType } from "./check.ts";

/**
 * What can be sent: text (as UTF-8), bytes, or arrays of them, nested to any depth.
 *
 * @example
 * ```ts
 * import { type Data } from "@cosocket/cosocket";
 * import { socketPair } from "@cosocket/cosocket/testing";
 *
 * const frame = (body: Data, size: number): Data => ["LENGTH ", String(size), "\r\n", body];
 *
 * const [sock, peer] = socketPair();
 * await sock.send(frame(new Uint8Array([1, 2, 3]), 3)); // in one piece
 * console.log(await peer.receiveLine()); // LENGTH 3
 * ```
 */
export type Data = string | Uint8Array | readonly Data[];

/** The bytes to send for `data`; small pieces are joined once. */
export function bytesToSend(data: Data): Uint8Array {
  if (typeof data === "string") return encodeUtf8(data);
  if (data instanceof Uint8Array) return data;
  if (!Array.isArray(data)) throw wrongType("data", "text, bytes or an array of them", data);
  const pieces: Uint8Array[] = [];
  collect(data, pieces);
  return join(pieces);
}

function collect(list: readonly Data[], pieces: Uint8Array[]): void {
  // Neighbouring texts are encoded together: one call instead of many.
  let text = "";
  for (const item of list) {
    if (typeof item === "string") {
      text += item;
      continue;
    }
    if (text !== "") pieces.push(encodeUtf8(text));
    text = "";
    if (item instanceof Uint8Array) pieces.push(item);
    else if (Array.isArray(item)) collect(item, pieces);
    else throw wrongType("an item of data", "text, bytes or an array of them", item);
  }
  if (text !== "") pieces.push(encodeUtf8(text));
}
