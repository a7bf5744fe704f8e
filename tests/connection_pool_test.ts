import assert from "node:assert/strict";
import { test } from "node:test";
import { byteString } from "../src/bytes.ts";
import { Pool, type PoolConnectOptions, type PoolOptions } from "../src/connection_pool.ts";
import type { Cosocket } from "../src/cosocket.ts";
import { SocketError } from "../src/errors.ts";
import { listen } from "../src/listener.ts";
import type { Address } from "../src/transport.ts";
import { failureOf } from "./helpers/failure_of.ts";
import { turns } from "./helpers/turns.ts";

testPool(
  "use() lends the same connection again, and tells how often it came out",
  {},
  async (it) => {
    for (let use = 0; use < 5; use++) {
      assert.equal(
        await it.pool.use(it.at, async (sock) => {
          assert.equal(sock.reusedTimes, use);
          assert.ok(sock.idleMs >= 0);
          await sock.send("hello\n");
          return await sock.receiveLine();
        }),
        "hello",
      );
    }
    assert.equal(it.accepted(), 1);
    assert.deepEqual(it.pool.stats(), { idle: 1, lent: 0, waiting: 0 });
  },
);

testPool(
  "use() closes the connection when its work throws, and passes the error on",
  {},
  async (it) => {
    const error = new Error("of the work");
    const works: (() => never | Promise<never>)[] = [
      () => Promise.reject(error),
      () => {
        throw error;
      },
    ];
    for (const work of works) {
      await assert.rejects(it.pool.use(it.at, work), error);
      assert.deepEqual(it.pool.stats(), { idle: 0, lent: 0, waiting: 0 });
    }
    assert.equal(await it.pool.use(it.at, (sock) => sock.reusedTimes), 0);
  },
);

testPool("use() is content with work that released or closed the socket itself", {}, async (it) => {
  assert.equal(await it.pool.use(it.at, (sock) => sock.release()), true);
  assert.equal(await it.pool.use(it.at, (sock) => sock.close() ?? sock.reusedTimes), 1);
  assert.equal(await it.pool.use(it.at, (sock) => sock.abort() ?? sock.reusedTimes), 0);
  assert.deepEqual(it.pool.stats(), { idle: 0, lent: 0, waiting: 0 });
});

testPool(
  "the handle of an earlier use is dead, and does nothing to the connection",
  {},
  async (it) => {
    const kept: Cosocket[] = [];
    const streams: (ReadableStream | WritableStream)[] = [];
    await it.pool.use(it.at, (sock) => {
      kept.push(sock);
      streams.push(sock.readable, sock.writable, sock.body(5));
    });
    const [old] = kept as [Cosocket];
    await it.pool.use(it.at, async (sock) => {
      assert.equal(sock.reusedTimes, 1);
      old.close();
      old.abort();
      await failureOf(old.send("x"), "closed");
      await failureOf(old.receiveLine(), "closed");
      for (const stream of streams) {
        if (stream instanceof ReadableStream) await stream.cancel().catch(() => {});
        else await stream.abort().catch(() => {});
      }
      assert.equal(await ask(sock, "still mine"), "still mine");
    });
  },
);

/** Dialogues after which a connection is not to be lent again. */
const spoilt: { name: string; work: (sock: Cosocket) => Promise<unknown> }[] = [
  {
    name: "bytes lie unread",
    work: async (sock) => {
      await sock.send("two lines\n");
      await sock.receiveExactly(4);
    },
  },
  {
    name: "a read timed out",
    work: async (sock) => {
      await failureOf(sock.receiveLine({ timeoutMs: 1 }), "timeout");
    },
  },
  {
    name: "a read was aborted",
    work: async (sock) => {
      const controller = new AbortController();
      const reading = failureOf(sock.receiveLine(controller), "aborted");
      controller.abort();
      await reading;
    },
  },
  {
    name: "a line was too large",
    work: async (sock) => {
      await sock.send("hello\n");
      await failureOf(sock.receiveLine({ maxBytes: 2 }), "too large");
      await sock.receiveLine();
    },
  },
  {
    name: "a read is under way",
    work: async (sock) => void sock.receiveLine().catch(() => {}),
  },
  {
    name: "a send is under way",
    work: async (sock) => void sock.send(new Uint8Array(50_000_000)).catch(() => {}),
  },
  {
    name: "the write side was closed",
    work: async (sock) => {
      await sock.closeWrite();
    },
  },
  {
    name: "the peer ended",
    work: async (sock) => {
      await sock.send("bye\n");
      assert.equal(await sock.receiveAny(1), null);
    },
  },
  {
    name: "a body was cancelled while it was waited for",
    work: async (sock) => {
      const reader = sock.body(5).getReader();
      const reading = reader.read();
      await turns();
      await reader.cancel();
      await reading;
    },
  },
  {
    name: "a switch of it was turned",
    work: async (sock) => {
      sock.setOption("noDelay", false);
      await ask(sock, "hello");
    },
  },
];

