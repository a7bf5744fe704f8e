// A name in, its addresses out: both families are asked for at once, and who has one
// does not wait long for the other.

import type { Network, Reply } from "./exchange.ts";
import { DnsError, givenUp, notFound } from "./failure.ts";
import { askInTurn, type Wanted } from "./in_turn.ts";
import type { Inquiry } from "./inquiry.ts";
import { type AddressType, nameOf, NO_SUCH_NAME } from "./message.ts";

/** What was found. */
export interface Found {
  /** IP addresses: those of IPv6 first, the rest in the server's order. */
  readonly addresses: readonly string[];
  /** How long that holds. */
  readonly ttlMs: number;
}

// What answers late is not waited for, once there is something: RFC 8305, 3. It
// says 50 ms, which is less than many a server needs for what it has to ask itself.
const OTHER_FAMILY_MS = 500;

// Aliases that one server after another left unfollowed.
const MOST_ALIASES = 8;

/**
 * Finds the addresses of a name at servers.
 *
 * @throws {SocketError} `not found`, with a `DnsError` as its cause; `timeout` if
 *   nobody answered; `refused`, `denied` ... if nobody could be asked.
 */
export async function resolveName(
  hostname: string,
  inquiry: Inquiry,
  network: Network,
  signal: AbortSignal,
): Promise<Found> {
  const name = nameOf(hostname);
  if (name === undefined) throw notFound(hostname, new DnsError(NO_SUCH_NAME));
  const types: AddressType[] = inquiry.family === undefined
    ? ["AAAA", "A"]
    : [inquiry.family === 4 ? "A" : "AAAA"];
  return await within(signal, (signal) => {
    const asked = types.map((type) => follow({ hostname, name, type }, inquiry, network, signal));
    return gathered(hostname, asked, network);
  });
}

/** An answer that ends the asking. */
type Final = Extract<Reply, { kind: "addresses" | "nothing" }>;

/** All that was found; once there is something, the rest has only so much time. */
function gathered(
  hostname: string,
  asked: readonly Promise<Final>[],
  { clock }: Network,
): Promise<Found> {
  return new Promise((resolve, reject) => {
    const answers: (Final | undefined)[] = asked.map(() => undefined);
    const failures: unknown[] = [];
    let left = asked.length;
    let cancel = () => {};
    const settle = () => {
      cancel();
      const final = answers.filter((it) => it !== undefined);
      const found = final.filter((it) => it.kind === "addresses");
      const ttlMs = Math.min(...(found.length > 0 ? found : final).map((it) => it.ttlMs));
      if (found.length > 0) resolve({ addresses: found.flatMap((it) => it.addresses), ttlMs });
      // Where one question was not answered, nobody knows that there is no address.
      else if (failures.length > 0) reject(failures[0]);
      else reject(notFound(hostname, new DnsError(leastRcode(final), ttlMs)));
    };
    const ended = () => {
      if (--left === 0) return settle();
      if (answers.some((it) => it?.kind === "addresses")) {
        cancel = clock.after(OTHER_FAMILY_MS, settle, true);
      }
    };
    asked.forEach((it, at) =>
      it.then((answer) => {
        answers[at] = answer;
        ended();
      }, (error) => {
        failures.push(error);
        ended();
      })
    );
  });
}

/** That a name has no address of one family does not mean that it does not exist. */
function leastRcode(answers: readonly Final[]): number {
  return Math.min(...answers.map((it) => it.kind === "nothing" ? it.rcode : 0));
}

/** Asks for a name, and for what it is an alias of where a server leaves that to us. */
async function follow(
  wanted: Wanted,
  inquiry: Inquiry,
  network: Network,
  signal: AbortSignal,
): Promise<Final> {
  let leastMs = Infinity;
  let { name } = wanted;
  for (let aliases = 0; aliases <= MOST_ALIASES; aliases++) {
    const answer = await within(
      signal,
      (signal) => askInTurn({ ...wanted, name }, inquiry, network, signal),
    );
    leastMs = Math.min(leastMs, answer.ttlMs);
    if (answer.kind !== "alias") return { ...answer, ttlMs: leastMs };
    name = answer.name;
  }
  return { kind: "nothing", rcode: 0, ttlMs: 0 };
}

/** Does something whose unfinished parts are given up when it has ended. */
async function within<T>(
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (signal.aborted) throw givenUp(signal);
  const controller = new AbortController();
  const stop = () => controller.abort(signal.reason);
  signal.addEventListener("abort", stop);
  try {
    return await work(controller.signal);
  } finally {
    signal.removeEventListener("abort", stop);
    controller.abort();
  }
}
