/** One connection of a scripted server: its steps, and what came of it. */

import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { bytesOf, type ByteValue, digest } from "./byte_values.ts";
import type { Step } from "./scenario.ts";

export type ConnectionReport = {
  /** All that was received, shortened by `digest`. */
  in: ReturnType<typeof digest>;
  end: End;
  /** A fault of the script, not of the client. */
  scriptError?: string;
};

/** Who ended the connection: the client by FIN or RST, or the script. */
type End = "open" | "fin" | "rst" | "error" | "closed" | "server";

export class ScriptedConnection {
  readonly #socket: Socket;
  /** All that was received. */
  readonly #received: Buffer[] = [];
  /** What of it no step has taken yet. */
  #held: Buffer[] = [];
  #end: End = "open";
  #waiting: (() => void)[] = [];
  #scriptError: string | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes: Buffer) => {
      this.#received.push(bytes);
      this.#held.push(bytes);
      this.#wake();
    });
    socket.on("end", () => this.#ended("fin"));
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.#ended(error.code === "ECONNRESET" || error.code === "EPIPE" ? "rst" : "error");
    });
    socket.on("close", () => this.#ended("closed"));
  }

  async run(steps: readonly Step[]): Promise<void> {
    try {
      for (const step of steps) await this.#step(step);
    } catch (error) {
      // The client went away in the middle of the script, as it may.
      if (!(error instanceof Gone)) this.#scriptError = String(error);
    }
  }

  report(): ConnectionReport {
    const report = { in: digest(Buffer.concat(this.#received)), end: this.#end };
    return this.#scriptError === undefined ? report : { ...report, scriptError: this.#scriptError };
  }

  destroy(): void {
    this.#socket.destroy();
  }

  async #step(step: Step): Promise<void> {
    const [name, value] = Object.entries(step)[0] ?? ["", undefined];
    const act = STEPS[name];
    if (!act) throw new SyntaxError(`Unknown step "${name}"`);
    await act(this, value as never);
  }

  /** Resolves when the system has taken the bytes, or will not any more. */
  async send(bytes: Buffer): Promise<void> {
    if (this.#socket.destroyed) throw new Gone();
    await new Promise<void>((resolve) => this.#socket.write(bytes, () => resolve()));
  }

  /** Takes as many of the held bytes as `sizeOf` says, once it says so. */
  async take(sizeOf: (held: Buffer) => number | undefined): Promise<void> {
    for (;;) {
      const held = Buffer.concat(this.#held);
      const size = sizeOf(held);
      this.#held = [held.subarray(size ?? 0)];
      if (size !== undefined) return;
      if (this.#end !== "open") throw new Gone();
      await this.#change();
    }
  }

  /** Sends back what comes, until the client's FIN or RST. */
  async echo(): Promise<void> {
    for (;;) {
      const held = this.#held;
      this.#held = [];
      for (const bytes of held) this.#socket.write(bytes);
      if (this.#end !== "open") return;
      await this.#change();
    }
  }

  /** Resolves at the client's FIN or RST. */
  async clientEnded(): Promise<void> {
    while (this.#end === "open") await this.#change();
  }

  /** Sends FIN and reads on. */
  async shutdown(): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.end(resolve));
  }

  /** Sends what is queued, then closes. */
  close(): void {
    this.#ended("server");
    this.#socket.end();
    this.#socket.destroySoon();
  }

  /** Sends RST, and drops what is queued. */
  reset(): void {
    this.#ended("server");
    this.#socket.resetAndDestroy();
  }

  /** Stops reading, which in time fills the client's send buffer. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** The first end is the one that counts. */
  #ended(end: End): void {
    if (this.#end === "open") this.#end = end;
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const go of waiting) go();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

const STEPS: Readonly<Record<string, (on: ScriptedConnection, value: never) => unknown>> = {
  send: (on, data: ByteValue) => on.send(bytesOf(data)),
  sleep: (_on, ms: number) => sleep(ms),
  read: (on, size: number) => on.take((held) => held.length >= size ? size : undefined),
  read_until: (on, mark: ByteValue) => on.take((held) => endOf(bytesOf(mark), held)),
  read_all: (on) => on.clientEnded(),
  echo: (on) => on.echo(),
  pause: (on) => on.pause(),
  resume: (on) => on.resume(),
  shutdown: (on) => on.shutdown(),
  close: (on) => on.close(),
  reset: (on) => on.reset(),
};

function endOf(mark: Buffer, held: Buffer): number | undefined {
  const at = held.indexOf(mark);
  return at < 0 ? undefined : at + mark.length;
}

class Gone extends Error {}
