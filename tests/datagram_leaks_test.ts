// Sockets for datagrams leave the program as it was, each way they can go; those
// that were forgotten are closed; and nothing but a call that waits keeps a
// program alive.

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { byteString } from "../src/bytes.ts";
import { Datagram, datagram } from "../src/datagram.ts";
import { SocketError } from "../src/errors.ts";
import type { IpAddress } from "../src/transport.ts";
import { collectGarbage } from "./conformance/collect_garbage.ts";
import { failureOf } from "./helpers/failure_of.ts";
import { leftOver, snapshot } from "./helpers/resources.ts";
import { WatchedSignal } from "./helpers/watched_signal.ts";

const LOCAL = { localAddress: "127.0.0.1" };
const AT_ONCE = 20;
const WARM_UP = 5;
const COUNT = 1000;
// Longer than any program here takes; one that hangs must not hang the tests.
const PATIENCE_MS = 30_000;

/** What the cases use; all of them share one signal, which is never aborted. */
interface World {
  readonly at: IpAddress;
  readonly signal: AbortSignal;
}

/** Ways that a socket can go, or not come to be. */
const ways: { name: string; go: (world: World, index: number) => Promise<unknown> }[] = [
  {
    name: "sockets that asked and were answered",
    go: async ({ at, signal }) => {
      const sock = await datagram({ ...LOCAL, signal });
      await sock.sendTo("hello", at, { signal });
      assert.equal(byteString((await sock.receiveFrom({ signal })).data), "hello");
      sock.close();
    },
  },
  {
    name: "connected sockets",
    go: async ({ at, signal }) => {
      const sock = await datagram({ remote: at, signal });
      await ask(sock, signal);
      sock.disconnect();
      await sock.connect({ ...at, hostname: "localhost" }, { signal });
      await ask(sock, signal);
      sock.close();
    },
  },
  {
    name: "sockets closed while a receive waits",
    go: async ({ at, signal }) => {
      const sock = await datagram({ remote: at });
      const receiving = failureOf(sock.receive({ signal }), "closed");
      sock.close();
      await receiving;
    },
  },
  {
    name: "sockets closed after a receive that timed out, or was aborted",
    go: async (_world, index) => {
      const sock = await datagram(LOCAL);
      const isAborted = index % 2 === 0;
      const controller = new WatchedSignal();
      const { signal } = controller;
      const options = isAborted ? { signal } : { signal, timeoutMs: 1 };
      const receiving = failureOf(sock.receiveFrom(options), isAborted ? "aborted" : "timeout");
      if (isAborted) controller.abort();
      await receiving;
      assert.equal(controller.listeners, 0);
      sock.close();
    },
  },
  {
    name: "sockets whose datagrams nobody wants",
    go: async () => {
      const sock = await datagram({ remote: "127.0.0.1:1" });
      for (let count = 0; count < 3; count++) await sock.send("x").catch(isRefused);
      sock.close();
    },
  },
  {
    name: "sockets closed with datagrams in their queue",
    go: async () => {
      const sock = await datagram(LOCAL);
      for (let count = 0; count < 3; count++) await sock.sendTo("x", sock.localAddress!);
      sock.close();
    },
  },
  {
    name: "sockets that could not be opened",
    go: async ({ at, signal }) => {
      const opening = datagram({ ...LOCAL, localPort: at.port, signal });
      await failureOf(opening, "address in use");
      await assert.rejects(datagram({ multicastInterface: "203.0.113.7", signal }), SocketError);
      const lookup = () => Promise.resolve([]);
      await failureOf(datagram({ remote: "a.example:7", lookup, signal }), "not found");
    },
  },
];

for (const { name, go } of ways) {
  test(`${COUNT} ${name} leave nothing behind`, async () => {
    const server = await echo();
    const signal = new WatchedSignal();
    const world = { at: server.at, signal: signal.signal };
    await many(WARM_UP, world, go);
    const before = snapshot();
    await many(COUNT, world, go);
    assert.deepEqual(await leftOver(before), {});
    assert.equal(signal.listeners, 0);
    await server.end();
  });
}

const FORGOTTEN = 5;

