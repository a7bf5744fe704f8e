/** The real LuaSocket, in a process of its own: lua5.1 with `reference.lua`. */

import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chunkOf } from "./lua_chunk.ts";
import type { Call, Variables } from "./play.ts";

/** Whether this machine has it. */
export function hasLuaSocket(): boolean {
  return spawnSync("lua5.1", ["-e", 'require "socket"']).status === 0;
}

export class Reference {
  readonly #program: ChildProcessWithoutNullStreams;
  readonly #lines: string[] = [];
  #wanting: ((line: string) => void) | undefined;

  constructor() {
    this.#program = spawn("lua5.1", [fileURLToPath(new URL("reference.lua", import.meta.url))]);
    this.#program.stderr.on("data", (text) => console.error(String(text)));
    createInterface({ input: this.#program.stdout }).on("line", (line) => {
      const take = this.#wanting;
      this.#wanting = undefined;
      if (take) take(line);
      else this.#lines.push(line);
    });
  }

  /** Plays a script; gives the results of each call. */
  async play(
    client: readonly Call[],
    variables: Variables,
    connects: boolean,
    meet: (name: string) => Promise<void>,
  ): Promise<unknown[][]> {
    const chunk = chunkOf(client, variables, connects);
    this.#program.stdin.write(`${chunk.length}\n${chunk}`);
    const results: unknown[][] = [];
    for (;;) {
      const said = JSON.parse(await this.#nextLine());
      if (Array.isArray(said)) {
        results.push(said);
      } else if ("sync" in said) {
        await meet(said.sync);
        this.#program.stdin.write("\n");
      } else {
        return connects ? results.slice(1) : results;
      }
    }
  }

  stop(): void {
    this.#program.kill();
  }

  #nextLine(): Promise<string> {
    const line = this.#lines.shift();
    if (line !== undefined) return Promise.resolve(line);
    return new Promise((take) => this.#wanting = take);
  }
}
