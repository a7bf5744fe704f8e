/**
 * The servers that contestants talk to.
 *
 * @module
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Case } from "./cases.ts";
import { freePort, untilListening } from "./ports.ts";
import { descriptors, pinned, Program } from "./program.ts";
import type { Runtime } from "./runtimes.ts";
import { HOST } from "./wire.ts";

/** What a server does: answer, send without end what the case says, or take all that comes. */
export type PeerKind = "pong" | "flood" | "sink" | "tls-pong" | "tls-bytes" | "udp";

/** A server that runs. */
export interface Peer {
  readonly port: number;
  stop(): Promise<void>;
}

/**
 * Starts the server of a case: Redis where it is installed and can do it, otherwise our own.
 * `undefined` if only Redis could do it.
 */
export async function startPeer(it: Case, host: Runtime): Promise<Peer | undefined> {
  if (it.peer === "pong" && hasRedis()) return await startRedis();
  if (it.work === "redis") return undefined;
  const file = fileURLToPath(new URL("server.ts", import.meta.url));
  const program = new Program(`server ${it.name}`, "server", [...host.command, file, it.name]);
  const { port } = await program.answer<{ port: number }>();
  return { port, stop: () => program.stop() };
}

function hasRedis(): boolean {
  return spawnSync("redis-server", ["--version"]).status === 0;
}

async function startRedis(): Promise<Peer> {
  const port = await freePort();
  // It has a few descriptors of its own.
  const clients = Math.min(descriptors() - 64, 50_000);
  const options = Object.entries({
    port,
    bind: HOST,
    save: "",
    appendonly: "no",
    maxclients: clients,
    "tcp-backlog": 4096,
  });
  const [program = "", ...args] = pinned("server", [
    "redis-server",
    ...options.flatMap(([name, value]) => [`--${name}`, `${value}`]),
  ]);
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
