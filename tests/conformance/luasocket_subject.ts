/**
 * `./luasocket` as a subject of the oracle: one line of JSON for each step. The oracle
 * plays scenarios against the real LuaSocket, or against such a program, and compares.
 *
 *     oracle.py check luasocket.json --runner "deno run -A tests/conformance/luasocket_subject.ts"
 *
 * Runs under Bun and Node as well.
 */

import process from "node:process";
import { createInterface } from "node:readline";
import { socket } from "../../src/faces/luasocket/mod.ts";
import { type Call, Player, type Variables } from "./luasocket/play.ts";

interface Script {
  readonly id: string;
  readonly vars?: Variables;
  readonly connect?: boolean;
  readonly client: readonly Call[];
}

// The original has these after `require "socket.http"`, which no scenario does.
delete socket.sourcet["http-chunked"];
delete socket.sinkt["http-chunked"];

const lines: string[] = [];
let wanting: ((line: string) => void) | undefined;

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const take = wanting;
    wanting = undefined;
    if (take) take(line);
    else lines.push(line);
  })
  .on("close", () => process.exit());

function nextLine(): Promise<string> {
  const line = lines.shift();
  return line === undefined ? new Promise((take) => wanting = take) : Promise.resolve(line);
}

function say(message: unknown): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

async function play({ vars = {}, connect, client }: Script): Promise<void> {
  const player = new Player(vars, async (name) => {
    say({ sync: name });
    await nextLine();
  });
  if (connect) await player.connect();
  for (const call of client) say(await player.play(call));
  await player.end();
}

say({ hello: socket._VERSION });
for (;;) {
  const script: Script = JSON.parse(await nextLine());
  try {
    await play(script);
  } catch (error) {
    say({ fatal: String(error) });
  }
  say({ done: script.id });
}
