import assert from "node:assert/strict";
import { bytesOf } from "../../src/bytes.ts";
import { SocketError } from "../../src/errors.ts";
import type { DatagramTransport, IpAddress, Packet } from "../../src/transport.ts";

interface Waiting<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

/**
 * A socket for datagrams that does what the test says, and nothing else. It refuses
 * what no driver could do: two receives at a time.
 */
export class ScriptedDatagrams implements DatagramTransport {
  readonly localAddress: IpAddress = { hostname: "127.0.0.1", port: 7 };
  remoteAddress: IpAddress | null = null;
  readonly dropped = 0;
  /** What was called, in its order. */
  readonly calls: string[] = [];
  referenced = true;
  /** Whether a send is done at once; otherwise `sent` does it. */
  sendsAtOnce = true;
  #receive: Waiting<Packet> | undefined;
  #send: Waiting<void> | undefined;

  /** Whether a receive waits for an answer. */
  get receiving(): boolean {
    return this.#receive !== undefined;
  }

  receive(): Promise<Packet> {
    assert.equal(this.#receive, undefined, "a second receive during the first");
    this.calls.push("receive");
    return new Promise((resolve, reject) => this.#receive = { resolve, reject });
  }

  /** Answers the receive: a datagram, as a byte string. */
  give(text: string, from: IpAddress = this.remoteAddress ?? { hostname: "peer", port: 8 }): void {
    this.#answer().resolve({ data: bytesOf(text), from });
  }

  /** Answers the receive: it failed. */
  fail(error: unknown): void {
    this.#answer().reject(error);
  }

  send(data: Uint8Array, to?: IpAddress): Promise<void> {
    this.calls.push(
      to ? `send ${data.length} to ${to.hostname}:${to.port}` : `send ${data.length}`,
    );
    if (this.sendsAtOnce) return Promise.resolve();
    return new Promise((resolve, reject) => this.#send = { resolve, reject });
  }

  /** Lets the send come to its end. */
  sent(error?: unknown): void {
    if (error === undefined) this.#send!.resolve();
    else this.#send!.reject(error);
  }

  async connect(to: IpAddress): Promise<void> {
    this.calls.push("connect");
    this.remoteAddress = to;
  }

  disconnect(): void {
    this.calls.push("disconnect");
    this.remoteAddress = null;
  }

  set(): void {
    this.calls.push("set");
  }

  join(): void {
    this.calls.push("join");
  }

  leave(): void {
    this.calls.push("leave");
  }

  close(): void {
    this.calls.push("close");
    if (this.#receive) this.fail(new SocketError("closed", "closed"));
  }

  ref(): void {
    this.referenced = true;
  }

  unref(): void {
    this.referenced = false;
  }

  #answer(): Waiting<Packet> {
    const receive = this.#receive;
    assert.ok(receive, "nobody receives");
    this.#receive = undefined;
    return receive;
  }
}
