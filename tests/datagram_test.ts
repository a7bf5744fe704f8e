import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { byteString } from "../src/bytes.ts";
import { lookup } from "../src/connect.ts";
import type { CallOptions } from "../src/call_options.ts";
import { Datagram, datagram } from "../src/datagram.ts";
import type { DatagramSocketOptions } from "../src/datagram_options.ts";
import { SocketError } from "../src/errors.ts";
import type { Data } from "../src/outgoing.ts";
import type { Target } from "../src/target.ts";
import type { IpAddress, Packet } from "../src/transport.ts";
import { failureOf } from "./helpers/failure_of.ts";
import { runtime, TCP6 } from "./helpers/native_pairs.ts";
import { WatchedSignal } from "./helpers/watched_signal.ts";

// What was sent to ourselves has come by then, or was lost.
const DELIVERY_MS = 30;
const LOCAL: DatagramSocketOptions = { localAddress: "127.0.0.1" };

const noIpv6 = TCP6.missing ?? false;
const noRefusals = runtime === "Deno"
  ? "Deno tells nothing of it: see tests/runtime_limits/datagram_errors.ts"
  : false;

/** Data, and the bytes that come of it. */
const sendable: { name: string; data: Data; bytes: string }[] = [
  { name: "text", data: "naïve", bytes: "na\xc3\xafve" },
  { name: "bytes", data: Uint8Array.of(0, 255), bytes: "\x00\xff" },
  { name: "pieces", data: ["a", [Uint8Array.of(98)], "c"], bytes: "abc" },
  { name: "an empty text", data: "", bytes: "" },
  { name: "no pieces", data: [], bytes: "" },
];

for (const { name, data, bytes } of sendable) {
  test(`${name} can be sent, to the peer and to anybody`, () =>
    withTwo(async (a, b) => {
      assert.equal(await a.sendTo(data, at(b)), bytes.length);
      assert.equal(byteString((await b.receiveFrom()).data), bytes);
      await a.connect(at(b));
      assert.equal(await a.send(data), bytes.length);
      await b.connect(at(a));
      assert.equal(byteString(await b.receive()), bytes);
    }));
}

test("receiveFrom() tells the source, which can be answered", () =>
  withTwo(async (a, b) => {
    await a.sendTo("ping", at(b));
    const { data, from } = await b.receiveFrom();
    assert.deepEqual(from, a.localAddress);
    await b.sendTo([data, "!"], from);
    assert.equal(byteString((await a.receiveFrom()).data), "ping!");
  }));

/** Ways to write where the socket `b` is. */
const targets: { name: string; to: (port: number) => Target }[] = [
  { name: "an object", to: (port) => ({ hostname: "127.0.0.1", port }) },
  { name: "text", to: (port) => `127.0.0.1:${port}` },
  { name: "a name", to: (port) => `localhost:${port}` },
  { name: "an object with a name", to: (port) => ({ hostname: "LOCALHOST", port }) },
];

for (const { name, to } of targets) {
  test(`a target may be ${name}`, () =>
    withTwo(async (a, b) => {
      const { port } = at(b);
      await a.sendTo("one", to(port));
      await a.connect(to(port));
      assert.deepEqual(a.remoteAddress, b.localAddress);
      await a.send("two");
      const c = await datagram({ remote: to(port), family: 4 });
      assert.deepEqual(c.remoteAddress, b.localAddress);
      await c.send("three");
      const came = [await textOf(b), await textOf(b), await textOf(b)];
      assert.deepEqual(came, ["one", "two", "three"]);
      c.close();
    }));
}

test("names go to the look-up that was given, each time", async () => {
  const asked: string[] = [];
  const lookup = async (hostname: string) => {
    asked.push(hostname);
    return ["::1", "127.0.0.1"];
  };
  await withTwo(async (a, b) => {
    const to = { hostname: "a.example", port: at(b).port };
    // Of the addresses the first one that the socket can reach.
    await a.sendTo("one", to);
    await a.sendTo("two", to);
    assert.deepEqual([await textOf(b), await textOf(b)], ["one", "two"]);
    await a.connect({ ...to, hostname: "b.example" });
    assert.equal(a.remoteAddress!.hostname, "127.0.0.1");
    assert.deepEqual(asked, ["a.example", "a.example", "b.example"]);
  }, { lookup });
});