/** What a socket did before it was forgotten. */
const pasts: { name: string; live: (sock: Datagram, at: IpAddress) => Promise<unknown> }[] = [
  { name: "that was never used", live: async () => {} },
  {
    name: "after a dialogue",
    live: async (sock, at) => {
      await sock.connect(at);
      await ask(sock);
    },
  },
  {
    name: "after a receive that timed out",
    live: async (sock) => {
      await failureOf(sock.receiveFrom({ timeoutMs: 1 }), "timeout");
    },
  },
  {
    name: "after half an iteration",
    live: async (sock, at) => {
      await sock.sendTo("hello", at);
      for await (const { data } of sock) {
        assert.equal(byteString(data), "hello");
        break;
      }
    },
  },
];

for (const { name, live } of pasts) {
  test(`a forgotten socket ${name} is collected and closed`, async () => {
    const server = await echo();
    const ports: number[] = [];
    const make = async () => {
      const sock = await datagram(LOCAL);
      ports.push(sock.localAddress!.port);
      await live(sock, server.at);
    };
    for (let made = 0; made < FORGOTTEN; made++) await make();
    // Closed means that others can have its port.
    for (let round = 0; round < 20 && ports.length > 0; round++) {
      await collectGarbage();
      for (const localPort of ports.splice(0)) {
        const it = await datagram({ ...LOCAL, localPort }).catch(({ code }) => code);
        if (it instanceof Datagram) it.close();
        else ports.push(localPort);
      }
    }
    assert.deepEqual(ports, []);
    await server.end();
  });
}

/** Calls whose answer comes when nobody but the call itself knows the socket. */
const calls: { name: string; call: (sock: Datagram) => Promise<unknown> }[] = [
  { name: "receive()", call: (sock) => sock.receive() },
  { name: "receiveFrom()", call: (sock) => sock.receiveFrom({ timeoutMs: 0 }) },
  { name: "an iteration", call: (sock) => sock[Symbol.asyncIterator]().next() },
];

for (const { name, call } of calls) {
  test(`a socket that nobody holds stays open while ${name} waits`, async () => {
    const peer = await datagram(LOCAL);
    const ports: number[] = [];
    const wait = async () => {
      const sock = await datagram({ ...LOCAL, remote: peer.localAddress! });
      ports.push(sock.localAddress!.port);
      return call(sock);
    };
    const answers = Array.from({ length: FORGOTTEN }, wait);
    while (ports.length < FORGOTTEN) await sleep(1);
    await collectGarbage();
    for (const port of ports) await peer.sendTo("hello", { hostname: "127.0.0.1", port });
    await Promise.all(answers);
    peer.close();
  });
}

/** Programs that come to their end by themselves, whatever they leave open. */
const endings: { name: string; program: string }[] = [
  { name: "leaves a socket open", program: `await datagram();` },
  {
    name: "leaves a socket open that asked and was answered",
    program: `
      const sock = await datagram({ remote: at });
      await sock.send("hello");
      await sock.receive();`,
  },
  {
    name: "leaves a socket open on which a receive gave up",
    program: `
      const sock = await datagram({ remote: at });
      await sock.receive({ timeoutMs: 5 }).catch(() => {});`,
  },
  {
    name: "leaves a socket open that has received and has a full queue",
    program: `
      const sock = await datagram({ localAddress: "127.0.0.1", maxQueued: 1 });
      for (const word of ["a", "b", "c"]) await sock.sendTo(word, sock.localAddress);
      await sock.receiveFrom();`,
  },
];

for (const { name, program } of endings) {
  test(`a program that ${name} ends by itself`, async () => {
    const server = await echo();
    const text = `const at = ${JSON.stringify(server.at)}; ${program} console.log("done");`;
    const running = start(text);
    assert.equal(await running.line(), "done");
    assert.equal(await running.ended, 0);
    await server.end();
  });
}

/** Programs that wait for somebody. */
const waits: { name: string; program: string }[] = [
  { name: "receiveFrom()", program: `(await datagram()).receiveFrom({ timeoutMs: 0 });` },
  { name: "receive()", program: `(await datagram({ remote: at })).receive();` },
  {
    name: "receive() behind one that gave up",
    program: `
      const sock = await datagram({ remote: at });
      await sock.receive({ timeoutMs: 5 }).catch(() => {});
      sock.receive();`,
  },
  {
    name: "iteration",
    program: `
      const sock = await datagram();
      (async () => { for await (const _ of sock); })();`,
  },
];

