// `setoption` and `getoption` of stream sockets. No runtime has all of them: what
// cannot be set answers as if the system refused.

import { badArgument, cText, isTable } from "../lua.ts";
import { type Args, checkBoolean, checkName, toNumber, wrongType } from "./arguments.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Linger } from "./settings.ts";

/**
 * What a call gives where the system refuses an option.
 *
 * @example
 * ```ts
 * import { type OptionFailure, socket } from "@cosocket/cosocket/luasocket";
 *
 * const client = socket.tcp4();
 * const got: [1] | OptionFailure = client.setoption("tcp-keepidle", 10); // which no runtime has
 * console.log(got); // [ null, "setsockopt failed" ]
 * await client.close();
 * ```
 */
export type OptionFailure = [null, "setsockopt failed"] | [null, "getsockopt failed"];

type Setter = (endpoint: Endpoint | undefined, args: Args) => boolean;
type Getter = (endpoint: Endpoint) => unknown;

const METHOD = "setoption";

/** Sets an option: `setoption(name, value?)`. */
export function setOption(
  setters: Readonly<Record<string, Setter>>,
  endpoint: Endpoint | undefined,
  args: Args,
): [1] | OptionFailure {
  const name = checkName(args, 0, METHOD);
  const set = Object.hasOwn(setters, name) ? setters[name]! : unsupported(name, METHOD);
  return set(endpoint, args) ? [1] : [null, "setsockopt failed"];
}

/** How an option stands: `getoption(name)`. */
export function getOption(endpoint: Endpoint | undefined, args: Args): [unknown] | OptionFailure {
  const name = checkName(args, 0, "getoption");
  const get = Object.hasOwn(GETTERS, name) ? GETTERS[name]! : unsupported(name, "getoption");
  const value = endpoint && get(endpoint);
  return value === undefined ? [null, "getsockopt failed"] : [value];
}

/** Those of TCP sockets. */
export const TCP_SETTERS: Readonly<Record<string, Setter>> = {
  "keepalive": (endpoint, args) => {
    const on = checkBoolean(args, 1, METHOD);
    endpoint?.set("keepAlive", on);
    return endpoint !== undefined;
  },
  "tcp-nodelay": (endpoint, args) => {
    const on = checkBoolean(args, 1, METHOD);
    endpoint?.set("noDelay", on);
    return endpoint !== undefined;
  },
  "reuseaddr": remembered("reuseAddress"),
  "reuseport": remembered("reusePort"),
  "linger": (endpoint, args) => {
    const { on, timeout } = lingerOf(args);
    if (endpoint === undefined) return false;
    // Linux keeps the time where it is turned off.
    const { linger } = endpoint.settings;
    endpoint.settings.linger = { on, timeout: on ? timeout : linger.timeout };
    return true;
  },
  "ipv6-v6only": (endpoint, args) => {
    const on = checkBoolean(args, 1, METHOD);
    if (endpoint?.family !== "inet6" || !endpoint.isFresh) return false;
    endpoint.settings.ipv6Only = on;
    return true;
  },
  "tcp-keepidle": refused,
  "tcp-keepcnt": refused,
  "tcp-keepintvl": refused,
  "tcp-defer-accept": refused,
  "tcp-fastopen": refused,
  "tcp-fastopen-connect": refused,
  "recv-buffer-size": refused,
  "send-buffer-size": refused,
};

/** Those of unix sockets. */
export const UNIX_SETTERS: Readonly<Record<string, Setter>> = {
  "keepalive": remembered("keepAlive"),
  "reuseaddr": TCP_SETTERS["reuseaddr"]!,
  "linger": TCP_SETTERS["linger"]!,
};

const GETTERS: Readonly<Record<string, Getter>> = {
  "keepalive": ({ settings }) => settings.keepAlive,
  "tcp-nodelay": ({ settings }) => settings.noDelay,
  "reuseaddr": ({ settings }) => settings.reuseAddress,
  "reuseport": ({ settings }) => settings.reusePort,
  "linger": ({ settings: { linger } }) => ({ ...linger }),
  "error": (endpoint) => endpoint.takeError() ?? null,
  "tcp-keepidle": unknown,
  "tcp-keepcnt": unknown,
  "tcp-keepintvl": unknown,
  "recv-buffer-size": unknown,
  "send-buffer-size": unknown,
};

/** The complaint about an option that there is not; the original cuts its name. */
export function unsupported(name: string, method: string): never {
  const shown = cText(name).slice(0, 35);
  throw badArgument(1, method, `unsupported option \`${shown}'`);
}

function remembered(name: "keepAlive" | "reuseAddress" | "reusePort"): Setter {
  return (endpoint, args) => {
    const on = checkBoolean(args, 1, METHOD);
    if (endpoint) endpoint.settings[name] = on;
    return endpoint !== undefined;
  };
}

function lingerOf(args: Args): Linger {
  const table = args[1];
  if (!isTable(table)) throw wrongType(args, 1, METHOD, "table");
  const { on, timeout } = table as Record<string, unknown>;
  if (typeof on !== "boolean") throw badArgument(2, METHOD, "boolean 'on' field expected");
  const seconds = toNumber(timeout);
  if (seconds === undefined) throw badArgument(2, METHOD, "number 'timeout' field expected");
  return { on, timeout: Math.trunc(seconds) };
}

function refused(): boolean {
  return false;
}

function unknown(): undefined {
  return undefined;
}
