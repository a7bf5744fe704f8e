/** `openssl s_client`, as a child process. */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { Address } from "../../mod.ts";

/** A client that is under way. */
export interface OpensslClient {
  /** What it wrote until now, to either of its outputs. */
  readonly output: string;
  /** Says something to the server. */
  send(text: string): void;
  /** Ends what it says: it tells the server so, and is done. */
  end(): void;
  /** Ends it without a word to the server. */
  kill(): void;
  /** The code it ends with; `null` if it was killed. */
  readonly ended: Promise<number | null>;
}

/** Runs a test with a client; an option of it may name a file. */
export async function withOpensslClient(
  address: Address,
  options: readonly string[],
  files: Readonly<Record<string, string>>,
  work: (client: OpensslClient) => Promise<void>,
): Promise<void> {
  if (!("port" in address)) throw new TypeError("Only TCP here");
  const folder = mkdtempSync(join(tmpdir(), "cosocket-client-"));
  try {
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(join(folder, name), text, { mode: 0o600 });
    }
    const given = options.map((it) => Object.hasOwn(files, it) ? join(folder, it) : it);
    const to = ["-connect", `127.0.0.1:${address.port}`];
    const client = clientOf(spawn("openssl", ["s_client", ...to, ...given]));
    try {
      await work(client);
    } finally {
      client.kill();
      await client.ended;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function clientOf(child: ChildProcess): OpensslClient {
  let output = "";
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding("utf8").on("data", (text) => output += text);
  }
  child.stdin!.on("error", () => {}); // it may be gone before it has taken all
  return {
    get output() {
      return output;
    },
    send: (text) => void child.stdin!.write(text),
    end: () => void child.stdin!.end(),
    kill() {
      // Deno's child.kill() closes its input first, upon which it would say good bye.
      if (child.exitCode === null && child.signalCode === null) process.kill(child.pid!, "SIGKILL");
    },
    ended: new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    }),
  };
}
