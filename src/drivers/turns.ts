// Waiting until the event loop has asked the system for news, and told of it.
//
// Node's loop, and Bun's, ask once in every turn; but the turn under way may
// have asked before the news came, so only the second one surely asks after it.
// One is too few from within an answered read, and on Bun from a timer, too.
//
// Deno's loop asks when it runs out of work, and no later than after 61 rounds of
// it (the event interval of its Tokio runtime); an immediate is a round. There
// is no telling when it last asked: a read may be answered by what it had asked
// before, and whoever was served in between may have taken long. An operation on
// another thread, whose end the loop would have to wait for, is often done before
// the loop looks, and then it does not ask at all. Only rounds can be counted on.
// Each time it tells of 128 operations (the budget of a Tokio task), and of the
// others when it asks again. So where many idle connections have news, as when a
// server of theirs was stopped, there may be more.

import { onWorkers } from "./on_workers.ts";

type Run = (step: () => void) => unknown;

// Not imported, for Workers have none as a rule, and could load nothing that imports it.
const { setImmediate: inNextTurn } = globalThis as unknown as { setImmediate: Run };

const isDeno = "Deno" in globalThis;

// On Deno some more, for what a round and a phase of it may be out of step.
const TURNS = isDeno ? 66 : 2;

// So many that other operations may have been put off.
const CROWD = 32;
// The end of it: 12,800 connections.
const MOST_CROWDS = 100;

interface Waiter {
  resolve(): void;
  left: number;
  crowdsLeft: number;
  answers: number;
}

const waiting: Waiter[] = [];
let answers = 0;

/** Says that the pull of an idle connection was answered. */
export function idlePullAnswered(): void {
  answers++;
}

/** Resolves when the event loop has asked the system, after now, and told what there is. */
export function askedForNews(): Promise<void> {
  if (onWorkers) return timersRang();
  return new Promise((resolve) => {
    const waiter = { resolve, left: TURNS, crowdsLeft: isDeno ? MOST_CROWDS : 0, answers };
    // All who wait share the turns: one chain of immediates runs at a time.
    if (waiting.push(waiter) === 1) inNextTurn(turn);
  });
}

function turn(): void {
  const finished: Waiter[] = [];
  let kept = 0;
  for (const waiter of waiting) {
    if (--waiter.left > 0 || mayHearMore(waiter)) waiting[kept++] = waiter;
    else finished.push(waiter);
  }
  waiting.length = kept;
  if (kept > 0) inNextTurn(turn);
  for (const { resolve } of finished) resolve();
}

/**
 * What comes nearest on Workers. What a request has set goes with it there, so who shared
 * the turns of another might wait for ever.
 */
async function timersRang(): Promise<void> {
  for (let left = TURNS; left > 0; left--) await new Promise((resolve) => setTimeout(resolve, 0));
}

function mayHearMore(waiter: Waiter): boolean {
  if (waiter.crowdsLeft === 0 || answers - waiter.answers < CROWD) return false;
  waiter.crowdsLeft--;
  waiter.answers = answers;
  waiter.left = TURNS;
  return true;
}
