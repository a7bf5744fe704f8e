/**
 * Makes a scenario that fails smaller, as long as it fails and its outcome is determined: ops,
 * steps, directives and bytes go, many at a time and then one by one.
 */

import type { Op, Scenario, Step } from "../scenario.ts";
import { MARK } from "./peer_model.ts";
import { foreseen } from "./world_model.ts";

const MOST_CANDIDATES = 8;
const MOST_ROUNDS = 40;
const MOST_MS_MORE = 100;

/**
 * @param fails Which of several scenarios fail; they are asked for together, since to start the
 *   original and a runtime takes longer than to play a scenario.
 * @returns The smallest one that was found to fail.
 */
export async function shrink(
  scenario: Scenario,
  fails: (candidates: readonly Scenario[]) => Promise<readonly boolean[]>,
): Promise<Scenario> {
  let smallest = scenario;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const candidates = smaller(smallest);
    let next: Scenario | undefined;
    // The largest steps come first.
    for (let at = 0; at < candidates.length && next === undefined; at += MOST_CANDIDATES) {
      const some = candidates.slice(at, at + MOST_CANDIDATES);
      const failed = await fails(some);
      next = some.filter((_, it) => failed[it]).sort((a, b) => sizeOf(a) - sizeOf(b))[0];
    }
    if (next === undefined) break;
    smallest = next;
  }
  return smallest;
}

/** What counts as small. */
export function sizeOf({ client, server, udp = [], conf }: Scenario): number {
  return JSON.stringify([client, server, udp, conf]).length;
}

/** All that is one step smaller and determined, the smallest first. */
export function smaller(scenario: Scenario): Scenario[] {
  const { expect: _, expect_in: __, ...script } = scenario;
  const candidates = [
    ...withoutOps(script),
    ...withoutPhases(script),
    ...withoutAnswers(script),
    ...withShorter(script),
    ...withoutConf(script),
  ];
  const size = sizeOf(script);
  // What waits for bytes that are not there any more takes too long.
  const mostMs = foreseen(script).ms + MOST_MS_MORE;
  const seen = new Set<string>();
  return candidates
    .filter((it) => {
      const text = JSON.stringify(it);
      if (seen.has(text) || sizeOf(it) >= size) return false;
      seen.add(text);
      const { why, ms } = foreseen(it);
      return why === undefined && ms <= mostMs;
    })
    .sort((a, b) => sizeOf(a) - sizeOf(b))
    .map((it, at) => ({ ...it, id: `${script.id.split("~")[0]}~${at}` }));
}

function withoutOps(scenario: Scenario): Scenario[] {
  const { client } = scenario;
  const lists = without(client);
  for (const [at, [head, given]] of client.entries()) {
    // A thread goes as a whole.
    const [, thread] = /^spawn@(\w+)$/.exec(head) ?? [];
    if (thread === undefined) continue;
    lists.push(client.filter(([it]) => !it.endsWith(`@${thread}`)));
    for (const ops of without(given as readonly Op[])) {
      lists.push(client.with(at, [head, ops]));
    }
  }
  return lists.map((it) => ({ ...scenario, client: it }));
}

/** Without a phase of the peer, and without the mark that begins it. */
function withoutPhases(scenario: Scenario): Scenario[] {
  const server = scenario.server as readonly (readonly Step[])[];
  const scripts = server.flatMap((script, at) => {
    const starts = script.flatMap((step, it) => "read_until" in step ? [it] : []);
    const phases = starts.map((start, it) => [
      ...script.slice(0, start),
      ...script.slice(starts[it + 1] ?? script.length),
    ]);
    return [...phases, ...without(script)].map((it) => server.with(at, it));
  });
  const shorter = server.length > 1 ? server.map((_, at) => server.toSpliced(at, 1)) : [];
  const clients = scenario.client.flatMap((op, at) =>
    JSON.stringify(op.slice(1)).includes(MARK) ? [scenario.client.toSpliced(at, 1)] : []
  );
  return [...scripts, ...shorter].flatMap((it) =>
    [scenario.client, ...clients].map((client) => ({ ...scenario, server: it, client }))
  );
}

/** Without some of what the peer for datagrams answers. */
function withoutAnswers(scenario: Scenario): Scenario[] {
  const { udp = [] } = scenario;
  const scripts = udp.flatMap((answer, at) => without(answer).map((it) => udp.with(at, it)));
  const shorter = udp.length > 1 ? without(udp).filter((it) => it.length > 0) : [];
  return [...scripts, ...shorter].map((it) => ({ ...scenario, udp: it }));
}

function withShorter(scenario: Scenario): Scenario[] {
  const texts = (value: unknown): unknown[] => {
    if (typeof value === "string" && value !== MARK && value.length > 1 && !/^[$*]/.test(value)) {
      const half = Math.ceil(value.length / 2);
      return [value.slice(0, half), value.slice(half), value.slice(1), value.slice(0, -1)];
    }
    if (Array.isArray(value)) {
      return value.flatMap((item, at) => [
        ...(value.length > 1 ? [value.toSpliced(at, 1)] : []),
        ...texts(item).map((it) => value.with(at, it)),
      ]);
    }
    if (value === null || typeof value !== "object" || !("rep" in value)) return [];
    const [text, count] = value.rep as [string, number];
    return [{ rep: [text, Math.floor(count / 2)] }, text];
  };
  const server = scenario.server as readonly (readonly Step[])[];
  const scripts = server.flatMap((script, at) =>
    script.flatMap((step, it) =>
      texts(step["send"]).map((send) => server.with(at, script.with(it, { send })))
    )
  );
  const clients = scenario.client.flatMap((op, at) => {
    if (!/(^|:)(send|receiveuntil)(@|$)/.test(op[0])) return [];
    return texts(op[1]).map((text) => scenario.client.with(at, [op[0], text, ...op.slice(2)]));
  });
  return [
    ...scripts.map((it) => ({ ...scenario, server: it })),
    ...clients.map((it) => ({ ...scenario, client: it })),
  ];
}

function withoutConf(scenario: Scenario): Scenario[] {
  const { conf = {}, ...script } = scenario;
  return Object.keys(conf).map((name) => {
    const { [name]: _, ...rest } = conf;
    return Object.keys(rest).length > 0 ? { ...script, conf: rest } : script;
  });
}

/** A list without one of its parts, in parts of all sizes. */
function without<T>(list: readonly T[]): (readonly T[])[] {
  const lists: (readonly T[])[] = [];
  for (let size = list.length >> 1 || list.length; size > 0; size >>= 1) {
    for (let at = 0; at < list.length; at += size) lists.push(list.toSpliced(at, size));
  }
  return lists;
}
