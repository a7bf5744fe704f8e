/**
 * The certificates that tests use, the same for all processes of a day. They are made by a program
 * of their own, on Deno, when the first of these processes asks for them.
 */

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** Both in PEM; `cert` begins with the leaf, and has what a server should send along. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** What each of them is stands in `tests/certificates/make.ts`. */
export type CertificateName =
  | "ca"
  | "otherCa"
  | "intermediate"
  | "intermediate2"
  | "good"
  | "localhost"
  | "address"
  | "nameAsAddress"
  | "other"
  | "wildcard"
  | "international"
  | "commonNameOnly"
  | "nul"
  | "nulCommonName"
  | "expired"
  | "notYet"
  | "clientUsage"
  | "client"
  | "otherClient"
  | "rsa"
  | "revoked"
  | "selfSigned"
  | "withRoot"
  | "viaIntermediate"
  | "viaTwo";

/** All of them, and the revocation list of `ca`, which names `revoked`, in PEM. */
export type Certificates = Readonly<Record<CertificateName, Certificate>> & {
  readonly crl: string;
};

const program = fileURLToPath(new URL("../certificates/make.ts", import.meta.url));
const folder = new URL("../../.tools/", import.meta.url);

let loaded: Promise<Certificates> | undefined;

/** The certificates of today; made if no process has made them yet. */
export function certificates(): Promise<Certificates> {
  return loaded ??= load();
}

async function load(): Promise<Certificates> {
  const version = createHash("sha256").update(readFileSync(program)).digest("hex").slice(0, 16);
  const today = new Date().toISOString().slice(0, 10);
  const path = fileURLToPath(new URL(`certificates-${version}-${today}.json`, folder));
  if (!existsSync(path)) await make(path);
  return JSON.parse(readFileSync(path, "utf8"));
}

/**
 * Many processes may come here at once. The first one that is done is right for all: a client that
 * trusts one CA must not meet a server with a certificate of another.
 */
async function make(path: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const own = `${path}.${process.pid}`;
  try {
    await promisify(execFile)(deno(), ["run", "-A", program, own]);
    linkSync(own, path);
  } catch (error) {
    // Of a path that exists `link` makes no other, unlike `rename`.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    rmSync(own, { force: true });
  }
}

function deno(): string {
  return "Deno" in globalThis ? process.execPath : process.env.DENO ?? "deno";
}
