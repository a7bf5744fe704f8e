// A socket for datagrams that goes nowhere: one that could only be half set up, of
// which each send fails; or one whose peer refuses all that it is sent.

import { systemClock } from "../../drivers/clock.ts";
import { SocketError } from "../../errors.ts";
import type { DatagramTransport, IpAddress, Packet } from "../../transport.ts";

const REFUSED = "ECONNREFUSED";
// Far more than any receive waits.
const LONG_MS = 2 ** 31 - 1;

/** A socket from which nothing goes out, and to which nothing comes. */
export class DeadEnd implements DatagramTransport {
  readonly localAddress: IpAddress = { hostname: "0.0.0.0", port: 0 };
  readonly remoteAddress: IpAddress = { hostname: "0.0.0.0", port: 0 };
  readonly dropped = 0;
  readonly #code: string;
  #refusal: unknown;
  #reject: ((error: unknown) => void) | undefined;
  #referenced = true;
  #letGo: (() => void) | undefined;

  /**
   * @param code What the system says to each send. `ECONNREFUSED` it says later: to the
   *   next call, this or `receive`.
   */
  constructor(code: string) {
    this.#code = code;
  }

  receive(): Promise<Packet> {
    return new Promise((_, reject) => {
      this.#reject = reject;
      if (this.#refusal !== undefined) this.#tell(this.#takeRefusal());
      this.#hold();
    });
  }

  send(): Promise<void> {
    const refusal = this.#takeRefusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    const error = Object.assign(new Error(`send ${this.#code}`), { code: this.#code });
    if (this.#code !== REFUSED) return Promise.reject(error);
    if (this.#reject === undefined) this.#refusal = error;
    else this.#tell(error);
    return Promise.resolve();
  }

  close(): void {
    this.#tell(new SocketError("closed", "Cannot go on: the socket was closed"));
  }

  ref(): void {
    this.#referenced = true;
    this.#hold();
  }

  unref(): void {
    this.#referenced = false;
    this.#hold();
  }

  connect(): Promise<void> {
    return Promise.reject(unsupported());
  }

  disconnect(): void {}

  set(): void {
    throw unsupported();
  }

  join(): void {
    throw unsupported();
  }

  leave(): void {
    throw unsupported();
  }

  #takeRefusal(): unknown {
    const refusal = this.#refusal;
    this.#refusal = undefined;
    return refusal;
  }

  #tell(error: unknown): void {
    this.#reject?.(error);
    this.#reject = undefined;
    this.#hold();
  }

  // Who waits keeps the program alive: there is no socket that would do so.
  #hold(): void {
    const holds = this.#referenced && this.#reject !== undefined;
    if (holds === (this.#letGo !== undefined)) return;
    if (holds) {
      this.#letGo = systemClock.after(LONG_MS, () => {}, true);
    } else {
      this.#letGo!();
      this.#letGo = undefined;
    }
  }
}

function unsupported(): SocketError {
  return new SocketError("unsupported", "Cannot do that: the socket was not set up");
}
