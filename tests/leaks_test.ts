// What was opened is let go of: thousands of connections, each way they can go,
// leave the program as it was. And what is not to be had, for want of
// descriptors, is an error and not a crash.

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Pool } from "../src/connection_pool.ts";
import { connect, type Cosocket } from "../src/cosocket.ts";
import { SocketError } from "../src/errors.ts";
import { createNgx, type Ngx } from "../src/faces/ngx/mod.ts";
import { listen } from "../src/listener.ts";
import { failureOf } from "./helpers/failure_of.ts";
import { runtime } from "./helpers/native_pairs.ts";
import { leftOver, snapshot } from "./helpers/resources.ts";
import { WatchedSignal } from "./helpers/watched_signal.ts";

type Address = { hostname: string; port: number };

// Nobody listens there, and nobody is connected to itself there: the system
// gives no such port to who connects.
const REFUSING: Address = { hostname: "127.0.0.1", port: 1 };

const AT_ONCE = 20;
// Longer than any program here takes; one that hangs must not hang the tests.
const PATIENCE_MS = 30_000;
// What is loaded or opened once, at the first use, is not counted.
const WARM_UP = 5;

/** What the cases use; all of them share one signal, which is never aborted. */
interface World {
  readonly at: Address;
  readonly refusing: Address;
  readonly signal: AbortSignal;
  readonly pool: Pool;
  readonly ngx: Ngx;
}

class GivesUp extends Error {}

/** Ways that a connection can go, or not come to be. */
const ways: {
  name: string;
  count: number;
  go: (world: World, index: number) => Promise<unknown>;
}[] = [
  {
    name: "connections that we close",
    count: 1000,
    go: async ({ at, signal }) => {
      const sock = await connect(at, { signal });
      await ask(sock, signal);
      sock.close();
    },
  },
  {
    name: "connections that the peer closes",
    count: 1000,
    go: async ({ at, signal }) => {
      const sock = await connect(at, { signal });
      await sock.send("bye\n", { signal });
      assert.equal((await sock.receiveAll({ signal })).length, 0);
      sock.close();
    },
  },
  {
    name: "connections that we abort",
    count: 1000,
    go: async ({ at, signal }) => {
      const sock = await connect(at, { signal });
      await ask(sock, signal);
      sock.abort();
    },
  },
  {
    name: "connections that the peer resets",
    count: 1000,
    go: async ({ at, signal }) => {
      const sock = await connect(at, { signal });
      await sock.send("reset\n", { signal });
      // Not every runtime can send one: then it is an end.
      await assert.rejects(sock.receiveLine({ signal }), SocketError);
      sock.close();
    },
  },
  {
    name: "connections closed while a read waits",
    count: 1000,
    go: async ({ at, signal }) => {
      const sock = await connect(at, { signal });
      const reading = failureOf(sock.receiveLine({ signal }), "closed");
      sock.close();
      await reading;
    },
  },
  {
    name: "connections closed after a read that timed out, or was aborted",
    count: 1000,
    go: async ({ at }, index) => {
      const sock = await connect(at);
      const isAborted = index % 2 === 0;
      const controller = new WatchedSignal();
      const { signal } = controller;
      const options = isAborted ? { signal } : { signal, timeoutMs: 1 };
      const reading = failureOf(sock.receiveLine(options), isAborted ? "aborted" : "timeout");
      if (isAborted) controller.abort();
      await reading;
      assert.equal(controller.listeners, 0);
      sock.close();
    },
  },
  {
    name: "connects that are refused",
    count: 1000,
    go: ({ refusing, signal }) => failureOf(connect(refusing, { signal }), "refused"),
  },
  {
    name: "connects that are refused at each of two addresses",
    count: 1000,
    go: async ({ refusing: { port }, signal }) => {
      const lookup = () => Promise.resolve(["127.0.0.1", "127.0.0.2"]);
      await failureOf(connect({ hostname: "two.example", port }, { lookup, signal }), "refused");
    },
  },
  {
    name: "connects of a pool that are refused",
    count: 1000,
    go: ({ pool, refusing, signal }) => failureOf(pool.connect(refusing, { signal }), "refused"),
  },
  {
    name: "connects of ngx that are refused",
    count: 1000,
    go: async ({ ngx, refusing: { hostname, port } }) => {
      const answer = await ngx.socket.tcp().connect(hostname, port);
      assert.deepEqual(answer, [null, "connection refused"]);
    },
  },
  {
    name: "uses of a pool, of which half throw",
    count: 1000,
    go: async ({ pool, at, signal }, index) => {
      const use = pool.use(at, async (sock) => {
        // Before, in and behind the dialogue.
        if (index % 6 === 1) throw new GivesUp();
        if (index % 6 === 3) {
          await sock.send("hello\n", { signal });
          throw new GivesUp();
        }
        await ask(sock, signal);
        if (index % 6 === 5) throw new GivesUp();
      }, { signal });
      if (index % 2 === 1) await assert.rejects(use, GivesUp);
      else await use;
    },
  },
  {
    name: "uses of ngx, of which half are not kept",
    count: 1000,
    go: async ({ ngx, at: { hostname, port } }, index) => {
      await ngx.run(async (ngx) => {
        const sock = ngx.socket.tcp();
        assert.deepEqual(await sock.connect(hostname, port), [1]);
        assert.deepEqual(await sock.send("hello\n"), [6]);
        if (index % 4 === 1) return;
        assert.deepEqual(await sock.receive(), ["hello"]);
        if (index % 4 === 3) assert.deepEqual(sock.close(), [1]);
        // Nothing of it is left behind the millisecond that it may rest.
        else assert.deepEqual(await sock.setkeepalive(1), [1]);
      });
    },
  },
];

