import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "../src/cosocket.ts";
import { lookup } from "../src/connect.ts";
import { listen } from "../src/listener.ts";
import { blackHole } from "./conformance/black_hole.ts";
import { failureOf } from "./helpers/failure_of.ts";
import { freshPath } from "./helpers/native_pairs.ts";

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
  const port = await blackHole();
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
  const port = await blackHole();
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

/** A port that was ours a moment ago. */
async function nobody(): Promise<{ address: { hostname: string; port: number }; text: string }> {
  const listener = await listen("127.0.0.1:0");
  const address = { ...listener.address } as { hostname: string; port: number };
  await listener.close();
  return { address, text: `${address.hostname}:${address.port}` };
}
