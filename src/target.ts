// Where to connect or listen, as people write it.

import { quote } from "./bytes.ts";
import { checkPort, checkText, wrongType } from "./check.ts";
import type { Address } from "./transport.ts";

/**
 * Where to connect to or listen at: `"db:5432"`, `"[::1]:80"`,
 * `"unix:/run/x.sock"`, or the same as an object. A path that begins with NUL is
 * an abstract one (Linux).
 *
 * @example
 * ```ts
 * import { connect, listen, type Target } from "@cosocket/cosocket";
 *
 * const places: Target[] = ["127.0.0.1:0", { hostname: "127.0.0.1", port: 0 }];
 * for (const place of places) {
 *   await using server = await listen(place);
 *   await using sock = await connect(server.address); // an address is a target, too
 *   console.log(sock.remoteAddress); // { hostname: "127.0.0.1", port: ... }
 * }
 * ```
 */
export type Target =
  | { readonly hostname: string; readonly port: number }
  | { readonly path: string }
  | string;

/** The address a target means. */
export function parseTarget(target: Target): Address {
  if (typeof target === "string") return parseText(target);
  if (typeof target !== "object" || target === null) {
    throw wrongType("target", "a string or an object", target);
  }
  if ("path" in target) return { path: checkPath("target.path", target.path) };
  return {
    hostname: canonicalHost(checkText("target.hostname", target.hostname)),
    port: checkPort("target.port", target.port),
  };
}

const HOST_AND_PORT = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/;

function parseText(target: string): Address {
  if (target.startsWith("unix:")) return { path: checkPath("target", target.slice(5)) };
  const match = HOST_AND_PORT.exec(target);
  if (match === null) {
    throw new TypeError(
      `target must be like "host:port", "[::1]:port" or "unix:/path", not ${quote(target)}`,
    );
  }
  return {
    hostname: canonicalHost(match[1] ?? match[2]!),
    port: checkPort("the port of target", Number(match[3])),
  };
}

// Behind a NUL that is not the first character Bun would see nothing of a path,
// and connect to another.
function checkPath(name: string, value: unknown): string {
  const path = checkText(name, value);
  if (path.indexOf("\0", 1) < 0) return path;
  throw new TypeError(`${name} must hold no NUL but at its beginning, not ${quote(path)}`);
}

// One form for look-up, permission and pool key: names know no case, and an
// embedded NUL would end them early in the system's eyes.
function canonicalHost(hostname: string): string {
  const bare = hostname.startsWith("[") && hostname.endsWith("]")
    ? hostname.slice(1, -1)
    : hostname;
  // deno-lint-ignore no-control-regex -- control characters are what is refused
  if (bare === "" || /[\x00-\x20\x7f/@\\[\]]/.test(bare)) {
    throw new TypeError(`hostname must be a name or an IP address, not ${quote(hostname)}`);
  }
  // Behind a "%" stands a network interface, and interfaces know their case.
  return bare.replace(/^[^%]*/, (it) => it.toLowerCase());
}
