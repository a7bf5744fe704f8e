/**
 * What every transport promises, whichever driver it is of: src/transport.ts as
 * checks. A driver's test file calls `checkTransport` once for each kind of
 * connection it makes; what a runtime cannot do there is a gap with a reason,
 * and shows as a skipped test of that name.
 */

import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { setImmediate } from "node:timers";
import { setTimeout as sleep } from "node:timers/promises";
import { codeOf } from "../../src/drivers/map_error.ts";
import type { Transport } from "../../src/transport.ts";
import type { RemoteEnd } from "../helpers/remote_peer.ts";

/** What some runtimes, or some kinds of connection, cannot do; the text says why. */
export interface Gaps {
  /** All checks: the machine lacks what is needed. */
  readonly all?: string | undefined;
  /** `abort` reaches the peer as a reset. */
  readonly abortResets?: string;
  /** `abort` does not make use of TLS's own end. */
  readonly abortCuts?: string;
  /** There is such a thing as a reset. */
  readonly reset?: string;
  /** What came before a reset is kept, also where nobody pulled it. */
  readonly keepsBytesBeforeReset?: string;
  /** What came before a write failed can still be pulled, also if we stood still meanwhile. */
  readonly keepsBytesBeforeFailedWrite?: string;
  /** `closeWrite` leaves the other direction open. */
  readonly halfClose?: string;
  /** Switches: no delay, keep-alive. */
  readonly options?: string;
  /** Addresses of both ends. */
  readonly addresses?: string;
}

/** Two ends of one connection, the one under test first. */
export type MakePair = () => Promise<readonly [near: Transport, far: Transport]>;

/** The same with the other end in another process, for what happens while we stand still. */
export type MakeRemote = () => Promise<readonly [near: Transport, far: RemoteEnd]>;

const MIB = 1024 * 1024;
// More than any system holds for a connection, with what a runtime may take unasked.
const BOUND_BYTES = 16 * MIB;
// How long nothing must happen before we say that it does not.
const STILL_MS = 100;