test("a look-up is told when nobody waits for it any more", async () => {
  // So that what it needs is there.
  await lookup("127.0.0.1");
  for (const giveUp of ["timeout", "aborted", "closed"] as const) {
    let told: AbortSignal | undefined;
    const hang = (_: string, { signal }: { signal: AbortSignal }) => {
      told = signal;
      return new Promise<string[]>(() => {});
    };
    const sock = await datagram({ ...LOCAL, lookup: hang });
    const controller = new AbortController();
    const timeoutMs = giveUp === "timeout" ? 50 : 10_000;
    const failed = failureOf(
      sock.sendTo("x", "a.example:7", { timeoutMs, signal: controller.signal }),
      giveUp,
    );
    while (told === undefined) await sleep(1);
    if (giveUp === "aborted") controller.abort();
    if (giveUp === "closed") sock.close();
    await failed;
    assert.equal(told.aborted, true);
    sock.close();
  }
});

test("a name that has no address says so, and the socket works on", () =>
  withTwo(async (a, b) => {
    await failureOf(a.sendTo("x", "a.example:7"), "not found");
    await failureOf(a.connect("a.example:7"), "not found");
    await failureOf(datagram({ remote: "a.example:7", lookup: async () => [] }), "not found");
    await a.sendTo("hello", at(b));
    assert.equal(await textOf(b), "hello");
  }, { lookup: async () => [] }));

test("what the caller's look-up does wrong stays a mistake", () =>
  withTwo(async (a) => {
    await assert.rejects(a.sendTo("x", "a.example:7"), TypeError);
  }, { lookup: async () => ["no address"] }));

test("an address of the other family cannot be reached", () =>
  withTwo(async (a) => {
    const error = await failureOf(a.sendTo("x", "[::1]:7"), "not found");
    assert.match(error.message, /"::1": it has no IPv4 address$/);
    await failureOf(a.connect("[::1]:7"), "not found");
    await failureOf(datagram({ remote: "127.0.0.1:7", family: 6, ipv6Only: true }), "not found");
    await failureOf(datagram({ remote: "[::1]:7", localAddress: "127.0.0.1" }), "not found");
  }));

test("the family is that of the remote, if nothing else says it", { skip: noIpv6 }, async () => {
  const server = await datagram({ localAddress: "::1" });
  const sock = await datagram({ remote: server.localAddress! });
  await sock.send("hello");
  assert.equal((await server.receiveFrom()).from.hostname, "::1");
  sock.close();
  const both = await datagram({ family: 6 });
  const four = await datagram(LOCAL);
  for (const it of [server, four]) {
    await both.sendTo("hello", at(it));
    assert.equal(await textOf(it), "hello");
  }
  for (const it of [server, both, four]) it.close();
});

/** Calls, and what becomes of them in each state; what is absent works. */
const states = ["unconnected", "connected", "connecting", "receiving", "closed"] as const;
type State = typeof states[number];
const calls: {
  name: string;
  call: (sock: Datagram, to: IpAddress) => unknown;
  fails: Partial<Record<State, "TypeError" | SocketError["code"]>>;
}[] = [
  {
    name: "send()",
    call: (sock) => sock.send("x"),
    fails: { unconnected: "TypeError", connecting: "busy", closed: "closed" },
  },
  {
    name: "sendTo()",
    call: (sock, to) => sock.sendTo("x", to),
    fails: {
      connected: "TypeError",
      receiving: "TypeError",
      connecting: "busy",
      closed: "closed",
    },
  },
  {
    name: "receive()",
    call: (sock) => sock.receive({ timeoutMs: 1 }),
    fails: {
      unconnected: "TypeError",
      connected: "timeout",
      connecting: "busy",
      receiving: "busy",
      closed: "closed",
    },
  },
  {
    name: "receiveFrom()",
    call: (sock) => sock.receiveFrom({ timeoutMs: 1 }),
    fails: {
      unconnected: "timeout",
      connected: "timeout",
      connecting: "busy",
      receiving: "busy",
      closed: "closed",
    },
  },
  {
    name: "connect()",
    call: (sock, to) => sock.connect(to),
    fails: { connecting: "busy", receiving: "busy", closed: "closed" },
  },
  {
    name: "disconnect()",
    call: (sock) => sock.disconnect(),
    fails: { connecting: "busy", receiving: "busy", closed: "closed" },
  },
  { name: "setOption()", call: (sock) => sock.setOption("ttl", 9), fails: { closed: "closed" } },
  {
    name: "join() and leave()",
    call: (sock) => {
      const group = { group: "239.255.41.98", interface: "127.0.0.1" };
      sock.join(group);
      sock.leave(group);
    },
    fails: { closed: "closed" },
  },
  {
    name: "leave()",
    call: (sock) => sock.leave({ group: "239.1.1.1" }),
    fails: { closed: "closed" },
  },
  { name: "setTimeouts()", call: (sock) => sock.setTimeouts({ readMs: 1 }), fails: {} },
  { name: "close()", call: (sock) => sock.close(), fails: {} },
  { name: "an iteration", call: (sock) => sock.closed && first(sock), fails: {} },
];