for (const { name, work } of spoilt) {
  testPool(`release() closes a connection when ${name}`, {}, async (it) => {
    const sock = await it.pool.connect(it.at);
    await work(sock);
    assert.equal(await sock.release(), false);
    assert.deepEqual(it.pool.stats(), { idle: 0, lent: 0, waiting: 0 });
    assert.equal(await it.pool.use(it.at, (sock) => ask(sock, "hello")), "hello");
    assert.equal(it.accepted(), 2);
  });
}

testPool("release() keeps a connection after a dialogue that went well", {}, async (it) => {
  const sock = await it.pool.connect(it.at);
  assert.equal(await ask(sock, "hello"), "hello");
  assert.equal(await sock.release(), true);
  assert.deepEqual(it.pool.stats(), { idle: 1, lent: 0, waiting: 0 });
});

testPool(
  "release() twice, or after close(), throws, and the connection is lent once",
  {},
  async (it) => {
    const sock = await it.pool.connect(it.at);
    const first = sock.release();
    await assert.rejects(sock.release(), /^TypeError: Cannot release the socket/);
    assert.equal(await first, true);
    assert.equal(it.pool.stats().idle, 1);
    const other = await it.pool.connect(it.at);
    other.close();
    await assert.rejects(other.release(), TypeError);
    assert.deepEqual(it.pool.stats(), { idle: 0, lent: 0, waiting: 0 });
  },
);

const stirs = ["say something", "bye", "reset"];

for (const stir of stirs) {
  testPool(`an idle connection is dropped when its peer stirs: ${stir}`, {}, async (it) => {
    await it.pool.use(it.at, (sock) => ask(sock, "hello"));
    it.tellAll(stir);
    const sock = await it.pool.connect(it.at);
    // Whether it was noticed before or when it was wanted: it is not lent.
    assert.equal(sock.reusedTimes, 0);
    assert.equal(await ask(sock, "hello"), "hello");
    sock.close();
  });
}

testPool("an answer that nobody waited for does not reach the next user", {}, async (it) => {
  for (let round = 0; round < 20; round++) {
    const sock = await it.pool.connect(it.at);
    await sock.send("twice\n");
    assert.equal(await sock.receiveLine(), "twice");
    await sock.release();
    assert.equal(await it.pool.use(it.at, (sock) => ask(sock, "hello")), "hello");
  }
});

/** Connections with these options may not stand in for one with none. */
const others: { name: string; options: PoolConnectOptions }[] = [
  { name: "another key", options: { key: "mine" } },
  { name: "noDelay off", options: { noDelay: false } },
  { name: "keep-alive", options: { keepAliveMs: 10_000 } },
  { name: "a local address", options: { localAddress: "127.0.0.1" } },
  { name: "a family", options: { family: 4 } },
  { name: "a look-up", options: { lookup: () => Promise.resolve(["127.0.0.1"]) } },
];

for (const { name, options } of others) {
  testPool(
    `a connection with ${name} is kept apart, and lent again for the same`,
    {},
    async (it) => {
      const use = (options: PoolConnectOptions) =>
        it.pool.use(it.at, async (sock) => {
          await ask(sock, "hello");
          return sock.reusedTimes;
        }, options);
      assert.deepEqual(await use({}), 0);
      assert.deepEqual(await use(options), 0);
      assert.deepEqual(await use({}), 1);
      assert.deepEqual(await use({ ...options }), 1);
      it.pool.clear(it.at, options);
      assert.deepEqual(await use({}), 2);
      assert.deepEqual(await use(options), 0);
    },
  );
}

