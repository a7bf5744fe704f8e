// Deno's permissions: the narrowest is enough for the commonest, and whoever
// lacks one is told which. Each step runs as a program of its own, under just the
// flags that are its case.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import process from "node:process";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { SocketError } from "../src/errors.ts";
import { listen, type Listener } from "../src/listener.ts";
import { TinyDns } from "./helpers/tiny_dns.ts";
import { freshAbstractPath, freshPath, runtime } from "./helpers/native_pairs.ts";

const top = new URL("../", import.meta.url);

/** How many times a program may be told what it lacks. */
const MOST_ROUNDS = 3;

/** Programs that need the one server they talk to, and nothing else. */
const enough: { name: string; program: string }[] = [
  {
    name: "connect() and a dialogue",
    program: `
      const sock = await connect("localhost:" + port, { timeoutMs: 10_000 });
      await ask(sock);
      sock.close();`,
  },
  {
    name: "a Pool",
    program: `
      const pool = new Pool();
      for (const times of [0, 1, 2]) {
        await pool.use("localhost:" + port, async (sock) => {
          same(sock.reusedTimes, times);
          await ask(sock);
        });
      }
      pool.close();`,
  },
  {
    name: "ngx",
    program: `
      const ngx = createNgx();
      for (const times of [0, 1]) {
        const sock = ngx.socket.tcp();
        same(await sock.connect("localhost", port), [1]);
        same(sock.getreusedtimes(), [times]);
        same(await sock.send("hello\\n"), [6]);
        same(await sock.receive(), ["hello"]);
        same(await sock.setkeepalive(), [1]);
      }`,
  },
];

/** Steps that need more, and the first flag that they ask for. */
const steps: { name: string; program: string; asksFor: string }[] = [
  {
    name: "connect() to a name",
    program: `await talk("localhost:" + port);`,
    asksFor: "--allow-net=localhost:PORT",
  },
  {
    name: "connect() to an address",
    program: `await talk("127.0.0.1:" + port);`,
    asksFor: "--allow-net=127.0.0.1:PORT",
  },
  {
    name: "connect() with family",
    program: `await talk("localhost:" + port, { family: 4 });`,
    asksFor: "--allow-net=localhost",
  },
  {
    name: "connect() with keepAliveMs",
    program: `await talk("localhost:" + port, { keepAliveMs: 1000 });`,
    asksFor: "--allow-net=localhost",
  },
  {
    name: "connect() with localAddress",
    program: `await talk("localhost:" + port, { localAddress: "127.0.0.1" });`,
    asksFor: "--allow-net=localhost",
  },
  {
    name: "connect() with localAddress, to an address",
    program: `await talk("127.0.0.1:" + port, { localAddress: "127.0.0.1" });`,
    asksFor: "--allow-net=127.0.0.1:PORT,127.0.0.1:0",
  },
  {
    name: "connect() with localPort",
    program: `await talk("127.0.0.1:" + port, { localPort: 0 });`,
    asksFor: "--allow-net=127.0.0.1:PORT,0.0.0.0:0",
  },
  {
    name: "connect() with lookup",
    program: `await talk("db.example:" + port, { lookup: () => Promise.resolve(["127.0.0.1"]) });`,
    asksFor: "--allow-net=127.0.0.1:PORT",
  },
  {
    name: "connect() to a unix socket",
    program: `await talk({ path });`,
    asksFor: "--allow-read=PATH",
  },
  {
    name: "connect() to a unix socket with keepAliveMs",
    program: `await talk({ path }, { keepAliveMs: 1000 });`,
    asksFor: "--allow-read=PATH",
  },
  {
    name: "connect() to an abstract unix socket",
    program: `await talk({ path: abstractPath });`,
    asksFor: "--allow-net",
  },
  {
    name: "a Pool",
    program: `
      const pool = new Pool();
      await pool.use("localhost:" + port, ask);
      pool.close();`,
    asksFor: "--allow-net=localhost:PORT",
  },
  {
    name: "lookup()",
    program: `await lookup("localhost");`,
    asksFor: "--allow-net=localhost",
  },
  {
    name: "lookup() at servers",
    program: `same((await lookup("one.test", { servers: [dns] }))[0].address, "127.0.0.1");`,
    asksFor: "--allow-net=0.0.0.0:0",
  },
  {
    name: "lookup() at servers, over TCP",
    program: `same((await lookup("large.test", { servers: [dns] })).length, 100);`,
    asksFor: "--allow-net=0.0.0.0:0",
  },
  {
    name: "connect() with servers",
    program: `await talk("one.test:" + port, { servers: [dns] });`,
    asksFor: "--allow-net=0.0.0.0:0",
  },
  {
    name: "createLookup() with a cache",
    program: `
      const find = createLookup({ servers: [dns], cache: {} });
      for (const times of [0, 1]) same(await find("one.test"), ["127.0.0.1"]);`,
    asksFor: "--allow-net=0.0.0.0:0",
  },
  {
    name: "datagram()",
    program: `(await datagram()).close();`,
    asksFor: "--allow-net=0.0.0.0:0",
  },
  {
    name: "datagram() with localAddress, and sendTo() to another",
    program: `
      const sock = await datagram({ localAddress: "127.0.0.1" });
      await sock.sendTo("hello", "127.0.0.1:" + port);
      sock.close();`,
    asksFor: "--allow-net=127.0.0.1:0",
  },
  {
    name: "datagram() with a name as remote",
    program: `
      const sock = await datagram({ remote: "localhost:" + port, family: 4 });
      await sock.send("hello");
      sock.close();`,
    asksFor: "--allow-net=localhost",
  },
  {
    name: "listen() at a name",
    program: `await (await listen("localhost:0")).close();`,
    asksFor: "--allow-net=localhost:0",
  },
  {
    name: "listen() at an address",
    program: `await (await listen("127.0.0.1:0")).close();`,
    asksFor: "--allow-net=127.0.0.1:0",
  },
  {
    name: "listen() at a unix socket",
    program: `await (await listen({ path: freshPath })).close();`,
    asksFor: "--allow-read=FRESH_PATH",
  },
  {
    name: "listen() at an abstract unix socket",
    program: `await (await listen({ path: abstractPath + "-2" })).close();`,
    asksFor: "--allow-net",
  },
];

