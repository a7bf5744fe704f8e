// `setoption` and `getoption` of datagram sockets. No runtime has all of them: what
// cannot be set answers as if the system refused.

import { badArgument, isTable, toInteger, typeName } from "../lua.ts";
import { type Args, checkBoolean, checkName, isNil, toNumber, wrongType } from "./arguments.ts";
import type { DatagramEndpoint } from "./datagram_endpoint.ts";
import { type OptionFailure, unsupported } from "./options.ts";
import { isLiteral } from "./resolve.ts";

type Endpoint = DatagramEndpoint;
type Setter = (endpoint: Endpoint | undefined, args: Args) => boolean;

const METHOD = "setoption";

/** Sets an option: `setoption(name, value?)`. */
export function setDatagramOption(
  endpoint: Endpoint | undefined,
  args: Args,
): [1] | OptionFailure {
  const name = checkName(args, 0, METHOD);
  const set = Object.hasOwn(SETTERS, name) ? SETTERS[name]! : unsupported(name, METHOD);
  return set(endpoint, args) ? [1] : [null, "setsockopt failed"];
}

/** How an option stands: `getoption(name)`. */
export function getDatagramOption(
  endpoint: Endpoint | undefined,
  args: Args,
): [unknown] | OptionFailure {
  const name = checkName(args, 0, "getoption");
  const get = Object.hasOwn(GETTERS, name) ? GETTERS[name]! : unsupported(name, "getoption");
  const value = endpoint && get(endpoint);
  return value === undefined ? [null, "getsockopt failed"] : [value];
}

const SETTERS: Readonly<Record<string, Setter>> = {
  "dontroute": (_endpoint, args) => {
    checkBoolean(args, 1, METHOD);
    return false;
  },
  "broadcast": flag("broadcast"),
  "reuseaddr": beforehand("reuseAddress"),
  "reuseport": beforehand("reusePort"),
  "ipv6-v6only": beforehand("ipv6Only"),
  "ip-multicast-if": (endpoint, args) => {
    const ip = checkName(args, 1, METHOD);
    if (ip !== "*" && !isIpv4(ip)) throw badArgument(2, METHOD, "ip expected");
    return endpoint?.set("multicastInterface", ip === "*" ? "0.0.0.0" : ip) ?? false;
  },
  "ip-multicast-ttl": number("multicastTtl", "inet"),
  "ip-multicast-loop": flag("multicastLoopback"),
  "ip-add-membership": membership("join"),
  "ip-drop-membership": membership("leave"),
  "ipv6-unicast-hops": number("ttl", "inet6"),
  // The original sets the same one by it.
  "ipv6-multicast-hops": number("ttl", "inet6"),
  "ipv6-multicast-loop": flag("multicastLoopback"),
  "ipv6-add-membership": membership6("join"),
  "ipv6-drop-membership": membership6("leave"),
  "recv-buffer-size": size("receiveBufferBytes"),
  "send-buffer-size": size("sendBufferBytes"),
};

const GETTERS: Readonly<Record<string, (endpoint: Endpoint) => unknown>> = {
  "dontroute": () => false,
  "broadcast": (endpoint) => endpoint.get("broadcast") ?? false,
  "reuseaddr": ({ reuseAddress }) => reuseAddress,
  "reuseport": ({ reusePort }) => reusePort,
  "ip-multicast-if": (endpoint) => endpoint.get("multicastInterface") ?? "0.0.0.0",
  "ip-multicast-loop": (endpoint) => endpoint.get("multicastLoopback") ?? true,
  "error": (endpoint) => endpoint.takeError() ?? null,
  "ipv6-v6only": ({ family, ipv6Only }) => family === "inet6" ? ipv6Only : undefined,
  "ipv6-unicast-hops": hops,
  "ipv6-multicast-hops": hops,
  "ipv6-multicast-loop": (endpoint) =>
    endpoint.family === "inet6" ? endpoint.get("multicastLoopback") ?? true : undefined,
  "recv-buffer-size": (endpoint) => doubled(endpoint.get("receiveBufferBytes")),
  "send-buffer-size": (endpoint) => doubled(endpoint.get("sendBufferBytes")),
};

function flag(name: "broadcast" | "multicastLoopback"): Setter {
  return (endpoint, args) => {
    const on = checkBoolean(args, 1, METHOD);
    return endpoint?.set(name, on) ?? false;
  };
}

function beforehand(name: "reuseAddress" | "reusePort" | "ipv6Only"): Setter {
  return (endpoint, args) => {
    const on = checkBoolean(args, 1, METHOD);
    if (endpoint === undefined || endpoint.isOpen) return false;
    endpoint[name] = on;
    return true;
  };
}

function number(name: "ttl" | "multicastTtl", family: "inet" | "inet6"): Setter {
  return (endpoint, args) => {
    const value = integerOf(args[1]);
    const least = name === "ttl" ? 1 : 0;
    if (endpoint?.family !== family || value < least || value > 255) return false;
    return endpoint.set(name, value);
  };
}

function size(name: "receiveBufferBytes" | "sendBufferBytes"): Setter {
  return (endpoint, args) => {
    const value = integerOf(args[1]);
    return value > 0 && (endpoint?.set(name, value) ?? false);
  };
}

/** What is no number is 0 here, as in the original. */
function integerOf(value: unknown): number {
  return toInteger(toNumber(value)) ?? 0;
}

function membership(act: "join" | "leave"): Setter {
  return (endpoint, args) => {
    const table = tableOf(args);
    const group = address(table, "multiaddr", isIpv4);
    const at = address(table, "interface", (ip) => ip === "*" || isIpv4(ip));
    return endpoint?.member(act, group, at === "*" ? undefined : at) ?? false;
  };
}

function membership6(act: "join" | "leave"): Setter {
  return (endpoint, args) => {
    const table = tableOf(args);
    const group = address(table, "multiaddr", (ip) => ip.includes(":") && isLiteral(ip));
    const index = table["interface"];
    if (!isNil(index) && toNumber(index) === undefined) {
      // The position is the original's slip.
      throw badArgument(-2, METHOD, "number 'interface' field expected");
    }
    return endpoint?.member(act, group, undefined) ?? false;
  };
}

function tableOf(args: Args): Record<string, unknown> {
  const table = args[1];
  if (!isTable(table)) throw wrongType(args, 1, METHOD, "table");
  return table as Record<string, unknown>;
}

function address(
  table: Record<string, unknown>,
  field: "multiaddr" | "interface",
  isGood: (ip: string) => boolean,
): string {
  const value = table[field];
  if (typeName(value) !== "string" && typeof value !== "number") {
    throw badArgument(2, METHOD, `string '${field}' field expected`);
  }
  const ip = String(value);
  if (!isGood(ip)) throw badArgument(2, METHOD, `invalid '${field}' ip address`);
  return ip;
}

function isIpv4(ip: string): boolean {
  return !ip.includes(":") && /^\d+\.\d+\.\d+\.\d+$/.test(ip) && isLiteral(ip, 4);
}

function hops(endpoint: Endpoint): unknown {
  return endpoint.family === "inet6" ? endpoint.get("ttl") ?? 64 : undefined;
}

/** Linux takes twice of what it is told, and says so. */
function doubled(value: unknown): number | undefined {
  return typeof value === "number" ? 2 * value : undefined;
}
