// The servers are asked in turn: the next one when the last has failed, or has not
// answered in time, and the first one again after the last. Those that were asked
// before may still answer; one that failed is not asked again.

import { mapError } from "../drivers/map_error.ts";
import { SocketError } from "../errors.ts";
import { addressText, type IpAddress } from "../transport.ts";
import { ask, type Network, type Reply } from "./exchange.ts";
import { attempted, DnsError, givenUp, notFound } from "./failure.ts";
import type { Inquiry } from "./inquiry.ts";
import type { AddressType, Name } from "./message.ts";

/** What is asked for, and how the caller called it. */
export interface Wanted {
  readonly hostname: string;
  readonly name: Name;
  readonly type: AddressType;
}

/** The first answer of any server that is one. */
export function askInTurn(
  wanted: Wanted,
  { servers, tries, tryMs, failsOver }: Inquiry,
  network: Network,
  signal: AbortSignal,
): Promise<Exclude<Reply, { kind: "failure" }>> {
  const failed = new Map<IpAddress, Failure>();
  let turn = 0;
  let cancel = () => {};
  return new Promise((resolve, reject) => {
    const lose = () => {
      cancel();
      reject(lost(wanted, failed, failed.size < servers.length));
    };
    const next = () => {
      cancel();
      while (turn < servers.length * tries && failed.has(servers[turn % servers.length]!)) turn++;
      if (turn >= servers.length * tries) return lose();
      const own = ++turn;
      const server = servers[(own - 1) % servers.length]!;
      const fail = (failure: Failure) => {
        if (signal.aborted) return;
        failed.set(server, failure);
        const isAnswered = failure.rcode !== undefined && !failsOver;
        if (isAnswered || failed.size === servers.length) lose();
        else if (own === turn) next();
      };
      cancel = network.clock.after(tryMs, next, true);
      ask(network, server, wanted, signal).then((answer) => {
        if (answer.kind === "failure") return fail(answer);
        cancel();
        resolve(answer);
      }, (error) => fail({ error }));
    };
    signal.addEventListener("abort", () => {
      cancel();
      reject(givenUp(signal));
    });
    next();
  });
}

/** Why a server is of no use: what it said, or why it could not be asked. */
interface Failure {
  readonly rcode?: number;
  readonly error?: unknown;
}

/** What became of asking when no server had an answer: the most telling of all. */
function lost(
  { hostname }: Wanted,
  failed: ReadonlyMap<IpAddress, Failure>,
  someAreSilent: boolean,
): SocketError {
  for (const [server, { rcode }] of failed) {
    if (rcode !== undefined) return notFound(hostname, new DnsError(rcode), server);
  }
  const what = attempted(hostname);
  for (const [server, { error }] of failed) {
    const address = addressText(server);
    const { code, message } = mapError(error, "lookup", `Cannot ask ${address}`);
    // What nobody allowed does not come to be by waiting.
    if (code !== "denied" && someAreSilent) continue;
    return new SocketError(code, `${what}: ${message}`, { op: "lookup", address, cause: error });
  }
  return new SocketError("timeout", `${what}: no server answered`, { op: "lookup" });
}
