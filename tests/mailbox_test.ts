// Limits of time, aborts and states of a socket for datagrams, with a clock and a
// transport that do what they are told.

import assert from "node:assert/strict";
import { test } from "node:test";
import { byteString } from "../src/bytes.ts";
import { Mailbox } from "../src/mailbox.ts";
import type { Limits } from "../src/stream.ts";
import type { IpAddress } from "../src/transport.ts";
import { failureOf } from "./helpers/failure_of.ts";
import { FakeClock } from "./helpers/fake_clock.ts";
import { ScriptedDatagrams } from "./helpers/scripted_datagrams.ts";
import { turns } from "./helpers/turns.ts";
import { WatchedSignal } from "./helpers/watched_signal.ts";

const NONE: Limits = { timeoutMs: 0 };
const PEER: IpAddress = { hostname: "127.0.0.1", port: 8 };
const OTHER: IpAddress = { hostname: "127.0.0.1", port: 9 };
const REFUSED = Object.assign(new Error("recvmsg ECONNREFUSED"), { code: "ECONNREFUSED" });

function make() {
  const clock = new FakeClock();
  const transport = new ScriptedDatagrams();
  return { clock, transport, mailbox: new Mailbox(transport, clock) };
}

async function textOf(receiving: ReturnType<Mailbox["receive"]>): Promise<string> {
  return byteString((await receiving).data);
}

test("receive() gives what comes, and who sent it", async () => {
  const { transport, mailbox } = make();
  const receiving = mailbox.receive(NONE);
  transport.give("hello", PEER);
  const { data, from } = await receiving;
  assert.equal(byteString(data), "hello");
  assert.deepEqual(from, PEER);
});

/** Limits, and when they are over. */
const limits: { name: string; limits: Limits; ms: number }[] = [
  { name: "timeoutMs", limits: { timeoutMs: 100 }, ms: 100 },
  { name: "deadlineMs", limits: { timeoutMs: 0, deadlineMs: 100 }, ms: 100 },
  { name: "timeoutMs before deadlineMs", limits: { timeoutMs: 100, deadlineMs: 200 }, ms: 100 },
  { name: "deadlineMs before timeoutMs", limits: { timeoutMs: 200, deadlineMs: 100 }, ms: 100 },
  { name: "a fraction of a millisecond", limits: { timeoutMs: 0.5 }, ms: 1 },
];

for (const { name, limits: given, ms } of limits) {
  test(`a receive gives up after ${name}, and loses nothing`, async () => {
    const { clock, transport, mailbox } = make();
    const receiving = mailbox.receive(given);
    let isOver = false;
    receiving.catch(() => isOver = true);
    await clock.pass(ms - 1);
    assert.equal(isOver, false);
    await clock.pass(1);
    const error = await failureOf(receiving, "timeout");
    assert.equal(error.op, "receive");
    assert.equal(error.message, "Cannot receive at 127.0.0.1:7: no datagram came in time");
    transport.give("late");
    await turns();
    assert.equal(await textOf(mailbox.receive(given)), "late");
    const again = mailbox.receive(NONE);
    transport.give("next");
    assert.equal(await textOf(again), "next");
  });

  test(`a send gives up after ${name}, and the socket sends on`, async () => {
    const { clock, transport, mailbox } = make();
    transport.sendsAtOnce = false;
    const sending = failureOf(mailbox.send(new Uint8Array(1), given), "timeout");
    await clock.pass(ms);
    assert.equal((await sending).message, "Cannot send: it took too long");
    const again = mailbox.send(new Uint8Array(2), given);
    await turns();
    transport.sent();
    await again;
  });
}

test("a limit of 0 or of Infinity is none", async () => {
  const { clock, transport, mailbox } = make();
  for (const none of [NONE, { timeoutMs: Infinity }, { timeoutMs: 0, deadlineMs: Infinity }]) {
    const receiving = mailbox.receive(none);
    await clock.pass(1e9);
    assert.equal(clock.timers.size, 0);
    transport.give("at last");
    assert.equal(await textOf(receiving), "at last");
  }
});

test("an aborted receive loses nothing, and leaves no listener", async () => {
  const { transport, mailbox } = make();
  const controller = new WatchedSignal();
  const receiving = mailbox.receive({ ...NONE, signal: controller.signal });
  assert.equal(controller.listeners, 1);
  controller.abort("enough");
  const error = await failureOf(receiving, "aborted");
  assert.equal(error.cause, "enough");
  assert.equal(controller.listeners, 0);
  transport.give("kept");
  await turns();
  assert.equal(await textOf(mailbox.receive(NONE)), "kept");
});

