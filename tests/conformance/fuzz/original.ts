/** The original's answers to many scenarios, in one run of nginx. */

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { Nginx } from "../oracle/nginx.ts";
import { Recorder } from "../oracle/recorder.ts";
import { Peers } from "../peers.ts";
import { fillIn } from "../placeholders.ts";
import type { Scenario, Step } from "../scenario.ts";

/** What was recorded, and what was not answered in the same way each time, with what it was. */
export type Answers = {
  readonly recorded: readonly Scenario[];
  readonly unsteady: readonly { readonly scenario: Scenario; readonly fault: string }[];
};

/** Whether there is an nginx with the Lua module. */
export function hasOriginal(): boolean {
  const { stderr, error } = spawnSync("nginx", ["-V"], { encoding: "utf8" });
  if (error) return false;
  const [, folder] = /--modules-path=(\S+)/.exec(stderr) ?? [];
  return /--add-module=\S*lua/.test(stderr) || existsSync(`${folder}/ngx_http_lua_module.so`);
}

/** Plays each scenario three times; what differs then is played three times more, alone. */
export async function record(scenarios: readonly Scenario[], jobs: number): Promise<Answers> {
  const first = await recordTogether(scenarios, jobs);
  const again = await recordTogether(first.unsteady.map((it) => it.scenario), 1);
  return { recorded: [...first.recorded, ...again.recorded], unsteady: again.unsteady };
}

async function recordTogether(scenarios: readonly Scenario[], jobs: number): Promise<Answers> {
  const recorded: Scenario[] = [];
  const unsteady: { scenario: Scenario; fault: string }[] = [];
  const queue = [...scenarios];
  const peers = new Peers();
  try {
    const places = {
      $CLOSED: await peers.ask("closedPort"),
      $HOLE: await peers.ask("blackHole"),
      $CERTS: await peers.ask("certificates"),
    };
    while (queue.length > 0) {
      const locations = queue.map(({ conf }) => fillIn(conf ?? {}, places));
      const nginx = await started(() => new Nginx(locations, places.$CERTS));
      const recorder = new Recorder(nginx, peers, places);
      const take = async () => {
        // A crash takes down all that is under way; the rest is for another one.
        while (queue.length > 0 && nginx.isRunning) {
          const next = queue.shift()!;
          const { scenario, fault } = await recorder.record(next);
          if (fault === "") recorded.push(withoutChance(scenario));
          else unsteady.push({ scenario: next, fault });
        }
      };
      await Promise.all(Array.from({ length: jobs }, take));
      await nginx.stop();
    }
  } finally {
    await peers.stop();
  }
  return { recorded, unsteady };
}

/** The port that was free may be so no more: then another one is tried. */
async function started(make: () => Nginx): Promise<Nginx> {
  for (let tries = 0;; tries++) {
    const nginx = make();
    try {
      await nginx.start();
      return nginx;
    } catch (error) {
      await nginx.stop();
      if (tries === 3) throw error;
    }
  }
}

/** What a peer has received that reads no more, or ends at once, is by chance. */
function withoutChance(recorded: Scenario): Scenario {
  const scripts = recorded.server as readonly (readonly Step[])[];
  const expect_in = recorded.expect_in?.map((text, at) =>
    scripts[at]?.length === 0 ? { any: true } : text
  );
  const scenario = { ...recorded, ...(expect_in && { expect_in }) };
  const steps = scripts.flat();
  const reads = steps.reduce((sum, it) => sum + ("resume" in it ? 1 : "pause" in it ? -1 : 0), 0);
  if (reads === 0) return scenario;
  const { expect_in: _, ...rest } = scenario;
  return rest;
}
