/**
 * The servers that contestants talk to.
 *
 * @module
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { freePort, untilListening } from "./ports.ts";
import { pinned, Program } from "./program.ts";
import type { Runtime } from "./runtimes.ts";

/** What a server does: answer, or send without end. */
export type PeerKind = "pong" | "lines" | "bytes" | "parts" | "tls-pong" | "tls-bytes";

/** A server that runs. */
export interface Peer {
  readonly port: number;
  stop(): Promise<void>;
}

/** Starts a server; Redis where it is installed and can do it, otherwise one of our own. */
export async function startPeer(kind: PeerKind, host: Runtime): Promise<Peer> {
  if (kind === "pong" && spawnSync("redis-server", ["--version"]).status === 0) {
    return await startRedis();
  }
  const file = fileURLToPath(new URL("server.ts", import.meta.url));
  const program = new Program(`server ${kind}`, "server", [...host.command, file, kind]);
  const { port } = await program.answer<{ port: number }>();
  return { port, stop: () => program.stop() };
}

async function startRedis(): Promise<Peer> {
  const port = await freePort();
  const options = ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
  const [program = "", ...args] = pinned("server", ["redis-server", ...options]);
  const child: ChildProcess = spawn(program, args, { stdio: "ignore" });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  await untilListening(port);
  return {
    port,
    stop() {
      child.kill("SIGKILL");
      return ended;
    },
  };
}
