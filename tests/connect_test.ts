import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { connect } from "../src/cosocket.ts";
import { lookup } from "../src/connect.ts";
import type { SocketError } from "../src/errors.ts";
import { listen } from "../src/listener.ts";
import { failureOf } from "./helpers/failure_of.ts";
import { freshPath } from "./helpers/native_pairs.ts";
import { remotePeer } from "./helpers/remote_peer.ts";

test("connects by name, by address and by path", async () => {
  for (const at of ["localhost:0", "127.0.0.1:0", `unix:${freshPath()}`]) {
    const listener = await listen(at);
    const { address } = listener;
    const target = "port" in address && at.startsWith("localhost")
      ? `localhost:${address.port}`
      : address;
    const [sock, guest] = await Promise.all([connect(target), listener.accept()]);
    await guest!.send("welcome\n");
    assert.equal(await sock.receiveLine(), "welcome");
    sock.close();
    guest!.close();
    await listener.close();
  }
});

test("both ends know both addresses", async () => {
  const listener = await listen("127.0.0.1:0");
  const [sock, guest] = await Promise.all([connect(listener.address), listener.accept()]);
  assert.deepEqual({ ...sock.remoteAddress }, { ...listener.address });
  assert.deepEqual({ ...guest!.remoteAddress }, { ...sock.localAddress });
  sock.close();
  guest!.close();
  await listener.close();
});

test("localAddress and localPort are where it comes from", async () => {
  const listener = await listen("127.0.0.1:0");
  const free = await listen("127.0.0.1:0");
  const { port: localPort } = free.address as { port: number };
  await free.close();
  const [sock, guest] = await Promise.all([
    connect(listener.address, { localAddress: "127.0.0.5", localPort }),
    listener.accept(),
  ]);
  assert.deepEqual({ ...guest!.remoteAddress }, { hostname: "127.0.0.5", port: localPort });
  sock.close();
  guest!.close();
  await listener.close();
});

test("a local address of another machine is not available", async () => {
  const listener = await listen("127.0.0.1:0");
  await failureOf(
    connect(listener.address, { localAddress: "203.0.113.7" }),
    "address not available",
  );
  await listener.close();
});

test("where nobody listens the connection is refused, with the address in the error", async () => {
  const { address, text } = await nobody();
  const error = await failureOf(connect(address), "refused");
  assert.equal(error.op, "connect");
  assert.equal(error.address, text);
  assert.equal(error.message, `Cannot connect to ${text}: nobody listens there`);
  assert.ok(error.cause instanceof Error);
});

test("a path where nobody listens is not found", async () => {
  await failureOf(connect(`unix:${freshPath()}`), "not found");
});

test("a name that does not exist is not found", async () => {
  const error = await failureOf(connect("no-such-name.invalid:80"), "not found");
  assert.match(error.message, /^Cannot connect to no-such-name\.invalid:80: /);
});

test("lookup finds addresses, and says so of names that have none", async () => {
  for (const { address, family } of await lookup("localhost")) {
    assert.equal(family, address.includes(":") ? 6 : 4);
  }
  assert.deepEqual(await lookup("127.0.0.1"), [{ address: "127.0.0.1", family: 4 }]);
  await failureOf(lookup("no-such-name.invalid"), "not found");
  await failureOf(lookup("127.0.0.1", { family: 6 }), "not found");
});

test("the lookup option finds the addresses, and the next is tried when one refuses", async () => {
  const listener = await listen("127.0.0.1:0");
  const { port } = listener.address as { port: number };
  const asked: string[] = [];
  const lookup = (hostname: string) => {
    asked.push(hostname);
    return Promise.resolve(["127.0.0.2", "127.0.0.3", "127.0.0.1"]);
  };
  const sock = await connect(`db.example:${port}`, { lookup });
  assert.deepEqual(asked, ["db.example"]);
  assert.equal((sock.remoteAddress as { hostname: string }).hostname, "127.0.0.1");
  sock.close();
  await listener.close();
});

test("a slow address does not hold up a good one, and is given up then", async () => {
  const port = remotePeer().blackHole();
  const listener = await listen({ hostname: "127.0.0.2", port });
  const lookup = () => Promise.resolve(["127.0.0.1", "127.0.0.2"]);
  const sock = await connect(`db.example:${port}`, { lookup });
  assert.equal((sock.remoteAddress as { hostname: string }).hostname, "127.0.0.2");
  sock.close();
  await listener.close();
});