/** Connects of ngx, which answers as its original does where the system refuses. */
const ngxConnects: { name: string; connect: string }[] = [
  { name: "to a name", connect: `sock.connect("localhost", port)` },
  { name: "to an address", connect: `sock.connect("127.0.0.1", port)` },
  {
    name: "from a bound address",
    connect: `(sock.bind("127.0.0.1"), sock.connect("127.0.0.1", port))`,
  },
  { name: "to a unix socket", connect: `sock.connect("unix:" + path)` },
];

if (runtime === "Deno") {
  const names = { path: freshPath(), abstractPath: freshAbstractPath() };
  const listeners: Listener[] = [];
  let dns: TinyDns;
  let port = 0;

  before(async () => {
    const targets = ["127.0.0.1:0", { path: names.path }, { path: names.abstractPath }];
    listeners.push(...await Promise.all(targets.map((at) => echoing(at))));
    dns = await TinyDns.start();
    port = (listeners[0]!.address as { port: number }).port;
  });

  after(async () => {
    for (const listener of listeners) await listener.close({ graceMs: 0 });
    await dns.close();
  });

  const run = (flags: readonly string[], program: string) =>
    runProgram(flags, program, { ...names, port, freshPath: freshPath() });

  for (const { name, program } of enough) {
    test(`--allow-net=host:port is enough for ${name}`, async () => {
      assert.deepEqual(await run([`--allow-net=localhost:${port}`], program), { is: "done" });
    });
  }

  for (const { name, program, asksFor } of steps) {
    test(`${name} asks for ${asksFor}, and works once it has all that it asks for`, async () => {
      // Once and for all rounds: the flags name it.
      const constants = { ...names, port, freshPath: freshPath(), dns: dns.at };
      const granted = new Flags(["--allow-net=localhost:1"]);
      const told: string[] = [];
      for (;;) {
        const { failed } = await runProgram(granted.all, program, constants);
        if (failed === undefined) break;
        told.push(failed.message);
        assert.equal(failed.name, "SocketError", failed.message);
        assert.equal(failed.code, "denied", failed.message);
        assert.ok(told.length <= MOST_ROUNDS, told.join("\n"));
        const lacking = flagsIn(failed.message);
        assert.ok(granted.add(lacking), `Nothing new is named: ${failed.message}`);
      }
      const first = asksFor.replace("PORT", String(port)).replace("FRESH_PATH", constants.freshPath)
        .replace("PATH", names.path);
      assert.deepEqual(flagsIn(told[0]!), [first], told[0]);
    });
  }

  for (const { name, connect } of ngxConnects) {
    test(`ngx says "permission denied" of a connect ${name} that it may not make`, async () => {
      const program = `
        const sock = createNgx({}, { log: () => {} }).socket.tcp();
        same(await ${connect}, [null, "permission denied"]);`;
      assert.deepEqual(await run(["--allow-net=localhost:1"], program), { is: "done" });
    });
  }
} else {
  test(
    "permissions",
    { skip: `${runtime} has no permissions that have to be asked for` },
    () => {},
  );
}

