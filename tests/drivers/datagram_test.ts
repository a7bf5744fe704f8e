// The socket for datagrams of the driver, as the system and the runtime make it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { bytesOf, byteString } from "../../src/bytes.ts";
import { openDatagram } from "../../src/drivers/datagram.ts";
import type {
  DatagramOptions,
  DatagramSettings,
  DatagramTransport,
  IpAddress,
} from "../../src/transport.ts";
import { failureOf } from "../helpers/failure_of.ts";
import { runtime, TCP6 } from "../helpers/native_pairs.ts";

// What was sent to ourselves has come by then, or was lost.
const DELIVERY_MS = 30;

const noRefusals = runtime === "Deno"
  ? "Deno tells nothing of it: see tests/runtime_limits/datagram_errors.ts"
  : false;

const families: { options: DatagramOptions; name: string; skip: string | false }[] = [
  { name: "IPv4", options: { family: 4, localAddress: "127.0.0.1" }, skip: false },
  { name: "IPv6", options: { family: 6, localAddress: "::1" }, skip: TCP6.missing ?? false },
];
const [IPV4] = families.map((it) => it.options) as [DatagramOptions];
const noIpv6 = TCP6.missing ?? false;

for (const { name, options, skip } of families) {
  const open = (more?: Partial<DatagramOptions>) => openDatagram({ ...options, ...more });
  const check = (what: string, work: (a: DatagramTransport, b: DatagramTransport) => unknown) =>
    test(`${name}: ${what}`, { skip }, () => withTwo(options, work));

  check("a port is chosen, and told", (a, b) => {
    assert.equal(a.localAddress.hostname, options.localAddress);
    assert.ok(a.localAddress.port > 0);
    assert.notEqual(a.localAddress.port, b.localAddress.port);
    assert.equal(a.remoteAddress, null);
  });

  check("datagrams come whole, in their order, with their source", async (a, b) => {
    const sizes = [1, 0, 1000, 0, 65_507];
    const receiving = (async () => {
      for (const size of sizes) {
        const { data, from } = await b.receive();
        assert.deepEqual(data, new Uint8Array(size).fill(size));
        assert.deepEqual(from, a.localAddress);
      }
    })();
    for (const size of sizes) await a.send(new Uint8Array(size).fill(size), b.localAddress);
    await receiving;
  });

  check("what was received has memory of its own", async (a, b) => {
    await a.send(bytesOf("first"), b.localAddress);
    const first = await b.receive();
    await a.send(bytesOf("other"), b.localAddress);
    const other = await b.receive();
    assert.equal(first.data.buffer.byteLength, 5);
    assert.notEqual(first.data.buffer, other.data.buffer);
    assert.equal(byteString(first.data), "first");
  });

  check("what was sent may be changed", async (a, b) => {
    const data = bytesOf("before");
    const sending = a.send(data, b.localAddress);
    data.fill(0);
    await sending;
    assert.equal(await textOf(b), "before");
  });

  check("what is too large for a datagram is refused, and the next one goes out", async (a, b) => {
    const error = await failureOf(a.send(new Uint8Array(65_536), b.localAddress), "too large");
    assert.match(error.message, /^Cannot send to .*: it is too large for a datagram$/);
    assert.equal(error.op, "send");
    await a.send(bytesOf("small"), b.localAddress);
    assert.equal(await textOf(b), "small");
  });

  check("a connected socket has one peer, and hears of nobody else", async (a, b) => {
    const other = await open();
    await other.send(bytesOf("waiting"), a.localAddress);
    await b.send(bytesOf("of the peer"), a.localAddress);
    await sleep(DELIVERY_MS);
    await a.connect(b.localAddress);
    assert.deepEqual(a.remoteAddress, b.localAddress);
    assert.equal(await textOf(a), "of the peer");
    await other.send(bytesOf("from elsewhere"), a.localAddress);
    await a.send(bytesOf("ping"));
    const { data, from } = await b.receive();
    assert.equal(byteString(data), "ping");
    await b.send(bytesOf("pong"), from);
    assert.equal(await textOf(a), "pong");
    await assert.rejects(a.send(bytesOf("x"), other.localAddress), TypeError);
    other.close();
  });

  check("a change of the peer keeps the port; without one, all are heard", async (a, b) => {
    const c = await open();
    const { port } = a.localAddress;
    for (const peer of [b, c, b]) {
      await a.connect(peer.localAddress);
      assert.equal(a.localAddress.port, port);
      for (const it of [b, c]) await it.send(bytesOf(it === peer ? "yes" : "no"), a.localAddress);
      assert.equal(await textOf(a), "yes");
    }
    a.disconnect();
    a.disconnect();
    assert.equal(a.remoteAddress, null);
    assert.equal(a.localAddress.port, port);
    await c.send(bytesOf("again"), a.localAddress);
    assert.equal(await textOf(a), "again");
    await assert.rejects(a.send(bytesOf("x")), TypeError);
    c.close();
  });

  test(`${name}: a refusal is told to one call, and the socket works on`, {
    skip: skip || noRefusals,
  }, async () => {
    const a = await open();
    const nobody = await freePort(options);
    await a.connect(nobody);
    // To a receive that waits.
    const receiving = failureOf(a.receive(), "refused");
    await a.send(bytesOf("x"));
    await receiving;
    // To a receive that comes later.
    await a.send(bytesOf("x"));
    await sleep(DELIVERY_MS);
    await failureOf(a.receive(), "refused");
    // To a send that comes later; the one behind it goes out, and is refused, too.
    await a.send(bytesOf("x"));
    await sleep(DELIVERY_MS);
    await failureOf(a.send(bytesOf("x")), "refused");
    const b = await openDatagram({ ...options, localPort: nobody.port });
    await a.send(bytesOf("hello"));
    assert.equal(await textOf(b), "hello");
    await b.send(bytesOf("hello, too"), a.localAddress);
    assert.equal(await textOf(a), "hello, too");
    a.close();
    b.close();
  });

  test(`${name}: each datagram is refused once at most`, { skip: skip || noRefusals }, async () => {
    const a = await open();
    await a.connect(await freePort(options));
    let refusals = 0;
    let sent = 0;
    const refused = ({ code }: { code: string }) => {
      if (code === "refused") refusals++;
      else assert.equal(code, "closed");
    };
    for (let round = 0; round < 5; round++) {
      await Promise.all([1, 2, 3, 4].map(() => a.send(bytesOf("x")).then(() => sent++, refused)));
    }
    for (let isOver = false; !isOver;) {
      const receiving = a.receive().then(() => {}, refused);
      isOver = await Promise.race([receiving, sleep(DELIVERY_MS, true as const)]) === true;
      if (isOver) a.close();
    }
    assert.ok(refusals > 0 && refusals <= sent, `${refusals} refusals of ${sent} datagrams`);
  });

  test(`${name}: a refusal is forgotten with the peer`, { skip }, async () => {
    const [a, b] = [await open(), await open()];
    for (const change of [() => a.connect(b.localAddress), () => a.disconnect()]) {
      await a.connect(await freePort(options));
      await a.send(bytesOf("x"));
      await sleep(DELIVERY_MS);
      await change();
      await b.send(bytesOf("hello"), a.localAddress);
      assert.equal(await textOf(a), "hello");
    }
    a.close();
    b.close();
  });

  check("without a peer a send says nothing of another one", async (a, b) => {
    const nobody = await freePort(options);
    for (let round = 0; round < 5; round++) {
      await Promise.all([nobody, nobody, b.localAddress].map((it) => a.send(bytesOf("x"), it)));
      await a.send(bytesOf("hello"), b.localAddress);
    }
    for (let round = 0; round < 10; round++) await b.receive();
  });

  check("without a peer refusals are ignored", async (a, b) => {
    const nobody = await freePort(options);
    const receiving = textOf(a);
    for (let count = 0; count < 3; count++) {
      await a.send(bytesOf("x"), nobody);
      await sleep(1);
    }
    await b.send(bytesOf("hello"), a.localAddress);
    assert.equal(await receiving, "hello");
  });

  check("an address in use says so, and may be shared by those who agree", async (a) => {
    const localPort = a.localAddress.port;
    const error = await failureOf(open({ localPort }), "address in use");
    assert.match(error.message, /^Cannot open a datagram socket at .*: the address is in use$/);
    const first = await open({ reuseAddress: true });
    const second = await open({ reuseAddress: true, localPort: first.localAddress.port });
    assert.deepEqual(first.localAddress, second.localAddress);
    first.close();
    second.close();
  });

  check("close() ends a connect that is under way", async (a, b) => {
    const connecting = failureOf(a.connect(b.localAddress), "closed");
    a.close();
    await connecting;
  });

  check("close() is told to those who wait, and to those who come later", async (a, b) => {
    const receiving = failureOf(a.receive(), "closed");
    const sending = failureOf(a.send(bytesOf("x"), b.localAddress), "closed");
    a.close();
    a.close();
    await Promise.all([receiving, sending]);
    await failureOf(a.receive(), "closed");
    await failureOf(a.send(bytesOf("x"), b.localAddress), "closed");
    await failureOf(a.connect(b.localAddress), "closed");
    assert.throws(() => a.set("ttl", 3), { code: "closed" });
    a.disconnect();
    a.ref();
    a.unref();
  });
}

