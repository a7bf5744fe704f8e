import assert from "node:assert/strict";
import { bytesOf } from "../../src/bytes.ts";
import { SocketError } from "../../src/errors.ts";
import { type Address, TAKEN, type Transport } from "../../src/transport.ts";

interface Pull {
  readonly into: Uint8Array | undefined;
  resolve(bytes: Uint8Array | null): void;
  reject(error: unknown): void;
}

interface Write {
  readonly bytes: Uint8Array;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * A transport that does what the test says, and nothing else. It refuses what no
 * transport could do: two pulls at a time, a write during another.
 */
export class ScriptedTransport implements Transport {
  readonly localAddress: Address | null = null;
  readonly remoteAddress: Address | null = { hostname: "peer", port: 7 };
  readonly tls = null;
  /** What was called, in its order. */
  readonly calls: string[] = [];
  referenced = true;
  switches: Record<string, boolean> = {};
  /** Whether a write is done at once; otherwise `accept` does it. */
  acceptsAtOnce = true;
  /** Whether it says so, where it does. */
  saysTaken = false;
  /** All that was handed over to be written. */
  readonly written: Uint8Array[] = [];
  #pull: Pull | undefined;
  #write: Write | undefined;
  #own: Uint8Array = new Uint8Array(0);

  /** Whether a pull waits for an answer. */
  get pulling(): boolean {
    return this.#pull !== undefined;
  }

  /** How much room the pull that waits was offered. */
  get offeredBytes(): number {
    return this.#pull?.into?.length ?? 0;
  }

  /** How many pulls there have been. */
  get pulls(): number {
    return this.calls.filter((it) => it === "pull").length;
  }

  pull(into?: Uint8Array): Promise<Uint8Array | null> {
    assert.equal(this.#pull, undefined, "a second pull during the first");
    this.calls.push("pull");
    // What the driver gave before is no longer valid.
    this.#own.fill(0xee);
    into?.fill(0xee);
    return new Promise((resolve, reject) => this.#pull = { into, resolve, reject });
  }

  /** Answers the pull: bytes, as a byte string. */
  give(text: string): void {
    const bytes = bytesOf(text);
    const { into, resolve } = this.#answer();
    if (into !== undefined && into.length >= bytes.length) {
      into.set(bytes);
      resolve(into.subarray(0, bytes.length));
    } else {
      this.#own = bytes;
      resolve(bytes);
    }
  }

  /** Answers the pull: the peer has ended. */
  end(): void {
    this.#answer().resolve(null);
  }

  /** Answers the pull: it failed. */
  fail(error: unknown): void {
    this.#answer().reject(error);
  }

  write(bytes: Uint8Array): Promise<void> {
    assert.equal(this.#write, undefined, "a second write during the first");
    this.calls.push("write");
    this.written.push(bytes.slice());
    if (this.acceptsAtOnce) return this.saysTaken ? TAKEN : Promise.resolve();
    return new Promise((resolve, reject) => this.#write = { bytes, resolve, reject });
  }

  /** Says that the system has taken what was written, or that it failed. */
  accept(error?: unknown): void {
    const write = this.#write;
    assert.ok(write, "no write waits");
    this.#write = undefined;
    if (error === undefined) write.resolve();
    else write.reject(error);
  }

  closeWrite(): Promise<void> {
    this.calls.push("closeWrite");
    return Promise.resolve();
  }

  close(): void {
    this.calls.push("close");
    this.#letGo();
  }

  abort(): void {
    this.calls.push("abort");
    this.#letGo();
  }

  settle(): Promise<void> {
    this.calls.push("settle");
    return Promise.resolve();
  }

  ref(): void {
    this.referenced = true;
  }

  unref(): void {
    this.referenced = false;
  }

  setOption(name: string, on: boolean): boolean {
    this.switches[name] = on;
    return true;
  }

  #answer(): Pull {
    const pull = this.#pull;
    assert.ok(pull, "no pull waits");
    this.#pull = undefined;
    return pull;
  }

  #letGo(): void {
    const closed = new SocketError("closed", "Cannot go on: the connection was closed");
    this.#pull?.reject(closed);
    this.#write?.reject(closed);
    this.#pull = undefined;
    this.#write = undefined;
  }
}
