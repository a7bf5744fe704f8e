// How nginx reads the host argument of `connect`.

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
    return { kind: "address", address: { path } };
  }
  return host.startsWith("[") ? parseInet6(host, port) : parseInet(host, port);
}

/** Whether a host text names a unix socket. */
export function isUnix(host: string): boolean {
  return /^unix:/i.test(host);
}

/** Whether a text is an IP address without brackets, as `bind` wants it. */
export function isIpAddress(text: string): boolean {
  return isInet(text) || isInet6(text);
}

function parseInet(host: string, port: number): ParsedHost {
  const colon = host.indexOf(":");
  if (/[/?]/.test(host)) return bad("invalid host");
  const name = colon < 0 ? host : host.slice(0, colon);
  const given = colon < 0 ? port : portOf(host.slice(colon + 1));
  if (given === undefined) return bad("invalid port");
  if (name === "") return bad("no host");
  if (isInet(name)) return { kind: "address", address: { hostname: name, port: given } };
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
  const hostname = host.slice(1, end);
  if (hostname === "") return bad("no host");
  if (!isInet6(hostname)) return bad("invalid IPv6 address");
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

function isInet(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((it) => /^\d+$/.test(it) && Number(it) <= 255);
}

function isInet6(text: string): boolean {
  if (!/^[\da-f:.]+$/i.test(text)) return false;
  const halves = text.split("::");
  if (halves.length > 2) return false;
  let groups = 0;
  for (const [at, half] of halves.entries()) {
    const parts = half === "" ? [] : half.split(":");
    for (const [index, part] of parts.entries()) {
      const last = at === halves.length - 1 && index === parts.length - 1;
      if (last && part.includes(".") && isInet(part)) groups += 2;
      else if (/^[\da-f]{1,4}$/i.test(part)) groups++;
      else return false;
    }
  }
  return halves.length === 2 ? groups < 8 : groups === 8;
}