for (const { name, program } of waits) {
  test(`a program with a pending ${name} does not end`, async () => {
    const server = await echo();
    const text = `const at = ${JSON.stringify(server.at)}; ${program} console.log("waiting");`;
    const running = start(text);
    assert.equal(await running.line(), "waiting");
    const stillThere = Symbol();
    assert.equal(await Promise.race([running.ended, sleep(300, stillThere)]), stillThere);
    running.kill();
    assert.equal(await running.ended, "SIGKILL");
    await server.end();
  });
}

test("sockets cannot be opened for want of descriptors, and can again once there are some", {
  skip: process.platform === "win32" ? "This system has no ulimit" : false,
}, async () => {
  const program = start(
    `
    const socks = [];
    let failure;
    while (failure === undefined && socks.length < 1000) {
      try {
        socks.push(await datagram());
      } catch (error) {
        failure = { name: error.name, opened: socks.length };
      }
    }
    for (const sock of socks.splice(0, 5)) sock.close();
    // That they are closed, the runtime sees to in its own time.
    await new Promise((resolve) => setTimeout(resolve, 100));
    (await datagram()).close();
    console.log(JSON.stringify(failure));
    process.exit();`,
    { descriptors: 64 },
  );
  const { name, opened } = JSON.parse(await program.line());
  assert.equal(name, "SocketError");
  assert.ok(opened > 0 && opened < 64);
  assert.equal(await program.ended, 0);
});

async function ask(sock: Datagram, signal?: AbortSignal): Promise<void> {
  await sock.send("hello", signal && { signal });
  assert.equal(byteString(await sock.receive(signal && { signal })), "hello");
}

function isRefused(error: unknown): void {
  if (!(error instanceof SocketError) || error.code !== "refused") throw error;
}

/** Runs `go` so often, some at once. */
async function many(
  count: number,
  world: World,
  go: (world: World, index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < count) await go(world, next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

/** A server that says everything again. */
async function echo() {
  const sock = await datagram(LOCAL);
  const serving = (async () => {
    for await (const { data, from } of sock) await sock.sendTo(data, from);
  })();
  return {
    at: sock.localAddress!,
    async end() {
      sock.close();
      await serving;
    },
  };
}

let folder: string | undefined;
let programs = 0;

/** Starts a program under the runtime that this one runs on. */
function start(program: string, { descriptors }: { descriptors?: number } = {}) {
  if (folder === undefined) {
    const made = folder = mkdtempSync(join(tmpdir(), "cosocket-"));
    process.on("exit", () => rmSync(made, { recursive: true, force: true }));
  }
  const path = join(folder, `${++programs}.mjs`);
  const own = JSON.stringify(new URL("../mod.ts", import.meta.url));
  // Deno opens its pipe for signals when it first wants it, and panics if it cannot.
  const openAtOnce = descriptors === undefined ? "" : `process.on("SIGUSR2", () => {});`;
  writeFileSync(
    path,
    `
    import process from "node:process";
    import { datagram } from ${own};
    ${openAtOnce}
    ${program}`,
  );
  const flags = "Deno" in globalThis ? ["run", "-A"] : [];
  const command = [process.execPath, ...flags, path];
  const limited = descriptors === undefined
    ? command
    : ["sh", "-c", `ulimit -n ${descriptors}; exec "$@"`, "sh", ...command];
  return running(spawn(limited[0]!, limited.slice(1), {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, DENO_NO_UPDATE_CHECK: "1" },
  }));
}

function running(child: ChildProcess) {
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const kill = () => void child.kill("SIGKILL");
  const patience = setTimeout(kill, PATIENCE_MS);
  const ended = new Promise<number | string | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (status, signal) => {
      clearTimeout(patience);
      resolve(status ?? signal);
    });
  });
  return {
    kill,
    /** Its status or signal. */
    ended,
    /** The next line that it prints. */
    async line(): Promise<string> {
      const { value, done } = await lines.next();
      assert.ok(!done, "The program ended without a word");
      return value;
    },
  };
}