for (const { name, call, fails } of calls) {
  for (const state of states) {
    const failure = fails[state];
    // The system's own answers to that are tested with the driver.
    if (name === "leave()" && failure === undefined) continue;
    test(`${name} ${failure ? `ends with ${failure}` : "works"} when ${state}`, () => {
      const lookup = () => new Promise<string[]>(() => {});
      return withTwo(async (a, b) => {
        const isConnected = state === "connected" || state === "receiving";
        if (isConnected) await a.connect(at(b));
        const waiting = state === "receiving"
          ? a.receive()
          : state === "connecting"
          ? a.connect("a.example:7")
          : Promise.resolve();
        const over = waiting.catch(({ code }) => assert.equal(code, "closed"));
        if (state === "closed") a.close();
        const doing = (async () => await call(a, at(b)))();
        if (failure === "TypeError") await assert.rejects(doing, TypeError);
        else if (failure) await failureOf(doing, failure);
        else await doing;
        a.close();
        await over;
      }, { lookup });
    });
  }
}

test("an error of connect() leaves no peer", () =>
  withTwo(async (a, b) => {
    await a.connect(at(b));
    // From 127.0.0.1 there is no way out of this machine; Deno asks nobody.
    if (runtime !== "Deno") {
      await assert.rejects(a.connect("203.0.113.7:7"), { name: "SocketError" });
      assert.equal(a.remoteAddress, null);
    }
    await failureOf(a.connect("a.example:7"), "not found");
    await a.connect(at(b));
    await a.send("hello");
    assert.equal(await textOf(b), "hello");
  }, { lookup: async () => [] }));

test("a connect() whose look-up fails leaves the peer as it was", () =>
  withTwo(async (a, b) => {
    await a.connect(at(b));
    await failureOf(a.connect("a.example:7"), "not found");
    assert.deepEqual(a.remoteAddress, b.localAddress);
  }, { lookup: async () => [] }));

/** Options that bound a receive, and the code it ends with. */
const bounds: { name: string; options?: DatagramSocketOptions; call?: CallOptions }[] = [
  { name: "timeoutMs", call: { timeoutMs: 10 } },
  { name: "deadlineMs", call: { deadlineMs: 10 } },
  { name: "readTimeoutMs", options: { readTimeoutMs: 10 } },
  { name: "readTimeoutMs and a later deadline", options: { readTimeoutMs: 10 }, call: {} },
];

for (const { name, options, call } of bounds) {
  test(`a receive ends with timeout after ${name}, and loses nothing`, () =>
    withTwo(async (a, b) => {
      for (let round = 0; round < 3; round++) {
        const error = await failureOf(b.receiveFrom(call), "timeout");
        assert.match(
          error.message,
          /^Cannot receive at 127\.0\.0\.1:\d+: no datagram came in time$/,
        );
        await a.sendTo("late", at(b));
        await a.sendTo("later", at(b));
        await sleep(DELIVERY_MS);
        assert.equal(await textOf(b), "late");
        assert.equal(await textOf(b), "later");
      }
    }, options));
}

test("setTimeouts() changes what was given at first, and a call's own limit goes first", () =>
  withTwo(async (a) => {
    a.setTimeouts({ readMs: 1 });
    await failureOf(a.receiveFrom(), "timeout");
    const receiving = failureOf(a.receiveFrom({ timeoutMs: 0 }), "closed");
    await sleep(10);
    a.close();
    await receiving;
  }));

