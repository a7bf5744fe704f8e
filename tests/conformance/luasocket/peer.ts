/** The servers of scenarios, in a process of their own: a busy client must not delay them. */

import { createInterface } from "node:readline";
import { type Program, spawnProgram } from "../spawn_program.ts";
import type { PeerRequest } from "./peer_process.ts";
import type { PeerStep } from "./scripted_peer.ts";

type Open = Omit<Extract<PeerRequest, { ask: "open" }>, "id" | "peer">;

export class PeerProcess {
  readonly #program: Program = spawnProgram("luasocket/peer_process.ts");
  readonly #pending = new Map<number, (is: unknown) => void>();
  #requests = 0;
  #peers = 0;

  constructor() {
    // Writing to a process that is gone fails; the scenarios say the rest.
    this.#program.stdin.on("error", () => {});
    createInterface({ input: this.#program.stdout }).on("line", (line) => {
      const { id, is } = JSON.parse(line);
      this.#pending.get(id)?.(is);
      this.#pending.delete(id);
    });
  }

  /** Starts the server of a scenario; the path is for one on a unix socket. */
  async open(steps: readonly PeerStep[], path: string | undefined): Promise<Peer> {
    const peer = ++this.#peers;
    const open: Open = { ask: "open", steps, ...(path !== undefined && { path }) };
    const port = await this.#ask({ ...open, peer }) as number;
    return {
      port,
      begin: async () => void await this.#ask({ ask: "begin", peer }),
      meet: async (name) => void await this.#ask({ ask: "meet", name, peer }),
      log: async () => await this.#ask({ ask: "log", peer }) as unknown[],
      end: async () => void await this.#ask({ ask: "end", peer }),
    };
  }

  async stop(): Promise<void> {
    this.#program.stdin.end();
    await this.#program.ended;
  }

  #ask(request: PeerRequest extends infer R ? R extends unknown ? Omit<R, "id"> : never : never) {
    const id = ++this.#requests;
    const answer = new Promise<unknown>((resolve) => this.#pending.set(id, resolve));
    this.#program.stdin.write(`${JSON.stringify({ ...request, id })}\n`);
    return answer;
  }
}

/** The server of one scenario. */
export interface Peer {
  readonly port: number;
  /** Starts its steps: not before the client is connected, for a reset may come early. */
  begin(): Promise<void>;
  /** Waits until its steps have come to the meeting of that name. */
  meet(name: string): Promise<void>;
  /** What it received, step by step. */
  log(): Promise<unknown[]>;
  /** Ends it. */
  end(): Promise<void>;
}
