// SHA-256 at once: pool keys are made of it, and secrets are hidden by it.

import { SocketError } from "../errors.ts";

interface Crypto {
  createHash(name: string): { update(text: string): { digest(form: "hex"): string } };
}

interface Builtins {
  process?: { getBuiltinModule?(name: string): Crypto };
}

/** SHA-256 of a text, in hex. */
export function digest(text: string): string {
  // Not imported: who uses no TLS need not load it.
  const crypto = (globalThis as Builtins).process?.getBuiltinModule?.("node:crypto");
  if (crypto === undefined) {
    throw new SocketError("unsupported", "Cannot tell certificates apart: there is no SHA-256");
  }
  return crypto.createHash("sha256").update(text).digest("hex");
}