/** Runs all checks on connections that `makePair` makes. */
export function checkTransport(
  name: string,
  makePair: MakePair,
  { gaps = {}, makeRemote }: { gaps?: Gaps; makeRemote?: MakeRemote } = {},
): void {
  function define(sentence: string, needs: readonly (keyof Gaps)[], run: () => Promise<void>) {
    const skip = (["all", ...needs] as const).map((need) => gaps[need]).find(Boolean) ?? false;
    test(`${name}: ${sentence}`, { skip }, run);
  }

  function check(
    sentence: string,
    run: (near: Transport, far: Transport) => Promise<void>,
    ...needs: (keyof Gaps)[]
  ) {
    define(sentence, needs, async () => {
      const [near, far] = await makePair();
      try {
        await run(near, far);
      } finally {
        near.close();
        far.close();
      }
    });
  }

  function checkRemote(
    sentence: string,
    run: (near: Transport, far: RemoteEnd) => Promise<void>,
    ...needs: (keyof Gaps)[]
  ) {
    if (makeRemote === undefined) return;
    define(sentence, needs, async () => {
      const [near, far] = await makeRemote();
      try {
        await run(near, far);
      } finally {
        near.close();
        far.close();
      }
    });
  }

  check(
    "pull() gives what was written, in order and at least a byte at a time",
    async (near, far) => {
      const sent = pattern(100_000);
      const writing = far.write(sent).then(() => far.closeWrite());
      assert.deepEqual(await readAll(near), sent);
      await writing;
    },
  );

  check("pull() gives plain bytes, of no class of the runtime's", async (near, far) => {
    for (const size of [1, 3000, 70_000]) {
      const writing = far.write(new Uint8Array(size));
      for (let left = size; left > 0;) {
        const bytes = await near.pull();
        assert.equal(Object.getPrototypeOf(bytes), Uint8Array.prototype);
        left -= bytes!.length;
      }
      await writing;
    }
  });

  check("pull() gives each of many small writes", async (near, far) => {
    const sent = pattern(300);
    for (let at = 0; at < sent.length; at++) {
      await far.write(sent.subarray(at, at + 1));
      const bytes = await near.pull();
      assert.deepEqual(bytes, sent.subarray(at, at + 1));
    }
  });

  check("pull() gives null at the end, as often as it is asked", async (near, far) => {
    await far.write(text("last"));
    await far.closeWrite();
    assert.deepEqual(await readAll(near), text("last"));
    assert.equal(await near.pull(), null);
    assert.equal(await near.pull(), null);
  });

  check("pull() gives null, also after both ends have ended", async (near, far) => {
    await far.closeWrite();
    assert.equal(await near.pull(), null);
    await near.closeWrite();
    assert.equal(await far.pull(), null);
    await turns(20);
    assert.equal(await near.pull(), null);
    assert.equal(await far.pull(), null);
  });

  check("a pull that nobody waits for any more is answered later", async (near, far) => {
    const left = near.pull();
    await turns(5);
    await far.write(text("late"));
    assert.deepEqual(copy(await left), text("late"));
    await far.write(text("later"));
    assert.deepEqual(await near.pull(), text("later"));
  });

  check("bytes stay as they are until the next pull", async (near, far) => {
    for (const size of [10, 1000, 70_000]) {
      await far.write(new Uint8Array(size).fill(1));
      let held = await near.pull();
      let left = size - held!.length;
      const was = copy(held)!;
      const writing = far.write(new Uint8Array(size).fill(2));
      await turns(10);
      await sleep(5);
      assert.deepEqual(held, was);
      left += size;
      while (left > 0) {
        held = await near.pull();
        left -= held!.length;
      }
      await writing;
    }
  });

  check("connections do not write into one another's bytes", async (near, far) => {
    const [near2, far2] = await makePair();
    await far.write(new Uint8Array(5000).fill(1));
    await far2.write(new Uint8Array(5000).fill(2));
    const [one, two] = await Promise.all([near.pull(), near2.pull()]);
    await turns(5);
    assert.ok(one!.every((byte) => byte === 1));
    assert.ok(two!.every((byte) => byte === 2));
    near2.close();
    far2.close();
  });

  check(
    "pull(into) gives bytes at the front of the memory offered, or elsewhere",
    async (near, far) => {
      const memory = new Uint8Array(64).fill(9);
      const into = memory.subarray(16, 48);
      const sent = pattern(100);
      await far.write(sent);
      await far.closeWrite();
      let at = 0;
      for (let bytes = await near.pull(into); bytes !== null; bytes = await near.pull(into)) {
        assert.ok(bytes.length > 0);
        assert.deepEqual(copy(bytes), sent.slice(at, at + bytes.length));
        if (bytes.buffer === memory.buffer) assert.equal(bytes.byteOffset, 16);
        at += bytes.length;
      }
      assert.equal(at, 100);
      assert.ok(memory.subarray(0, 16).every((byte) => byte === 9), "before the memory offered");
      assert.ok(memory.subarray(48).every((byte) => byte === 9), "behind the memory offered");
    },
  );

  check("memory offered once is not written into by a later pull", async (near, far) => {
    const into = new Uint8Array(64);
    await far.write(text("first"));
    assert.deepEqual(copy(await near.pull(into)), text("first"));
    into.fill(9);
    await far.write(text("second"));
    assert.deepEqual(copy(await near.pull()), text("second"));
    assert.ok(into.every((byte) => byte === 9));
  });

  check("what nobody pulls stays where it is, and comes whole later", async (near, far) => {
    const size = 2 * BOUND_BYTES;
    const slice = pattern(64 * 1024);
    let sent = 0;
    const writing = (async () => {
      for (; sent < size; sent += slice.length) await far.write(slice);
      await far.closeWrite();
    })();
    await untilStill(() => sent);
    assert.ok(sent < BOUND_BYTES, `the peer could write ${sent} bytes`);
    assert.equal(await countAll(near, slice), size);
    await writing;
  });

  check(
    "write() resolves when the system has all, and the bytes may change then",
    async (near, far) => {
      const bytes = new Uint8Array(8 * MIB).fill(1);
      const writing = near.write(bytes).then(() => bytes.fill(2)).then(() => near.closeWrite());
      let size = 0;
      for (let got = await far.pull(); got !== null; got = await far.pull()) {
        assert.ok(got.every((byte) => byte === 1));
        size += got.length;
      }
      assert.equal(size, bytes.length);
      await writing;
    },
  );

  check("write() waits while the peer takes nothing", async (near, far) => {
    let written = false;
    const writing = near.write(new Uint8Array(2 * BOUND_BYTES)).then(() => written = true);
    await sleep(STILL_MS);
    assert.equal(written, false);
    const reading = readAll(far);
    await writing;
    await near.closeWrite();
    assert.equal((await reading).length, 2 * BOUND_BYTES);
  });

  check(
    "write() of 32 MiB arrives whole, whatever the system takes at a time",
    async (near, far) => {
      const slice = pattern(64 * 1024);
      const bytes = new Uint8Array(32 * MIB);
      for (let at = 0; at < bytes.length; at += slice.length) bytes.set(slice, at);
      const writing = near.write(bytes).then(() => near.closeWrite());
      assert.equal(await countAll(far, slice), bytes.length);
      await writing;
    },
  );

  check("write() of no bytes resolves", async (near, far) => {
    await near.write(new Uint8Array(0));
    await near.write(text("a"));
    assert.deepEqual(await far.pull(), text("a"));
  });

  check("both directions are independent", async (near, far) => {
    const sent = pattern(4 * MIB);
    const results = await Promise.all([
      near.write(sent).then(() => near.closeWrite()).then(() => undefined),
      far.write(sent).then(() => far.closeWrite()).then(() => undefined),
      readAll(near),
      readAll(far),
    ]);
    assert.ok(same(results[2], sent));
    assert.ok(same(results[3], sent));
  }, "halfClose");

  check("closeWrite() ends what the peer reads; reading goes on", async (near, far) => {
    await near.write(text("question"));
    await near.closeWrite();
    assert.deepEqual(await readAll(far), text("question"));
    await far.write(text("answer"));
    await far.closeWrite();
    assert.deepEqual(await readAll(near), text("answer"));
  }, "halfClose");

  check("after the peer's end writing goes on", async (near, far) => {
    await far.closeWrite();
    assert.equal(await near.pull(), null);
    await turns(5);
    await near.write(text("still here"));
    await near.closeWrite();
    assert.deepEqual(await readAll(far), text("still here"));
  }, "halfClose");

  check("writing goes on where the peer's end was not even pulled", async (near, far) => {
    await far.closeWrite();
    await near.write(text("still here"));
    await near.write(text(", and here"));
    await near.closeWrite();
    assert.deepEqual(await readAll(far), text("still here, and here"));
    assert.equal(await near.pull(), null);
  }, "halfClose");

  check("closeWrite() twice is fine", async (near, far) => {
    await Promise.all([near.closeWrite(), near.closeWrite()]);
    await near.closeWrite();
    assert.equal(await far.pull(), null);
  });

  check("closeWrite() after the peer has gone is fine", async (near, far) => {
    far.close();
    assert.equal(await near.pull(), null);
    await near.closeWrite();
    await turns(5);
    await near.closeWrite();
  });

  check("write() after closeWrite() rejects, and reading goes on", async (near, far) => {
    await near.closeWrite();
    await assert.rejects(near.write(text("no")));
    await far.write(text("yes"));
    assert.deepEqual(await near.pull(), text("yes"));
  }, "halfClose");

  check("close() rejects a pending pull with closed", async (near) => {
    const pending = near.pull();
    near.close();
    await rejectsWith("closed", pending);
  });

  check("close() rejects a pending write with closed", async (near) => {
    const pending = near.write(new Uint8Array(2 * BOUND_BYTES));
    await sleep(5);
    near.close();
    await rejectsWith("closed", pending);
  });

  check("after close() every call is told closed, and close() twice is fine", async (near) => {
    near.close();
    near.close();
    near.abort();
    await rejectsWith("closed", near.pull());
    await rejectsWith("closed", near.pull());
    await rejectsWith("closed", near.write(text("no")));
    await near.settle();
    near.ref();
    near.unref();
    assert.equal(typeof near.setOption("noDelay", true), "boolean");
  });

  check("close() after the end is told closed, too", async (near, far) => {
    await far.closeWrite();
    assert.equal(await near.pull(), null);
    near.close();
    await rejectsWith("closed", near.pull());
  });

  check("close() ends what the peer reads", async (near, far) => {
    await near.write(text("bye"));
    near.close();
    assert.deepEqual(await readAll(far), text("bye"));
  });

  check("abort() rejects a pending pull with closed, and twice is fine", async (near) => {
    const pending = near.pull();
    near.abort();
    near.abort();
    near.close();
    await rejectsWith("closed", pending);
    await rejectsWith("closed", near.pull());
  });

  check("abort() reaches the peer, as an end at least", async (near, far) => {
    const pending = far.pull();
    near.abort();
    const end = await pending.catch((error) => codeOf(error));
    const isCut = far.tls !== null && end === "closed";
    assert.ok(end === null || end === "reset" || isCut, String(end));
  });

  check("abort() does not tell the peer that this is the end, with TLS", async (near, far) => {
    if (far.tls === null) return;
    const pending = far.pull();
    near.abort();
    await assert.rejects(pending);
    assert.equal(far.tls.closeNotify, false);
  }, "abortCuts");

  check(
    "abort() reaches the peer as a reset",
    async (near, far) => {
      const pending = far.pull();
      near.abort();
      await rejectsWith("reset", pending);
    },
    "reset",
    "abortResets",
  );

  check("write() to a peer that has gone is told reset", async (near, far) => {
    far.close();
    assert.equal(await near.pull(), null);
    const failure = await writeUntilItFails(near);
    assert.equal(codeOf(failure), "reset");
    await rejectsWith("reset", near.write(text("no")));
  });

  check("ref() and unref() may be called at any time", async (near, far) => {
    near.unref();
    near.unref();
    const parked = near.pull();
    await turns(3);
    near.ref();
    near.ref();
    await far.write(text("a"));
    assert.deepEqual(copy(await parked), text("a"));
    near.unref();
    near.ref();
    await far.write(text("b"));
    assert.deepEqual(await near.pull(), text("b"));
  });

  check(
    "a parked pull is answered like any other, and much is pulled again after it",
    async (near, far) => {
      const stayAwake = setInterval(() => {}, 1000);
      near.unref();
      const parked = near.pull();
      const sent = pattern(MIB);
      const writing = far.write(sent).then(() => far.closeWrite());
      const first = copy(await parked)!;
      clearInterval(stayAwake);
      near.ref();
      const rest = await readAll(near);
      assert.ok(same(joined([first, rest]), sent));
      await writing;
    },
  );

  check("settle() resolves where nothing comes, and leaves the pull pending", async (near, far) => {
    const pending = near.pull();
    await near.settle();
    await near.settle();
    await far.write(text("now"));
    assert.deepEqual(copy(await pending), text("now"));
  });

  for (const [phase, enter] of Object.entries(PHASES)) {
    check(`settle() shows what the peer has just written, ${phase}`, async (near, far) => {
      await far.write(text("hello"));
      await near.pull();
      await enter();
      const parked = answerOf(near.pull());
      far.write(text("x")).catch(() => {});
      await near.settle();
      assert.equal(parked.is, "1 bytes");
    });
  }

  check("setOption() turns the switches that there are", async (near) => {
    assert.equal(near.setOption("noDelay", false), true);
    assert.equal(near.setOption("noDelay", true), true);
    assert.equal(near.setOption("keepAlive", true), true);
    assert.equal(near.setOption("keepAlive", false), true);
    await Promise.resolve();
  }, "options");

  if (gaps.options !== undefined) {
    check("setOption() is false for the switches that there are not", async (near) => {
      assert.equal(near.setOption("noDelay", true), false);
      assert.equal(near.setOption("keepAlive", true), false);
      await Promise.resolve();
    });
  }

  check("each end knows its own address and the other's", async (near, far) => {
    assert.ok(near.localAddress !== null && near.remoteAddress !== null);
    assert.deepEqual(near.localAddress, far.remoteAddress);
    assert.deepEqual(near.remoteAddress, far.localAddress);
    await Promise.resolve();
  }, "addresses");

  const stirs = {
    "a byte": { act: (far: RemoteEnd) => far.send("x"), shows: "1 bytes" },
    "the end": { act: (far: RemoteEnd) => far.end(), shows: "null" },
    "a reset": { act: (far: RemoteEnd) => far.reset(), shows: "reset", needs: ["reset"] as const },
  };
  for (const [what, stir] of Object.entries(stirs)) {
    const needs: readonly (keyof Gaps)[] = "needs" in stir ? stir.needs : [];
    for (const [phase, enter] of Object.entries(PHASES)) {
      const sentence = `settle() shows ${what} that came while the thread stood still`;
      checkRemote(`${sentence} over a parked pull, ${phase}`, async (near, far) => {
        far.send("hello");
        await near.pull();
        near.unref();
        const parked = answerOf(near.pull());
        await enter();
        stir.act(far);
        await near.settle();
        assert.equal(parked.is, stir.shows);
        near.ref();
      }, ...needs);
      checkRemote(`${sentence} before the pull, ${phase}`, async (near, far) => {
        far.send("hello");
        await near.pull();
        await enter();
        stir.act(far);
        const parked = answerOf(near.pull());
        await near.settle();
        assert.equal(parked.is, stir.shows);
      }, ...needs);
    }
  }

  checkRemote("settle() shows what came while another connection was served", async (near, far) => {
    const [near2, far2] = await makeRemote!();
    // Both are answered in one turn; whoever comes first keeps the thread.
    const served = near2.pull().then(() => far.end());
    const parked = near.pull().then(async () => {
      const answer = answerOf(near.pull());
      await served;
      await near.settle();
      return answer.is;
    });
    far2.send("hello");
    far.send("hello");
    assert.equal(await parked, "null");
    near2.close();
    far2.close();
  });

  checkRemote(
    "settle() shows an end that came behind the bytes of a full pull",
    async (near, far) => {
      // A parked pull takes little, and keeps nothing alive.
      near.unref();
      const stayAwake = setInterval(() => {}, 1000);
      far.send("x".repeat(600));
      for (let size = 0; size < 600;) size += (await near.pull())!.length;
      clearInterval(stayAwake);
      const parked = answerOf(near.pull());
      far.end();
      await near.settle();
      assert.equal(parked.is, "null");
      near.ref();
    },
  );

  checkRemote(
    "bytes that came before a reset come first, then reset",
    async (near, far) => {
      far.send("last words");
      far.reset();
      await turns(5);
      assert.deepEqual(await near.pull(), text("last words"));
      await rejectsWith("reset", near.pull());
      await rejectsWith("reset", near.pull());
    },
    "reset",
    "keepsBytesBeforeReset",
  );

  checkRemote(
    "bytes that came while nobody pulled come before the reset, too",
    async (near, far) => {
      far.send("first");
      assert.deepEqual(await near.pull(), text("first"));
      far.send("last words");
      far.reset();
      await turns(5);
      await sleep(5);
      assert.deepEqual(copy(await near.pull()), text("last words"));
      await rejectsWith("reset", near.pull());
    },
    "reset",
    "keepsBytesBeforeReset",
  );

  checkRemote(
    "a pull that pends at the reset is told, as is every one after it",
    async (near, far) => {
      const pending = near.pull();
      await turns(5);
      far.reset();
      await rejectsWith("reset", pending);
      await rejectsWith("reset", near.pull());
      await turns(5);
      await rejectsWith("reset", near.pull());
    },
    "reset",
  );

  checkRemote("write() after a reset is told reset", async (near, far) => {
    const pending = near.pull();
    far.reset();
    await rejectsWith("reset", pending);
    await rejectsWith("reset", near.write(text("no")));
  }, "reset");

  checkRemote("a peer that resets during a write is told by it", async (near, far) => {
    far.stopReading();
    const pending = near.write(new Uint8Array(2 * BOUND_BYTES));
    await sleep(5);
    far.reset();
    await rejectsWith("reset", pending);
  }, "reset");

  checkRemote("what came before a write failed can still be pulled", async (near, far) => {
    await near.write(text("question"));
    far.send("hello");
    assert.deepEqual(copy(await near.pull()), text("hello"));
    far.send("why I go");
    far.close();
    await near.settle();
    await writeUntilItFails(near);
    assert.deepEqual(copy(await near.pull()), text("why I go"));
  });

  checkRemote(
    "what came while the thread stood still, before a write failed, can still be pulled",
    async (near, far) => {
      far.stopReading();
      far.send("why I go");
      far.close();
      await writeUntilItFails(near);
      assert.deepEqual(copy(await near.pull()), text("why I go"));
    },
    "keepsBytesBeforeFailedWrite",
  );

  checkRemote("a peer that floods while nobody pulls costs bounded memory", async (near, far) => {
    far.send("x");
    await near.pull();
    const before = memoryInUse();
    far.flood();
    await sleep(STILL_MS);
    await turns(20);
    const grown = memoryInUse() - before;
    assert.ok(grown < 2 * MIB, `it took ${grown} bytes`);
    near.abort();
  });

  checkRemote("abort() with bytes unread is seen by the peer", async (near, far) => {
    far.send("unread");
    near.abort();
    for (let look = 0; look < 100 && !gone(far); look++) await sleep(5);
    assert.ok(gone(far));
  });

  checkRemote("after close() the peer sees the end", async (near, far) => {
    await near.write(text("bye"));
    near.close();
    for (let look = 0; look < 100 && !gone(far); look++) await sleep(5);
    const { bytes, ended, failed } = far.report();
    assert.deepEqual({ bytes, ended, failed }, { bytes: 3, ended: true, failed: null });
  });
}

