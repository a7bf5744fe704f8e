/**
 * The process behind `peers.ts`: answers each request line on standard input
 * with one line on standard output, and ends when its input does.
 *
 * A peer of another kind is one more entry in `ANSWERS`.
 */

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { has, says, TinyDns } from "../helpers/tiny_dns.ts";
import { blackHole } from "./black_hole.ts";
import { writeCertificates } from "./peer_certificates.ts";
import type { PeerScript } from "./scenario.ts";
import type { ConnectionReport } from "./scripted_connection.ts";
import { ScriptedServer } from "./scripted_server.ts";
import { ScriptedUdp, type UdpScript } from "./scripted_udp.ts";

/** What can be asked for, and what comes back. */
export type Answers = typeof ANSWERS;

export type Request = { id: number; ask: keyof Answers; with: unknown };

export type Answer = { id: number; is?: unknown; failed?: string };

const directory = mkdtempSync(join(tmpdir(), "cosocket-peers-"));
const servers = new Map<number, ScriptedServer>();
const udpPeers = new Map<number, ScriptedUdp>();
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

  /** A peer for datagrams. */
  async serveUdp(script: UdpScript): Promise<{ peer: number; port: number }> {
    const udp = new ScriptedUdp(script);
    const peer = ++peers;
    udpPeers.set(peer, udp);
    return { peer, port: await udp.listen() };
  },

  async reportUdp(peer: number): Promise<unknown[]> {
    return await Promise.resolve(known(udpPeers, peer).report());
  },

  async closeUdp(peer: number): Promise<void> {
    known(udpPeers, peer).close();
    udpPeers.delete(peer);
    await Promise.resolve();
  },

  /** A name server, as `$DNS` names it. */
  async nameServer(): Promise<string> {
    const server = await TinyDns.start({
      // As in the first scenarios: that the peer at its address refuses is meant.
      "refused.test": has(["127.0.0.2"], 1),
      "one.test": has(["127.0.0.1"], 1),
      "denied.test": says({ rcode: 5 }),
      "notimp.test": says({ rcode: 4 }),
    });
    return server.at;
  },

  /** A folder with the certificates and keys that the peers have, as `$CERTS` names it. */
  async certificates(): Promise<string> {
    const folder = join(directory, "certificates");
    mkdirSync(folder, { recursive: true });
    await writeCertificates(folder);
    return folder;
  },

  async report(peer: number): Promise<ConnectionReport[]> {
    return await Promise.resolve(known(servers, peer).report());
  },

  async close(peer: number): Promise<void> {
    known(servers, peer).close();
    servers.delete(peer);
    await Promise.resolve();
  },

  closedPort,
  blackHole,
};

function known<T>(peers: ReadonlyMap<number, T>, peer: number): T {
  const found = peers.get(peer);
  if (!found) throw new RangeError(`No such peer: ${peer}`);
  return found;
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
