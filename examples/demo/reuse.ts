/** A connection that goes back to its pool, and comes out of it again. */

import { Pool } from "../../mod.ts";
import { framingOf, receiveBody, receiveHead, requestFor, staysOpen } from "./http.ts";
import { expect } from "./print.ts";
import { addressText, type Stage } from "./stage.ts";

export async function reuseConnection({ screen, target }: Stage): Promise<void> {
  const pool = new Pool({ idleMs: 10_000 });
  try {
    const uses: { reusedTimes: number; from: string }[] = [];
    let isKept = true;
    while (isKept && uses.length < 3) {
      const use = await screen.call(
        `await pool.use("${target}", async (sock) => { ...a request and its answer... })`,
        () =>
          pool.use(target, async (sock) => {
            const facts = { reusedTimes: sock.reusedTimes, from: addressText(sock.localAddress) };
            await sock.send(requestFor(target, "/"));
            const head = await receiveHead(sock);
            isKept = staysOpen(head) && framingOf(head) !== "to the end";
            await receiveBody(sock, framingOf(head));
            if (!isKept) sock.close();
            return facts;
          }, { timeoutMs: 5000, readTimeoutMs: 5000 }),
        ({ reusedTimes, from }) => `reusedTimes ${reusedTimes}, from ${from}`,
      );
      uses.push(use);
    }
    if (!isKept) {
      screen.note("This server closes its connection behind the answer: there is none to reuse.");
      return;
    }
    const first = uses[0]!;
    expect(uses.every(({ from }) => from === first.from), "it should have been one connection");
    const times = uses.map(({ reusedTimes }) => reusedTimes).join();
    expect(times === "0,1,2", "reusedTimes should have been 0, 1, 2");
    const { idle } = await screen.call(
      "pool.stats()",
      () => pool.stats(),
      (stats) => JSON.stringify(stats),
    );
    expect(idle === 1, "one connection should be idle");
  } finally {
    pool.close();
  }
}
