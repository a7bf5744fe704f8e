/**
 * A relay between us and real servers does everything that a network can, at every
 * byte of a dialogue; each kind of call must end with what had come, whole, or with
 * the right error and the rest, in time, and leave nothing behind.
 */

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { bytesOf, byteString } from "../../src/bytes.ts";
import { type CallOptions, type Cosocket, SocketError } from "../../mod.ts";
import { leftOver, snapshot } from "../helpers/resources.ts";
import { missing, withServer } from "../servers/start_server.ts";
import { answersTo, type Dialogue, DIALOGUES, whole } from "./dialogues.ts";
import { everywhere } from "./everywhere.ts";
import { type Plan, REPEATED_BYTES } from "./plan.ts";
import { Relay } from "./relay.ts";
import { type End, judged, outcomeOf, type Way, WAYS } from "./ways_to_read.ts";

// Nothing here takes as long: a call that does, hangs.
const HANGS_MS = 20_000;
// For reads to which nothing comes any more, and which know that.
const SILENCE_MS = 15;

/** Ends of what a server says, behind any byte of it. */
const ENDS: readonly { readonly fault: "end" | "reset" | "stall"; readonly end: End }[] = [
  { fault: "end", end: "closed" },
  { fault: "reset", end: "reset" },
  { fault: "stall", end: "timeout" },
];

for (const dialogue of DIALOGUES) {
  const answer = whole(dialogue, "answer");
  const skip = missing(dialogue.server);
  let stage: Promise<Stage> | undefined;
  /** A test of what happens on the way, which looks at what is left behind. */
  const against = (name: string, work: (relay: Relay) => Promise<void>) =>
    test(`${dialogue.server}: ${name}`, { skip, timeout: 300_000 }, async () => {
      const { relay } = await (stage ??= opened(dialogue));
      // What is loaded or opened once, at the first use, is not counted.
      const first = await asked(relay, dialogue, {});
      await first.receiveLine();
      first.close();
      const before = snapshot();
      await work(relay);
      assert.deepEqual(await leftOver(before), {});
    });

  against("a dialogue is what it should be where nothing happens", async (relay) => {
    const sock = await asked(relay, dialogue, {});
    await sock.closeWrite();
    assert.equal(byteString(await sock.receiveAll()), answer);
    sock.close();
  });

  for (const way of WAYS) {
    for (const { fault, end } of ENDS) {
      against(`${way.name} behind any byte, then ${fault}`, async (relay) => {
        await everywhere(answer.length + 1, async (at) => {
          const sock = await asked(relay, dialogue, { back: { fault, at } });
          const said = answer.slice(0, at);
          if (fault === "stall" && at > 0) await sock.peek(at, { timeoutMs: HANGS_MS });
          const options = { timeoutMs: fault === "stall" ? SILENCE_MS : HANGS_MS };
          assert.deepEqual(await outcomeOf(way, sock, options), judged(way, said, end));
          if (fault === "stall") await checkNothingLost(way, sock, said);
          sock.close();
        });
      });
    }

    against(`${way.name} where a few bytes come twice, anywhere`, async (relay) => {
      await everywhere(Math.floor(answer.length / 3), async (third) => {
        const at = third * 3 + 1;
        const sock = await asked(relay, dialogue, { back: { fault: "repeat", at } });
        await sock.closeWrite();
        const before = answer.slice(0, at);
        const said = before + before.slice(-REPEATED_BYTES) + answer.slice(at);
        const options = { timeoutMs: HANGS_MS };
        assert.deepEqual(await outcomeOf(way, sock, options), judged(way, said, "closed"));
        sock.close();
      });
    });

    for (const pace of ["bytes", "merged", "slow"] as const) {
      against(`${way.name} of what comes ${pace}`, async (relay) => {
        const sock = await relay.connect({ back: { pace }, there: { pace } });
        const reading = outcomeOf(way, sock, { timeoutMs: HANGS_MS });
        for (const { ask } of dialogue.said) await sock.send(bytesOf(ask));
        await sock.closeWrite();
        assert.deepEqual(await reading, judged(way, answer, "closed"));
        sock.close();
      });
    }
  }

  against("what we say is cut off behind any byte: whole requests are answered", async (relay) => {
    const all = whole(dialogue, "ask");
    await everywhere(all.length + 1, async (at) => {
      const way = WAYS[at % WAYS.length]!;
      const sock = await asked(relay, dialogue, { there: { fault: "end", at } });
      const said = answersTo(dialogue, all.slice(0, at));
      const outcome = await outcomeOf(way, sock, { timeoutMs: HANGS_MS });
      assert.deepEqual(outcome, judged(way, said, "closed"), way.name);
      sock.close();
    });
  });

  against("a reset while we speak, behind any byte, ends sends and reads", async (relay) => {
    const all = bytesOf(whole(dialogue, "ask"));
    await everywhere(all.length + 1, async (at) => {
      // Nothing is answered, so that nothing is on its way.
      const plan: Plan = { there: { fault: "reset", at }, back: { fault: "stall", at: 0 } };
      const sock = await relay.connect(plan);
      const sending = (async () => {
        // The system says that it was reset with the next send, or the one after that.
        for (;;) {
          for (const byte of all) await sock.send(Uint8Array.of(byte), { timeoutMs: HANGS_MS });
        }
      })();
      const [sent, read] = await Promise.allSettled([
        sending,
        sock.receiveLine({ timeoutMs: HANGS_MS }),
      ]);
      assert.match(codeOf(sent), /^(reset|closed)$/);
      assert.equal(codeOf(read), "reset");
      sock.close();
    });
  });

  against("a flood of rubbish behind any byte fills no memory", async (relay) => {
    // A part is read in pieces as long as it goes on: it is bounded by who reads it.
    const ways = WAYS.filter(({ name }) => name !== "parts()");
    await everywhere(ways.length, async (at) => {
      const way = ways[at]!;
      const sock = await asked(relay, dialogue, { back: { fault: "flood", at } });
      const [seen, code] = await flooded(way, sock, { timeoutMs: HANGS_MS });
      const said = answer.slice(0, at) + "x".repeat(2 * FLOOD_BYTES);
      // Lines have lost their ends; what is left must be the beginning of what was said.
      const plain = (text: string) => text.replace(/[\r\n]/g, "");
      if (way.name !== "skip()") assert.ok(comesFirst(plain(seen), plain(said)), way.name);
      assert.ok(code === "enough" || code === "too large", `${way.name}: ${code}`);
      assert.ok(sock.bytesRead < 4 * 1024 * 1024, `${way.name} read ${sock.bytesRead} bytes`);
      sock.close();
    });
  });

  against("half a connection is closed, and the other half is heard to its end", async (relay) => {
    for (const pace of ["bytes", "merged", "slow"] as const) {
      for (const way of WAYS) {
        const sock = await asked(relay, dialogue, { back: { pace } });
        await sock.closeWrite();
        const outcome = await outcomeOf(way, sock, { timeoutMs: HANGS_MS });
        assert.deepEqual(outcome, judged(way, answer, "closed"), `${way.name}, ${pace}`);
        assert.equal(codeOf((await Promise.allSettled([sock.send("more")]))[0]), "closed");
        sock.close();
      }
    }
  });

  after(async () => await (await stage)?.close());

  against(
    "a silent server costs no more than the deadline, whatever waits for it",
    async (relay) => {
      for (const way of WAYS.filter(({ name }) => name !== "readable")) {
        // A byte now and then keeps a timeout from passing, but no deadline.
        const sock = await asked(relay, dialogue, { back: { fault: "stall", at: 1 } });
        const outcome = await outcomeOf(way, sock, { timeoutMs: HANGS_MS, deadlineMs: SILENCE_MS });
        assert.equal(outcome.end, "timeout");
        sock.close();
      }
    },
  );
}