test("with family only its addresses are tried", async () => {
  const listener = await listen("127.0.0.1:0");
  const { port } = listener.address as { port: number };
  const lookup = () => Promise.resolve(["::1", "127.0.0.1"]);
  const sock = await connect(`db.example:${port}`, { lookup, family: 4 });
  assert.equal((sock.remoteAddress as { hostname: string }).hostname, "127.0.0.1");
  sock.close();
  const error = await failureOf(
    connect(`db.example:${port}`, { lookup: () => Promise.resolve(["127.0.0.1"]), family: 6 }),
    "not found",
  );
  assert.match(error.message, /"db\.example": it has no IPv6 address/);
  await failureOf(connect(listener.address, { family: 6 }), "not found");
  const byName = await connect(`localhost:${port}`, { family: 4 });
  byName.close();
  await listener.close();
});

for (
  const { keepAliveMs, seconds } of [
    { keepAliveMs: 0, seconds: undefined },
    { keepAliveMs: 1, seconds: 1 },
    { keepAliveMs: 45_000, seconds: 45 },
    { keepAliveMs: 45_001, seconds: 46 },
  ]
) {
  test(`keepAliveMs ${keepAliveMs} has the system send probes after ${seconds} seconds`, {
    skip: process.platform === "linux" ? false : "The system does not tell",
  }, async () => {
    const listener = await listen("127.0.0.1:0");
    const sock = await connect(listener.address, { keepAliveMs });
    assert.equal(probesAfter((sock.localAddress as { port: number }).port), seconds);
    sock.close();
    await listener.close();
  });
}

test("a local port in use says so", async () => {
  const listener = await listen("127.0.0.1:0");
  const taken = await listen("127.0.0.1:0");
  const { port: localPort } = taken.address as { port: number };
  const options = { localAddress: "127.0.0.1", localPort };
  await failureOf(connect(listener.address, options), "address in use");
  await taken.close();
  await listener.close();
});

test("a unix socket whose queue is full refuses at once", async () => {
  const listener = await listen({ path: freshPath() }, { backlog: 1 });
  // More than any runtime's queue, before its event loop turns and accepts.
  const outcomes = await Promise.all(
    Array.from({ length: 1200 }, () => connect(listener.address).catch((error) => error)),
  );
  const failures = outcomes.filter((it) => it instanceof Error);
  assert.ok(failures.length > 0);
  assert.deepEqual(new Set(failures.map((it) => (it as SocketError).code)), new Set(["refused"]));
  for (const it of outcomes) if (!(it instanceof Error)) it.close();
  await listener.close();
});

test("a path that is no socket refuses", async () => {
  await failureOf(connect({ path: fileURLToPath(import.meta.url) }), "refused");
});

test("when all addresses fail, one error lists each of them", async () => {
  const { port } = (await nobody()).address;
  const lookup = () => Promise.resolve(["127.0.0.2", "127.0.0.3"]);
  const error = await failureOf(connect(`db.example:${port}`, { lookup }), "refused");
  assert.match(
    error.message,
    /^Cannot connect to db\.example:\d+: 127\.0\.0\.2: nobody listens there; 127\.0\.0\.3: nobody/,
  );
  assert.ok(error.cause instanceof AggregateError);
  assert.equal(error.cause.errors.length, 2);
});

test("the caller's look-up may fail in its own way", async () => {
  const broken = () => Promise.reject(new RangeError("my own fault"));
  const error = await failureOf(connect("db.example:80", { lookup: broken }), "failed");
  assert.ok(error.cause instanceof RangeError);
  const odd = () => Promise.resolve(["not an address"]);
  await assert.rejects(connect("db.example:80", { lookup: odd }), TypeError);
});

test("a black hole times out, by the limit over look-up and connect together", async () => {
  const port = remotePeer().blackHole();
  await failureOf(connect(`127.0.0.1:${port}`, { timeoutMs: 50 }), "timeout");
  const slow = async () => {
    await new Promise((resolve) => setTimeout(resolve, 30));
    return ["127.0.0.1"];
  };
  await failureOf(connect(`db.example:${port}`, { timeoutMs: 60, lookup: slow }), "timeout");
  const never = () => new Promise<string[]>(() => {});
  await failureOf(connect(`db.example:${port}`, { timeoutMs: 20, lookup: never }), "timeout");
});

test("an abort gives up at each step, with the signal's reason as the cause", async () => {
  const port = remotePeer().blackHole();
  const reason = new Error("not needed any more");
  for (const lookup of [undefined, () => new Promise<string[]>(() => {})]) {
    const controller = new AbortController();
    const host = lookup === undefined ? "127.0.0.1" : "db.example";
    const connecting = connect(`${host}:${port}`, {
      signal: controller.signal,
      ...(lookup && { lookup }),
    });
    setTimeout(() => controller.abort(reason), 20);
    assert.equal((await failureOf(connecting, "aborted")).cause, reason);
  }
});