test("an abort ends a receive, and loses nothing", () =>
  withTwo(async (a, b) => {
    const controller = new WatchedSignal();
    const receiving = failureOf(b.receiveFrom({ signal: controller.signal }), "aborted");
    controller.abort("enough");
    assert.equal((await receiving).cause, "enough");
    assert.equal(controller.listeners, 0);
    await a.sendTo("kept", at(b));
    assert.equal(await textOf(b), "kept");
    await failureOf(a.sendTo("x", at(b), { signal: controller.signal }), "aborted");
    await failureOf(a.connect(at(b), { signal: controller.signal }), "aborted");
    await failureOf(datagram({ signal: controller.signal }), "aborted");
  }));

test("an iteration gives what comes, however long it takes, until the socket is closed", () =>
  withTwo(async (a, b) => {
    const words = ["one", "", "three"];
    const sending = (async () => {
      for (const word of words) {
        await sleep(10);
        await a.sendTo(word, at(b));
      }
    })();
    const came: string[] = [];
    for await (const { data, from } of b) {
      assert.deepEqual(from, a.localAddress);
      came.push(byteString(data));
      if (came.length === words.length) setTimeout(() => b.close(), 10);
    }
    assert.deepEqual(came, words);
    await sending;
  }, { readTimeoutMs: 1 }));

test("who leaves an iteration may begin another one", () =>
  withTwo(async (a, b) => {
    for (const word of ["one", "two"]) {
      await a.sendTo(word, at(b));
      assert.equal(byteString((await first(b))!.data), word);
    }
    await a.sendTo("three", at(b));
    assert.equal(await textOf(b), "three");
  }));

test("a refusal is told to one call, and the socket works on", { skip: noRefusals }, async () => {
  const gone = await datagram(LOCAL);
  const nobody = at(gone);
  gone.close();
  const sock = await datagram({ remote: nobody });
  await sock.send("x");
  const error = await failureOf(sock.receive(), "refused");
  assert.equal(error.op, "receive");
  assert.equal(
    error.message,
    `Cannot receive from 127.0.0.1:${nobody.port}: nobody listens there`,
  );
  await sock.send("x");
  await failureOf(first(sock), "refused");
  // One that comes while nobody waits, behind a receive that gave up.
  await failureOf(sock.receive({ timeoutMs: 1 }), "timeout");
  await sock.send("x");
  await sleep(DELIVERY_MS);
  assert.equal((await failureOf(sock.send("x"), "refused")).op, "send");
  const somebody = await datagram({ ...LOCAL, localPort: nobody.port });
  await sock.send("hello");
  await somebody.sendTo("hello", (await somebody.receiveFrom()).from);
  assert.equal(byteString(await sock.receive()), "hello");
  sock.close();
  somebody.close();
});

test("what is too large tells nothing of a refusal, which the next call hears", {
  skip: noRefusals,
}, async () => {
  const gone = await datagram(LOCAL);
  const nobody = at(gone);
  gone.close();
  for (const receivesFirst of [false, true]) {
    const sock = await datagram({ remote: nobody });
    // Behind a receive that gave up the refusal comes as an answer to it.
    if (receivesFirst) await failureOf(sock.receive({ timeoutMs: 1 }), "timeout");
    await sock.send("x");
    await sleep(DELIVERY_MS);
    await failureOf(sock.send(new Uint8Array(65_508)), "too large");
    await failureOf(sock.send(new Uint8Array(65_507)), "refused");
    sock.close();
  }
});

test("what is too large for a datagram is told", () =>
  withTwo(async (a, b) => {
    await failureOf(a.sendTo(new Uint8Array(65_508), at(b)), "too large");
    assert.equal(await a.sendTo(new Uint8Array(65_507), at(b)), 65_507);
    assert.equal((await b.receiveFrom()).data.length, 65_507);
  }));

test("what was too large is told to the send alone", () =>
  withTwo(async (a, b) => {
    await a.connect(at(b));
    await failureOf(a.send(new Uint8Array(65_508)), "too large");
    await b.sendTo("hello", at(a));
    assert.equal(byteString(await a.receive()), "hello");
  }));

test("what nobody receives is bounded, and counted", () =>
  withTwo(async (a, b) => {
    for (let size = 1; size <= 5; size++) await a.sendTo(new Uint8Array(size), at(b));
    await sleep(DELIVERY_MS);
    assert.equal(b.dropped, 3);
    assert.equal(a.dropped, 0);
    for (const size of [1, 2]) assert.equal((await b.receiveFrom()).data.length, size);
  }, { maxQueued: 2 }));