test("an abort between the arrival and its turn loses nothing", async () => {
  for (let turn = 0; turn < 10; turn++) {
    const { transport, mailbox } = make();
    const controller = new AbortController();
    const receiving = mailbox.receive({ ...NONE, signal: controller.signal })
      .then(({ data }) => byteString(data), ({ code }) => code);
    transport.give("precious");
    for (let done = 0; done < turn; done++) await Promise.resolve();
    controller.abort();
    const came = await receiving;
    if (came !== "precious") {
      assert.equal(came, "aborted");
      assert.equal(await textOf(mailbox.receive(NONE)), "precious");
    }
  }
});

test("a signal that is aborted already rejects before anything happens", async () => {
  const { transport, mailbox } = make();
  const given = { ...NONE, signal: AbortSignal.abort("no") };
  await failureOf(mailbox.receive(given), "aborted");
  await failureOf(mailbox.send(new Uint8Array(1), given), "aborted");
  await failureOf(mailbox.connect(given, () => Promise.resolve(PEER)), "aborted");
  assert.deepEqual(transport.calls, []);
});

test("a second receive is busy, and disturbs nothing", async () => {
  const { transport, mailbox } = make();
  const first = mailbox.receive(NONE);
  const error = await failureOf(mailbox.receive(NONE), "busy");
  assert.equal(error.message, "Cannot receive at 127.0.0.1:7: another call is receiving");
  transport.give("for the first");
  assert.equal(await textOf(first), "for the first");
});

test("any number of sends go on at a time", async () => {
  const { transport, mailbox } = make();
  await Promise.all([1, 2, 3].map((size) => mailbox.send(new Uint8Array(size), NONE)));
  assert.deepEqual(transport.calls, ["send 1", "send 2", "send 3"]);
});

test("what is known of the network's error is told to one receive", async () => {
  const { transport, mailbox } = make();
  await mailbox.connect(NONE, () => Promise.resolve(PEER));
  const receiving = failureOf(mailbox.receive(NONE), "refused");
  transport.fail(REFUSED);
  const error = await receiving;
  assert.equal(error.message, "Cannot receive from 127.0.0.1:8: nobody listens there");
  assert.equal(error.address, "127.0.0.1:8");
  assert.equal(error.cause, REFUSED);
  const again = mailbox.receive(NONE);
  transport.give("somebody came");
  assert.equal(await textOf(again), "somebody came");
});

for (const told of ["receive", "send"] as const) {
  test(`an error that came when nobody waited is told to the next ${told}, alone`, async () => {
    const { clock, transport, mailbox } = make();
    await mailbox.connect(NONE, () => Promise.resolve(PEER));
    const gaveUp = failureOf(mailbox.receive({ timeoutMs: 10 }), "timeout");
    await clock.pass(10);
    await gaveUp;
    transport.fail(REFUSED);
    await turns();
    const send = () => mailbox.send(new Uint8Array(3), NONE);
    await failureOf(told === "send" ? send() : mailbox.receive(NONE), "refused");
    await send();
    assert.deepEqual(transport.calls.slice(-1), ["send 3"]);
    const receiving = mailbox.receive(NONE);
    transport.give("all is well");
    assert.equal(await textOf(receiving), "all is well");
  });
}

/** What becomes of what a receive brought that was left behind. */
const changes: {
  name: string;
  come: IpAddress;
  change: (it: Mailbox) => unknown;
  kept: boolean;
}[] = [
  { name: "connect() to its source", come: PEER, change: (it) => connected(it), kept: true },
  { name: "connect() to another", come: OTHER, change: (it) => connected(it), kept: false },
  { name: "disconnect()", come: PEER, change: (it) => it.disconnect(), kept: true },
];

for (const { name, come, change, kept } of changes) {
  test(`what came before ${name} is ${kept ? "kept" : "dropped"}`, async () => {
    const { clock, transport, mailbox } = make();
    const gaveUp = failureOf(mailbox.receive({ timeoutMs: 10 }), "timeout");
    await clock.pass(10);
    await gaveUp;
    transport.give("before", come);
    await turns();
    await change(mailbox);
    const receiving = mailbox.receive(NONE);
    await turns();
    if (transport.receiving) transport.give("after");
    assert.equal(await textOf(receiving), kept ? "before" : "after");
  });

  test(`an error from before ${name} is forgotten`, async () => {
    const { clock, transport, mailbox } = make();
    const gaveUp = failureOf(mailbox.receive({ timeoutMs: 10 }), "timeout");
    await clock.pass(10);
    await gaveUp;
    transport.fail(REFUSED);
    await turns();
    await change(mailbox);
    await mailbox.send(new Uint8Array(1), NONE);
  });
}

