// What stands for the system's descriptors: numbers for what is open, the lowest
// that is free for the next one, as the system does. A number can be handed from
// object to object, and `select` finds by it what to ask.

const FIRST = 3;

const open: (Descriptor | undefined)[] = [];

/** Something open that can be read or written. */
export abstract class Descriptor {
  readonly fd: number;
  readonly #watchers = new Set<() => void>();

  constructor() {
    const free = open.indexOf(undefined);
    const at = free < 0 ? open.length : free;
    open[at] = this;
    this.fd = at + FIRST;
  }

  /** Whether a read would be answered at once, as far as is known. */
  abstract get readable(): boolean;

  /** Whether a write would be, as far as is known. */
  abstract get writable(): boolean;

  /** Has the system tell what comes, so that it is known, and watchers are woken. */
  abstract attend(): void;

  /** Calls `wake` at each change; the answer ends that. */
  watch(wake: () => void): () => void {
    this.#watchers.add(wake);
    return () => this.#watchers.delete(wake);
  }

  /** Tells the watchers. */
  protected changed(): void {
    for (const wake of [...this.#watchers]) wake();
  }

  /** Gives the number free. */
  protected discard(): void {
    if (descriptorOf(this.fd) === this) open[this.fd - FIRST] = undefined;
    while (open.length > 0 && open[open.length - 1] === undefined) open.pop();
    this.changed();
  }
}

/** What has that number, if anything. */
export function descriptorOf(fd: number): Descriptor | undefined {
  return open[fd - FIRST];
}