// Where a turn of the event loop may stand when somebody asks for `settle`.
const PHASES: Readonly<Record<string, () => Promise<void>>> = {
  "right after a pull was answered": () => Promise.resolve(),
  "in a microtask": async () => {
    for (let k = 0; k < 5; k++) await null;
  },
  "in a timer": () => sleep(2),
  "in an immediate": () => turns(1),
  "in an immediate behind a timer": async () => {
    await sleep(2);
    await turns(1);
  },
  "after many immediates": () => turns(35),
};

function gone(far: RemoteEnd): boolean {
  const { ended, failed } = far.report();
  return ended || failed !== null;
}

/** How a pull was answered, to be looked at without waiting for it. */
function answerOf(pull: Promise<Uint8Array | null>): { is: string } {
  const answer = { is: "pending" };
  pull.then(
    (bytes) => answer.is = bytes === null ? "null" : `${bytes.length} bytes`,
    (error) => answer.is = codeOf(error),
  );
  return answer;
}

async function rejectsWith(code: string, promise: Promise<unknown>): Promise<void> {
  const outcome = await promise.then((value) => ({ value }), (error) => ({ error }));
  assert.ok("error" in outcome, `should be told ${code}, but resolved`);
  assert.equal(codeOf(outcome.error), code, String(outcome.error));
}

