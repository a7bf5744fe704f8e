/**
 * Processes that differ from this one in what their environment says of TLS. A test
 * file that needs it runs itself once more in each.
 */

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

type Environment = Readonly<Record<string, string>>;

/** Whether our CA is among the roots of this process. */
export const hasOurRoots: boolean = process.env.COSOCKET_TEST_ROOTS === "ours";

/** Where a runtime is told of more roots, and how it runs a test. */
const [ROOTS, TEST] = "Deno" in globalThis
  ? ["DENO_CERT", ["test", "-A"]] as const
  : ["NODE_EXTRA_CA_CERTS", "Bun" in globalThis ? ["test"] : []] as const;

/** Runs a test file once more, in another environment, as one test of this one. */
export function testIn(name: string, file: string, environment: Environment): void {
  test(name, async () => {
    const { status, output } = await run([...TEST, fileURLToPath(file)], environment);
    if (status !== 0) throw new Error(output);
  });
}

/** The environment of a process that trusts these, besides the runtime's own. */
export function environmentWithRoots(pem: string): Environment {
  const folder = mkdtempSync(join(tmpdir(), "cosocket-roots-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "roots.pem");
  writeFileSync(path, pem);
  return { [ROOTS]: path, COSOCKET_TEST_ROOTS: "ours" };
}

function run(
  args: readonly string[],
  environment: Environment,
): Promise<{ status: number | null; output: string }> {
  // Node's test runner would have its children report to it.
  const { NODE_TEST_CONTEXT: _, ...inherited } = process.env;
  const child = spawn(process.execPath, [...args], {
    env: { ...inherited, NO_COLOR: "1", COSOCKET_TEST_CHILD: "yes", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => output += text);
  }
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => resolve({ status, output }));
  });
}
