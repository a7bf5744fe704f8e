// `socket.dns`: names and addresses, either way.

import { mapError } from "../../drivers/map_error.ts";
import { hostnameOf, machineName } from "../../drivers/name_service.ts";
import { ipFamily } from "../../ip.ts";
import { LuaError } from "../lua.ts";
import { checkName, isNil } from "./arguments.ts";
import { addressesOf, type Found, isLiteral } from "./resolve.ts";
import type { Failure } from "./results.ts";
import { portOf, serviceOf } from "./services.ts";
import { NO_NAME_SERVER, UNKNOWN_NAME, UNKNOWN_SERVICE, wordFor } from "./words.ts";

/**
 * What is known of a host. No runtime tells of aliases.
 *
 * @example
 * ```ts
 * import { socket } from "@cosocket/cosocket/luasocket";
 *
 * const [ip, entry] = await socket.dns.toip("localhost");
 * if (ip !== null) console.log(entry.name, entry.ip); // localhost [ "127.0.0.1" ]
 * ```
 */
export interface HostEntry {
  /** Its name. */
  readonly name: string;
  /** Its other names: none are known. */
  readonly alias: string[];
  /** Its IPv4 addresses. */
  readonly ip: string[];
}

/**
 * The functions of `socket.dns`.
 *
 * @example
 * ```ts
 * import { socket } from "@cosocket/cosocket/luasocket";
 *
 * const [found, err] = await socket.dns.getaddrinfo("127.0.0.1");
 * if (found === null) throw new Error(err);
 * for (const { addr, family } of found) console.log(family, addr); // inet 127.0.0.1
 * console.log(...socket.dns.gethostname()); // the name of this machine
 * ```
 */
export interface Dns {
  /** The IPv4 address of a host, and all that is known of it. */
  toip(...args: unknown[]): Promise<[string, HostEntry] | Failure>;
  /** The name of a host or an IPv4 address, and all that is known of it. */
  tohostname(...args: unknown[]): Promise<[string, HostEntry] | Failure>;
  /** All addresses of a host, in the resolver's order. */
  getaddrinfo(...args: unknown[]): Promise<[Found[]] | Failure>;
  /** The names of a host, and of a service: `getnameinfo(host?, service?)`. */
  getnameinfo(...args: unknown[]): Promise<[string[]] | [string[], string] | Failure>;
  /** The name of this machine. */
  gethostname(): [string] | Failure;
}

/** The functions of `socket.dns`. */
export const dns: Dns = {
  async toip(...args) {
    const host = checkName(args, 0, "toip");
    const ips = await ipsOf(host);
    if (typeof ips === "string") return [null, ips];
    return [ips[0]!, { name: host, alias: [], ip: ips }];
  },

  async tohostname(...args) {
    const host = checkName(args, 0, "tohostname");
    const ips = await ipsOf(host);
    if (typeof ips === "string") return [null, ips];
    const name = isIpv4(host) ? await hostnameOf(host) : host;
    if (name === undefined) return [null, "host not found"];
    return [name, { name, alias: [], ip: ips }];
  },

  async getaddrinfo(...args) {
    const host = checkName(args, 0, "getaddrinfo");
    const found = await addressesOf(host);
    return typeof found === "string" ? [null, found] : [[...found]];
  },

  async getnameinfo(...args) {
    const host = isNil(args[0]) ? undefined : checkName(args, 0, "getnameinfo");
    const service = isNil(args[1]) ? undefined : checkName(args, 1, "getnameinfo");
    if (host === undefined && service === undefined) {
      throw new LuaError("host and serv cannot be both nil");
    }
    const port = portOf(service ?? "0");
    if (port === undefined) return [null, UNKNOWN_SERVICE];
    const found = host === undefined ? [] : await addressesOf(host);
    if (typeof found === "string") return [null, found];
    const names = await Promise.all(
      found.map(async ({ addr }) => await hostnameOf(addr) ?? addr),
    );
    return service === undefined ? [names] : [names, serviceOf(port)];
  },

  gethostname() {
    try {
      return [machineName() ?? "localhost"];
    } catch (error) {
      return [null, wordFor(mapError(error, "lookup", "Cannot tell the machine's name"))];
    }
  },
};

async function ipsOf(host: string): Promise<string[] | string> {
  const found = await addressesOf(host, "inet");
  if (typeof found !== "string") return found.map((it) => it.addr);
  if (found === NO_NAME_SERVER) return "Host name lookup failure";
  return found === UNKNOWN_NAME || ipFamily(host) === 6 ? "host not found" : found;
}

function isIpv4(host: string): boolean {
  return ipFamily(host) === 4 && isLiteral(host, 4);
}