async function writeUntilItFails(near: Transport): Promise<unknown> {
  try {
    for (let round = 0; round < 1000; round++) {
      await near.write(text("are you there?"));
      await turns(1);
    }
  } catch (error) {
    return error;
  }
  throw new Error("The write never failed");
}

async function readAll(transport: Transport): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for (let bytes = await transport.pull(); bytes !== null; bytes = await transport.pull()) {
    assert.ok(bytes.length > 0, "a pull gave no bytes");
    pieces.push(bytes.slice());
  }
  return joined(pieces);
}

/** Counts what comes, and compares it with `slice` over and over. */
async function countAll(transport: Transport, slice: Uint8Array): Promise<number> {
  let size = 0;
  for (let bytes = await transport.pull(); bytes !== null; bytes = await transport.pull()) {
    for (let at = 0; at < bytes.length;) {
      const from = (size + at) % slice.length;
      const piece = bytes.subarray(at, at + slice.length - from);
      assert.ok(same(piece, slice.subarray(from, from + piece.length)), `near ${size + at}`);
      at += piece.length;
    }
    size += bytes.length;
  }
  return size;
}

async function untilStill(look: () => number): Promise<void> {
  for (let was = -1; was !== look();) {
    was = look();
    await sleep(STILL_MS);
  }
}

async function turns(count: number): Promise<void> {
  for (let k = 0; k < count; k++) await new Promise<void>((resolve) => setImmediate(resolve));
}

function pattern(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at++) bytes[at] = (at * 31 + (at >> 8)) & 255;
  return bytes;
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((size, piece) => size + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

// A plain array of bytes, whatever kind of view the runtime gave.
function copy(bytes: Uint8Array | null): Uint8Array | null {
  return bytes && Uint8Array.from(bytes);
}

function text(characters: string): Uint8Array {
  return new TextEncoder().encode(characters);
}

function memoryInUse(): number {
  const { external, arrayBuffers, heapUsed } = process.memoryUsage();
  return Math.max(external, arrayBuffers) + heapUsed;
}
