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

/** A program that listens. */
export interface Program {
  readonly program: string;
  readonly args: readonly string[];
  /** What ends it, where to be killed would leave something of it behind. */
  readonly endSignal?: "SIGQUIT";
  /** Whether it complains of each client that it refuses: that is not for us to see. */
  readonly isNoisy?: boolean;
  /** Whether it serves, where that it takes connections does not say so yet. */
  readonly isReady?: () => boolean;
}

/** How to start a program that listens at a place; it may write files into the folder first. */
export type Recipe = (at: At) => Program;

/** Ends a server before its test is over; it says nothing to those who are connected. */
export type End = () => Promise<void>;

/** Why tests of a program are skipped, or `false` if it is here. */
export function missing(program: string): string | false {
  return programPath(program) === undefined ? `${program} is not installed` : false;
}

/** Where a program is; looked for in the PATH, and in the given folders behind it. */
export function programPath(program: string, folders: readonly string[] = []): string | undefined {
  const all = [...(process.env.PATH ?? "").split(delimiter), ...folders];
  return all.map((folder) => join(folder, program)).find(isProgram);
}

/** Runs a test against a server: starts it, waits until it answers, and ends it by its pid. */
export async function withServer(
  place: Place,
  recipe: Recipe,
  work: (target: string, end: End) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "cosocket-server-"));
  try {
    const { server, target } = await started(place, recipe, folder);
    try {
      await work(target, () => ended(server));
    } finally {
      await ended(server);
    }
  } finally {
    await removed(folder);
  }
}

async function removed(folder: string): Promise<void> {
  for (let attempt = 1;; attempt++) {
    try {
      return rmSync(folder, { recursive: true, force: true });
    } catch (error) {
      // What a server has started may outlive it for a moment, and still write.
      if ((error as NodeJS.ErrnoException).code !== "ENOTEMPTY" || attempt === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

interface Running {
  readonly child: ChildProcess;
  readonly program: Program;
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
    const program = recipe(at);
    const server = start(program);
    if (await answers(server, target)) return { server, target };
    await ended(server);
    if (attempt === 3) throw new Error(`Cannot start ${program.program}: no answer at ${target}`);
  }
}

function start(program: Program): Running {
  const child = spawn(program.program, program.args, {
    stdio: ["ignore", "ignore", program.isNoisy ? "ignore" : "inherit"],
  });
  const running: Running = {
    child,
    program,
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
  const { isReady = () => true } = server.program;
  const endMs = performance.now() + 10_000;
  while (!server.isOver && performance.now() < endMs) {
    try {
      (await connect(target, { timeoutMs: 1000 })).close();
      if (isReady()) return true;
    } catch {
      // Not yet: it is only starting.
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return false;
}

async function ended({ child, program, exit }: Running): Promise<void> {
  // They keep nothing, so they need no time to end; memcached would take a second.
  child.kill(program.endSignal ?? "SIGKILL");
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
