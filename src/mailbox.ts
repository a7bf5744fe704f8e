// A socket for datagrams under limits of time: what every handle for them stands on.
//
// It refers to no handle. A receive of the transport's is never cancelled, only
// left behind: what it brings is kept, and is for whoever asks next. So a timeout
// or an abort loses nothing.

import { Alarm, type Clock, systemClock } from "./drivers/clock.ts";
import { codeOf, mapError } from "./drivers/map_error.ts";
import { SocketError, type SocketErrorCode, type SocketOperation } from "./errors.ts";
import type { Limits } from "./stream.ts";
import {
  addressText,
  type DatagramTransport,
  fitsDatagram,
  type IpAddress,
  type Packet,
  sameAddress,
} from "./transport.ts";

/** A call that waits for something. */
interface Call {
  /** Whether nobody waits for it any more: nothing new is begun then. */
  over: boolean;
  /** What to do when somebody gives up on it. */
  stop?: () => void;
}

interface Waiter extends Call {
  readonly untilMs: number;
  readonly op: SocketOperation;
  reject(error: unknown): void;
}

/** Finds out where a datagram goes to. */
export type Find = (call: Call) => IpAddress | Promise<IpAddress>;

/** What a receive brought that nobody took yet. */
type Arrival = { readonly packet: Packet } | { readonly error: unknown };

/** A socket for datagrams, under limits. */
export class Mailbox {
  readonly transport: DatagramTransport;
  readonly #clock: Clock;
  readonly #alarm: Alarm;
  readonly #waiters = new Set<Waiter>();
  #arrival: Arrival | undefined;
  #told: (() => void) | undefined;
  // Whether a receive of the transport's is in flight; never while there is an arrival.
  #asked = false;
  #receiving = false;
  // Whether what is in flight keeps the program alive: only while somebody waits.
  #referenced = true;
  #closed = false;

  constructor(transport: DatagramTransport, clock: Clock = systemClock) {
    this.transport = transport;
    this.#clock = clock;
    this.#alarm = new Alarm(clock, (nowMs) => this.#ring(nowMs));
  }

  get closed(): boolean {
    return this.#closed;
  }

  get receiving(): boolean {
    return this.#receiving;
  }

  /** The next datagram. */
  async receive(limits: Limits): Promise<Packet> {
    if (this.#receiving) throw this.#error("busy", "receive", "another call is receiving");
    this.#receiving = true;
    try {
      for (;;) {
        if (this.#closed) throw this.#error("closed", "receive", CLOSED);
        const arrival = limits.signal?.aborted ? undefined : this.#takeArrival();
        if (arrival === undefined) await this.#within("receive", limits, () => this.#ask());
        else if ("packet" in arrival) return arrival.packet;
        else throw this.#mapped(arrival.error, "receive");
      }
    } finally {
      this.#receiving = false;
    }
  }

  /** Resolves once the system has the datagram. `find` says where it goes to, if not to the peer. */
  send(data: Uint8Array, limits: Limits, find?: Find): Promise<void> {
    return this.#within("send", limits, async (call) => {
      // Where nothing has to be looked up it goes out at once.
      const found = find?.(call);
      const to = found instanceof Promise ? await found : found;
      if (call.over) return;
      // An error of the network's is told to one call, whichever comes first.
      const fits = fitsDatagram(data, this.transport.localAddress);
      if (fits && this.#arrival && "error" in this.#arrival) {
        const { error } = this.#arrival;
        this.#arrival = undefined;
        // It speaks of a receive; this is a send.
        throw error instanceof SocketError ? error.cause ?? error : error;
      }
      await this.transport.send(data, to);
    });
  }

