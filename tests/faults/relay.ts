/** A relay between us and a server that does to the bytes what networks do to them. */

import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { connect, type Cosocket } from "../../mod.ts";
import type { Plan } from "./plan.ts";
import type { Report, Setup } from "./relay_process.ts";

const program = fileURLToPath(new URL("relay_process.ts", import.meta.url));

/** The relay, a process of its own. */
export class Relay {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly at: string;

  private constructor(child: ChildProcess, lines: AsyncIterator<string>, port: number) {
    this.#child = child;
    this.#lines = lines;
    this.at = `127.0.0.1:${port}`;
  }

  /**
   * Starts one.
   *
   * @param target The server, as `host:port`.
   * @param seed Of faults at random; without one, each connection tells its plan.
   */
  static async start(target: string, seed?: number): Promise<Relay> {
    const [hostname, port] = target.split(":");
    const setup: Setup = {
      target: { hostname: hostname!, port: Number(port) },
      ...(seed !== undefined && { seed }),
    };
    const flags = "Deno" in globalThis ? ["run", "-A"] : [];
    const child = spawn(process.execPath, [...flags, program, JSON.stringify(setup)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    return new Relay(child, lines, await told(lines));
  }

  /** A connection to the server to which the given happens. */
  async connect(plan: Plan): Promise<Cosocket> {
    const sock = await connect(this.at);
    await sock.send(`${JSON.stringify(plan)}\n`);
    return sock;
  }

  /** What has happened until now. */
  async report(): Promise<Report> {
    this.#child.stdin!.write("\n");
    return await told(this.#lines);
  }

  /** Ends the process. */
  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.stdin!.end();
    await ended;
  }
}

async function told<T>(lines: AsyncIterator<string>): Promise<T> {
  const { value, done } = await lines.next();
  if (done) throw new Error("The relay has ended");
  return JSON.parse(value);
}
