/**
 * The far ends of a conformance run: scripted servers, a port that refuses, a
 * port that hangs.
 *
 * They live in a process of their own, under the runtime that runs the tests. In
 * the process of the client a busy client (a send of 20 MB, a full collection)
 * would delay them, and they would move only in those turns of the event loop
 * that the client gives away: pauses of 50 ms would mean nothing, and what is
 * decided by "had this arrived before?" would be decided by the test itself.
 *
 * `node:net` is true enough for them on all three runtimes. Measured with a raw
 * client on Deno 2.9, Bun 1.4 and Node 24: FIN with reading on, RST by
 * `resetAndDestroy`, data before RST, what a client's close and RST look like,
 * closing behind 20 MB of queued data, and pausing, after which a sender gets rid
 * of what the system buffers (4.1 MB) and, on Bun, 64 KiB more.
 *
 * So is TLS on it, by a `TLSSocket` around an accepted socket: handshakes that the
 * client begins early or in the middle, close_notify before FIN, RST, and closing
 * behind 20 MB. What differs: Deno reports a client's RST as `fin`, and may close
 * before its alert is out; of a certificate that `requireCert` demands, Bun alone
 * also checks who signed it.
 */

import { createInterface } from "node:readline";
import type { Answer, Answers, Request } from "./peers_process.ts";
import { type Program, spawnProgram } from "./spawn_program.ts";

type Pending = { resolve: (is: never) => void; reject: (error: Error) => void };

export class Peers {
  readonly #program: Program;
  readonly #pending = new Map<number, Pending>();
  #requests = 0;
  #ended: Error | undefined;

  constructor() {
    this.#program = spawnProgram("peers_process.ts");
    // Writing to a process that is gone fails; that it is gone is said below.
    this.#program.stdin.on("error", () => {});
    createInterface({ input: this.#program.stdout }).on("line", (line) => this.#answered(line));
    this.#program.ended.then((status) => this.#gone(`exited with ${status}`), this.#gone);
  }

  /** Asks the process for one of its answers. */
  ask<Name extends keyof Answers>(
    name: Name,
    ...parameters: Parameters<Answers[Name]>
  ): ReturnType<Answers[Name]> {
    const answer = new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#ended);
      const request: Request = { id: ++this.#requests, ask: name, with: parameters[0] };
      this.#pending.set(request.id, { resolve, reject });
      this.#program.stdin.write(`${JSON.stringify(request)}\n`);
    });
    return answer as ReturnType<Answers[Name]>;
  }

  /** Ends the process, and with it every connection to it. */
  async stop(): Promise<void> {
    this.#program.stdin.end();
    await this.#program.ended;
  }

  #answered(line: string): void {
    const { id, is, failed }: Answer = JSON.parse(line);
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (failed === undefined) pending?.resolve(is as never);
    else pending?.reject(new Error(failed));
  }

  readonly #gone = (why: unknown): void => {
    this.#ended = new Error(`Cannot ask the peers: ${why}`);
    for (const { reject } of this.#pending.values()) reject(this.#ended);
    this.#pending.clear();
  };
}