test("an aborted signal gives up before anything happens", async () => {
  let asked = false;
  const lookup = () => {
    asked = true;
    return Promise.resolve(["127.0.0.1"]);
  };
  const signal = AbortSignal.abort();
  await failureOf(connect("db.example:80", { signal, lookup }), "aborted");
  await failureOf(connect(`unix:${freshPath()}`, { signal }), "aborted");
  assert.equal(asked, false);
});

test("what opens after it was given up is closed", async () => {
  for (const at of ["127.0.0.1:0", `unix:${freshPath()}`]) {
    const listener = await listen(at);
    const controller = new AbortController();
    const connecting = connect(listener.address, { signal: controller.signal });
    // The driver is at work by then, and the system may have connected already.
    await new Promise((resolve) => setTimeout(resolve, 0));
    controller.abort();
    const outcome = await connecting.then((sock) => sock, () => null);
    outcome?.close();
    const guest = await Promise.race([
      listener.accept(),
      new Promise<null>((resolve) => setTimeout(resolve, 50, null)),
    ]);
    assert.ok(guest === null || await guest.receiveAny(1).catch(() => null) === null);
    guest?.close();
    await listener.close();
  }
});

test("a look-up that ends after the connect was given up connects to nobody", async () => {
  const listener = await listen("127.0.0.1:0");
  const { port } = listener.address as { port: number };
  let found = (_: string[]) => {};
  let given: AbortSignal | undefined;
  const lookup = (_: string, { signal }: { signal: AbortSignal }) => {
    given = signal;
    return new Promise<string[]>((resolve) => found = resolve);
  };
  await failureOf(connect(`db.example:${port}`, { lookup, timeoutMs: 20 }), "timeout");
  assert.equal(given?.aborted, true);
  found(["127.0.0.1"]);
  const next = connect(listener.address);
  const guest = await listener.accept();
  assert.deepEqual({ ...guest!.remoteAddress }, { ...(await next).localAddress });
  guest!.close();
  (await next).close();
  await listener.close();
});

const wrong: readonly { call: () => Promise<unknown>; error: RegExp }[] = [
  { call: () => connect("localhost"), error: /^TypeError: target must be like "host:port"/ },
  { call: () => connect(""), error: /^TypeError: target must be like/ },
  { call: () => connect("unix:"), error: /^RangeError: target must not be empty/ },
  { call: () => connect("a b:80"), error: /^TypeError: hostname must be a name/ },
  { call: () => connect("a\0b:80"), error: /^TypeError: hostname must be a name/ },
  { call: () => connect("host:65536"), error: /^RangeError: the port of target/ },
  { call: () => connect(null as unknown as string), error: /^TypeError: target must be a string/ },
  {
    call: () => connect("host:80", { timeoutMs: -1 }),
    error: /^RangeError: timeoutMs must be at least 0, not -1/,
  },
  {
    call: () => connect("host:80", { timeoutMs: NaN }),
    error: /^RangeError: timeoutMs must be at least 0, not NaN/,
  },
  {
    call: () => connect("host:80", { keepAliveMs: Infinity }),
    error: /^RangeError: keepAliveMs must be at most 32767000, not Infinity/,
  },
  {
    call: () => connect("host:80", { localAddress: "eth0" }),
    error: /^TypeError: localAddress must be an IP address, not "eth0"/,
  },
  {
    call: () => connect("host:80", { family: 5 as 4 }),
    error: /^RangeError: family must be 4 or 6, not 5/,
  },
  {
    call: () => connect("host:80", { signal: {} as AbortSignal }),
    error: /^TypeError: signal must be an AbortSignal/,
  },
  {
    call: () => connect("host:80", { noDelay: 1 as unknown as boolean }),
    error: /^TypeError: noDelay must be true or false, not number 1/,
  },
  { call: () => lookup(""), error: /^RangeError: hostname must not be empty/ },
];

for (const { call, error } of wrong) {
  test(`what is wrong is refused by name: ${error.source}`, async () => {
    await assert.rejects(call(), (caught) => error.test(String(caught)));
  });
}

/** The seconds until the system's keep-alive probe of that port's connection, if it sends any. */
function probesAfter(port: number): number | undefined {
  const end = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const lines = readFileSync("/proc/net/tcp", "utf8").split("\n").map((line) =>
    line.trim().split(/ +/)
  );
  const timer = lines.find((fields) => fields[1]?.endsWith(end) && fields[3] === "01")![5]!;
  const [kind, hundredths] = timer.split(":") as [string, string];
  return kind === "02" ? Math.ceil(parseInt(hundredths, 16) / 100) : undefined;
}

/** A port that was ours a moment ago. */
async function nobody(): Promise<{ address: { hostname: string; port: number }; text: string }> {
  const listener = await listen("127.0.0.1:0");
  const address = { ...listener.address } as { hostname: string; port: number };
  await listener.close();
  return { address, text: `${address.hostname}:${address.port}` };
}
