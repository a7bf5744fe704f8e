// A listener whose connections come with TLS. Handshakes go on side by side, so
// that a peer who takes its time, or never speaks, holds nobody up; and none
// begins while nobody wants a connection.

import type { Secure } from "./drivers/secure.ts";
import type { Acceptor, Address, Transport } from "./transport.ts";

/** Bounds on what peers can hold that have not proved anything. */
export interface HandshakeBounds {
  /** Milliseconds for a handshake; 0 for no limit. */
  readonly timeoutMs: number;
  /** Handshakes at a time. */
  readonly most: number;
}

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
  readonly #handshakes = new Set<() => void>();
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
    for (const giveUp of [...this.#handshakes]) giveUp();
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
      while (this.#taker !== undefined && this.#handshakes.size < this.#bounds.most) {
        const transport = await this.#inner.accept();
        if (transport === null) break;
        this.#shakeHands(transport);
      }
    } catch (error) {
      this.#told((taker) => taker.reject(error));
    } finally {
      this.#accepting = false;
    }
  }

  /** One that fails ends its connection, and nothing else. */
  async #shakeHands(transport: Transport): Promise<void> {
    const { timeoutMs } = this.#bounds;
    const { opened, abandon } = this.#secure(transport);
    const isLimited = timeoutMs > 0 && timeoutMs < 2 ** 31;
    const timer = isLimited ? setTimeout(abandon, timeoutMs) : undefined;
    this.#handshakes.add(abandon);
    try {
      this.#finished(await opened);
    } catch {
      // The peer has not shown what it must, or has gone: there is nobody to tell.
    } finally {
      clearTimeout(timer);
      this.#handshakes.delete(abandon);
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