/** Bounds of the queue, and what is left of datagrams of these sizes. */
const queues: { bounds: Partial<DatagramOptions>; sizes: number[]; left: number[] }[] = [
  { bounds: { maxQueued: 3 }, sizes: [1, 2, 3, 4, 5], left: [1, 2, 3] },
  { bounds: { maxQueued: 3 }, sizes: [0, 0, 0, 0], left: [0, 0, 0] },
  { bounds: { maxQueuedBytes: 10 }, sizes: [5, 6, 5, 1, 0], left: [5, 5, 0] },
  { bounds: { maxQueued: 2, maxQueuedBytes: 10 }, sizes: [11, 1, 2, 3], left: [1, 2] },
];

for (const { bounds, sizes, left } of queues) {
  const name = `of ${sizes} the queue keeps ${left} if ${JSON.stringify(bounds)}`;
  test(name, () =>
    withTwo({ ...IPV4, ...bounds }, async (a, b) => {
      for (let round = 1; round <= 2; round++) {
        for (const size of sizes) await a.send(new Uint8Array(size), b.localAddress);
        await sleep(DELIVERY_MS);
        assert.equal(b.dropped, round * (sizes.length - left.length));
        for (const size of left) assert.equal((await b.receive()).data.length, size);
      }
      await a.send(new Uint8Array(1000), b.localAddress);
      const receiving = b.receive();
      await sleep(DELIVERY_MS);
      // Who waits gets it, however large.
      if (bounds.maxQueuedBytes === undefined) assert.equal((await receiving).data.length, 1000);
      else receiving.catch(() => {});
    }));
}

