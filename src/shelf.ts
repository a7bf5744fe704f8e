// Where idle things wait, by key. It decides nothing: who may put something
// here, and who gets it, is the business of the policies above it. It does not
// know what it keeps either, but for how to tell it that it is idle.
//
// Each entry stands in two lists: that of its key, oldest first, and that of
// all entries with the same patience, which is in the order of their expiry. So
// putting, taking, evicting and expiring cost the same however many there are.

import { Alarm, type Clock, systemClock } from "./drivers/clock.ts";

/** What a shelf asks of the things it keeps. */
export interface Keeping<T> {
  /** Has `stir` called when the thing is no longer fit for use; `undefined` ends that. */
  watch(item: T, stir: (() => void) | undefined): void;
  /** Told of a thing that expired or stirred, when it has left the shelf. */
  discard(item: T, why: "idle" | "stirred"): void;
}

// So few empty lists are not worth a sweep.
const FEW = 16;

interface Entry<T> {
  readonly key: string;
  readonly item: T;
  readonly patienceMs: number;
  readonly expiresAtMs: number;
  readonly inKey: Link<Entry<T>>;
  readonly inPatience: Link<Entry<T>>;
}

/** Idle things, by key. */
export class Shelf<T> {
  readonly #keeping: Keeping<T>;
  readonly #clock: Clock;
  readonly #alarm: Alarm;
  readonly #byKey = new Map<string, List<Entry<T>>>();
  readonly #byPatience = new Map<number, List<Entry<T>>>();
  #size = 0;
  // Keys under which something waits: keys <= byKey.size <= 2 * keys + FEW.
  #keys = 0;

  constructor(keeping: Keeping<T>, clock: Clock = systemClock) {
    this.#keeping = keeping;
    this.#clock = clock;
    this.#alarm = new Alarm(clock, (nowMs) => this.#expire(nowMs));
  }

  /** How many things wait here in all. */
  get size(): number {
    return this.#size;
  }

  /** How many wait under that key. */
  count(key: string): number {
    return this.#byKey.get(key)?.length ?? 0;
  }

  /** Puts a thing on top of its key's stack, to expire after `patienceMs` (0: never). */
  put(key: string, item: T, patienceMs: number): void {
    const expiresAtMs = patienceMs > 0 ? this.#clock.now() + patienceMs : Infinity;
    const entry: Entry<T> = {
      key,
      item,
      patienceMs,
      expiresAtMs,
      inKey: new Link<Entry<T>>(),
      inPatience: new Link<Entry<T>>(),
    };
    const list = listOf(this.#byKey, key);
    if (list.length === 0) this.#keys++;
    list.push(entry.inKey, entry);
    listOf(this.#byPatience, patienceMs).push(entry.inPatience, entry);
    this.#size++;
    this.#alarm.setBy(expiresAtMs);
    this.#keeping.watch(item, () => {
      if (this.#remove(entry)) this.#keeping.discard(item, "stirred");
    });
  }

  /** Takes the newest or the oldest thing of a key. */
  take(key: string, which: "newest" | "oldest"): T | undefined {
    const list = this.#byKey.get(key);
    const entry = which === "newest" ? list?.newest : list?.oldest;
    if (entry === undefined) return undefined;
    this.#remove(entry);
    return entry.item;
  }

  /** Takes all things of a key, or all there are. */
  clear(key?: string): T[] {
    const keys = key === undefined ? [...this.#byKey.keys()] : [key];
    const taken: T[] = [];
    for (const it of keys) {
      for (let item = this.take(it, "oldest"); item !== undefined; item = this.take(it, "oldest")) {
        taken.push(item);
      }
    }
    if (this.#size === 0) this.#alarm.stop();
    return taken;
  }

  #remove(entry: Entry<T>): boolean {
    const list = this.#byKey.get(entry.key);
    if (!list?.remove(entry.inKey)) return false;
    if (list.length === 0) {
      this.#keys--;
      this.#sweep();
    }
    const peers = this.#byPatience.get(entry.patienceMs)!;
    peers.remove(entry.inPatience);
    if (peers.length === 0) this.#byPatience.delete(entry.patienceMs);
    this.#size--;
    this.#keeping.watch(entry.item, undefined);
    return true;
  }

  /**
   * An empty list stays for a while. A large Map from which the same key is deleted, and set
   * again, time after time, gets slow: what it has deleted lies in the way until it grows.
   */
  #sweep(): void {
    if (this.#byKey.size <= 2 * this.#keys + FEW) return;
    for (const [key, list] of this.#byKey) if (list.length === 0) this.#byKey.delete(key);
  }

  #expire(nowMs: number): number {
    let nextMs = Infinity;
    for (const list of [...this.#byPatience.values()]) {
      for (let entry = list.oldest; entry; entry = list.oldest) {
        if (entry.expiresAtMs > nowMs) {
          nextMs = Math.min(nextMs, entry.expiresAtMs);
          break;
        }
        this.#remove(entry);
        this.#keeping.discard(entry.item, "idle");
      }
    }
    return nextMs;
  }
}

/** A place in a list; an entry that is in two lists has two. */
class Link<T> {
  value: T | undefined;
  older: Link<T> | undefined;
  newer: Link<T> | undefined;
}

class List<T> {
  #oldest: Link<T> | undefined;
  #newest: Link<T> | undefined;
  length = 0;

  get oldest(): T | undefined {
    return this.#oldest?.value;
  }

  get newest(): T | undefined {
    return this.#newest?.value;
  }

  push(link: Link<T>, value: T): void {
    link.value = value;
    link.older = this.#newest;
    if (this.#newest) this.#newest.newer = link;
    else this.#oldest = link;
    this.#newest = link;
    this.length++;
  }

  /** Whether it was in the list. */
  remove(link: Link<T>): boolean {
    if (link.value === undefined) return false;
    if (link.older) link.older.newer = link.newer;
    else this.#oldest = link.newer;
    if (link.newer) link.newer.older = link.older;
    else this.#newest = link.older;
    link.value = link.older = link.newer = undefined;
    this.length--;
    return true;
  }
}

function listOf<K, T>(lists: Map<K, List<T>>, key: K): List<T> {
  let list = lists.get(key);
  if (list === undefined) lists.set(key, list = new List());
  return list;
}
