// Names, as the directives `resolver` and `resolver_timeout` have them looked up: at
// the servers that they name, with a memory for all of the worker. Who waits for a
// name has its own limit of time; the question goes on while anybody does.
//
// As in the original, what a server answers counts, also that it failed; but one that
// cannot be reached, or says that it could not read the question, is as good as
// silent: it is asked again.

import { findAddresses } from "../../connect.ts";
import { LookupCache } from "../../dns/cache.ts";
import { DnsError } from "../../dns/failure.ts";
import { pickOne } from "../../dns/random.ts";
import type { Found } from "../../dns/resolver.ts";
import { type Clock, systemClock } from "../../drivers/clock.ts";
import { SocketError } from "../../errors.ts";
import { ipFamily } from "../../ip.ts";
import type { IpAddress } from "../../transport.ts";
import type { Settings } from "./directives.ts";
import type { Resolver } from "./resolver.ts";

/** A name, and the port there. */
export interface NameAndPort {
  readonly name: string;
  readonly port: number;
}

const RESEND_MS = 5000;
const MOST_NAMES = 10_000;

const HOST_NOT_FOUND = 3;
const NOT_ALLOWED = 13;
const TIMED_OUT = 110;

// The words for what servers say, and for what the system does.
const WORDS: Readonly<Record<number, string>> = {
  2: "Server failure",
  [HOST_NOT_FOUND]: "Host not found",
  4: "Unimplemented",
  5: "Operation refused",
  [NOT_ALLOWED]: "Permission denied",
  [TIMED_OUT]: "Operation timed out",
};

/** The names of a worker. */
export class Names {
  readonly #clock: Clock;
  // By the text of the directive: who says the same shares what is known.
  readonly #caches = new Map<string, LookupCache>();

  /** Tests bring their own clock. */
  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** An address of a name, or why there is none. */
  async find(
    { name, port }: NameAndPort,
    { resolver, resolverTimeoutMs }: Settings,
    signal: AbortSignal,
  ): Promise<IpAddress | string> {
    const asked = resolver === null ? name : askedName(name);
    try {
      if (resolver === null) {
        if (!mayBeName(name)) return notFound(name);
        const limits = { timeoutMs: resolverTimeoutMs, signal };
        const { addresses } = await findAddresses(name, {}, limits);
        return { hostname: addresses[0]!, port };
      }
      if (!mayBeAsked(asked)) return notFound(asked);
      return { hostname: await this.#ask(asked, resolver, resolverTimeoutMs, signal), port };
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
      return unresolved(asked, numberOf(error));
    }
  }

  /** One of the addresses at random, for each who asks. */
  async #ask(
    name: string,
    resolver: Resolver,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<string> {
    const limit = new AbortController();
    const giveUp = () => limit.abort();
    const cancel = timeoutMs > 0 ? this.#clock.after(timeoutMs, giveUp, true) : () => {};
    signal.addEventListener("abort", giveUp);
    if (signal.aborted) giveUp();
    try {
      return pickOne(await this.#cacheOf(resolver).lookup(name, limit.signal));
    } finally {
      cancel();
      signal.removeEventListener("abort", giveUp);
    }
  }

  #cacheOf(resolver: Resolver): LookupCache {
    const { text, validMs } = resolver;
    let cache = this.#caches.get(text);
    if (cache === undefined) {
      const limits = { maxEntries: MOST_NAMES, minTtlMs: 0, maxTtlMs: Infinity };
      cache = new LookupCache(
        (name, signal) => askUntilAnswered(name, resolver, this.#clock, signal),
        { ...limits, validMs, maxNegativeTtlMs: 0 },
        this.#clock,
      );
      this.#caches.set(text, cache);
    }
    return cache;
  }
}

/** What the original answers to a name that nobody has. */
export function notFound(name: string): string {
  return unresolved(name, HOST_NOT_FOUND);
}

/** Whether a name looks like one to systems; else they need not be asked. */
export function mayBeName(name: string): boolean {
  return /^[\w.-]+$/.test(name);
}

/** In lower case, and without the dot at its end: so it is spoken of, too. */
function askedName(name: string): string {
  return name.replace(/\.$/, "").replace(/[A-Z]+/g, (it) => it.toLowerCase());
}

/** What looks like an address to us was none to the original, and is no name. */
function mayBeAsked(name: string): boolean {
  return name !== "" && !name.endsWith(".") && ipFamily(name) === 0;
}

async function askUntilAnswered(
  name: string,
  { servers, family }: Resolver,
  clock: Clock,
  signal: AbortSignal,
): Promise<Found> {
  for (;;) {
    try {
      const inquiry = { tryMs: RESEND_MS, tries: Infinity, failsOver: false };
      const way = { family, inquiry: { ...inquiry, servers: await addressesOf(servers, signal) } };
      return await findAddresses(name, way, { timeoutMs: 0, signal });
    } catch (error) {
      if (signal.aborted || numberOf(error) !== TIMED_OUT) throw error;
      await pause(RESEND_MS, clock, signal);
    }
  }
}

/** Servers that have names the system knows. */
async function addressesOf(
  servers: readonly IpAddress[],
  signal: AbortSignal,
): Promise<IpAddress[]> {
  const found = await Promise.all(servers.map(async ({ hostname, port }) => {
    try {
      const { addresses } = await findAddresses(hostname, {}, { timeoutMs: 0, signal });
      return addresses.map((it) => ({ hostname: it, port }));
    } catch (error) {
      if (error instanceof SocketError && error.code === "not found") return [];
      throw error;
    }
  }));
  if (found.some((it) => it.length > 0)) return found.flat();
  throw new SocketError("timeout", "Cannot ask a name server: none has an address");
}

function pause(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const goOn = () => {
      cancel();
      signal.removeEventListener("abort", goOn);
      resolve();
    };
    const cancel = clock.after(ms, goOn, true);
    signal.addEventListener("abort", goOn);
  });
}

/** The original's number for why there is no address. */
function numberOf(error: unknown): number {
  if (!(error instanceof SocketError)) throw error;
  if (error.code === "denied") return NOT_ALLOWED;
  if (error.code !== "not found") return TIMED_OUT;
  const rcode = error.cause instanceof DnsError ? error.cause.rcode : 0;
  if (rcode === 0) return HOST_NOT_FOUND;
  return rcode in WORDS && rcode < NOT_ALLOWED ? rcode : TIMED_OUT;
}

function unresolved(name: string, number: number): string {
  return `${name} could not be resolved (${number}: ${WORDS[number]})`;
}