test(`reusePort ${runtime === "Deno" ? "is unsupported" : "shares a port"}`, async () => {
  const open = (localPort = 0) => openDatagram({ ...IPV4, reusePort: true, localPort });
  if (runtime === "Deno") return void await failureOf(open(), "unsupported");
  const first = await open();
  const second = await open(first.localAddress.port);
  assert.deepEqual(first.localAddress, second.localAddress);
  first.close();
  second.close();
});

test("an address of another machine says so", async () => {
  await failureOf(
    openDatagram({ family: 4, localAddress: "203.0.113.7" }),
    "address not available",
  );
});

test("a socket of both families reaches IPv4, by plain addresses", { skip: noIpv6 }, async () => {
  const both = await openDatagram({ family: 6 });
  const four = await openDatagram(IPV4);
  await both.send(bytesOf("hello"), four.localAddress);
  const { from } = await four.receive();
  await four.send(bytesOf("hello, too"), from);
  const answer = await both.receive();
  assert.deepEqual(answer.from, four.localAddress);
  await both.connect(four.localAddress);
  await both.send(bytesOf("to the peer"));
  assert.equal(await textOf(four), "to the peer");
  await four.send(bytesOf("of the peer"), from);
  assert.equal(await textOf(both), "of the peer");
  both.close();
  four.close();
});

test("ipv6Only leaves IPv4 to others", { skip: noIpv6 }, async () => {
  const six = await openDatagram({ family: 6, ipv6Only: true });
  const localPort = six.localAddress.port;
  const four = await openDatagram({ family: 4, localAddress: "0.0.0.0", localPort });
  six.close();
  four.close();
});

test("no address means this machine, whose answers come from its own", async () => {
  await withTwo({ family: 4 }, async (a, b) => {
    await a.connect(b.localAddress);
    await a.send(bytesOf("hello"));
    const { from } = await b.receive();
    assert.equal(from.hostname, "127.0.0.1");
    await b.send(bytesOf("hello, too"), from);
    assert.equal(await textOf(a), "hello, too");
  });
});

const GROUP = "239.255.41.97";

