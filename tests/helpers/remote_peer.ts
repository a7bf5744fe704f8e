/**
 * A peer in a process of its own, which does what it is told while our thread
 * stands still. What a socket must notice after its thread was blocked cannot be
 * tested with a peer that shares the thread.
 *
 * Requests and answers are files in a folder, because those can be written and
 * waited for without a turn of the event loop. The process runs on the runtime
 * that runs the test, ends when the test's process ends, and removes the folder.
 */

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Address } from "../../src/transport.ts";
import type { Report, Request } from "./remote_peer_process.ts";

export type { Report, Request };

const program = fileURLToPath(new URL("remote_peer_process.ts", import.meta.url));

// Longer than any machine takes; a peer that died must not hang the tests.
const PATIENCE_MS = 20_000;
// What the peer gave to the system, the system hands on in its own time.
const DELIVERY_MS = 3;

/** The far end of one connection. */
export interface RemoteEnd {
  send(text: string): void;
  /** Sends so much at once that no system takes it all, and says nothing of how far it got. */
  flood(): void;
  end(): void;
  reset(): void;
  close(): void;
  stopReading(): void;
  report(): Report;
}

let running: RemotePeer | undefined;

/** The remote peer of this process; it starts with the first call. */
export function remotePeer(): RemotePeer {
  return running ??= new RemotePeer();
}

/** The process; every call stops our thread until it is done. */
export class RemotePeer {
  readonly #folder = mkdtempSync(join(tmpdir(), "cosocket-remote-"));
  #requests = 0;

  constructor() {
    const flags = "Deno" in globalThis ? ["run", "-A"] : [];
    const child = spawn(process.execPath, [...flags, program, this.#folder], {
      stdio: ["pipe", "ignore", "inherit"],
    });
    // It sees the end of its input when we end, and keeps nobody from ending.
    child.unref();
    (child.stdin as unknown as { unref?(): void }).unref?.();
  }

  /** A path for a unix socket, which goes away with the peer. */
  path(name: string): string {
    return join(this.#folder, name);
  }

  /** Listens at a free port, or at the path. */
  listen(at: Address): Address {
    return this.#ask({ ask: "listen", at }) as Address;
  }

  /** The far end of the connection that came first of those not asked for. */
  accept(): RemoteEnd {
    return this.#end(this.#ask({ ask: "accept" }) as number);
  }

  /** Ends the connections that nobody asked for. */
  endUnclaimed(): void {
    this.#ask({ ask: "endUnclaimed" });
  }

  /** A port at 127.0.0.1 where connecting hangs. */
  blackHole(): number {
    return this.#ask({ ask: "blackHole" }) as number;
  }

  /** Connects to us; the system does that while we stand still. */
  connect(to: Address): RemoteEnd {
    return this.#end(this.#ask({ ask: "connect", to }) as number);
  }

  #end(id: number): RemoteEnd {
    return {
      send: (text) => void this.#ask({ ask: "send", id, text }),
      flood: () => void this.#ask({ ask: "flood", id }),
      end: () => void this.#ask({ ask: "end", id }),
      reset: () => void this.#ask({ ask: "reset", id }),
      close: () => void this.#ask({ ask: "close", id }),
      stopReading: () => void this.#ask({ ask: "stopReading", id }),
      report: () => this.#ask({ ask: "report", id }) as Report,
    };
  }

  #ask(request: Request): unknown {
    const number = ++this.#requests;
    const question = join(this.#folder, `request-${number}`);
    const answer = join(this.#folder, `answer-${number}`);
    // A file that is there is there whole.
    writeFileSync(`${question}.new`, JSON.stringify(request));
    renameSync(`${question}.new`, question);
    const fromMs = performance.now();
    while (!existsSync(answer)) {
      if (performance.now() - fromMs > PATIENCE_MS) {
        throw new Error(`Cannot ask the remote peer to ${request.ask}: it does not answer`);
      }
      standStill(1);
    }
    standStill(DELIVERY_MS);
    const { is, failed } = JSON.parse(readFileSync(answer, "utf8"));
    rmSync(answer);
    if (failed !== undefined) throw new Error(`Remote peer cannot ${request.ask}: ${failed}`);
    return is;
  }
}

const cell = new Int32Array(new SharedArrayBuffer(4));

/** Blocks the thread. */
export function standStill(ms: number): void {
  Atomics.wait(cell, 0, 0, ms);
}
