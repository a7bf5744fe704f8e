/**
 * Plays scenarios against our `ngx`, and compares with what is wanted.
 *
 * All of them share the pools of one worker, as they did in the original; ports
 * and `$ID` keep them apart.
 */

import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { createNgx } from "../../src/faces/ngx/mod.ts";
import { type Expectation, expectation } from "./deviations.ts";
import { differences } from "./judge.ts";
import { knowsLua } from "./lua_values.ts";
import { Peers } from "./peers.ts";
import { fillIn, type Placeholders, takeOut } from "./placeholders.ts";
import { play } from "./play.ts";
import { same } from "./same.ts";
import type { Result, Scenario } from "./scenario.ts";

export type Outcome = {
  readonly id: string;
  readonly status: "passed" | "failed" | "skipped";
  /** The differences, or what it would need. */
  readonly detail: string;
  /** The differences of a first try beside others, where there was a second one. */
  readonly firstTry?: string;
};

/**
 * Plays `jobs` scenarios at a time, and those that want to be alone last. What
 * fails beside others is played once more, alone: pauses of 50 ms between things
 * whose order matters mean nothing while the machine stands still for longer.
 */
export async function runScenarios(
  scenarios: readonly Scenario[],
  { jobs = 8 }: { jobs?: number } = {},
): Promise<Outcome[]> {
  const outcomes = new Map<Scenario, Outcome>();
  const peers = new Peers();
  try {
    const shared: Shared = {
      peers,
      worker: createNgx({ lua_socket_log_errors: "off" }),
      places: {
        $CLOSED: await peers.ask("closedPort"),
        $HOLE: await peers.ask("blackHole"),
        $CERTS: await peers.ask("certificates"),
        $DNS: await peers.ask("nameServer"),
      },
    };
    const takeFrom = async (queue: Scenario[]) => {
      for (let next = queue.shift(); next; next = queue.shift()) {
        outcomes.set(next, await outcomeOf(next, shared));
      }
    };
    const together = scenarios.filter((it) => !it.solo);
    await Promise.all(Array.from({ length: jobs }, () => takeFrom(together)));
    await takeFrom(scenarios.filter((it) => it.solo));
    for (const scenario of scenarios) {
      const { status, detail } = outcomes.get(scenario)!;
      if (status !== "failed") continue;
      outcomes.set(scenario, { ...await outcomeOf(scenario, shared), firstTry: detail });
    }
  } finally {
    await peers.stop();
  }
  return scenarios.map((it) => outcomes.get(it) as Outcome);
}

const MISSING: ReadonlySet<string> = new Set(["lua"]);

/** Far more than any script takes, also on a busy machine. */
const PATIENCE_MS = 30_000;

type Shared = {
  readonly peers: Peers;
  readonly worker: ReturnType<typeof createNgx>;
  /** Placeholders that mean the same to all scenarios. */
  readonly places: Placeholders;
};

/** What of a scenario's needs cannot be had here; empty if it can be played. */
function missingNeeds(scenario: Scenario): string {
  const missing = (scenario.needs ?? []).filter((need) => MISSING.has(need));
  return missing.filter((need) => need !== "lua" || !knowsAllLua(scenario.client)).join(", ");
}

/** Whether all that is Lua in these ops can be had without Lua. */
function knowsAllLua(value: unknown): boolean {
  if (value === null || typeof value !== "object") return true;
  if ("lua" in value) return knowsLua(String(value.lua));
  return Object.values(value).every(knowsAllLua);
}

async function outcomeOf(scenario: Scenario, shared: Shared): Promise<Outcome> {
  const { id } = scenario;
  const missing = missingNeeds(scenario);
  if (missing !== "") return { id, status: "skipped", detail: `needs ${missing}` };
  try {
    const found = await withPeers(scenario, shared);
    return { id, status: found.length === 0 ? "passed" : "failed", detail: found.join("\n") };
  } catch (error) {
    return { id, status: "failed", detail: (error as Error).stack ?? String(error) };
  }
}

/** Plays one scenario; resolves to the differences. */
async function withPeers(scenario: Scenario, { peers, worker, places }: Shared): Promise<string[]> {
  const first = await peers.ask("serve", scenario.server ?? []);
  const second = await peers.ask("serve", scenario.server2 ?? []);
  const udp = scenario.udp && await peers.ask("serveUdp", scenario.udp);
  const here: Placeholders = {
    ...places,
    $ID: `id${process.pid}x${first.peer}`,
    $PORT: first.port,
    $UNIX: `unix:${first.path}`,
    $PORT2: second.port,
    $UNIX2: `unix:${second.path}`,
    ...(udp && { $UDPPORT: udp.port }),
  };
  try {
    const wanted = expectation(scenario);
    const client = fillIn(scenario.client, here);
    const results: Result[] = [];
    const location = worker.with(fillIn(scenario.conf ?? {}, here));
    const ended = await inTime(
      location.run((ngx) => play(ngx, client, results, String(here.$CERTS))),
    );
    const report = udp === undefined
      ? async () => (await peers.ask("report", first.peer)).map((it) => it.scriptError ?? it.in)
      : () => peers.ask("reportUdp", udp.peer);
    const received = await reported(report, wanted, scenario.settle ?? 30);
    const got = { results: takeOut(results, here), received };
    const found = differences(scenario.client, wanted, got);
    return ended ? found : [`The script did not end in ${PATIENCE_MS} ms`, ...found];
  } finally {
    await peers.ask("close", first.peer);
    await peers.ask("close", second.peer);
    if (udp) await peers.ask("closeUdp", udp.peer);
  }
}

/**
 * What the peer received. Twenty megabytes may take longer on a busy
 * machine than the scenario says: what is not yet as wanted gets a second more.
 */
async function reported(
  report: () => Promise<unknown[]>,
  wanted: Expectation,
  settleMs: number,
): Promise<unknown[]> {
  await sleep(settleMs);
  for (let look = 0;; look++) {
    const received = await report();
    if (look === 20 || !wanted.received || same(wanted.received, received)) return received;
    await sleep(50);
  }
}

/** Whether the work came to its end before we lost patience. */
async function inTime(work: Promise<unknown>): Promise<boolean> {
  const timer = new AbortController();
  const waiting = sleep(PATIENCE_MS, false, { signal: timer.signal });
  try {
    return await Promise.race([work.then(() => true), waiting]);
  } finally {
    timer.abort();
  }
}
