/** Programs of this folder, as processes of their own. */

import { spawn } from "node:child_process";
import process from "node:process";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";

export type Program = {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Resolves when the process has ended, with its status or signal. */
  readonly ended: Promise<number | string | null>;
};

/**
 * Starts a program of this folder under the runtime that this one runs on, so
 * that a test needs no other. It must end when its standard input ends: then it
 * ends with us, however we end.
 */
export function spawnProgram(name: string): Program {
  const path = fileURLToPath(new URL(name, import.meta.url));
  const flags = "Deno" in globalThis ? ["run", "-A"] : [];
  const child = spawn(process.execPath, [...flags, path], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise<number | string | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (status, signal) => resolve(status ?? signal));
  });
  return { stdin: child.stdin, stdout: child.stdout, ended };
}
