/** The examples as programs of their own. */

import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** Runs an example to its end, under the runtime that this one runs on; gives what it prints. */
export function runExample(name: string, ...args: string[]): Promise<string> {
  return runExampleIn({}, name, ...args);
}

/** Runs an example that may look into its environment, where it finds these words, too. */
export async function runExampleIn(
  env: Readonly<Record<string, string>>,
  name: string,
  ...args: string[]
): Promise<string> {
  const path = fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));
  const allowed = Object.keys(env).map((it) => `--allow-env=${it}`);
  const flags = "Deno" in globalThis ? ["run", "--allow-net", "--no-prompt", ...allowed] : [];
  const child = spawn(process.execPath, [...flags, path, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...env },
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text) => output += text);
  const status = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (status !== 0) throw new Error(`${name} ended with ${status}:\n${output}`);
  return output;
}