test("members of a group get what is sent to it, until they leave", async () => {
  const options = { family: 4, reuseAddress: true } as const;
  const [a, b] = [await openDatagram(options), await openDatagram(options)];
  const to = { hostname: GROUP, port: b.localAddress.port };
  const membership = { group: GROUP, interface: "127.0.0.1" };
  a.set("multicastInterface", "127.0.0.1");
  a.set("multicastTtl", 1);
  b.join(membership);
  await a.send(bytesOf("to all"), to);
  assert.equal(await textOf(b), "to all");
  b.leave(membership);
  await a.send(bytesOf("to nobody"), to);
  await a.send(bytesOf("to you"), { hostname: "127.0.0.1", port: to.port });
  assert.equal(await textOf(b), "to you");
  b.join({ ...membership, source: "127.0.0.1" });
  await a.send(bytesOf("from me"), to);
  assert.equal(await textOf(b), "from me");
  b.leave({ ...membership, source: "127.0.0.1" });
  a.close();
  b.close();
});

test("who is no member of a group cannot leave it, nor join what is none", async () => {
  const a = await openDatagram({ family: 4 });
  assert.throws(() => a.leave({ group: GROUP, interface: "127.0.0.1" }), { name: "SocketError" });
  assert.throws(() => a.join({ group: "127.0.0.1" }), { name: "SocketError", code: "failed" });
  a.close();
});

test("groups of IPv6 are joined by the name of an interface", { skip: noIpv6 }, async () => {
  const a = await openDatagram({ family: 6 });
  a.join({ group: "ff02::4197", interface: "::1" });
  a.leave({ group: "ff02::4197", interface: "::1" });
  const membership = { group: "ff02::4197", source: "::1" };
  assert.throws(() => a.join(membership), { name: "SocketError", code: "unsupported" });
  a.close();
});

test("broadcast wants leave", async () => {
  await withTwo({ family: 4 }, async (a, b) => {
    const to = { hostname: "127.255.255.255", port: b.localAddress.port };
    const before = await a.send(bytesOf("no"), to).catch((error) => error);
    // Deno's word for everything is UNKNOWN.
    assert.equal(before.code, runtime === "Deno" ? "failed" : "denied");
    a.set("broadcast", true);
    await a.send(bytesOf("to everybody"), to);
    assert.equal(await textOf(b), "to everybody");
    a.set("broadcast", false);
  });
});

/** Settings, and on which runtimes they are not to be had. */
const settings: { [Name in keyof DatagramSettings]: [DatagramSettings[Name], ...string[]][] } = {
  broadcast: [[true], [false]],
  ttl: [[1], [255]],
  multicastTtl: [[1], [255], [0, "Deno", "Bun"]],
  multicastLoopback: [[true], [false]],
  multicastInterface: [["127.0.0.1"]],
  receiveBufferBytes: [[100_000, "Deno"]],
  sendBufferBytes: [[100_000, "Deno"]],
};

for (const [name, values] of Object.entries(settings)) {
  for (const [value, ...lacking] of values) {
    const isLacking = lacking.includes(runtime);
    test(`${name} ${isLacking ? "cannot" : "can"} be set to ${value}`, async () => {
      const a = await openDatagram({ family: 4 });
      const set = () => a.set(name as "ttl", value as number);
      if (isLacking) assert.throws(set, { name: "SocketError", code: "unsupported" });
      else set();
      a.close();
    });
  }
}

test("what the system refuses to be set is told", async () => {
  const a = await openDatagram({ family: 4 });
  const set = () => a.set("multicastInterface", "203.0.113.7");
  assert.throws(set, { name: "SocketError", message: /^Cannot set multicastInterface to 203/ });
  a.close();
});

test("paths are unsupported: see tests/runtime_limits/unix_datagrams.ts", async () => {
  const a = await openDatagram({ family: 4 });
  await failureOf(a.send(bytesOf("x"), { path: "/run/x.sock" }), "unsupported");
  await failureOf(a.connect({ path: "/run/x.sock" }), "unsupported");
  a.close();
});

async function withTwo(
  options: DatagramOptions,
  work: (a: DatagramTransport, b: DatagramTransport) => unknown,
): Promise<void> {
  const [a, b] = [await openDatagram(options), await openDatagram(options)];
  try {
    await work(a, b);
  } finally {
    a.close();
    b.close();
  }
}

async function textOf(transport: DatagramTransport): Promise<string> {
  return byteString((await transport.receive()).data);
}

/** An address at which nobody is. */
async function freePort(options: DatagramOptions): Promise<IpAddress> {
  const it = await openDatagram(options);
  it.close();
  await sleep(DELIVERY_MS);
  return it.localAddress;
}
