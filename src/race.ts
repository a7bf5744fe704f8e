// Many addresses, one connection: RFC 8305, "Happy Eyeballs". A new attempt
// starts when the last one failed, or after 250 ms without an answer (the RFC's
// recommendation); the slow ones go on, for they may be the only ones that work.

import { type Clock, systemClock } from "./drivers/clock.ts";
import type { Attempt, Transport } from "./transport.ts";

const STAGGER_MS = 250;

/** Why one address could not be had. */
export interface Refusal {
  readonly address: string;
  readonly error: unknown;
}

/** All addresses failed. */
export class RaceLost extends Error {
  readonly refusals: readonly Refusal[];

  constructor(refusals: readonly Refusal[]) {
    super("No address could be connected to");
    this.refusals = refusals;
  }
}

/** Connects to the first address that answers; the others are abandoned. */
export function race(
  addresses: readonly string[],
  start: (address: string) => Attempt,
  clock: Clock = systemClock,
): Attempt {
  const running = new Set<Attempt>();
  const waiting = alternating(addresses);
  const refusals: Refusal[] = [];
  let cancel: (() => void) | undefined;
  let over = false;
  const stop = () => {
    over = true;
    cancel?.();
    for (const attempt of running) attempt.abandon();
  };
  const opened = new Promise<Transport>((resolve, reject) => {
    const next = () => {
      cancel?.();
      const address = waiting.shift();
      if (address === undefined) return reject(new RaceLost(refusals));
      if (waiting.length > 0) cancel = clock.after(STAGGER_MS, next, true);
      const attempt = start(address);
      running.add(attempt);
      attempt.opened.then(
        (transport) => {
          running.delete(attempt);
          if (over) return transport.close();
          stop();
          resolve(transport);
        },
        (error) => {
          running.delete(attempt);
          refusals.push({ address, error });
          if (waiting.length > 0 && !over) next();
          else if (running.size === 0) reject(new RaceLost(refusals));
        },
      );
    };
    next();
  });
  return { opened, abandon: stop };
}

/** Takes turns between IPv6 and IPv4, beginning with the system's first choice. */
export function alternating(addresses: readonly string[]): string[] {
  const isSix = (address: string) => address.includes(":");
  const firstIsSix = addresses.length > 0 && isSix(addresses[0]!);
  const first = addresses.filter((it) => isSix(it) === firstIsSix);
  const second = addresses.filter((it) => isSix(it) !== firstIsSix);
  const mixed: string[] = [];
  for (let at = 0; at < Math.max(first.length, second.length); at++) {
    if (at < first.length) mixed.push(first[at]!);
    if (at < second.length) mixed.push(second[at]!);
  }
  return mixed;
}
