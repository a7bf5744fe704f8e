/**
 * A port whose SYNs are dropped, so that connecting to it hangs: a listener that
 * never accepts, with its queue filled up. Needs no privileges and no firewall.
 */

import { createInterface } from "node:readline";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { spawnProgram } from "./spawn_program.ts";

/** The port; the listener behind it lives as long as this process. */
export async function blackHole(): Promise<number> {
  const listener = spawnProgram("black_hole_listener.ts");
  const port = Number(await firstLine(listener.stdout));
  await fillQueue(port);
  return port;
}

/**
 * Connects until it hangs. Node and Deno keep to the backlog of 1 and are full
 * after two; Bun takes 512 whatever it was told.
 */
async function fillQueue(port: number): Promise<void> {
  for (let filled = 0; filled < 8192; filled++) {
    const socket = connect(port, "127.0.0.1");
    // What comes of it when the listener goes away does not matter.
    socket.on("error", () => {});
    const up = await Promise.race([connected(socket), sleep(150, false)]);
    // A connection keeps its place in the queue until it is accepted, ended or not.
    socket.destroy();
    if (!up) return;
  }
  throw new Error(`Cannot fill the accept queue of port ${port}`);
}

function connected(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => socket.once("connect", () => resolve(true)));
}

function firstLine(stream: NodeJS.ReadableStream): Promise<string> {
  return new Promise((resolve) => createInterface({ input: stream }).once("line", resolve));
}