const FLOOD_BYTES = 100_000;

/** A server with a relay before it, which serves all tests of a dialogue. */
interface Stage {
  readonly relay: Relay;
  close(): Promise<void>;
}

function opened(dialogue: Dialogue): Promise<Stage> {
  return new Promise((resolve, reject) => {
    const serving = withServer("TCP", dialogue.recipe, async (target) => {
      const relay = await Relay.start(target);
      const over = Promise.withResolvers<void>();
      resolve({
        relay,
        async close() {
          over.resolve();
          await serving;
        },
      });
      await over.promise;
      await relay.close();
    });
    serving.catch(reject);
  });
}

async function asked(relay: Relay, dialogue: Dialogue, plan: Plan): Promise<Cosocket> {
  const sock = await relay.connect(plan);
  try {
    await sock.send(bytesOf(whole(dialogue, "ask")));
  } catch (error) {
    // The relay may have ended it by now; what had come is there all the same.
    if (!(error instanceof SocketError)) throw error;
  }
  return sock;
}

/** After a timeout the next read begins where the last one did. */
async function checkNothingLost(way: Way, sock: Cosocket, said: string): Promise<void> {
  // The stream has ended with its error.
  if (way.name === "readable") return;
  const { partial } = judged(way, said, "timeout");
  let rest = "";
  try {
    for (;;) {
      const bytes = await sock.receiveAny(said.length + 1, { timeoutMs: 1 });
      rest += byteString(bytes!);
    }
  } catch (error) {
    assert.equal((error as SocketError).code, "timeout", String(error));
  }
  // Of a part that was read in pieces they have been given out.
  if (way.name === "parts()") assert.ok(partial.endsWith(rest), `${rest} is not left`);
  else assert.equal(rest, partial);
}

/** What comes of a flood, and what stops it. */
async function flooded(
  way: Way,
  sock: Cosocket,
  options: CallOptions,
): Promise<[seen: string, code: string]> {
  let seen = "";
  try {
    for await (const result of way.read(sock, { ...options, maxBytes: 1000 } as CallOptions)) {
      seen += result;
      if (seen.length >= FLOOD_BYTES) return [seen, "enough"];
    }
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
    return [seen, error.code];
  }
  return [seen, "the end"];
}

function comesFirst(part: string, all: string): boolean {
  return all.startsWith(part);
}

function codeOf(settled: PromiseSettledResult<unknown>): string {
  if (settled.status === "fulfilled") return "fulfilled";
  if (settled.reason instanceof SocketError) return settled.reason.code;
  throw settled.reason;
}
