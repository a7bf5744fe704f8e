// Names and services become addresses, as `getaddrinfo` does it for the original.

import { lookup } from "../../connect.ts";
import { systemCodeOf } from "../../drivers/map_error.ts";
import { SocketError } from "../../errors.ts";
import { ipFamily } from "../../ip.ts";
import { portOf } from "./services.ts";
import { NO_NAME_SERVER, UNKNOWN_NAME, UNKNOWN_SERVICE, wordFor, WRONG_FAMILY } from "./words.ts";

/**
 * The two kinds of addresses.
 *
 * @example
 * ```ts
 * import { type IpFamily, socket } from "@cosocket/cosocket/luasocket";
 *
 * const wanted: IpFamily = "inet";
 * const [found] = await socket.dns.getaddrinfo("localhost");
 * console.log(found?.filter(({ family }) => family === wanted)); // without ::1
 * ```
 */
export type IpFamily = "inet" | "inet6";

/**
 * An address that was found.
 *
 * @example
 * ```ts
 * import { type Found, socket } from "@cosocket/cosocket/luasocket";
 *
 * const text = ({ addr, family }: Found) => family === "inet6" ? `[${addr}]` : addr;
 * const [found] = await socket.dns.getaddrinfo("::1");
 * console.log(found?.map(text)); // [ "[::1]" ]
 * ```
 */
export interface Found {
  /** The address, as text. */
  readonly addr: string;
  /** Of which kind it is. */
  readonly family: IpFamily;
}

/** Places to bind or to connect to. */
export interface Place extends Found {
  readonly port: number;
}

/**
 * The places that a host and a service stand for, or why there are none.
 *
 * @param family The only family wanted, if one is.
 * @param star What `"*"` stands for.
 */
export async function placesOf(
  host: string,
  service: string,
  family: IpFamily | undefined,
  star: "all of the machine" | "this machine",
): Promise<Place[] | string> {
  const port = portOf(service);
  if (port === undefined) return UNKNOWN_SERVICE;
  const found = host === "*" ? starOf(star, family) : await addressesOf(host, family);
  return typeof found === "string" ? found : found.map((it) => ({ ...it, port }));
}

/** The addresses of a name, in the resolver's order, or why there are none. */
export async function addressesOf(
  host: string,
  family?: IpFamily,
): Promise<readonly Found[] | string> {
  const literal = literalOf(host);
  if (literal !== undefined) {
    const found = foundOf(literal);
    return family === undefined || found.family === family ? [found] : WRONG_FAMILY;
  }
  // What no name can look like, nobody can have: the resolver need not be asked.
  if (!/^[\w.-]+$/.test(host) || /^[\d.]+$/.test(host)) return UNKNOWN_NAME;
  try {
    const found = (await lookup(host, { timeoutMs: 0 })).map((it) => foundOf(it.address));
    const fit = family === undefined ? found : found.filter((it) => it.family === family);
    return fit.length > 0 ? unique(fit) : UNKNOWN_NAME;
  } catch (error) {
    return resolverWord(error);
  }
}

/** The place that a literal and a number stand for, in the resolver's own words if none. */
export function literalPlaceOf(
  host: string,
  service: string,
  family: IpFamily | undefined,
): Place | string {
  const addr = literalOf(host);
  const port = /^[ \t-\r]*\+?\d*$/.test(service) ? portOf(service) : undefined;
  if (addr === undefined || port === undefined) return "Name or service not known";
  const found = foundOf(addr);
  return family === undefined || family === found.family ? { ...found, port } : WRONG_FAMILY;
}

/** A literal in its usual form; the C library knows shorter ones, as browsers do. */
function literalOf(host: string): string | undefined {
  if (host.includes(":")) return isLiteral(host, 6) ? host : undefined;
  if (!/^(?:0x[\da-f]*|\d+)(?:\.(?:0x[\da-f]*|\d+)){0,3}$/i.test(host)) return undefined;
  return URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : undefined;
}

/** A literal of an address; all else goes to the resolver, which knows more forms. */
export function isLiteral(host: string, family: 4 | 6 = ipFamily(host) as 4 | 6): boolean {
  if (family === 4) return host.split(".").every((it) => Number(it) < 256);
  return family === 6 && /^[\da-f:.]+(?:%[\w.-]+)?$/i.test(host) && isIpv6(host);
}

/** The word for what a look-up ran into. */
export function resolverWord(error: unknown): string {
  if (!(error instanceof SocketError) || error.code !== "not found") return wordFor(error);
  return systemCodeOf(error) === "EAI_AGAIN" || again(error) ? NO_NAME_SERVER : UNKNOWN_NAME;
}

function again({ cause }: SocketError): boolean {
  return (cause as { code?: unknown } | undefined)?.code === "EAI_AGAIN";
}

function foundOf(addr: string): Found {
  return { addr, family: addr.includes(":") ? "inet6" : "inet" };
}

function starOf(star: "all of the machine" | "this machine", family: IpFamily = "inet"): Found[] {
  const isInet = family === "inet";
  if (star === "this machine") return [foundOf(isInet ? "127.0.0.1" : "::1")];
  return [foundOf(isInet ? "0.0.0.0" : "::")];
}

function unique(found: readonly Found[]): Found[] {
  const seen = new Set<string>();
  return found.filter(({ addr }) => !seen.has(addr) && seen.add(addr));
}

function isIpv6(host: string): boolean {
  return URL.canParse(`http://[${host.replace(/%.*$/, "")}]`);
}