for (const { name, count, go } of ways) {
  test(`${count} ${name} leave nothing behind`, async () => {
    const server = await serve();
    const signal = new WatchedSignal();
    const ngx = createNgx({ lua_socket_log_errors: "off" });
    const world = { at: server.at, refusing: REFUSING, ngx, signal: signal.signal };
    await many(WARM_UP, { ...world, pool: new Pool() }, go);
    const before = snapshot();
    const pool = new Pool({ maxConnections: AT_ONCE / 2 });
    await many(count, { ...world, pool }, go);
    assert.deepEqual({ ...pool.stats(), idle: 0 }, { idle: 0, lent: 0, waiting: 0 });
    pool.close();
    assert.deepEqual(await leftOver(before), {});
    assert.equal(signal.listeners, 0);
    await server.end();
  });
}

test("a hundred connects that time out, and a hundred that are aborted, leave nothing behind", async () => {
  const hole = await blackHole();
  const before = snapshot();
  const shared = new WatchedSignal();
  const { signal } = shared;
  const options = { signal, timeoutMs: 50 };
  await Promise.all(
    Array.from({ length: 100 }, () => failureOf(connect(hole.at, options), "timeout")),
  );
  assert.equal(shared.listeners, 0);
  assert.deepEqual(await leftOver(before), {});
  const aborted = Array.from(
    { length: 100 },
    () => failureOf(connect(hole.at, { signal }), "aborted"),
  );
  // Half-way: some have begun by now.
  await sleep(1);
  shared.abort();
  await Promise.all(aborted);
  assert.equal(shared.listeners, 0);
  assert.deepEqual(await leftOver(before), {});
  await hole.end();
});

// Bun says ECONNREFUSED, also where it was the system that gave it no descriptor.
const WITHOUT_DESCRIPTORS = runtime === "Bun"
  ? { code: "refused", ngx: "connection refused" }
  : { code: "failed", ngx: "too many open files" };

const noLimits = process.platform === "win32" ? "This system has no ulimit" : false;

test("connects fail for want of descriptors, and work again once there are some", {
  skip: noLimits,
}, async () => {
  const server = await serve();
  const program = start(
    `
    const at = ${JSON.stringify(server.at)};
    const pool = new Pool();
    const ngx = createNgx({ lua_socket_log_errors: "off" });
    // What a driver opens once, it opens at the first use.
    for (const sock of [await connect(at), await pool.connect(at)]) sock.close();
    const socks = [];
    const failure = async () => {
      try {
        while (socks.length < 1000) socks.push(await connect(at));
      } catch (error) {
        if (error instanceof SocketError) return error;
        throw error;
      }
      throw new Error("There was no limit");
    };
    const first = await failure();
    const second = await failure();
    await assert.rejects(pool.connect(at), SocketError);
    assert.deepEqual(pool.stats(), { idle: 0, lent: 0, waiting: 0 });
    const tcp = ngx.socket.tcp();
    const answer = await tcp.connect(at.hostname, at.port);
    for (const sock of socks) await ask(sock);
    for (const sock of socks.splice(0, 5)) sock.close();
    // That they are closed, the runtime sees to in its own time.
    await new Promise((resolve) => setTimeout(resolve, 100));
    for (const sock of [await connect(at), await pool.connect(at)]) await ask(sock);
    assert.deepEqual(await tcp.connect(at.hostname, at.port), [1]);
    console.log(JSON.stringify({ failures: [first, second], answer }));
    process.exit();`,
    { descriptors: 64 },
  );
  const { failures, answer } = JSON.parse(await program.line());
  assert.equal(await program.ended, 0);
  for (const { code } of failures) assert.equal(code, WITHOUT_DESCRIPTORS.code);
  assert.deepEqual(answer, [null, WITHOUT_DESCRIPTORS.ngx]);
  await server.end();
});