test("a group hears what is sent to it", async () => {
  const [a, b] = [await datagram({ reuseAddress: true }), await datagram({ reuseAddress: true })];
  const membership = { group: "239.255.41.99", interface: "127.0.0.1" };
  const to = { hostname: membership.group, port: at(b).port };
  const sender = await datagram({ multicastInterface: "127.0.0.1", multicastTtl: 1 });
  b.join(membership);
  await sender.sendTo("to all", to);
  assert.equal(await textOf(b), "to all");
  assert.throws(() => b.join(membership), { name: "SocketError" });
  b.leave(membership);
  for (const it of [a, b, sender]) it.close();
});

test("sockets that agree share a port", async () => {
  const first = await datagram({ ...LOCAL, reuseAddress: true });
  const localPort = at(first).port;
  const second = await datagram({ ...LOCAL, localPort, reuseAddress: true });
  await failureOf(datagram({ ...LOCAL, localPort }), "address in use");
  first.close();
  second.close();
});

test("settings start as the options say, and are remembered", async () => {
  const sock = await datagram({ broadcast: true, ttl: 9, multicastLoopback: false });
  assert.equal(sock.getOption("broadcast"), true);
  assert.equal(sock.getOption("ttl"), 9);
  assert.equal(sock.getOption("multicastLoopback"), false);
  assert.equal(sock.getOption("multicastTtl"), undefined);
  sock.setOption("ttl", 10);
  assert.equal(sock.getOption("ttl"), 10);
  assert.throws(() => sock.setOption("multicastInterface", "203.0.113.7"), SocketError);
  assert.equal(sock.getOption("multicastInterface"), undefined);
  sock.close();
});

test("a setting that the system refuses fails the opening, and leaves nothing open", async () => {
  const opening = datagram({ multicastInterface: "203.0.113.7" });
  await assert.rejects(opening, { name: "SocketError" });
});

test("a closed socket is closed, and has no addresses", async () => {
  const sock = await datagram({ remote: "127.0.0.1:7" });
  assert.equal(sock.closed, false);
  await sock[Symbol.asyncDispose]();
  sock.close();
  assert.equal(sock.closed, true);
  assert.equal(sock.localAddress, null);
  assert.equal(sock.remoteAddress, null);
  assert.equal(sock.dropped, 0);
});

test("datagrams over unix sockets are unsupported: tests/runtime_limits/unix_datagrams.ts", () =>
  withTwo(async (a) => {
    const error = await failureOf(a.sendTo("x", "unix:/run/x.sock"), "unsupported");
    assert.match(error.message, /unix:\/run\/x\.sock: no runtime has unix sockets for datagrams$/);
    await failureOf(a.connect({ path: "/run/x.sock" }), "unsupported");
    await failureOf(datagram({ remote: "unix:/run/x.sock" }), "unsupported");
  }));

const no = (value: unknown) => value as never;

