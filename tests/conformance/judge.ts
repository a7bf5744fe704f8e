/** What a reader wants to know about a scenario that went wrong. */

import type { Expectation } from "./deviations.ts";
import { stackOf } from "./play.ts";
import { same } from "./same.ts";
import type { Op, Result } from "./scenario.ts";

export type Played = {
  readonly results: readonly Result[];
  /** What each connection of the first server received. */
  readonly received: readonly unknown[];
};

/** One text for each difference; none if all is as wanted. */
export function differences(
  client: readonly Op[],
  wanted: Expectation,
  got: Played,
): string[] {
  const found: string[] = [];
  // If the script broke off, the op that it broke off in is enough.
  const ended = got.results.length;
  const ops = wanted.results.length > ended ? ended + 1 : ended;
  for (let at = 0; at < ops; at++) {
    if (same(wanted.results[at], got.results[at])) continue;
    const what = `op ${at + 1} ${brief(client[at])}`;
    found.push(difference(what, wanted.results[at], got.results[at]));
  }
  if (wanted.received && !same(wanted.received, got.received)) {
    found.push(difference("received by the server", wanted.received, got.received));
  }
  return found;
}

function difference(what: string, wanted: unknown, got: unknown): string {
  const lines = [`wanted ${brief(wanted)}`, `got    ${brief(got)}`];
  const frames = stackOf(got)?.split("\n").slice(1, 4) ?? [];
  return [what, ...lines, ...frames.map((frame) => frame.trim())].join("\n    ");
}

function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length <= 300 ? text : `${text.slice(0, 300)}...`;
}
