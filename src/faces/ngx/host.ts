// How nginx reads the host argument of `connect`.

import { bytesOf } from "../../bytes.ts";
import { ipFamily } from "../../ip.ts";
import type { Address } from "../../transport.ts";

/** What a host text means: an address, a name to look up, or nothing, and why. */
export type ParsedHost =
  | { readonly kind: "address"; readonly address: Address }
  | { readonly kind: "name"; readonly name: string; readonly port: number }
  | { readonly kind: "bad"; readonly why: string };

/** Reads a host text; a port in it wins over the one given. */
export function parseHost(host: string, port: number): ParsedHost {
  if (isUnix(host)) {
    const path = host.slice(5);
    if (path === "") return bad("no path in the unix domain socket");
    // The length of `sun_path`.
    if (path.length > 107) return bad("too long path in the unix domain socket");
    // To C it ends at a NUL; one at its beginning makes it abstract.
    const end = path.indexOf("\0", 1);
    return { kind: "address", address: { path: pathOf(end < 0 ? path : path.slice(0, end)) } };
  }
  return host.startsWith("[") ? parseInet6(host, port) : parseInet(host, port);
}

/** Whether a host text names a unix socket. */
export function isUnix(host: string): boolean {
  return /^unix:/i.test(host);
}

/** The IP address that a text without brackets is, as `bind` wants it, or `undefined`. */
export function ipAddressOf(text: string): string | undefined {
  return inetOf(text) ?? inet6Of(text);
}

/** What the system says to who binds an address of another family than the peer's. */
export function wrongFamily(local: string, remote: Address): string | undefined {
  const family = "path" in remote ? undefined : ipFamily(remote.hostname);
  if (family === 0 || family === ipFamily(local)) return undefined;
  return family === 4 ? "address family not supported by protocol" : "invalid argument";
}

// The bytes of a path are UTF-8 almost everywhere, and texts to a runtime.
function pathOf(byteString: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytesOf(byteString));
  } catch {
    // Bytes that are no UTF-8, or a text that holds more than bytes: it stays as it is.
    return byteString;
  }
}

function parseInet(host: string, port: number): ParsedHost {
  const colon = host.indexOf(":");
  if (/[/?]/.test(host)) return bad("invalid host");
  const name = colon < 0 ? host : host.slice(0, colon);
  const given = colon < 0 ? port : portOf(host.slice(colon + 1));
  if (given === undefined) return bad("invalid port");
  if (name === "") return bad("no host");
  const hostname = inetOf(name);
  if (hostname !== undefined) return { kind: "address", address: { hostname, port: given } };
  // The resolver is asked for the text as it stands, port and all.
  return { kind: "name", name: host, port: given };
}

function parseInet6(host: string, port: number): ParsedHost {
  const end = host.indexOf("]");
  if (end < 0) return bad("invalid host");
  const rest = host.slice(end + 1);
  if (/[/]/.test(rest) || (rest !== "" && !rest.startsWith(":"))) return bad("invalid host");
  const given = rest === "" ? port : portOf(rest.slice(1));
  if (given === undefined) return bad("invalid port");
  if (end === 1) return bad("no host");
  const hostname = inet6Of(host.slice(1, end));
  if (hostname === undefined) return bad("invalid IPv6 address");
  return { kind: "address", address: { hostname, port: given } };
}

function bad(why: string): ParsedHost {
  return { kind: "bad", why };
}

function portOf(text: string): number | undefined {
  if (!/^\d{1,9}$/.test(text)) return undefined;
  const port = Number(text);
  return port >= 1 && port <= 65535 ? port : undefined;
}

// Leading zeros are decimal here, and octal to the system; a number may be missing.
function inetOf(text: string): string | undefined {
  if (!/^\d*\.\d*\.\d*\.\d*$/.test(text)) return undefined;
  const numbers = text.split(".").map(Number);
  if (numbers.some((it) => it > 255)) return undefined;
  // All ones stand for "no address" in C.
  return numbers.every((it) => it === 255) ? undefined : numbers.join(".");
}

// Eight words, of which one run of zeros may be left out. A colon at the very
// beginning does not count, and behind one at the end stands a zero.
function inet6Of(text: string): string | undefined {
  const parts = (text.startsWith(":") ? text.slice(1) : text).split(":");
  const last = parts.pop()!;
  const words: number[] = [];
  let zerosAt: number | undefined;
  for (const part of parts) {
    if (part !== "") {
      words.push(wordOf(part));
    } else {
      if (zerosAt !== undefined) return undefined;
      zerosAt = words.length;
    }
  }
  if (last === "" && zerosAt === undefined) return undefined;
  words.push(...(parts.length > 0 && last.includes(".") ? inetWordsOf(last) : [wordOf(last)]));
  if (words.some(Number.isNaN)) return undefined;
  if (zerosAt === undefined ? words.length !== 8 : words.length >= 8) return undefined;
  words.splice(zerosAt ?? 8, 0, ...new Array<number>(8 - words.length).fill(0));
  return words.map((it) => it.toString(16)).join(":");
}

function wordOf(part: string): number {
  return /^[\da-f]{0,4}$/i.test(part) ? Number(`0x0${part}`) : NaN;
}

function inetWordsOf(part: string): number[] {
  const address = /^\d{1,4}\./.test(part) ? inetOf(part) : undefined;
  if (address === undefined) return [NaN];
  const [a, b, c, d] = address.split(".").map(Number) as [number, number, number, number];
  return [a * 256 + b, c * 256 + d];
}
