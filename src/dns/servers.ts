// The servers to ask, as people write them.

import { quote } from "../bytes.ts";
import { checkPort, wrongType } from "../check.ts";
import { ipFamily } from "../ip.ts";
import type { IpAddress } from "../transport.ts";

const DNS_PORT = 53;
const IP_AND_PORT = /^(?:\[([^\]]+)\]|([\d.]+))(?::(\d{1,5}))?$/;

/** The addresses that servers mean: `"127.0.0.1:53"`, `"[::1]:53"`; port 53 may be left out. */
export function parseServers(servers: readonly string[]): IpAddress[] {
  if (!Array.isArray(servers)) throw wrongType("servers", "an array of strings", servers);
  if (servers.length === 0) throw new RangeError("servers must not be empty");
  return servers.map(parseServer);
}

function parseServer(server: unknown): IpAddress {
  if (typeof server !== "string") throw wrongType("servers", "an array of strings", server);
  const match = IP_AND_PORT.exec(server);
  // Without its brackets "::1:53" would be an address, and not the one that was meant.
  const hostname = match === null ? undefined : canonicalIp(match[1] ?? match[2]!);
  if (hostname === undefined || (match![1] !== undefined && ipFamily(hostname) === 4)) {
    throw new TypeError(
      `servers must be like "127.0.0.1:53" or "[::1]:53", not ${quote(server)}`,
    );
  }
  const port = checkPort("the port of a server", Number(match![3] ?? DNS_PORT));
  if (port === 0) throw new RangeError("the port of a server must not be 0");
  return { hostname, port };
}

/** One form for each address; `undefined` for what is none. */
function canonicalIp(text: string): string | undefined {
  if (ipFamily(text) === 4) {
    const bytes = text.split(".").map(Number);
    return bytes.every((it) => it <= 255) ? bytes.join(".") : undefined;
  }
  // Behind a "%" stands a network interface.
  const [address, zone] = text.split(/%(.*)/s) as [string, string | undefined];
  const url = `http://[${address}]/`;
  if (ipFamily(text) === 0 || !/^[\da-f:.]+$/i.test(address) || !URL.canParse(url)) {
    return undefined;
  }
  const bare = new URL(url).hostname.slice(1, -1);
  return zone === undefined ? bare : `${bare}%${zone}`;
}