testPool("two ways to write a target are one", {}, async (it) => {
  const { port } = it.at as { port: number };
  const targets = [it.at, `127.0.0.1:${port}`, { port, hostname: "127.0.0.1" }];
  for (const target of targets) await it.pool.use(target, (sock) => ask(sock, "hello"));
  assert.equal(it.accepted(), 1);
});

testPool("limits belong to a use, and not to the connection", {}, async (it) => {
  await it.pool.use(it.at, (sock) => sock.setTimeouts({ readMs: 0 }), { maxBytes: 3 });
  await it.pool.use(it.at, async (sock) => {
    assert.equal(sock.reusedTimes, 1);
    assert.equal(await ask(sock, "hello"), "hello");
  });
  await it.pool.use(it.at, async (sock) => {
    assert.equal(sock.reusedTimes, 2);
    await sock.send("hello\n");
    await failureOf(sock.receiveLine(), "too large");
  }, { maxBytes: 3 });
});

testPool(
  "callers wait for a place, in turn, and can give up",
  { maxConnections: 1, maxWaiting: 3 },
  async (it) => {
    const sock = await it.pool.connect(it.at);
    const controller = new AbortController();
    const late = failureOf(it.pool.connect(it.at, { timeoutMs: 1 }), "timeout");
    const aborted = failureOf(it.pool.connect(it.at, controller), "aborted");
    const next = it.pool.connect(it.at);
    await failureOf(it.pool.connect(it.at), "pool");
    assert.deepEqual(it.pool.stats(), { idle: 0, lent: 1, waiting: 3 });
    controller.abort();
    await aborted;
    await late;
    assert.equal(await sock.release(), true);
    assert.equal((await next).reusedTimes, 1);
    (await next).close();
  },
);

testPool("a connection that is refused frees its place", {}, async (it) => {
  await it.end();
  const pool = new Pool({ maxConnections: 1 });
  for (let time = 0; time < 3; time++) {
    await Promise.all([
      failureOf(pool.connect(it.at), "refused"),
      failureOf(pool.use(it.at, () => {}), "refused"),
    ]);
  }
  assert.deepEqual(pool.stats(), { idle: 0, lent: 0, waiting: 0 });
  pool.close();
});

testPool("clear() closes idle connections, of a target or all", {}, async (it) => {
  const other = await make();
  const use = (at: Address) =>
    it.pool.use(at, (sock) => ask(sock, "x").then(() => sock.reusedTimes));
  for (const at of [it.at, other.at]) await use(at);
  it.pool.clear(it.at);
  assert.deepEqual([await use(it.at), await use(other.at)], [0, 1]);
  it.pool.clear();
  assert.deepEqual([await use(it.at), await use(other.at)], [0, 0]);
  it.pool.close();
  await other.end();
});

testPool(
  "close() refuses who waits and who comes; a socket in use stays, and is closed at its release",
  { maxConnections: 1 },
  async (it) => {
    const sock = await it.pool.connect(it.at);
    const waiting = failureOf(it.pool.connect(it.at), "pool");
    await it.pool[Symbol.asyncDispose]();
    await waiting;
    await failureOf(it.pool.connect(it.at), "pool");
    await failureOf(it.pool.use(it.at, () => {}), "pool");
    assert.equal(await ask(sock, "hello"), "hello");
    assert.equal(await sock.release(), false);
    assert.deepEqual(it.pool.stats(), { idle: 0, lent: 0, waiting: 0 });
  },
);

testPool(
  "a connection rests idleMs at most, and serves maxUses times at most",
  { maxUses: 2 },
  async (it) => {
    const use = () => it.pool.use(it.at, (sock) => ask(sock, "x").then(() => sock.reusedTimes));
    assert.deepEqual([await use(), await use(), await use()], [0, 1, 0]);
    it.pool.close();
    const impatient = new Pool({ idleMs: 1 });
    await impatient.use(it.at, (sock) => ask(sock, "x"));
    await it.lost(it.accepted());
    assert.deepEqual(impatient.stats(), { idle: 0, lent: 0, waiting: 0 });
  },
);

