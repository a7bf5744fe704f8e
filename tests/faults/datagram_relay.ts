/** A relay for datagrams that drops, repeats and swaps them, at random. */

import { createSocket, type Socket } from "node:dgram";
import { Random } from "../helpers/random.ts";

const FAULT_ONCE_IN = 4;
const LATE_MS = 15;

/** Between one client and a server, both at 127.0.0.1. */
export class DatagramRelay {
  readonly faults = { dropped: 0, repeated: 0, late: 0 };
  readonly #random: Random;
  readonly #front: Socket = createSocket("udp4");
  readonly #back: Socket = createSocket("udp4");
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #client: number | undefined;

  private constructor(seed: number) {
    this.#random = new Random(seed);
  }

  /** Starts one to a port. */
  static async start(port: number, seed: number): Promise<DatagramRelay> {
    const relay = new DatagramRelay(seed);
    const front = relay.#front;
    const back = relay.#back;
    front.on("message", (bytes, from) => {
      relay.#client = from.port;
      relay.#handOn(() => back.send(bytes, port, "127.0.0.1"));
    });
    back.on("message", (bytes) => {
      relay.#handOn(() => front.send(bytes, relay.#client!, "127.0.0.1"));
    });
    for (const socket of [front, back]) {
      // Who has closed its socket is told to us.
      socket.on("error", () => {});
      await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
    }
    return relay;
  }

  get port(): number {
    return this.#front.address().port;
  }

  /** Releases all of it. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const socket of [this.#front, this.#back]) {
      await new Promise<void>((resolve) => socket.close(() => resolve()));
    }
  }

  #handOn(send: () => void): void {
    if (!this.#random.onceIn(FAULT_ONCE_IN)) return send();
    const fault = this.#random.of(["dropped", "repeated", "late"] as const);
    this.faults[fault]++;
    if (fault === "repeated") send();
    if (fault !== "late") return fault === "dropped" ? undefined : send();
    // Others overtake it.
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      send();
    }, this.#random.between(1, LATE_MS));
    this.#timers.add(timer);
  }
}
