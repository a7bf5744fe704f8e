/** What the original answers to a scenario, by playing it more than once. */

import { setTimeout as sleep } from "node:timers/promises";
import type { Peers } from "../peers.ts";
import { fillIn, type Placeholders, takeOut } from "../placeholders.ts";
import { same } from "../same.ts";
import type { Result, Scenario } from "../scenario.ts";
import type { Nginx } from "./nginx.ts";

const RUNS = 3;

/** A scenario as it stands in a file. */
export type Entry = Scenario & { readonly verified?: boolean };

/** One run: what the ops returned, and what each connection of the first server received. */
type Run = { readonly results: readonly Result[]; readonly received: readonly unknown[] };

export type Recorded = {
  readonly scenario: Entry;
  /** Empty, or why the scenario was not verified. */
  readonly fault: string;
};

export class Recorder {
  readonly #nginx: Nginx;
  readonly #peers: Peers;
  readonly #places: Placeholders;
  #played = 0;

  /** @param places Placeholders that mean the same to all scenarios. */
  constructor(nginx: Nginx, peers: Peers, places: Placeholders) {
    this.#nginx = nginx;
    this.#peers = peers;
    this.#places = places;
  }

  /** Plays a scenario three times, and writes down what all of them came to. */
  async record(scenario: Entry): Promise<Recorded> {
    const { expect: before, expect_in: _, expect_head: head, verified: __, ...script } = scenario;
    const runs: Run[] = [];
    try {
      while (runs.length < RUNS) runs.push(await this.#run(scenario));
    } catch (error) {
      return { scenario: { ...scenario, verified: false }, fault: String(error) };
    }
    const [first, ...others] = runs as [Run, ...Run[]];
    // An expectation that holds a pattern stays, as long as it is met.
    const isMet = before !== undefined && runs.every((run) => same(before, run.results));
    const verified = isMet || others.every((run) => same(first.results, run.results));
    const isSteady = others.every((run) => same(first.received, run.received));
    const says = isSteady && first.received.some((it) => it !== "");
    return {
      scenario: {
        ...script,
        expect: isMet ? before : first.results,
        verified,
        ...(says && { expect_in: first.received }),
        ...(head && { expect_head: head }),
      },
      fault: verified ? "" : runs.map((run) => JSON.stringify(run.results)).join("\n"),
    };
  }

  async #run(scenario: Scenario): Promise<Run> {
    const peers = this.#peers;
    const first = await peers.ask("serve", scenario.server ?? []);
    const second = await peers.ask("serve", scenario.server2 ?? []);
    const udp = scenario.udp && await peers.ask("serveUdp", scenario.udp);
    const here: Placeholders = {
      ...this.#places,
      $ID: `run${++this.#played}x`,
      $PORT: first.port,
      $UNIX: `unix:${first.path}`,
      $PORT2: second.port,
      $UNIX2: `unix:${second.path}`,
      ...(udp && { $UDPPORT: udp.port }),
    };
    try {
      const client = fillIn(scenario.client, here);
      const results = await this.#nginx.play(client, fillIn(scenario.conf ?? {}, here));
      await sleep(scenario.settle ?? 30);
      const received = udp === undefined
        ? (await peers.ask("report", first.peer)).map((it) => it.scriptError ?? it.in)
        : await peers.ask("reportUdp", udp.peer);
      return { results: takeOut(results, here), received };
    } finally {
      await peers.ask("close", first.peer);
      await peers.ask("close", second.peer);
      if (udp) await peers.ask("closeUdp", udp.peer);
    }
  }
}
