// Waiting until the event loop has asked the system for news.
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

import { setImmediate } from "node:timers";

// On Deno some more, for what a round and a phase of it may be out of step.
const TURNS = "Deno" in globalThis ? 66 : 2;

const waiting: { left: number; resolve(): void }[] = [];

/** Resolves when the event loop has asked the system, after now, what there is. */
export function askedForNews(): Promise<void> {
  return new Promise((resolve) => {
    // All who wait share the turns: one chain of immediates runs at a time.
    if (waiting.push({ left: TURNS, resolve }) === 1) setImmediate(turn);
  });
}

function turn(): void {
  let done = 0;
  for (const it of waiting) {
    if (--it.left === 0) done++;
  }
  // They stand in the order in which they came, and so in that of their ends.
  const finished = waiting.splice(0, done);
  if (waiting.length > 0) setImmediate(turn);
  for (const { resolve } of finished) resolve();
}
