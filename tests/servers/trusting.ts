import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Runs a test with what a program must find in its environment to trust a certificate besides the
 * roots of its runtime: it needs no option then.
 */
export async function trusting(
  pem: string,
  work: (env: Record<string, string>) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "cosocket-trust-"));
  try {
    const path = join(folder, "ca.pem");
    writeFileSync(path, pem);
    await work({ DENO_CERT: path, NODE_EXTRA_CA_CERTS: path });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