/** The flags of a program; a bare one stands for all that it could have. */
class Flags {
  readonly #values = new Map<string, Set<string> | "all">();

  constructor(flags: readonly string[]) {
    this.add(flags);
  }

  get all(): string[] {
    return [...this.#values].map(([name, values]) =>
      values === "all" ? name : `${name}=${[...values].join(",")}`
    );
  }

  /** Adds them; whether that changes anything. */
  add(flags: readonly string[]): boolean {
    const before = this.all.join(" ");
    for (const flag of flags) {
      const [name, list] = flag.split("=") as [string, string | undefined];
      const values = this.#values.get(name) ?? new Set();
      if (list === undefined) this.#values.set(name, "all");
      else if (values !== "all") {
        this.#values.set(name, values.union(new Set(list.split(","))));
      }
    }
    return this.all.join(" ") !== before;
  }
}

function flagsIn(message: string): string[] {
  return message.match(/--allow-\w+(=[^\s;]+)?/g) ?? [];
}

/** What became of a program. */
interface Outcome {
  is?: "done";
  failed?: Pick<SocketError, "name" | "code" | "message">;
}

/** Runs a program under these flags alone; it says itself what became of it. */
async function runProgram(
  flags: readonly string[],
  program: string,
  constants: Readonly<Record<string, unknown>>,
): Promise<Outcome> {
  const text = `
    import { connect, createLookup, datagram, listen, lookup, Pool } from "${new URL(
    "mod.ts",
    top,
  )}";
    import { createNgx } from "${new URL("src/faces/ngx/mod.ts", top)}";

    const { ${Object.keys(constants).join(", ")} } = ${JSON.stringify(constants)};

    function same(is, should) {
      const texts = [is, should].map((it) => JSON.stringify(it));
      if (texts[0] !== texts[1]) throw new Error(texts.join(" is not "));
    }

    async function ask(sock) {
      await sock.send("hello\\n");
      same(await sock.receiveLine(), "hello");
    }

    async function talk(target, options) {
      const sock = await connect(target, options);
      await ask(sock);
      sock.close();
    }

    async function main() { ${program} }

    let outcome = { is: "done" };
    try {
      await main();
    } catch ({ name, code, message }) {
      outcome = { failed: { name, code, message } };
    }
    console.log(JSON.stringify(outcome));`;
  const child = spawn(process.execPath, ["run", "--no-prompt", "--ext=js", ...flags, "-"], {
    cwd: fileURLToPath(top),
    env: { ...process.env, NO_COLOR: "1" },
  });
  child.stdin.end(text);
  let output = "";
  let complaints = "";
  child.stdout.setEncoding("utf8").on("data", (some) => output += some);
  child.stderr.setEncoding("utf8").on("data", (some) => complaints += some);
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  assert.equal(status, 0, `${flags.join(" ")}: ${complaints}`);
  return JSON.parse(output);
}

/** A server that says everything twice, as it came. */
async function echoing(at: Parameters<typeof listen>[0]): Promise<Listener> {
  const listener = await listen(at);
  const serve = async () => {
    for await (const sock of listener) {
      // Whoever leaves in the middle is not missed.
      sock.readable.pipeTo(sock.writable).catch(() => {});
    }
  };
  void serve();
  return listener;
}