/** The steps of a dialogue, each with the calls that it may be given. */
const steps: ((sock: Cosocket, mark: string, options: object) => Promise<unknown>)[] = [
  (sock, mark, options) => sock.send(`marked ${mark}\n`, options),
  (sock, _, options) => sock.receiveLine(options),
  (sock, mark, options) => sock.receiveExactly(mark.length, options).then(byteString),
  (sock, _, options) => sock.receiveUntil("--", options).then(byteString),
  (sock, _, options) => sock.parts("\r\n").read(undefined, options).then((it) => byteString(it!)),
];

class GivesUp extends Error {}

/** What somebody may do instead of a step, and then give up. */
const troubles: Record<
  string,
  (sock: Cosocket, step: (options: object) => Promise<unknown>) => Promise<unknown>
> = {
  "throws before it": async () => {
    throw new GivesUp();
  },
  "throws during it": async (_, step) => {
    step({}).catch(() => {});
    throw new GivesUp();
  },
  "throws behind it": async (_, step) => {
    await step({});
    throw new GivesUp();
  },
  "times out": async (_, step) => {
    await step({ deadlineMs: 0 });
    throw new GivesUp();
  },
  "aborts it": async (_, step) => {
    const controller = new AbortController();
    const call = step(controller);
    controller.abort();
    await call;
    throw new GivesUp();
  },
  "swallows its timeout": async (_, step) => {
    try {
      await step({ deadlineMs: 0 });
    } catch (error) {
      assert.ok(error instanceof SocketError && error.code === "timeout");
      return;
    }
    throw new GivesUp();
  },
  "releases during it": async (sock, step) => {
    step({}).catch(() => {});
    if (!sock.closed) await sock.release();
  },
  "closes during it": async (sock, step) => {
    step({}).catch(() => {});
    sock.close();
  },
};

testPool("whoever gives up, at whichever step, nobody gets the answer of another", {
  maxConnections: 3,
  maxWaiting: 1000,
}, async (it) => {
  let marks = 0;
  let answers = 0;
  let over = false;
  const honest = async () => {
    while (!over) {
      const mark = `honest${marks++}`;
      const got = await it.pool.use(it.at, async (sock) => {
        const got: unknown[] = [];
        for (const step of steps) got.push(await step(sock, mark, {}));
        return got;
      });
      assert.deepEqual(got.slice(1), [mark, mark, mark, mark]);
      answers++;
    }
  };
  const trouble = async (name: string) => {
    for (let round = 0; round < 8; round++) {
      for (let bad = 0; bad < steps.length; bad++) {
        const mark = `${name.replaceAll(" ", "_")}${marks++}`;
        try {
          await it.pool.use(it.at, async (sock) => {
            for (let at = 0; at < bad; at++) {
              const got = await steps[at]!(sock, mark, {});
              if (at > 0) assert.equal(got, mark);
            }
            await troubles[name]!(sock, (options) => steps[bad]!(sock, mark, options));
          });
        } catch (error) {
          const isTheirs = error instanceof GivesUp || error instanceof SocketError;
          if (!isTheirs) throw error;
        }
      }
    }
  };
  const working = Promise.all([honest(), honest(), honest()]);
  await Promise.all(Object.keys(troubles).map(trouble));
  over = true;
  await working;
  assert.ok(answers > 30, `${answers} answers`);
  const { lent, waiting } = it.pool.stats();
  assert.deepEqual([lent, waiting], [0, 0]);
});

