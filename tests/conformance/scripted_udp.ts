/**
 * A peer for datagrams that follows a script: what comes back for the first datagram it receives,
 * for the second, and so on; the last list repeats.
 */

import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { setTimeout as sleep } from "node:timers/promises";
import { bytesOf, type ByteValue, digest } from "./byte_values.ts";

const MOST_TRIES = 10;

export type UdpScript = readonly (readonly UdpItem[])[];

/** A datagram to send, the one that came, one from another port than ours, or a pause. */
export type UdpItem =
  | ByteValue
  | { readonly echo: true }
  | { readonly stranger: ByteValue }
  | { readonly sleep: number };

export class ScriptedUdp {
  readonly #script: UdpScript;
  readonly #received: unknown[] = [];
  readonly #socket: Socket = createSocket("udp4");
  readonly #stranger: Socket = createSocket("udp4");
  #closed = false;

  constructor(script: UdpScript) {
    this.#script = script;
    // A client that is gone refuses what was sent to it.
    for (const socket of [this.#socket, this.#stranger]) socket.on("error", () => {});
    this.#socket.on("message", (message, from) => void this.#answer(message, from));
  }

  /** Takes a free port of the loopback interface. */
  async listen(): Promise<number> {
    for (const socket of [this.#stranger, this.#socket]) {
      await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
    }
    return this.#socket.address().port;
  }

  /** What was received, datagram by datagram. */
  report(): unknown[] {
    return this.#received;
  }

  /** Closes the peer; what it has not sent yet is not sent. */
  close(): void {
    this.#closed = true;
    this.#socket.close();
    this.#stranger.close();
  }

  async #answer(message: Uint8Array, { address, port }: RemoteInfo): Promise<void> {
    const at = Math.min(this.#received.length, this.#script.length - 1);
    this.#received.push(digest(message));
    const send = (bytes: Uint8Array, socket = this.#socket) =>
      new Promise<void>((resolve) => {
        // On Bun a send tells that one to somebody else was refused, and sends nothing.
        const trySend = (triesLeft: number) =>
          socket.send(bytes, port, address, (error) => {
            if (error && triesLeft > 0) trySend(triesLeft - 1);
            else resolve();
          });
        trySend(MOST_TRIES);
      });
    for (const item of this.#script[at] ?? []) {
      if (this.#closed) return;
      if (typeof item !== "object") await send(bytesOf(item));
      else if ("sleep" in item) await sleep(item.sleep);
      else if ("echo" in item) await send(message);
      else if ("stranger" in item) await send(bytesOf(item.stranger), this.#stranger);
      else await send(bytesOf(item));
    }
  }
}
