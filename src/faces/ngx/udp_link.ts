// What a UDP object does with its socket. It is apart from the object because it
// outlives it: nothing here refers to the object, so one that is forgotten can be
// collected, and its socket be closed.

import { byteString } from "../../bytes.ts";
import { SocketError } from "../../errors.ts";
import type { Mailbox } from "../../mailbox.ts";
import { cText, toInt } from "../lua.ts";
import { parseHost } from "./host.ts";
import type { Holding, Scope } from "./scope.ts";
import { interruptible } from "./thread.ts";
import { type Opened, openPeer } from "./udp_peer.ts";
import { type Failure, loggedWord, upstreamText, wordFor } from "./words.ts";

// A send ends at once: no limit of time is needed, and the original has none.
const AS_LONG_AS_IT_TAKES = { timeoutMs: 0 };

/** The socket of an object, and what is under way with it. */
export class UdpLink implements Holding {
  readonly #scope: Scope;
  #timeoutMs = 0;
  #readMs: number;
  #mailbox: Mailbox | undefined;
  #upstream = "";
  #setUp: AbortController | undefined;
  /** The source address of later sockets. */
  local: string | undefined;

  constructor(scope: Scope) {
    this.#scope = scope;
    this.#readMs = scope.settings.readTimeoutMs;
  }

  /** Whether there is a socket, with a peer or half set up. */
  get isOpen(): boolean {
    return this.#mailbox !== undefined;
  }

  /** Whether an operation waits: for a name, or for a datagram. */
  get isBusy(): boolean {
    return this.#setUp !== undefined || (this.#mailbox?.receiving ?? false);
  }

  /** The socket to use now, or why there is none. */
  ready(what: "send" | "receive"): Mailbox | Failure {
    if (this.#mailbox === undefined) {
      this.#scope.logError(`attempt to ${what} data on a closed socket`);
      return [null, "closed"];
    }
    return this.isBusy ? [null, "socket busy"] : this.#mailbox;
  }

  /** Sets how long later receives wait; 0 and less leave it to the directive. */
  setTimeout(timeoutMs: number): void {
    this.#timeoutMs = timeoutMs;
    this.#readMs = timeoutMs > 0 ? timeoutMs : this.#scope.settings.readTimeoutMs;
  }

  /** Makes a socket for a peer; the one there was is closed in any case. */
  setPeer(host: string, port: number): Promise<[1] | Failure> {
    this.drop();
    this.#scope.enter(this);
    const timeoutMs = toInt(this.#timeoutMs);
    this.#readMs = timeoutMs > 0 ? timeoutMs : this.#scope.settings.readTimeoutMs;
    return interruptible(this.#setPeer(host, port), () => this.drop());
  }

  /** Sends a datagram. It does not wait: who is killed meanwhile closes nothing. */
  send(mailbox: Mailbox, bytes: Uint8Array): Promise<[1] | Failure> {
    return interruptible(this.#send(mailbox, bytes), () => {});
  }

  /** Receives a datagram, and at most `size` bytes of it. */
  receive(mailbox: Mailbox, size: number): Promise<[string] | Failure> {
    return interruptible(this.#receive(mailbox, size), () => this.drop());
  }

  /** Closes the socket, and gives up making one. */
  drop(): void {
    this.#setUp?.abort();
    this.#setUp = undefined;
    this.#mailbox?.close();
    this.#mailbox = undefined;
    this.#scope.leave(this);
  }

  async #setPeer(host: string, port: number): Promise<[1] | Failure> {
    const controller = new AbortController();
    this.#setUp = controller;
    try {
      const { mailbox, why } = await this.#open(host, port, controller.signal);
      // Whoever dropped it may have begun another since.
      if (this.#setUp !== controller) {
        mailbox?.close();
        return [null, "closed"];
      }
      this.#mailbox = mailbox;
      return why === undefined ? [1] : [null, why];
    } finally {
      if (this.#setUp === controller) this.#setUp = undefined;
      if (!this.isOpen && !this.isBusy) this.#scope.leave(this);
    }
  }

  /** A socket for a peer; where there is none, or it is none, `why` says so. */
  async #open(host: string, port: number, signal: AbortSignal): Promise<Partial<Opened>> {
    const parsed = parseHost(host, port);
    if (parsed.kind === "bad") {
      return { why: `failed to parse host name "${cText(host)}": ${parsed.why}` };
    }
    const { names, settings } = this.#scope;
    const address = parsed.kind === "address"
      ? parsed.address
      : await names.find(parsed, settings, signal);
    if (typeof address === "string") return { why: address };
    const opened = await openPeer(address, this.local);
    this.#upstream = upstreamText(host, address, port);
    if (opened.why !== undefined) this.#log(`connect() failed (${loggedWord(opened.why)})`);
    return opened;
  }

  async #send(mailbox: Mailbox, bytes: Uint8Array): Promise<[1] | Failure> {
    try {
      await mailbox.send(bytes, AS_LONG_AS_IT_TAKES);
      return [1];
    } catch (error) {
      return [null, this.#why(error, "send")];
    }
  }

  async #receive(mailbox: Mailbox, size: number): Promise<[string] | Failure> {
    try {
      const { data } = await mailbox.receive({ timeoutMs: this.#readMs });
      return [byteString(data, 0, Math.min(size, data.length))];
    } catch (error) {
      return [null, this.#why(error, "recv")];
    }
  }

  #why(error: unknown, call: "send" | "recv"): string {
    if (!(error instanceof SocketError)) throw error;
    const why = wordFor(error);
    if (why === "timeout") this.#log("lua udp socket read timed out");
    else if (why !== "closed") this.#log(`${call}() failed (${loggedWord(why)})`);
    return why;
  }

  #log(message: string): void {
    this.#scope.logError(message + this.#upstream);
  }
}