/** Calls that nobody could answer. */
const wrong: { call: (sock: Datagram) => unknown; error: RegExp }[] = [
  { call: () => datagram(no(7)), error: /^TypeError: options must be an object/ },
  { call: () => datagram({ family: no(5) }), error: /^RangeError: family must be 4 or 6, not 5/ },
  {
    call: () => datagram({ localAddress: "localhost" }),
    error: /^TypeError: localAddress must be an IP address/,
  },
  {
    call: () => datagram({ localAddress: "::1", family: 4 }),
    error: /^TypeError: localAddress must be of family 4, not ::1/,
  },
  { call: () => datagram({ localPort: 70_000 }), error: /^RangeError: localPort must be at most/ },
  {
    call: () => datagram({ ipv6Only: no(1) }),
    error: /^TypeError: ipv6Only must be true or false/,
  },
  { call: () => datagram({ reusePort: no(1) }), error: /^TypeError: reusePort must be true or/ },
  { call: () => datagram({ lookup: no("dns") }), error: /^TypeError: lookup must be a function/ },
  { call: () => datagram({ timeoutMs: -1 }), error: /^RangeError: timeoutMs must be at least 0/ },
  { call: () => datagram({ readTimeoutMs: -1 }), error: /^RangeError: readTimeoutMs must be at/ },
  { call: () => datagram({ sendTimeoutMs: no("1") }), error: /^TypeError: sendTimeoutMs must be/ },
  { call: () => datagram({ signal: no({}) }), error: /^TypeError: signal must be an AbortSignal/ },
  {
    call: () => datagram({ maxQueued: 0 }),
    error: /^RangeError: maxQueued must be a whole number/,
  },
  { call: () => datagram({ maxQueuedBytes: 0.5 }), error: /^RangeError: maxQueuedBytes must be/ },
  {
    call: () => datagram({ ttl: 0 }),
    error: /^RangeError: ttl must be a whole number of at least 1/,
  },
  { call: () => datagram({ ttl: 256 }), error: /^RangeError: ttl must be at most 255, not 256/ },
  {
    call: () => datagram({ broadcast: no("yes") }),
    error: /^TypeError: broadcast must be true or/,
  },
  { call: () => datagram({ remote: "nowhere" }), error: /^TypeError: target must be like/ },
  {
    call: () => datagram({ remote: "127.0.0.1:0" }),
    error: /^RangeError: the port of target must/,
  },
  {
    call: (it) => it.sendTo("x", no(7)),
    error: /^TypeError: target must be a string or an object/,
  },
  { call: (it) => it.sendTo("x", "localhost:0"), error: /^RangeError: the port of target must be/ },
  { call: (it) => it.sendTo(no(7), "127.0.0.1:7"), error: /^TypeError: data must be text, bytes/ },
  { call: (it) => it.sendTo("x", "127.0.0.1:7", no(7)), error: /^TypeError: options must be an/ },
  { call: (it) => it.receiveFrom({ timeoutMs: -1 }), error: /^RangeError: timeoutMs must be at/ },
  { call: (it) => it.receiveFrom({ deadlineMs: no("") }), error: /^TypeError: deadlineMs must be/ },
  { call: (it) => it.receiveFrom({ signal: no(1) }), error: /^TypeError: signal must be an Abort/ },
  { call: (it) => it.connect("127.0.0.1"), error: /^TypeError: target must be like "host:port"/ },
  {
    call: (it) => it.setOption(no("speed"), no(1)),
    error: /^TypeError: name must be one of broad/,
  },
  { call: (it) => it.setOption("ttl", no("1")), error: /^TypeError: ttl must be a number/ },
  {
    call: (it) => it.setOption("multicastTtl", 256),
    error: /^RangeError: multicastTtl must be at/,
  },
  {
    call: (it) => it.setOption("multicastInterface", ""),
    error: /^RangeError: multicastInterface/,
  },
  { call: (it) => it.setOption("receiveBufferBytes", 0), error: /^RangeError: receiveBufferBytes/ },
  { call: (it) => it.getOption(no("speed")), error: /^TypeError: name must be one of broadcast/ },
  { call: (it) => it.setTimeouts(no(undefined)), error: /^TypeError: timeouts must be an object/ },
  { call: (it) => it.setTimeouts({ readMs: -1 }), error: /^RangeError: readMs must be at least 0/ },
  { call: (it) => it.join(no(undefined)), error: /^TypeError: group must be an object/ },
  { call: (it) => it.join({ group: "all" }), error: /^TypeError: group.group must be an IP addr/ },
  {
    call: (it) => it.join({ group: "239.1.1.1", interface: "" }),
    error: /^RangeError: group.interface must not be empty/,
  },
  {
    call: (it) => it.leave({ group: "232.1.1.1", source: "me" }),
    error: /^TypeError: group.source must be an IP address/,
  },
];

for (const { call, error } of wrong) {
  test(`what is wrong is refused: ${error.source}`, () =>
    withTwo(async (a) => {
      const doing = (async () => await call(a))();
      await assert.rejects(doing, (caught) => error.test(String(caught)));
      assert.equal(a.closed, false);
    }));
}

test("nobody but datagram() makes a Datagram", () => {
  assert.throws(() => new (Datagram as unknown as new () => unknown)());
});

async function withTwo(
  work: (a: Datagram, b: Datagram) => unknown,
  options: DatagramSocketOptions = {},
): Promise<void> {
  const [a, b] = [
    await datagram({ ...LOCAL, ...options }),
    await datagram({ ...LOCAL, ...options }),
  ];
  try {
    await work(a, b);
  } finally {
    a.close();
    b.close();
  }
}

function at(sock: Datagram): IpAddress {
  assert.ok(sock.localAddress);
  return sock.localAddress;
}

async function textOf(sock: Datagram): Promise<string> {
  return byteString((await sock.receiveFrom({ timeoutMs: 10_000 })).data);
}

async function first(sock: Datagram): Promise<Packet | undefined> {
  for await (const packet of sock) return packet;
  return undefined;
}
