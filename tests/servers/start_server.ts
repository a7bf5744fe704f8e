/** Real servers, as child processes, on a free loopback port or on a unix socket. */

import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";
import { connect, listen } from "../../mod.ts";

/** The two kinds of places to listen at. */
export const PLACES = ["TCP", "unix"] as const;
export type Place = typeof PLACES[number];

/** Where a server is to listen. */
export interface At {
  /** A folder of its own, which is removed in the end. */
  readonly folder: string;
  /** The port on 127.0.0.1; absent for a unix socket. */
  readonly port?: number;
  /** The path of the unix socket; absent for a port. */
  readonly path?: string;
}

/** How to start a program that listens at a place; it may write files into the folder first. */
export type Recipe = (at: At) => { program: string; args: readonly string[] };

/** Why tests of a program are skipped, or `false` if it is here. */
export function missing(program: string): string | false {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.some((folder) => isProgram(join(folder, program)))
    ? false
    : `${program} is not installed`;
}

/** Runs a test against a server: starts it, waits until it answers, and ends it by its pid. */
export async function withServer(
  place: Place,
  recipe: Recipe,
  work: (target: string) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "cosocket-server-"));
  try {
    const { server, target } = await started(place, recipe, folder);
    try {
      await work(target);
    } finally {
      await ended(server);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Running {
  readonly child: ChildProcess;
  readonly exit: Promise<void>;
  isOver: boolean;
}

/** Somebody else may take a port that was free a moment ago: then another one is tried. */
async function started(place: Place, recipe: Recipe, folder: string) {
  for (let attempt = 1;; attempt++) {
    const at: At = place === "unix"
      ? { folder, path: join(folder, "socket") }
      : { folder, port: await freePort() };
    const target = at.path === undefined ? `127.0.0.1:${at.port}` : `unix:${at.path}`;
    const { program, args } = recipe(at);
    const server = start(program, args);
    if (await answers(server, target)) return { server, target };
    await ended(server);
    if (attempt === 3) throw new Error(`Cannot start ${program}: no answer at ${target}`);
  }
}

function start(program: string, args: readonly string[]): Running {
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "inherit"] });
  const running: Running = {
    child,
    isOver: false,
    exit: new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", () => {
        running.isOver = true;
        resolve();
      });
    }),
  };
  return running;
}

async function answers(server: Running, target: string): Promise<boolean> {
  const endMs = performance.now() + 10_000;
  while (!server.isOver && performance.now() < endMs) {
    try {
      (await connect(target, { timeoutMs: 1000 })).close();
      return true;
    } catch {
      // Not yet: it is only starting.
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  return false;
}

async function ended({ child, exit }: Running): Promise<void> {
  // They keep nothing, so they need no time to end; memcached would take a second.
  child.kill("SIGKILL");
  await exit;
}

async function freePort(): Promise<number> {
  const listener = await listen("127.0.0.1:0");
  const { address } = listener;
  await listener.close();
  if (!("port" in address)) throw new Error("No port");
  return address.port;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // not there, or not ours to run
  }
}
