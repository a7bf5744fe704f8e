/** Plays recorded scenarios against `./luasocket`, and compares with what is wanted. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { socket } from "../../../src/faces/luasocket/mod.ts";
import { Peers } from "../peers.ts";
import { matches, sameResults } from "./matches.ts";
import { type Peer, PeerProcess } from "./peer.ts";
import { type Call, type Played, Player } from "./play.ts";
import type { PeerStep } from "./scripted_peer.ts";

export interface Scenario {
  readonly id: string;
  /** 1: everybody's; 2: what a system or a buffer decides; 3: what the original happens to do. */
  readonly tier: 1 | 2 | 3;
  readonly server?: readonly PeerStep[] | null;
  readonly server_type?: "tcp" | "unix";
  readonly connect?: boolean;
  readonly limit_ms?: number;
  readonly client: readonly Call[];
  readonly expect: readonly (readonly unknown[])[];
  readonly expect_server?: readonly unknown[];
  readonly expect_ms?: Readonly<Record<string, readonly [number, number]>>;
}

/** Where we answer differently: by a letter of the list at the head of the face. */
export interface Deviation {
  readonly letter: string;
  readonly why: string;
  readonly expect: Scenario["expect"];
}

export type Outcome = {
  readonly id: string;
  readonly status: "passed" | "failed";
  /** The differences. */
  readonly detail: string;
};

/** What was recorded from LuaSocket. */
export const RECORDED: readonly URL[] = ["../luasocket.json", "../luasocket_more.json"]
  .map((name) => new URL(name, import.meta.url));

/** By scenario id. */
export const DEVIATIONS: Readonly<Record<string, Deviation>> = JSON.parse(
  readFileSync(new URL("../luasocket_deviations.json", import.meta.url), "utf8"),
);

export function loadScenarios(path: string | URL): Scenario[] {
  const document = JSON.parse(readFileSync(path, "utf8"));
  return Array.isArray(document) ? document : document.scenarios;
}

/** Longer than any step takes that comes to an end. */
const PATIENCE_MS = 5000;

/**
 * Plays `jobs` scenarios at a time. What fails is played once more, alone: pauses of
 * some milliseconds mean nothing while the machine stands still for longer.
 */
export async function runScenarios(
  scenarios: readonly Scenario[],
  { jobs = 4 }: { jobs?: number } = {},
): Promise<Outcome[]> {
  const outcomes = new Map<Scenario, Outcome>();
  const processes: Processes = { peers: new PeerProcess(), others: new Peers(), closedPort: 0 };
  // The original has these after `require "socket.http"`, which no scenario does.
  const chunked = { source: socket.sourcet["http-chunked"]!, sink: socket.sinkt["http-chunked"]! };
  delete socket.sourcet["http-chunked"];
  delete socket.sinkt["http-chunked"];
  try {
    processes.closedPort = await processes.others.ask("closedPort");
    const queue = [...scenarios];
    const takeFrom = async () => {
      for (let next = queue.shift(); next; next = queue.shift()) {
        outcomes.set(next, await outcomeOf(next, processes));
      }
    };
    await Promise.all(Array.from({ length: jobs }, takeFrom));
    for (const scenario of scenarios) {
      if (outcomes.get(scenario)!.status === "passed") continue;
      outcomes.set(scenario, await outcomeOf(scenario, processes));
    }
  } finally {
    socket.sourcet["http-chunked"] = chunked.source;
    socket.sinkt["http-chunked"] = chunked.sink;
    await processes.peers.stop();
    await processes.others.stop();
  }
  return scenarios.map((it) => outcomes.get(it)!);
}

interface Processes {
  readonly peers: PeerProcess;
  readonly others: Peers;
  closedPort: number;
}

async function outcomeOf(scenario: Scenario, processes: Processes): Promise<Outcome> {
  const { id } = scenario;
  try {
    const found = await differences(scenario, processes);
    return { id, status: found.length === 0 ? "passed" : "failed", detail: found.join("\n") };
  } catch (error) {
    return { id, status: "failed", detail: (error as Error).stack ?? String(error) };
  }
}

async function differences(scenario: Scenario, processes: Processes): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), "ls-"));
  const path = join(folder, "s.sock");
  const isUnix = scenario.server_type === "unix";
  const peer = scenario.server
    ? await processes.peers.open(scenario.server, isUnix ? path : undefined)
    : undefined;
  const player = new Player({
    HOST: "127.0.0.1",
    PORT: peer?.port,
    CLOSEDPORT: processes.closedPort,
    TMP: folder,
    PATH: path,
    PATHB: join(folder, "b.sock"),
  }, async (name) => await peer?.meet(name));
  let log: unknown[] | undefined;
  const played: Played[] = [];
  try {
    if (peer && !isUnix && scenario.connect !== false) await player.connect();
    await peer?.begin();
    await playAll(scenario, player, played);
    await player.end();
    if (peer && scenario.expect_server) log = await logOf(peer, scenario.expect_server);
  } finally {
    await peer?.end();
    rmSync(folder, { recursive: true, force: true });
  }
  return compare(scenario, played, log);
}

async function playAll(scenario: Scenario, player: Player, played: Played[]): Promise<void> {
  const { client, limit_ms = PATIENCE_MS } = scenario;
  for (const call of client) {
    const timer = new AbortController();
    const hang = sleep(limit_ms, HUNG, { signal: timer.signal });
    hang.catch(() => {});
    const result = await Promise.race([player.play(call), hang]);
    timer.abort();
    played.push(result);
    if (result === HUNG) return;
  }
}

const HUNG: Played = { r: [{ hang: true }], ms: Infinity };

/** What the server received; it may still be on its way. */
async function logOf(peer: Peer, wanted: readonly unknown[]): Promise<unknown[]> {
  for (let look = 0; look < 50; look++) {
    const log = await peer.log();
    if (log.length >= wanted.length) return log;
    await sleep(10);
  }
  return await peer.log();
}

function compare(scenario: Scenario, played: Played[], log: unknown[] | undefined): string[] {
  const found: string[] = [];
  const expect = DEVIATIONS[scenario.id]?.expect ?? scenario.expect;
  expect.forEach((wanted, at) => {
    const got = played[at]?.r;
    if (got !== undefined && sameResults(wanted, got)) return;
    const call = brief(scenario.client[at]);
    found.push(`op ${at} ${call}\n    wanted ${brief(wanted)}\n    got    ${brief(got)}`);
  });
  for (const [at, [least, most]] of Object.entries(scenario.expect_ms ?? {})) {
    const ms = played[Number(at)]?.ms ?? NaN;
    if (!(ms >= least && ms <= most)) found.push(`op ${at} took ${ms} ms, not ${least} to ${most}`);
  }
  if (scenario.expect_server && !matches(scenario.expect_server, log)) {
    const wanted = brief(scenario.expect_server);
    found.push(`received by the server\n    wanted ${wanted}\n    got    ${brief(log)}`);
  }
  return found;
}

function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length <= 300 ? text : `${text.slice(0, 300)}...`;
}
