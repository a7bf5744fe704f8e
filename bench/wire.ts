/**
 * What goes over the wire: the servers send it, and the contestants know it and check what they
 * read against it.
 *
 * @module
 */
import type { Case } from "./cases.ts";

/** Where all servers listen. */
export const HOST = "127.0.0.1";

/** What one asks of the server `pong`, and what it answers. */
export const PING = "PING\r\n";
export const PONG = "+PONG\r\n";

/** What one asks of the server `udp`, which sends it back. */
export const DATAGRAM = "0123456789abcdef".repeat(4);

/** What Redis keeps. */
export const KEY = "bench";
export const VALUE = "0123456789abcdef".repeat(2);

/** What ends a part. */
export function delimiterOf({ adverse }: Case): string {
  return adverse ? `${"a".repeat(19)}b` : "\r\n--boundary-5d8f3ab";
}

/** What the server `flood` repeats. */
export function unitOf(it: Case): string {
  const { work, size = 0, adverse } = it;
  if (work === "lines") return `${filled(LINE, size - 2)}\r\n`;
  if (work === "until") return filled(adverse ? "a" : PART, size) + delimiterOf(it);
  return "0123456789abcdef";
}

const LINE = "The quick brown fox jumps over the lazy dog; 01234567890123456";
const PART = "A part may hold line ends,\r\n and dashes \r\n-- like those of its delimiter. ";

function filled(text: string, size: number): string {
  return text.repeat(Math.ceil(size / text.length)).slice(0, size);
}

/** What is sent, in pieces; the large one is bytes. */
export const MESSAGES = {
  small: "0123456789abcdef",
  nested: [
    "*5\r\n",
    [["$3\r\n", "SET", "\r\n"], ["$3\r\n", "key", "\r\n"], ["$5\r\n", "value", "\r\n"]],
    [["$2\r\n", "PX", "\r\n"], ["$4\r\n", "1000", "\r\n"]],
  ],
  large: new Uint8Array(65536).fill(0x61),
};

/** All of a message in one piece. */
export function joined(message: NonNullable<Case["message"]>): Uint8Array {
  if (message === "large") return MESSAGES.large;
  const pieces: readonly unknown[] = [MESSAGES[message]];
  return new TextEncoder().encode((pieces.flat(Infinity) as string[]).join(""));
}