test("close() tells everybody who waits, and who comes later", async () => {
  const { transport, mailbox } = make();
  transport.sendsAtOnce = false;
  const failures = Promise.all([
    failureOf(mailbox.receive(NONE), "closed"),
    failureOf(mailbox.send(new Uint8Array(1), NONE), "closed"),
    failureOf(mailbox.send(new Uint8Array(1), NONE, () => new Promise(() => {})), "closed"),
  ]);
  mailbox.close();
  mailbox.close();
  assert.equal(mailbox.closed, true);
  assert.deepEqual((await failures).map((it) => it.op), ["receive", "send", "send"]);
  await failureOf(mailbox.receive(NONE), "closed");
  await failureOf(mailbox.send(new Uint8Array(1), NONE), "closed");
  await failureOf(mailbox.connect(NONE, () => Promise.resolve(PEER)), "closed");
  assert.deepEqual(transport.calls, ["receive", "send 1", "close"]);
});

test("close() leaves no timer", async () => {
  const { clock, mailbox } = make();
  const receiving = failureOf(mailbox.receive({ timeoutMs: 10 }), "closed");
  assert.equal(clock.timers.size, 1);
  mailbox.close();
  await receiving;
  assert.equal(clock.timers.size, 0);
});

test("one timer serves all calls", async () => {
  const { clock, transport, mailbox } = make();
  for (let count = 0; count < 100; count++) {
    const receiving = mailbox.receive({ timeoutMs: 60_000 });
    transport.give("x");
    await receiving;
  }
  assert.equal(clock.set, 1);
  for (const { keepsAlive } of clock.timers) assert.equal(keepsAlive, false);
});

/** Ways to give up on a send or a connect while its name is looked up. */
const givenUp = {
  "timeout": (_it: Mailbox, clock: FakeClock, _abort: () => void) => clock.pass(10),
  "aborted": (_it: Mailbox, _clock: FakeClock, abort: () => void) => abort(),
  "closed": (it: Mailbox) => it.close(),
};

for (const [code, giveUp] of Object.entries(givenUp)) {
  for (const call of ["send", "connect"] as const) {
    test(`a ${call} that ends with ${code} stops its look-up, and does nothing more`, async () => {
      const { clock, transport, mailbox } = make();
      const controller = new AbortController();
      let stopped = false;
      let found = (_: IpAddress) => {};
      const find = (it: { stop?: () => void }) => {
        it.stop = () => stopped = true;
        return new Promise<IpAddress>((resolve) => found = resolve);
      };
      const given = { timeoutMs: 10, signal: controller.signal };
      const calling = call === "send"
        ? mailbox.send(new Uint8Array(1), given, find)
        : mailbox.connect(given, find);
      const failed = failureOf(calling, code as "closed");
      await turns();
      await giveUp(mailbox, clock, () => controller.abort());
      await failed;
      assert.equal(stopped, true);
      found(PEER);
      await turns();
      assert.deepEqual(transport.calls, code === "closed" ? ["close"] : []);
    });
  }
}

test("only who waits keeps the program alive", async () => {
  const { clock, transport, mailbox } = make();
  const receiving = failureOf(mailbox.receive({ timeoutMs: 10 }), "timeout");
  assert.equal(transport.referenced, true);
  await clock.pass(10);
  await receiving;
  assert.equal(transport.referenced, false);
  assert.equal(transport.receiving, true);
  transport.sendsAtOnce = false;
  const sending = mailbox.send(new Uint8Array(1), NONE);
  await turns();
  assert.equal(transport.referenced, true);
  transport.sent();
  await sending;
  assert.equal(transport.referenced, false);
});

test("a mistake in the caller's look-up stays a mistake", async () => {
  const { mailbox } = make();
  const find = () => Promise.reject(new TypeError("lookup must give an array"));
  await assert.rejects(mailbox.send(new Uint8Array(1), NONE, find), TypeError);
});

function connected(mailbox: Mailbox): Promise<void> {
  return mailbox.connect(NONE, () => Promise.resolve(PEER));
}
