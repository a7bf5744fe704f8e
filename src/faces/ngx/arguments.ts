// The arguments of the object's methods: what the original takes, refuses and
// makes of them, in its words.

import {
  badArgument,
  isTable,
  LuaError,
  textOf,
  toInt,
  toInteger,
  toNumber,
  typeName,
} from "../lua.ts";
import type { Settings } from "./directives.ts";
import type { HandshakeCall, Own } from "./handshake.ts";
import type { PoolShape } from "./pools.ts";
import { Certificate, PrivateKey, SslSession } from "./ssl.ts";

/** Which pool a `connect` asks for, and how it is to be if it has to be made. */
export interface PoolChoice extends PoolShape {
  readonly name: string | undefined;
}

const MOST_TIMEOUT_MS = 2 ** 31;

/** Refuses a wrong number of arguments; `why` gets the number with the object counted. */
export function checkCount(
  args: readonly unknown[],
  least: number,
  most: number,
  why: (seen: number) => string,
): void {
  if (args.length < least || args.length > most) throw new LuaError(why(args.length + 1));
}

/** Reads the options table of `connect`. */
export function poolChoiceOf(options: object, count: number, settings: Settings): PoolChoice {
  const { pool = null, pool_size = null, backlog = null } = options as Record<string, unknown>;
  const bad = (why: string) => badArgument(count, "connect", `bad ${why}`);
  const size = toInteger(pool_size);
  if (size !== undefined && size <= 0) throw bad(`"pool_size" option value: ${toInt(size)}`);
  if (size === undefined && pool_size !== null) {
    throw bad(`"pool_size" option type: ${typeName(pool_size)}`);
  }
  const waiting = toInteger(backlog);
  if (waiting !== undefined && waiting < 0) throw bad(`"backlog" option value: ${toInt(waiting)}`);
  if (pool !== null && typeof pool !== "string" && typeof pool !== "number") {
    throw bad(`"pool" option type: ${typeName(pool)}`);
  }
  return {
    name: pool === null ? undefined : textOf(pool),
    size: size ?? (waiting === undefined ? 0 : settings.poolSize),
    backlog: waiting ?? -1,
  };
}

/** Whether the options table of `receiveuntil` asks for the pattern, too. */
export function isInclusive(options: unknown): boolean {
  if (!isTable(options)) {
    throw badArgument(2, "receiveuntil", `table expected, got ${typeName(options)}`);
  }
  const inclusive = (options as Record<string, unknown>)["inclusive"] ?? false;
  if (typeof inclusive === "boolean") return inclusive;
  throw new LuaError(`bad "inclusive" option value type: ${typeName(inclusive)}`);
}

/** A timeout in milliseconds; 0 for what is no number. */
export function timeoutOf(value: unknown): number {
  const ms = toInteger(value) ?? 0;
  if (ms < 0 || ms >= MOST_TIMEOUT_MS) throw new LuaError("bad timeout value");
  return ms;
}

const MOST_DATAGRAM_BYTES = 65536;

/** How much of a datagram is wanted: nothing said, or less than nothing, is all of it. */
export function datagramSizeOf(value: unknown): number {
  if (isNil(value)) return MOST_DATAGRAM_BYTES;
  const number = toNumber(value);
  if (number === undefined) {
    throw badArgument(1, "receive", `number expected, got ${typeName(value)}`);
  }
  // As C makes a size of it, which wraps.
  if (number >= 2 ** 64) return 0;
  return number > -1 ? Math.min(Math.trunc(number), MOST_DATAGRAM_BYTES) : MOST_DATAGRAM_BYTES;
}

/** Reads the arguments of `sslhandshake`. */
export function handshakeCallOf(args: readonly unknown[], own: Own | undefined): HandshakeCall {
  checkCount(
    args,
    0,
    4,
    (seen) =>
      "ngx.socket sslhandshake: expecting 1 ~ 5 arguments (including the object), " +
      `but seen ${seen}`,
  );
  const [session, name, verify] = args;
  return {
    session: session instanceof SslSession ? session : undefined,
    wantsSession: session !== false,
    name: serverNameOf(name),
    verify: isNil(verify) ? undefined : verify !== false,
    own,
  };
}

function serverNameOf(name: unknown): string | undefined {
  if (isFalse(name)) return undefined;
  if (typeof name === "string") return name;
  const kind = typeof name === "boolean" ? "bool" : typeName(name);
  throw new LuaError(`cannot convert '${kind}' to 'const unsigned char *'`);
}

/** What `setclientcert` sets, or why it does not. */
export function ownOf(certificate: unknown, key: unknown): Own | undefined | string {
  if (isFalse(certificate) && isFalse(key)) return undefined;
  if (isFalse(certificate) || isFalse(key)) {
    return "client certificate must be supplied with corresponding private key";
  }
  if (!(certificate instanceof Certificate)) {
    return `bad cert arg: cdata expected, got ${typeName(certificate)}`;
  }
  if (!(key instanceof PrivateKey)) return `bad pkey arg: cdata expected, got ${typeName(key)}`;
  return { certificate, key };
}

/** Whether an argument is what Lua takes for false. */
function isFalse(value: unknown): boolean {
  return isNil(value) || value === false;
}

/** Whether an argument is nil, or not there. */
export function isNil(value: unknown): boolean {
  return value === null || value === undefined;
}