  /** From now on one peer; what others sent is dropped. */
  connect(limits: Limits, find: Find): Promise<void> {
    return this.#within("connect", limits, async (call) => {
      const to = await find(call);
      if (call.over) return;
      await this.transport.connect(to);
      const peer = this.transport.remoteAddress ?? to;
      const arrival = this.#arrival;
      const isOfPeer = arrival && "packet" in arrival && sameAddress(arrival.packet.from, peer);
      if (!isOfPeer) this.#arrival = undefined;
    });
  }

  /** From now on no peer in particular. */
  disconnect(): void {
    if (this.#arrival && "error" in this.#arrival) this.#arrival = undefined;
    this.transport.disconnect();
  }

  /** Releases the socket; whoever waits is told `closed`. Twice is fine. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#alarm.stop();
    this.#arrival = undefined;
    for (const waiter of this.#waiters) {
      waiter.reject(this.#error("closed", waiter.op, CLOSED));
    }
    this.transport.close();
  }

  /** Does something under limits. */
  async #within<T>(
    op: SocketOperation,
    limits: Limits,
    start: (call: Call) => Promise<T>,
  ): Promise<T> {
    const { signal } = limits;
    if (this.#closed) throw this.#error("closed", op, CLOSED);
    if (signal?.aborted) throw this.#aborted(op, signal);
    let giveUp: (() => void) | undefined;
    let waiter: Waiter | undefined;
    try {
      return await new Promise<T>((resolve, reject) => {
        const fail = (error: unknown) => {
          waiter!.over = true;
          waiter!.stop?.();
          reject(error);
        };
        waiter = { untilMs: this.#until(limits), op, over: false, reject: fail };
        this.#waiters.add(waiter);
        if (signal) {
          giveUp = () => fail(this.#aborted(op, signal));
          signal.addEventListener("abort", giveUp);
        }
        this.#reference();
        start(waiter).then(resolve, (error) => reject(this.#mapped(error, op)));
      });
    } finally {
      this.#waiters.delete(waiter!);
      if (giveUp) signal!.removeEventListener("abort", giveUp);
      this.#reference();
    }
  }

  /** Resolves when something has arrived; it is kept until it is taken. */
  #ask(): Promise<void> {
    return new Promise((resolve) => {
      this.#told = resolve;
      if (this.#asked) return;
      this.#asked = true;
      this.transport.receive().then(
        (packet) => this.#arrived({ packet }),
        (error) => this.#arrived({ error }),
      );
    });
  }

  #arrived(arrival: Arrival): void {
    this.#asked = false;
    if (this.#closed) return;
    this.#arrival = arrival;
    this.#told?.();
  }

  #takeArrival(): Arrival | undefined {
    const arrival = this.#arrival;
    this.#arrival = undefined;
    return arrival;
  }

  #until({ timeoutMs, deadlineMs = Infinity }: Limits): number {
    const ms = timeoutMs > 0 ? Math.min(timeoutMs, deadlineMs) : deadlineMs;
    const untilMs = this.#clock.now() + ms;
    if (untilMs < Infinity) this.#alarm.setBy(untilMs);
    return untilMs;
  }

  #ring(nowMs: number): number {
    let nextMs = Infinity;
    for (const { untilMs, op, reject } of this.#waiters) {
      if (untilMs > nowMs) nextMs = Math.min(nextMs, untilMs);
      else reject(this.#error("timeout", op, op === "receive" ? NOTHING_CAME : TOO_SLOW));
    }
    return nextMs;
  }

  #reference(): void {
    const wanted = this.#waiters.size > 0;
    if (wanted === this.#referenced || this.#closed) return;
    this.#referenced = wanted;
    if (wanted) this.transport.ref();
    else this.transport.unref();
  }

  #aborted(op: SocketOperation, signal: AbortSignal): SocketError {
    return this.#error("aborted", op, "the signal was aborted", signal.reason);
  }

  #mapped(error: unknown, op: SocketOperation): unknown {
    // The caller's own look-up may fail in its own words; its mistakes stay mistakes.
    if (error instanceof TypeError && codeOf(error) === "failed") return error;
    return mapError(error, op, this.#what(op), this.#peer());
  }

  #error(code: SocketErrorCode, op: SocketOperation, why: string, cause?: unknown): SocketError {
    const address = this.#peer();
    return new SocketError(code, `${this.#what(op)}: ${why}`, {
      op,
      ...(address !== undefined && { address }),
      cause,
    });
  }

  #what(op: SocketOperation): string {
    const peer = this.#peer();
    if (op === "connect") return "Cannot choose a peer";
    if (op === "send") return peer === undefined ? "Cannot send" : `Cannot send to ${peer}`;
    const at = addressText(this.transport.localAddress);
    return peer === undefined ? `Cannot receive at ${at}` : `Cannot receive from ${peer}`;
  }

  #peer(): string | undefined {
    const { remoteAddress } = this.transport;
    return remoteAddress === null ? undefined : addressText(remoteAddress);
  }
}

const CLOSED = "the socket was closed";
const NOTHING_CAME = "no datagram came in time";
const TOO_SLOW = "it took too long";
