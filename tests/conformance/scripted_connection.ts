/** One connection of a scripted server: its steps, and what came of it. */

import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { TLSSocket } from "node:tls";
import { bytesOf, type ByteValue, digest } from "./byte_values.ts";
import { secureContext, type TlsOptions } from "./peer_certificates.ts";
import type { Step } from "./scenario.ts";

export type ConnectionReport = {
  /** All that was received, shortened by `digest`. */
  in: ReturnType<typeof digest>;
  end: End;
  /** The version, once there was a handshake. */
  tls?: string;
  /** The name that the client asked for. */
  sni?: string;
  /** The common name of the client's certificate. */
  clientCert?: string;
  /** A fault of the script, not of the client. */
  scriptError?: string;
};

/** Who ended the connection: the client by FIN or RST, or the script. */
type End = "open" | "fin" | "rst" | "error" | "closed" | "server";

export class ScriptedConnection {
  readonly #raw: Socket;
  /** What the steps read and write: `#raw`, or the TLS on it. */
  #stream: Socket;
  /** All that was received. */
  readonly #received: Buffer[] = [];
  /** What of it no step has taken yet. */
  #held: Buffer[] = [];
  #end: End = "open";
  #waiting: (() => void)[] = [];
  #handshake: Pick<ConnectionReport, "tls" | "sni" | "clientCert"> = {};
  #scriptError: string | undefined;

  /** @param socket Paused: who reads it first is for the script to say. */
  constructor(socket: Socket) {
    this.#raw = this.#stream = socket;
    socket.on("close", () => this.#ended("closed"));
    // What reaches the socket below TLS late, such as a second close, is no end of its own.
    socket.on("error", () => {});
  }

  async run(steps: readonly Step[]): Promise<void> {
    try {
      if (!isTlsNext(steps)) this.#readRaw();
      for (const [at, step] of steps.entries()) {
        if (isTlsNext(steps.slice(at))) this.#raw.pause();
        await this.#step(step);
      }
    } catch (error) {
      // The client went away in the middle of the script, as it may.
      if (!(error instanceof Gone)) this.#scriptError = String(error);
    }
  }

  report(): ConnectionReport {
    const received = digest(Buffer.concat(this.#received));
    const report = { in: received, end: this.#end, ...this.#handshake };
    return this.#scriptError === undefined ? report : { ...report, scriptError: this.#scriptError };
  }

  destroy(): void {
    this.#raw.destroy();
  }

  async #step(step: Step): Promise<void> {
    const [name, value] = Object.entries(step)[0] ?? ["", undefined];
    const act = STEPS[name];
    if (!act) throw new SyntaxError(`Unknown step "${name}"`);
    await act(this, value as never);
  }

  /** Resolves when the system has taken the bytes, or will not any more. */
  async send(bytes: Buffer): Promise<void> {
    if (this.#stream.destroyed) throw new Gone();
    await new Promise<void>((resolve) => this.#stream.write(bytes, () => resolve()));
  }

  /** Takes as many of the held bytes as `sizeOf` says, once it says so. */
  async take(sizeOf: (held: Buffer) => number | undefined): Promise<void> {
    for (;;) {
      const held = Buffer.concat(this.#held);
      const size = sizeOf(held);
      // Without empty pieces: behind one, Deno sends nothing more on TLS.
      this.#held = [held.subarray(size ?? 0)].filter((it) => it.length > 0);
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
      for (const bytes of held) this.#stream.write(bytes);
      if (this.#end !== "open") return;
      await this.#change();
    }
  }

  /** Resolves at the client's FIN or RST. */
  async clientEnded(): Promise<void> {
    while (this.#end === "open") await this.#change();
  }

  /** Answers a handshake; what was sent and received plain until then is done with. */
  async startTls(options: TlsOptions): Promise<void> {
    const context = await secureContext(options);
    this.#stopReadingRaw();
    const { requestCert = false, requireCert = false } = options;
    const secure = new TLSSocket(this.#raw, {
      isServer: true,
      secureContext: context,
      requestCert,
      rejectUnauthorized: requireCert,
    });
    this.#read(secure);
    await new Promise<void>((resolve, reject) => {
      secure.once("secure", resolve);
      for (const end of ["end", "error", "close"]) secure.once(end, () => reject(new Gone()));
    });
    this.#handshake = handshakeOf(secure);
  }

  /** Sends FIN, behind a close_notify if there is TLS, and reads on. */
  async shutdown(): Promise<void> {
    await new Promise<void>((resolve) => this.#stream.end(resolve));
  }

  /** Sends what is queued, then closes. */
  close(): void {
    this.#ended("server");
    this.#stream.end();
    this.#stream.destroySoon();
  }

  /** Sends RST, and drops what is queued. */
  reset(): void {
    this.#ended("server");
    this.#raw.resetAndDestroy();
  }

  /** Stops reading, which in time fills the client's send buffer. */
  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  #readRaw(): void {
    this.#stopReadingRaw = this.#read(this.#raw);
    this.#raw.resume();
  }

  #stopReadingRaw = () => {};

  /** Makes it what the steps read and write; returns what undoes that. */
  #read(stream: Socket): () => void {
    const listeners = {
      data: (bytes: Buffer) => {
        this.#received.push(bytes);
        this.#held.push(bytes);
        this.#wake();
      },
      end: () => this.#ended("fin"),
      error: ({ code }: NodeJS.ErrnoException) => {
        this.#ended(code === "ECONNRESET" || code === "EPIPE" ? "rst" : "error");
      },
    };
    this.#stream = stream;
    for (const [name, listener] of Object.entries(listeners)) stream.on(name, listener);
    return () => {
      for (const [name, listener] of Object.entries(listeners)) stream.off(name, listener);
    };
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
  starttls: (on, options: TlsOptions) => on.startTls(options),
  // As in the original; nothing waits for it.
  tlsclose: (on) => void on.shutdown(),
  shutdown: (on) => on.shutdown(),
  close: (on) => on.close(),
  reset: (on) => on.reset(),
};

/**
 * Whether the next step that reads is a handshake. The socket must not be read before that: where
 * the client does not wait to be asked, its first message would be taken for something plain.
 */
function isTlsNext(steps: readonly Step[]): boolean {
  const next = steps.find((step) => !("sleep" in step || "send" in step));
  return next !== undefined && "starttls" in next;
}

function handshakeOf(secure: TLSSocket): Pick<ConnectionReport, "tls" | "sni" | "clientCert"> {
  const { servername } = secure as { servername?: string | false };
  const name = secure.getPeerCertificate()?.subject?.CN;
  return {
    tls: secure.getProtocol() ?? undefined,
    ...(servername ? { sni: servername } : {}),
    ...(typeof name === "string" ? { clientCert: name } : {}),
  };
}

function endOf(mark: Buffer, held: Buffer): number | undefined {
  const at = held.indexOf(mark);
  return at < 0 ? undefined : at + mark.length;
}

class Gone extends Error {}
