// HTTP's chunked transfer coding, as the original's `socket.http` speaks it.

import { cText, LuaError } from "../lua.ts";
import { dataText, isTrue, orNil } from "./calls.ts";
import type { Chunk, SinkResult, SourceResult } from "./ltn12/types.ts";
import { type Carrier, sent } from "./selectable.ts";

const MOST = 2 ** 64;

/**
 * Receives chunk by chunk. What stands behind the last one is put into `headers`,
 * under lower-case names.
 */
export function chunkedSource(
  sock: Carrier,
  headers: Record<string, string> = {},
): () => Promise<SourceResult> {
  return async () => {
    const [line, err] = await sock.receive();
    if (isTrue(err)) return [null, err];
    const size = sizeOf((line as string).replace(/;[^]*/, ""));
    if (size === undefined) return [null, "invalid chunk size"];
    if (size === 0) return await receiveHeaders(sock, headers);
    const [chunk, why] = await sock.receive(size);
    if (isTrue(chunk)) await sock.receive();
    return [orNil(chunk) as Chunk, orNil(why)];
  };
}

/** Sends each chunk with its size before it; the end is an empty one. */
export function chunkedSink(
  sock: Carrier,
): (chunk?: Chunk | Uint8Array) => Promise<SinkResult> {
  return async (chunk) => {
    if (!isTrue(chunk)) return await sent(sock, "0\r\n\r\n");
    const text = dataText(chunk, "len");
    const size = text.length.toString(16).toUpperCase();
    return await sent(sock, `${size}\r\n${text}\r\n`);
  };
}

/** Receives fields up to an empty line: nothing, or `null` and why not. */
async function receiveHeaders(
  sock: Carrier,
  headers: Record<string, string>,
): Promise<[] | [null, unknown]> {
  let [line, err] = await sock.receive();
  if (isTrue(err)) return [null, err];
  while (line !== "") {
    const field = /^([^]*?):[ \t-\r]*([^]*)$/.exec(line as string);
    if (field === null) return [null, "malformed reponse headers"];
    const name = field[1]!.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
    let value = field[2]!;
    [line, err] = await sock.receive();
    if (isTrue(err)) return [null, err];
    while (isFolded(line)) {
      value += line;
      [line] = await sock.receive();
    }
    const before = Object.hasOwn(headers, name) ? `${headers[name]}, ` : "";
    // A field may have the name of something that every object has.
    Object.defineProperty(headers, name, {
      value: before + value,
      configurable: true,
      enumerable: true,
      writable: true,
    });
  }
  return [];
}

/** Whether a line goes on with the one before it. */
function isFolded(line: unknown): line is string {
  if (typeof line === "string") return /^[ \t-\r]/.test(line);
  // The original does not look whether there was a line.
  throw new LuaError(`bad argument #1 to 'find' (string expected, got nil)`);
}

/** The number that Lua sees in hexadecimal digits. */
function sizeOf(text: string): number | undefined {
  const [, sign, digits] = /^[ \t-\r]*([+-]?)(?:0x)?([\da-f]+)[ \t-\r]*$/i.exec(cText(text)) ?? [];
  if (digits === undefined) return undefined;
  const size = Math.min(Number(`0x${digits}`), MOST);
  return sign === "-" && size > 0 ? MOST - size : size;
}
