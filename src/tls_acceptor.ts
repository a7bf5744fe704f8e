// A listener whose connections come with TLS. Handshakes go on side by side, so
// that a peer who takes its time, or never speaks, holds nobody up; and nobody is
// let in while nobody wants a connection. Where all places are taken, one that has
// had time enough makes way for who comes next: silence costs its peer nothing, and
// whoever could fill the places with it would shut everybody else out.

import type { Secure } from "./drivers/secure.ts";
import type { Acceptor, Address, Transport } from "./transport.ts";

/** Bounds on what peers can hold that have not proved anything. */
export interface HandshakeBounds {
  /** Milliseconds for a handshake; 0 for no limit. */
  readonly timeoutMs: number;
  /** Handshakes at a time. */
  readonly most: number;
}

// No client needs as long, but one whose network is slow: it may have all the time
// there is while places are free.
const ENOUGH_MS = 1000;

interface Taker {
  resolve(transport: Transport | null): void;
  reject(error: unknown): void;
}

/** Accepts what another acceptor accepts, with TLS around it. */
export class TlsAcceptor implements Acceptor {
  readonly #inner: Acceptor;
  readonly #secure: Secure;
  readonly #bounds: HandshakeBounds;
  readonly #ready: Transport[] = [];
  // How to give each of them up, and when it began; the first began first.
  readonly #handshakes = new Map<() => void, number>();
  #onPlace: (() => void) | undefined;
  #taker: Taker | undefined;
  #accepting = false;
  #closed = false;

  constructor(inner: Acceptor, secure: Secure, bounds: HandshakeBounds) {
    this.#inner = inner;
    this.#secure = secure;
    this.#bounds = bounds;
  }

  get address(): Address {
    return this.#inner.address;
  }

  accept(): Promise<Transport | null> {
    const ready = this.#ready.shift();
    if (ready !== undefined) return Promise.resolve(ready);
    if (this.#closed) return Promise.resolve(null);
    return new Promise((resolve, reject) => {
      this.#taker = { resolve, reject };
      this.#acceptMore();
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#inner.close();
    for (const giveUp of [...this.#handshakes.keys()]) giveUp();
    this.#onPlace?.();
    for (const transport of this.#ready.splice(0)) transport.close();
    this.#told((taker) => taker.resolve(null));
  }

  ref(): void {
    this.#inner.ref();
  }

  unref(): void {
    this.#inner.unref();
  }

  async #acceptMore(): Promise<void> {
    if (this.#accepting) return;
    this.#accepting = true;
    try {
      while (this.#taker !== undefined) {
        const transport = await this.#inner.accept();
        if (transport === null) break;
        while (this.#handshakes.size >= this.#bounds.most && !this.#closed) await this.#place();
        if (this.#closed) transport.close();
        else this.#shakeHands(transport);
      }
    } catch (error) {
      this.#told((taker) => taker.reject(error));
    } finally {
      this.#accepting = false;
    }
  }

  /** Somebody is at the door, and all places are taken: resolves when one may be free. */
  #place(): Promise<void> {
    const [giveUp, sinceMs] = this.#handshakes.entries().next().value!;
    return new Promise((resolve) => {
      const timer = setTimeout(giveUp, Math.max(0, sinceMs + ENOUGH_MS - performance.now()));
      this.#onPlace = () => {
        clearTimeout(timer);
        this.#onPlace = undefined;
        resolve();
      };
    });
  }

  /** One that fails ends its connection, and nothing else. */
  async #shakeHands(transport: Transport): Promise<void> {
    const { timeoutMs } = this.#bounds;
    const { opened, abandon } = this.#secure(transport);
    const isLimited = timeoutMs > 0 && timeoutMs < 2 ** 31;
    const timer = isLimited ? setTimeout(abandon, timeoutMs) : undefined;
    this.#handshakes.set(abandon, performance.now());
    try {
      this.#finished(await opened);
    } catch {
      // The peer has not shown what it must, or has gone: there is nobody to tell.
    } finally {
      clearTimeout(timer);
      this.#handshakes.delete(abandon);
      this.#onPlace?.();
      if (this.#taker) this.#acceptMore();
    }
  }

  #finished(transport: Transport): void {
    if (this.#closed) transport.close();
    else if (this.#taker) this.#told((taker) => taker.resolve(transport));
    else this.#ready.push(transport);
  }

  #told(tell: (taker: Taker) => void): void {
    const taker = this.#taker;
    this.#taker = undefined;
    if (taker !== undefined) tell(taker);
  }
}
