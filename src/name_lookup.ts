// Look-ups that are set up once and used for many names: at servers of the user's
// choice, and with a memory, if one is asked for.

import { checkMs, checkOptions, checkSignal, checkText, checkWhole } from "./check.ts";
import { checkOpenOptions, DEFAULT_TIMEOUT_MS, findAddresses, type LookupWay } from "./connect.ts";
import { type CacheLimits, LookupCache } from "./dns/cache.ts";
import { DEFAULT_TRIES, DEFAULT_TRY_MS } from "./dns/inquiry.ts";
import { parseServers } from "./dns/servers.ts";
import { type Clock, systemClock } from "./drivers/clock.ts";

/**
 * How long what was found is kept, and how much of it.
 *
 * @example
 * ```ts
 * import { createLookup } from "@cosocket/cosocket";
 *
 * // The system does not say how long its answers hold: we do.
 * const lookup = createLookup({ cache: { maxEntries: 100, validMs: 30_000 } });
 * await lookup("localhost");
 * console.log(await lookup("localhost")); // the same, and nobody was asked
 * ```
 */
export interface CacheOptions {
  /** Names that are kept; the one asked for least recently goes. Default 1000. */
  maxEntries?: number;
  /** The least time that an answer is taken to hold, in milliseconds. Default 0. */
  minTtlMs?: number;
  /** The longest. Default 86,400,000: a day. */
  maxTtlMs?: number;
  /** How long every answer holds, whatever the servers say. */
  validMs?: number;
  /**
   * The longest that it is kept that a name has no address, if its zone says for how
   * long that holds. Default 0: that is not kept.
   */
  maxNegativeTtlMs?: number;
}

/**
 * How {@linkcode createLookup} is to look names up.
 *
 * @example
 * ```ts
 * import { createLookup } from "@cosocket/cosocket";
 *
 * const lookup = createLookup({
 *   servers: ["192.0.2.53", "[2001:db8::53]:5353"], // each is given a second, once
 *   tryMs: 1000,
 *   tries: 1,
 *   family: 4,
 * });
 * console.log(await lookup("127.0.0.1")); // [ "127.0.0.1" ]: of an address nobody is asked
 * ```
 */
export interface CreateLookupOptions {
  /** Name servers to ask instead of the system: `["127.0.0.1:53", "[::1]:53"]`. */
  servers?: readonly string[];
  /** Only addresses of this family. */
  family?: 4 | 6;
  /** Milliseconds for one look-up; 0 waits for ever. Default 60,000. */
  timeoutMs?: number;
  /** Milliseconds that one of `servers` is given before the next is asked. Default 5000. */
  tryMs?: number;
  /** How often each of `servers` is asked at most; may be `Infinity`. Default 2. */
  tries?: number;
  /**
   * Keeps what was found as long as it holds, and asks once where many ask at once.
   * The system does not tell for how long: of it `minTtlMs` or `validMs` say. Default:
   * nothing is kept.
   */
  cache?: CacheOptions;
}

/**
 * Finds the addresses of a name, best first: also what `connect` takes as `lookup`.
 *
 * @example
 * ```ts
 * import { type CreatedLookup, createLookup } from "@cosocket/cosocket";
 *
 * const lookup: CreatedLookup = createLookup({ timeoutMs: 2000 });
 * const { signal } = new AbortController();
 * const [best, ...others] = await lookup("localhost", { signal });
 * console.log(best, others);
 * ```
 */
export type CreatedLookup = (
  hostname: string,
  options?: { signal?: AbortSignal },
) => Promise<string[]>;

/**
 * Makes a look-up for the `lookup` option of `connect`, or to be called.
 *
 * @returns A function that gives at least one IP address, in an array of the caller's
 *   own, and fails as `lookup` does.
 *
 * @example
 * ```ts
 * import { connect, createLookup, listen } from "@cosocket/cosocket";
 *
 * const lookup = createLookup({ cache: { validMs: 30_000 } });
 *
 * await using server = await listen("localhost:0");
 * const { port } = server.address as { port: number };
 * await using first = await connect({ hostname: "localhost", port }, { lookup });
 * await using second = await connect({ hostname: "localhost", port }, { lookup });
 * console.log(await lookup("localhost")); // what is known by now
 * ```
 *
 * @example At servers of your own
 * ```ts ignore
 * const lookup = createLookup({
 *   servers: ["127.0.0.1:5353", "[::1]:53"],
 *   cache: { maxEntries: 100 },
 * });
 * await using sock = await connect("db.example:5432", { lookup });
 * ```
 */
export function createLookup(options: CreateLookupOptions = {}): CreatedLookup {
  checkOptions("options", options);
  const { servers, family, timeoutMs = DEFAULT_TIMEOUT_MS, cache } = options;
  checkOpenOptions({ timeoutMs, ...(family !== undefined && { family }) });
  const { tryMs = DEFAULT_TRY_MS, tries = DEFAULT_TRIES } = options;
  if (checkMs("tryMs", tryMs) === 0) throw new RangeError("tryMs must be more than 0");
  if (tries !== Infinity) checkWhole("tries", tries, 1);
  const inquiry = servers && { servers: parseServers(servers), tryMs, tries, failsOver: true };
  return lookupBy({ family, inquiry }, timeoutMs, cache && limitsOf(cache));
}

/** The same for other parts of the library, where all has been checked. */
export function lookupBy(
  way: LookupWay,
  timeoutMs: number,
  limits?: CacheLimits,
  clock: Clock = systemClock,
): CreatedLookup {
  const find = (hostname: string, signal: AbortSignal) =>
    findAddresses(hostname, way, { timeoutMs, signal });
  const cache = limits && new LookupCache(find, limits, clock);
  return async (hostname, { signal = new AbortController().signal } = {}) => {
    checkText("hostname", hostname);
    checkSignal(signal);
    if (cache) return await cache.lookup(hostname, signal);
    return [...(await find(hostname, signal)).addresses];
  };
}

function limitsOf(options: CacheOptions): CacheLimits {
  checkOptions("cache", options);
  const { minTtlMs = 0, maxTtlMs = 86_400_000, validMs, maxNegativeTtlMs = 0 } = options;
  const limits = {
    maxEntries: checkWhole("maxEntries", options.maxEntries ?? 1000, 1),
    minTtlMs: checkMs("minTtlMs", minTtlMs),
    maxTtlMs: checkMs("maxTtlMs", maxTtlMs),
    validMs: validMs === undefined ? undefined : checkMs("validMs", validMs),
    maxNegativeTtlMs: checkMs("maxNegativeTtlMs", maxNegativeTtlMs),
  };
  if (minTtlMs > maxTtlMs) throw new RangeError("minTtlMs must be at most maxTtlMs");
  return limits;
}
