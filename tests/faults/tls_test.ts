/**
 * A dialogue with Redis by TLS, cut anywhere: within the handshake or behind it. What was
 * cut off never passes for the whole, and nobody reads what was not said.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { byteString } from "../../src/bytes.ts";
import { type Cosocket, SocketError } from "../../mod.ts";
import { certificates } from "../helpers/certificates.ts";
import { runtime } from "../helpers/native_pairs.ts";
import { leftOver, snapshot } from "../helpers/resources.ts";
import { redisTls } from "../servers/recipes.ts";
import { missing, withServer } from "../servers/start_server.ts";
import { everywhere } from "./everywhere.ts";
import type { Fault, Plan } from "./plan.ts";
import { Relay } from "./relay.ts";

const { ca, localhost } = await certificates();
const TLS = { caCerts: ca.cert, serverName: "localhost" };
const ASK = "PING\r\nECHO line\r\nQUIT\r\n";
const ANSWER = "+PONG\r\n$4\r\nline\r\n+OK\r\n";
// A little more than the server says in all, its handshake included.
const ALL_BYTES = 1600;
const HANGS_MS = 20_000;
const SILENCE_MS = 300;
const WHOLE = "the whole";
// Bytes between two places where something happens.
const STEP = 16;

const skip = missing("redis-server");

/** What each fault may be called; a handshake has words of its own for it. */
const faults: readonly { fault: Fault; code: RegExp }[] = [
  { fault: "end", code: /^(closed|tls)$/ },
  { fault: "reset", code: /^(reset|closed|tls)$/ },
  { fault: "stall", code: /^timeout$/ },
];

for (const { fault, code } of faults) {
  test(`redis-server by TLS, anywhere, then ${fault}: no part passes for the whole`, {
    skip,
    timeout: 300_000,
  }, async () => {
    await withServer("TCP", redisTls(localhost, "none"), async (target) => {
      const relay = await Relay.start(target);
      // What is loaded or opened once, at the first use, is not counted.
      assert.deepEqual(await talk(relay, {}, "end"), { got: ANSWER, end: WHOLE });
      const before = snapshot();
      let cut = 0;
      await everywhere(ALL_BYTES / STEP, async (step) => {
        const { got, end } = await talk(relay, { back: { fault, at: step * STEP } }, fault);
        if (end === WHOLE) return assert.equal(got, ANSWER);
        assert.ok(ANSWER.startsWith(got), got);
        assert.match(end, code);
        cut++;
      });
      assert.ok(cut > ALL_BYTES / STEP / 2, `${cut} were cut off`);
      const left = await leftOver(before);
      await relay.close();
      // Of handshakes that fail Bun keeps something for a while: see tests/tls_leaks_test.ts.
      if (runtime !== "Bun") assert.deepEqual(left, {});
    });
  });
}

for (const pace of ["bytes", "merged", "slow"] as const) {
  test(`redis-server by TLS answers where all comes ${pace}`, { skip }, async () => {
    await withServer("TCP", redisTls(localhost, "none"), async (target) => {
      const relay = await Relay.start(target);
      const sock = await relay.connect({ there: { pace }, back: { pace } });
      await sock.startTls(TLS);
      await sock.send(ASK);
      assert.equal(byteString(await sock.receiveExactly(ANSWER.length)), ANSWER);
      sock.close();
      await relay.close();
    });
  });
}

/** A handshake and a dialogue, as far as they go. */
async function talk(
  relay: Relay,
  plan: Plan,
  fault: Fault,
): Promise<{ got: string; end: string }> {
  const timeoutMs = fault === "stall" ? SILENCE_MS : HANGS_MS;
  let sock: Cosocket | undefined;
  try {
    sock = await relay.connect(plan);
    await sock.startTls({ ...TLS, timeoutMs });
    await sock.send(ASK, { timeoutMs });
    const all = await sock.receiveAll({ timeoutMs });
    return { got: byteString(all), end: WHOLE };
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
    return { got: byteString(error.partial ?? new Uint8Array(0)), end: error.code };
  } finally {
    sock?.close();
  }
}
