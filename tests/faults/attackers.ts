/** Clients that mean no good, in a process of their own. */

import { spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Attack, Attackers } from "./attackers_process.ts";

const program = fileURLToPath(new URL("attackers_process.ts", import.meta.url));

/** Lets so many clients begin, and does the work while they go on. */
export async function underAttack(
  port: number,
  attack: Attack,
  count: number,
  work: () => Promise<void>,
): Promise<void> {
  const setup: Attackers = { port, count, attack };
  const flags = "Deno" in globalThis ? ["run", "-A"] : [];
  const child = spawn(process.execPath, [...flags, program, JSON.stringify(setup)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  try {
    await createInterface({ input: child.stdout! })[Symbol.asyncIterator]().next();
    await work();
  } finally {
    child.stdin!.end();
    await ended;
  }
}