test("a listener survives the want of descriptors, and accepts once there are some", {
  skip: noLimits,
}, async () => {
  const program = start(
    `
    const listener = await listen("127.0.0.1:0");
    let accepted = 0;
    let failures = 0;
    const serve = async (sock) => {
      accepted++;
      try {
        for await (const line of sock.lines()) {
          await sock.send(line === "report" ? JSON.stringify({ accepted, failures }) + "\\n" : line + "\\n");
          if (line === "report") process.exit();
        }
      } catch (error) {
        if (!(error instanceof SocketError)) throw error;
      }
      sock.close();
    };
    console.log(JSON.stringify(listener.address));
    for (;;) {
      try {
        void serve(await listener.accept());
      } catch (error) {
        if (!(error instanceof SocketError)) throw error;
        failures++;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }`,
    { descriptors: 64 },
  );
  const at: Address = JSON.parse(await program.line());
  const socks: Cosocket[] = [];
  let answers = 0;
  // One after the other, up to the first that gets no answer; then some more.
  for (let more = 10; more > 0 && socks.length < 1000;) {
    if (await isAnswered(at, socks)) answers++;
    else more--;
  }
  assert.ok(answers < 64, `${answers} were answered`);
  for (const sock of socks) sock.close();
  // Those that were never answered may come first.
  let report: string | undefined;
  for (let round = 0; report === undefined && round < 50; round++) {
    try {
      const sock = await connect(at, { timeoutMs: 1000 });
      await sock.send("report\n");
      report = await sock.receiveLine({ timeoutMs: 1000 });
      sock.close();
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
      await sleep(20);
    }
  }
  assert.ok(report, "Nobody is accepted any more");
  assert.ok(JSON.parse(report).accepted > answers, report);
  assert.equal(await program.ended, 0);
});

/** Connects and asks, and keeps the connection; whether there was an answer. */
async function isAnswered(at: Address, socks: Cosocket[]): Promise<boolean> {
  try {
    const sock = await connect(at, { timeoutMs: 500 });
    socks.push(sock);
    await sock.send("hello\n");
    return await sock.receiveLine({ timeoutMs: 200 }) === "hello";
  } catch (error) {
    if (error instanceof SocketError) return false;
    throw error;
  }
}

/** Programs that come to their end by themselves, whatever they leave open. */
const endings: { name: string; program: string }[] = [
  {
    name: "leaves connections in a Pool",
    program: `
      const pool = new Pool();
      const socks = [await pool.connect(at), await pool.connect(at)];
      for (const sock of socks) await ask(sock);
      for (const sock of socks) await sock.release();
      assert.equal(pool.stats().idle, 2);`,
  },
  {
    name: "leaves connections in a pool of ngx",
    program: `
      const ngx = createNgx();
      const socks = [ngx.socket.tcp(), ngx.socket.tcp()];
      for (const sock of socks) {
        assert.deepEqual(await sock.connect(at.hostname, at.port), [1]);
        assert.deepEqual(await sock.send("hello\\n"), [6]);
        assert.deepEqual(await sock.receive(), ["hello"]);
      }
      for (const sock of socks) assert.deepEqual(await sock.setkeepalive(), [1]);`,
  },
  {
    name: "leaves a connection open on which nothing is under way",
    program: `await ask(await connect(at));`,
  },
  {
    name: "leaves a connection open that came out of a Pool",
    program: `
      const pool = new Pool();
      await pool.use(at, ask);
      const sock = await pool.connect(at);
      assert.equal(sock.reusedTimes, 1);`,
  },
  {
    name: "leaves a connection open on which a read gave up",
    program: `
      const sock = await connect(at);
      await assert.rejects(sock.receiveLine({ timeoutMs: 5 }), { code: "timeout" });`,
  },
  {
    name: "leaves a listener open at which nobody accepts",
    program: `
      const listener = await listen("127.0.0.1:0");
      const [sock, guest] = await Promise.all([connect(listener.address), listener.accept()]);
      await sock.send("hello\\n");
      assert.equal(await guest.receiveLine(), "hello");`,
  },
  {
    name: "leaves a listener open, and an accept() that was told to keep nothing alive",
    program: `
      const listener = await listen("127.0.0.1:0");
      listener.unref();
      listener.accept();`,
  },
];