const wrongs: { name: string; call: (pool: Pool) => unknown; error: RegExp }[] = [
  ...[
    { options: null, error: /^TypeError: options must be an object/ },
    { options: 5, error: /^TypeError: options must be an object/ },
    { options: { maxConnections: 0 }, error: /^RangeError: maxConnections must be/ },
    { options: { maxConnections: "1" }, error: /^TypeError: maxConnections must be/ },
    { options: { maxIdle: -1 }, error: /^RangeError: maxIdle must be/ },
    { options: { maxWaiting: 1.5 }, error: /^RangeError: maxWaiting must be/ },
    { options: { idleMs: NaN }, error: /^RangeError: idleMs must be/ },
    { options: { maxLifetimeMs: -1 }, error: /^RangeError: maxLifetimeMs must be/ },
    { options: { maxUses: -1 }, error: /^RangeError: maxUses must be/ },
    { options: { order: "random" }, error: /^TypeError: order must be/ },
  ].map(({ options, error }) => ({
    name: `new Pool(${JSON.stringify(options)})`,
    call: () => new Pool(options as PoolOptions),
    error,
  })),
  ...[
    { target: undefined, options: {}, error: /^TypeError: target must be/ },
    { target: "db", options: {}, error: /^TypeError: target must be/ },
    { target: "db:1", options: null, error: /^TypeError: options must be an object/ },
    { target: "db:1", options: { timeoutMs: -1 }, error: /^RangeError: timeoutMs must be/ },
    { target: "db:1", options: { readTimeoutMs: -1 }, error: /^RangeError: readTimeoutMs must be/ },
    { target: "db:1", options: { key: 5 }, error: /^TypeError: key must be/ },
    { target: "db:1", options: { signal: {} }, error: /^TypeError: signal must be/ },
  ].flatMap(({ target, options, error }) => {
    const args = [target, options] as [string, PoolConnectOptions];
    const shown = args.map((it) => JSON.stringify(it)).join(", ");
    return [
      { name: `connect(${shown})`, call: (pool: Pool) => pool.connect(...args), error },
      { name: `use(${shown})`, call: (pool: Pool) => pool.use(args[0], () => {}, args[1]), error },
    ];
  }),
  {
    name: "use() of nothing",
    call: (pool) => pool.use("db:1", undefined as never),
    error: /must be a function/,
  },
  { name: "clear() of no target", call: (pool) => pool.clear(5 as never), error: /target must/ },
  {
    name: "clear() with no options",
    call: (pool) => pool.clear("db:1", null as never),
    error: /^TypeError: options must be an object/,
  },
];

for (const { name, call, error } of wrongs) {
  test(`${name} names what is wrong`, async () => {
    const pool = new Pool();
    await assert.rejects(async () => await call(pool), error);
    assert.deepEqual(pool.stats(), { idle: 0, lent: 0, waiting: 0 });
  });
}

/** A test with a pool and its server, whose end comes however the test goes. */
function testPool(
  name: string,
  options: PoolOptions,
  run: (it: Awaited<ReturnType<typeof make>>) => Promise<void>,
): void {
  test(name, async () => {
    const it = await make(options);
    try {
      await run(it);
    } finally {
      await it.end();
    }
  });
}

async function ask(sock: Cosocket, question: string): Promise<string> {
  await sock.send(`${question}\n`);
  return await sock.receiveLine();
}

/** A pool, and a server that it connects to. */
async function make(options: PoolOptions = {}) {
  const listener = await listen("127.0.0.1:0");
  const socks: Cosocket[] = [];
  // Answers that come late, when somebody else has asked.
  const late: (() => Promise<unknown>)[] = [];
  let lost = 0;
  let onLost = () => {};

  const answer = async (sock: Cosocket, line: string): Promise<void> => {
    if (line === "bye") return sock.close();
    if (line === "two lines") return void await sock.send("one\ntwo\n");
    if (line === "twice") {
      await sock.send("twice\n");
      return void await sock.send("twice\n");
    }
    if (!line.startsWith("marked ")) return void await sock.send(`${line}\n`);
    const mark = line.slice(7);
    const send = () => sock.send(`${mark}\n${mark}${mark}--${mark}\r\n`).catch(() => {});
    if (!mark.startsWith("honest")) {
      late.push(send);
    } else {
      await send();
      await late.shift()?.();
    }
    // As long as not all connections wait for a late one, somebody goes on.
    while (late.length > 2) await late.shift()!();
  };
  const serve = async (sock: Cosocket) => {
    try {
      for await (const line of sock.lines()) await answer(sock, line);
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
    }
    sock.close();
    lost++;
    onLost();
  };
  const serving = (async () => {
    const all: Promise<void>[] = [];
    for await (const sock of listener) {
      socks.push(sock);
      all.push(serve(sock));
    }
    await Promise.all(all);
  })();

  const pool = new Pool(options);
  return {
    pool,
    at: listener.address,
    accepted: () => socks.length,
    /** Resolves when so many connections are gone. */
    async lost(count: number) {
      while (lost < count) await new Promise<void>((resolve) => onLost = resolve);
    },
    tellAll(what: string) {
      for (const sock of socks) {
        if (what === "bye") sock.close();
        else if (what === "reset") sock.abort();
        else sock.send(what).catch(() => {});
      }
    },
    async end() {
      pool.close();
      await listener.close();
      for (const sock of socks) sock.close();
      await serving;
    },
  };
}
