/**
 * The process behind `peers.ts`: answers each request line on standard input
 * with one line on standard output, and ends when its input does.
 *
 * A peer of another kind (UDP, DNS) is one more entry in `ANSWERS`.
 */

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { blackHole } from "./black_hole.ts";
import { writeCertificates } from "./peer_certificates.ts";
import type { PeerScript } from "./scenario.ts";
import type { ConnectionReport } from "./scripted_connection.ts";
import { ScriptedServer } from "./scripted_server.ts";

/** What can be asked for, and what comes back. */
export type Answers = typeof ANSWERS;

export type Request = { id: number; ask: keyof Answers; with: unknown };

export type Answer = { id: number; is?: unknown; failed?: string };

const directory = mkdtempSync(join(tmpdir(), "cosocket-peers-"));
const servers = new Map<number, ScriptedServer>();
let peers = 0;

const ANSWERS = {
  /** A scripted server, on a TCP port and at the path of a unix socket. */
  async serve(script: PeerScript): Promise<{ peer: number; port: number; path: string }> {
    const server = new ScriptedServer(script);
    const peer = ++peers;
    const path = join(directory, `${peer}.sock`);
    servers.set(peer, server);
    await server.listenAt(path);
    return { peer, port: await server.listen(), path };
  },

  /** A folder with the certificates and keys that the peers have, as `$CERTS` names it. */
  async certificates(): Promise<string> {
    const folder = join(directory, "certificates");
    mkdirSync(folder, { recursive: true });
    await writeCertificates(folder);
    return folder;
  },

  async report(peer: number): Promise<ConnectionReport[]> {
    return await Promise.resolve(known(peer).report());
  },

  async close(peer: number): Promise<void> {
    known(peer).close();
    servers.delete(peer);
    await Promise.resolve();
  },

  closedPort,
  blackHole,
};

function known(peer: number): ScriptedServer {
  const server = servers.get(peer);
  if (!server) throw new RangeError(`No such peer: ${peer}`);
  return server;
}

/**
 * A port that refuses. It is the near end of a connection that stays open: so it
 * has no listener, and the system gives it to nobody else in the meantime.
 */
async function closedPort(): Promise<number> {
  const listener = createServer();
  await new Promise<void>((resolve) => listener.listen({ port: 0, host: "127.0.0.1" }, resolve));
  const near = connect((listener.address() as AddressInfo).port, "127.0.0.1");
  const far = await new Promise<Socket>((resolve) => listener.once("connection", resolve));
  listener.close();
  keptOpen.push(near, far);
  return far.remotePort as number;
}

const keptOpen: Socket[] = [];

async function answer(line: string): Promise<void> {
  const request: Request = JSON.parse(line);
  const reply: Answer = { id: request.id };
  try {
    reply.is = await ANSWERS[request.ask](request.with as never);
  } catch (error) {
    reply.failed = String(error);
  }
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}

function end(): void {
  rmSync(directory, { recursive: true, force: true });
  process.exit();
}

createInterface({ input: process.stdin })
  .on("line", (line) => void answer(line))
  .on("close", end);
// From a terminal these reach us at the same time as our parent.
process.on("SIGINT", end);
process.on("SIGTERM", end);
