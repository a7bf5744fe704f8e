// What was found, for as long as it holds; and one question for all who ask the
// same at the same time.
//
// The question belongs to nobody: it goes on while anyone waits for it, whoever
// asked first, and is given up when the last one has gone.

import type { Clock } from "../drivers/clock.ts";
import { SocketError } from "../errors.ts";
import { DnsError, givenUp } from "./failure.ts";
import type { Found } from "./resolver.ts";

/** How long what was found is kept, and how much of it. */
export interface CacheLimits {
  /** Names that are kept; the one that was asked for least recently goes. */
  readonly maxEntries: number;
  /** The times that servers say are taken for at least and at most these. */
  readonly minTtlMs: number;
  readonly maxTtlMs: number;
  /** Stands for every time that servers say. */
  readonly validMs?: number | undefined;
  /** The most for which it is kept that a name has no address. */
  readonly maxNegativeTtlMs: number;
}

/** Finds what is not at hand. */
export type Find = (hostname: string, signal: AbortSignal) => Promise<Found>;

interface Entry {
  readonly addresses: readonly string[];
  /** Why there are none. */
  readonly error: SocketError | undefined;
  readonly untilMs: number;
}

/** One question, and how many wait for its answer. */
interface Question {
  readonly answer: Promise<readonly string[]>;
  readonly giveUp: (reason: unknown) => void;
  // > 0, or it was given up.
  waiting: number;
}

/** A cache of look-ups; all of its names are asked for in the same way. */
export class LookupCache {
  readonly #find: Find;
  readonly #limits: CacheLimits;
  readonly #clock: Clock;
  // At most maxEntries; the one that was asked for last is the last.
  readonly #entries = new Map<string, Entry>();
  readonly #questions = new Map<string, Question>();

  constructor(find: Find, limits: CacheLimits, clock: Clock) {
    this.#find = find;
    this.#limits = limits;
    this.#clock = clock;
  }

  /** How many names are kept. */
  get size(): number {
    return this.#entries.size;
  }

  /** The addresses of a name: the caller's own array. */
  async lookup(hostname: string, signal: AbortSignal): Promise<string[]> {
    if (signal.aborted) throw givenUp(signal);
    // Names know no case, and a dot at their end changes nothing.
    const key = hostname.toLowerCase().replace(/\.$/, "");
    const entry = this.#entryOf(key);
    if (entry?.error) throw entry.error;
    return [...entry?.addresses ?? await this.#ask(key, hostname, signal)];
  }

  #entryOf(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    if (entry.untilMs <= this.#clock.now()) return undefined;
    this.#entries.set(key, entry);
    return entry;
  }

  #ask(key: string, hostname: string, signal: AbortSignal): Promise<readonly string[]> {
    const question = this.#questions.get(key) ?? this.#begin(key, hostname);
    question.waiting++;
    return new Promise((resolve, reject) => {
      const stay = () => signal.removeEventListener("abort", leave);
      const leave = () => {
        stay();
        reject(givenUp(signal));
        if (--question.waiting > 0) return;
        this.#end(key, question);
        question.giveUp(signal.reason);
      };
      signal.addEventListener("abort", leave);
      question.answer.then(resolve, reject).finally(stay);
    });
  }

  #begin(key: string, hostname: string): Question {
    const controller = new AbortController();
    const question: Question = {
      answer: this.#find(hostname, controller.signal).then((found) => {
        this.#end(key, question);
        this.#keep(key, { addresses: found.addresses, error: undefined }, this.#ttlMs(found));
        return found.addresses;
      }, (error) => {
        this.#end(key, question);
        this.#keep(key, { addresses: [], error }, this.#negativeTtlMs(error));
        throw error;
      }),
      giveUp: (reason) => controller.abort(reason),
      waiting: 0,
    };
    this.#questions.set(key, question);
    return question;
  }

  /** Whoever comes now asks anew. */
  #end(key: string, question: Question): void {
    if (this.#questions.get(key) === question) this.#questions.delete(key);
  }

  #keep(key: string, what: Omit<Entry, "untilMs">, ttlMs: number): void {
    if (ttlMs <= 0) return;
    this.#entries.delete(key);
    this.#entries.set(key, { ...what, untilMs: this.#clock.now() + ttlMs });
    if (this.#entries.size <= this.#limits.maxEntries) return;
    const [oldest] = this.#entries.keys();
    this.#entries.delete(oldest!);
  }

  #ttlMs({ ttlMs }: Found): number {
    const { minTtlMs, maxTtlMs, validMs } = this.#limits;
    return validMs ?? Math.min(Math.max(ttlMs, minTtlMs), maxTtlMs);
  }

  /** Only that there is no address holds for a while; trouble may be over at once. */
  #negativeTtlMs(error: unknown): number {
    if (!(error instanceof SocketError && error.cause instanceof DnsError)) return 0;
    return Math.min(error.cause.ttlMs, this.#limits.maxNegativeTtlMs);
  }
}