for (const { name, program } of endings) {
  test(`a program that ${name} ends by itself`, async () => {
    const server = await serve();
    const running = start(
      `const at = ${JSON.stringify(server.at)}; ${program} console.log("done");`,
    );
    assert.equal(await running.line(), "done");
    assert.equal(await running.ended, 0);
    await server.end();
  });
}

/** Programs that wait for their peer. */
const waits: { name: string; program: string }[] = [
  { name: "accept()", program: `(await listen("127.0.0.1:0")).accept();` },
  { name: "receive() of a new connection", program: `(await connect(at)).receiveLine();` },
  {
    name: "receive() of a connection out of a Pool",
    program: `
      const pool = new Pool();
      await pool.use(at, ask);
      (await pool.connect(at)).receiveLine();`,
  },
  {
    name: "receive() of a connection out of a pool of ngx",
    program: `
      const sock = createNgx().socket.tcp();
      for (const times of [0, 1]) {
        assert.deepEqual(await sock.connect(at.hostname, at.port), [1]);
        assert.deepEqual(sock.getreusedtimes(), [times]);
        if (times === 0) assert.deepEqual(await sock.setkeepalive(), [1]);
      }
      sock.receive();`,
  },
];

for (const { name, program } of waits) {
  test(`a program with a pending ${name} does not end`, async () => {
    const server = await serve();
    const running = start(
      `const at = ${JSON.stringify(server.at)}; ${program} console.log("waiting");`,
    );
    assert.equal(await running.line(), "waiting");
    const stillThere = Symbol();
    assert.equal(await Promise.race([running.ended, sleep(300, stillThere)]), stillThere);
    running.kill();
    assert.equal(await running.ended, "SIGKILL");
    await server.end();
  });
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

async function ask(sock: Cosocket, signal: AbortSignal): Promise<void> {
  await sock.send("hello\n", { signal });
  assert.equal(await sock.receiveLine({ signal }), "hello");
}

/** A server that says everything twice, and goes when it is told to. */
async function serve() {
  const listener = await listen("127.0.0.1:0");
  const serveOne = async (sock: Cosocket) => {
    try {
      for await (const line of sock.lines()) {
        if (line === "bye") break;
        if (line === "reset") return sock.abort();
        await sock.send(`${line}\n`);
      }
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
    }
    sock.close();
  };
  const serving = (async () => {
    for await (const sock of listener) void serveOne(sock);
  })();
  return {
    at: listener.address as Address,
    async end() {
      await listener.close({ graceMs: 0 });
      await serving;
    },
  };
}

/** An address where connects hang, until it is ended. */
async function blackHole() {
  const program = start(`
    const { address } = await listen("127.0.0.1:0", { backlog: 1 });
    console.log(JSON.stringify(address));
    // Every runtime accepts by itself as soon as its event loop turns.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ${PATIENCE_MS});
    process.exit();`);
  const at: Address = JSON.parse(await program.line());
  // A connection keeps its place in the queue until it is accepted, ended or not.
  for (;;) {
    try {
      (await connect(at, { timeoutMs: 150 })).close();
    } catch (error) {
      if (error instanceof SocketError && error.code === "timeout") break;
      throw error;
    }
  }
  return {
    at,
    async end() {
      program.kill();
      await program.ended;
    },
  };
}

let folder: string | undefined;
let programs = 0;

// Deno opens its pipe for signals when it first wants it, and panics if it cannot.
const OPEN_AT_ONCE = `process.on("SIGUSR2", () => {});`;

/** Starts a program under the runtime that this one runs on. */
function start(program: string, { descriptors }: { descriptors?: number } = {}) {
  if (folder === undefined) {
    const made = folder = mkdtempSync(join(tmpdir(), "cosocket-"));
    process.on("exit", () => rmSync(made, { recursive: true, force: true }));
  }
  const path = join(folder, `${++programs}.mjs`);
  const own = (name: string) => JSON.stringify(new URL(`../${name}`, import.meta.url));
  writeFileSync(
    path,
    `
    import assert from "node:assert/strict";
    import process from "node:process";
    import { connect, listen, Pool, SocketError } from ${own("mod.ts")};
    import { createNgx } from ${own("src/faces/ngx/mod.ts")};

    async function ask(sock) {
      await sock.send("hello\\n");
      assert.equal(await sock.receiveLine(), "hello");
    }
    ${descriptors === undefined ? "" : OPEN_AT_ONCE}
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
