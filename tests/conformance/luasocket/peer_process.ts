/**
 * The process behind `peer.ts`: one line for each request, one for each answer. It
 * ends when its input does.
 */

import process from "node:process";
import { createInterface } from "node:readline";
import { type PeerStep, ScriptedPeer } from "./scripted_peer.ts";

export type PeerRequest =
  & { readonly id: number; readonly peer: number }
  & (
    | { readonly ask: "open"; readonly steps: readonly PeerStep[]; readonly path?: string }
    | { readonly ask: "meet"; readonly name: string }
    | { readonly ask: "begin" | "log" | "end" }
  );

const peers = new Map<number, ScriptedPeer>();

async function answer(request: PeerRequest): Promise<unknown> {
  if (request.ask === "open") {
    const fresh = new ScriptedPeer(request.steps);
    peers.set(request.peer, fresh);
    return await fresh.listen(request.path);
  }
  const peer = peers.get(request.peer)!;
  if (request.ask === "meet") {
    await peer.meet(request.name);
    return true;
  }
  if (request.ask === "begin") void peer.run();
  if (request.ask === "begin") return true;
  if (request.ask === "log") return peer.log;
  peer.close();
  peers.delete(request.peer);
  return true;
}

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const request: PeerRequest = JSON.parse(line);
    const say = (is: unknown) =>
      process.stdout.write(`${JSON.stringify({ id: request.id, is })}\n`);
    answer(request).then(say, () => say(null));
  })
  .on("close", () => process.exit());
