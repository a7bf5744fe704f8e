/**
 * The process behind `remote_peer.ts`: looks for requests in the folder it is
 * given, one after the other, and puts its answers there. It ends when its
 * standard input does, and takes the folder with it.
 */

import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import process from "node:process";
import type { Address } from "../../src/transport.ts";
import { blackHole } from "../conformance/black_hole.ts";

export type Request =
  | { ask: "listen"; at: Address }
  | { ask: "accept" | "blackHole" | "endUnclaimed" }
  | { ask: "connect"; to: Address }
  | { ask: "send"; id: number; text: string }
  | { ask: "flood" | "end" | "reset" | "close" | "stopReading" | "report"; id: number };

/** What an end saw so far. */
export interface Report {
  readonly bytes: number;
  readonly ended: boolean;
  /** The system's name of the error, such as `ECONNRESET`. */
  readonly failed: string | null;
}

interface End {
  readonly socket: Socket;
  bytes: number;
  ended: boolean;
  failed: string | null;
}

const FLOOD_BYTES = 64 * 1024 * 1024;
const LOOK_EVERY_MS = 1;

const folder = process.argv[2]!;
const ends: End[] = [];
const unclaimed: number[] = [];
let onUnclaimed: (() => void) | undefined;

const server = () =>
  createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    unclaimed.push(added(socket));
    onUnclaimed?.();
  });

function added(socket: Socket): number {
  const end: End = { socket, bytes: 0, ended: false, failed: null };
  socket.on("data", (bytes) => end.bytes += bytes.length);
  socket.on("end", () => end.ended = true);
  socket.on("error", (error: NodeJS.ErrnoException) => end.failed ??= error.code ?? error.message);
  return ends.push(end) - 1;
}

async function answered(request: Request): Promise<unknown> {
  switch (request.ask) {
    case "listen": {
      const { at } = request;
      const listening = server();
      await new Promise<void>((resolve, reject) => {
        listening.once("error", reject);
        listening.listen("path" in at ? at : { host: at.hostname, port: at.port }, resolve);
      });
      if ("path" in at) return at;
      return { hostname: at.hostname, port: (listening.address() as AddressInfo).port };
    }
    case "accept": {
      while (unclaimed.length === 0) {
        await new Promise<void>((resolve) => onUnclaimed = resolve);
      }
      return unclaimed.shift();
    }
    case "endUnclaimed":
      await Promise.all(
        unclaimed.splice(0).map((id) =>
          new Promise<void>((resolve) => ends[id]!.socket.end(() => resolve()))
        ),
      );
      return;
    case "blackHole":
      return await blackHole();
    case "connect": {
      const { to } = request;
      const socket = connect({
        ...("path" in to ? to : { host: to.hostname, port: to.port, noDelay: true }),
        allowHalfOpen: true,
      });
      await new Promise<void>((resolve, reject) => {
        socket.once("connect", resolve);
        socket.once("error", reject);
      });
      return added(socket);
    }
    case "send":
      return await new Promise<void>((resolve, reject) => {
        ends[request.id]!.socket.write(request.text, (error) => error ? reject(error) : resolve());
      });
    default:
      return await act(request.ask, ends[request.id]!);
  }
}

async function act(
  what: "flood" | "end" | "reset" | "close" | "stopReading" | "report",
  end: End,
): Promise<unknown> {
  const { socket } = end;
  switch (what) {
    case "flood":
      socket.write(new Uint8Array(FLOOD_BYTES).fill(102));
      return;
    case "end":
      return await new Promise<void>((resolve) => socket.end(() => resolve()));
    case "reset":
    case "close": {
      if (socket.destroyed) return;
      const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
      if (what === "reset") socket.resetAndDestroy();
      else socket.destroy();
      return await closed;
    }
    case "stopReading":
      socket.pause();
      return;
    case "report": {
      const { bytes, ended, failed } = end;
      return { bytes, ended, failed };
    }
  }
}

let next = 1;
let busy = false;

async function look(): Promise<void> {
  const question = join(folder, `request-${next}`);
  if (busy || !existsSync(question)) return;
  busy = true;
  const answer = join(folder, `answer-${next++}`);
  const request: Request = JSON.parse(readFileSync(question, "utf8"));
  rmSync(question);
  const reply = await answered(request).then(
    (is) => ({ is }),
    (error) => ({ failed: String(error) }),
  );
  writeFileSync(`${answer}.new`, JSON.stringify(reply));
  renameSync(`${answer}.new`, answer);
  busy = false;
}

setInterval(() => void look(), LOOK_EVERY_MS);
process.stdin.resume();
process.stdin.on("end", () => {
  rmSync(folder, { recursive: true, force: true });
  process.exit();
});
