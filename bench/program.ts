/**
 * Other processes of a measurement: started on a core of their own where the system can do that,
 * and spoken to in lines of JSON.
 *
 * @module
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { cpus } from "node:os";
import { createInterface } from "node:readline";

/** The core that clients run on, one after another, and the one of their servers. */
export type Core = "client" | "server";

const CORES: Readonly<Record<Core, string>> = { client: "0", server: "1" };

/** A command that runs on that core alone, where there are two and a way to say so. */
export function pinned(core: Core, command: readonly string[]): readonly string[] {
  return canPin() ? ["taskset", "-c", CORES[core], ...command] : command;
}

/** Whether processes are kept to a core. */
export function canPin(): boolean {
  return pins ??= cpus().length > 1 &&
    spawnSync("taskset", ["-c", "0,1", "true"]).status === 0;
}

let pins: boolean | undefined;

/** How many descriptors a process may have. */
export function descriptors(): number {
  const { stdout } = spawnSync("sh", ["-c", "ulimit -n"], { encoding: "utf8" });
  return Number(stdout) || (/unlimited/.test(stdout ?? "") ? Infinity : 1024);
}

const PATIENCE_MS = 60_000;

/** A program that answers each line of JSON with one. */
export class Program {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  constructor(name: string, core: Core, command: readonly string[]) {
    this.#name = name;
    const [program = "", ...args] = pinned(core, command);
    this.#child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
    // One that did not start or died shows at its next answer, which never comes.
    this.#child.on("error", () => this.#child.stdout?.destroy());
    this.#child.stdin!.on("error", () => {});
    const lines = createInterface({ input: this.#child.stdout! });
    this.#answers = lines[Symbol.asyncIterator]();
  }

  /** What it says next; one that says nothing for long is ended. */
  async answer<T>(): Promise<T> {
    const tooLate = setTimeout(() => this.#child.kill(), PATIENCE_MS);
    try {
      const { value, done } = await this.#answers.next();
      if (done) throw new Error(`Cannot go on: "${this.#name}" has ended`);
      return JSON.parse(value) as T;
    } finally {
      clearTimeout(tooLate);
    }
  }

  /** Gives it an order, and waits for its answer. */
  ask<T>(order: object): Promise<T> {
    this.#child.stdin!.write(`${JSON.stringify(order)}\n`);
    return this.answer();
  }

  /** Ends it, by the end of its input. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.stdin!.end();
    const late = setTimeout(() => child.kill("SIGKILL"), 2000);
    await ended;
    clearTimeout(late);
  }
}
