// The servers among the examples for LuaSocket: many guests at once, and some of
// the kind that nobody wants. Afterwards nothing may be left of them.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect as connectRaw, type Socket } from "node:net";
import process from "node:process";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { chat, type ChatLimits } from "../examples/lua_chat.ts";
import { serve, visit } from "../examples/lua_echo.ts";
import { connect, type Cosocket } from "../mod.ts";
import { bytesOf, byteString } from "../src/bytes.ts";
import { socket, type TcpSocket } from "../src/faces/luasocket/mod.ts";
import { settled } from "../src/faces/luasocket/waiting.ts";
import { fewCuts } from "./helpers/cuts.ts";
import { leftOver, snapshot } from "./helpers/resources.ts";

const LOCAL = "127.0.0.1";
// `select` takes 1021 sockets at most, and each connection has both of its ends here.
const MANY = 400;
const PATIENCE = { timeoutMs: 20_000 };

/** Runs a server during some work, stops it, and looks for what it left behind. */
async function withServer(
  run: (listener: TcpSocket) => Promise<void>,
  work: (port: number, stop: () => Promise<void>) => Promise<void>,
): Promise<void> {
  // What is opened once, at the first use, is not counted.
  const [warmUp] = await socket.bind(LOCAL, 0);
  await warmUp!.close();
  const firstFree = await nextDescriptor();
  const before = snapshot();

  const [listener] = await socket.bind(LOCAL, 0);
  const running = run(listener!);
  const stop = async () => {
    await listener!.close();
    await running;
  };
  try {
    await work(listener!.getsockname()[1] as number, stop);
  } finally {
    await stop();
  }
  assert.deepEqual(await leftOver(before), {});
  // Other tests' may have become free, too, meanwhile.
  assert.ok(await nextDescriptor() <= firstFree, "all descriptors of the face are free again");
}

/** The face gives the lowest that is free. */
async function nextDescriptor(): Promise<number> {
  const next = socket.tcp4();
  const [descriptor] = next.getfd();
  await next.close();
  return descriptor;
}

const withEcho = (work: (port: number, stop: () => Promise<void>) => Promise<void>) =>
  withServer(serve, work);

const withChat = (
  work: (port: number, stop: () => Promise<void>) => Promise<void>,
  limits?: Partial<ChatLimits>,
) => withServer((listener) => chat(listener, limits), work);

/** A connection that nobody reads. */
async function openRaw(port: number): Promise<Socket> {
  const raw = connectRaw(port, LOCAL);
  raw.on("error", () => {}); // it is told of resets, and wants none of it
  raw.pause();
  await once(raw, "connect");
  return raw;
}

const open = (port: number) => connect({ hostname: LOCAL, port });

test(`lua_echo.ts serves ${MANY} connections at once`, () =>
  withEcho(async (port) => {
    const texts = Array.from({ length: MANY }, (_, at) => `${at} says hello\n`.repeat(at % 50));
    assert.deepEqual(await visit(LOCAL, port, texts), texts.map(() => null));
  }));

test("lua_echo.ts keeps what a guest does not take yet", () =>
  withEcho(async (port) => {
    const texts = Array.from({ length: 3 }, (_, at) => `${at}, \xff`.repeat(5_000_000));
    // One that reads late: meanwhile the server stops reading it, too.
    const late = await open(port);
    const text = bytesOf(
      Array.from({ length: 2_000_000 }, (_, at) => `${at % 1000},`).join("").repeat(2),
    );
    const saying = late.send(text).then(() => late.closeWrite());
    assert.deepEqual(await visit(LOCAL, port, texts, 20), texts.map(() => null));
    const back = await late.receiveAll({ ...PATIENCE, maxBytes: Infinity });
    assert.ok(Buffer.compare(back, text) === 0, "all of it came back, in its order");
    await saying;
    late.close();
  }));

test("lua_echo.ts says again what comes byte by byte", () =>
  withEcho(async (port) => {
    const sock = await open(port);
    for (let byte = 0; byte < 256; byte++) {
      await sock.send(Uint8Array.of(byte));
      assert.deepEqual(await sock.receiveExactly(1, PATIENCE), Uint8Array.of(byte));
    }
    await sock.closeWrite();
    assert.deepEqual(await sock.receiveAll(PATIENCE), new Uint8Array());
    sock.close();
  }));

test("lua_echo.ts serves on when guests reset, or never read, and stops all the same", () =>
  withEcho(async (port, stop) => {
    const unkind = await Promise.all(Array.from({ length: 10 }, () => openRaw(port)));
    for (const it of unkind.slice(0, 5)) it.write("hello", () => it.resetAndDestroy());
    for (const it of unkind.slice(5)) it.write("hello".repeat(4_000_000));
    const texts = Array.from({ length: 50 }, (_, at) => `${at}\n`.repeat(1000));
    assert.deepEqual(await visit(LOCAL, port, texts), texts.map(() => null));
    // Those that reset while the server has something for them.
    for (const it of unkind.slice(7)) it.resetAndDestroy();
    assert.deepEqual(await visit(LOCAL, port, texts), texts.map(() => null));
    await stop();
    for (const it of unkind) it.destroy();
  }));

test("lua_echo.ts tells which texts did not come back, and why", async () => {
  const [listener] = await socket.bind(LOCAL, 0);
  const port = listener!.getsockname()[1] as number;
  const seen = visit(LOCAL, port, ["right", "wrong", "none"]);
  const answers: Record<string, string> = { right: "right", wrong: "gnorw", none: "" };
  for (let left = 3; left > 0; left--) {
    const [guest] = await listener!.accept();
    const [text] = await guest!.receive("*a");
    await guest!.send(answers[text!]);
    await guest!.close();
  }
  assert.deepEqual(await seen, [null, "another text", "closed"]);

  assert.deepEqual(await visit(LOCAL, port, ["late"], 0.01), ["timeout"]);
  await listener!.close();
  assert.deepEqual(await visit(LOCAL, port, ["a", ""]), Array(2).fill("connection refused"));
  const [unknown] = await visit("no such name", port, ["a"]);
  assert.equal(typeof unknown, "string");
});

/** A guest of the chat room who has told a name. */
async function join(port: number, name: string): Promise<Cosocket> {
  const sock = await open(port);
  await sock.send(`${name}\n`);
  assert.equal(await lineOf(sock), "* your name?");
  assert.equal(await lineOf(sock), `* ${name} joins`);
  return sock;
}

const lineOf = (sock: Cosocket) => sock.receiveLine(PATIENCE);

async function linesOf(sock: Cosocket, count: number): Promise<string[]> {
  const lines: string[] = [];
  while (lines.length < count) lines.push(await lineOf(sock));
  return lines;
}

/** What comes up to the end. */
async function restOf(sock: Cosocket): Promise<string> {
  const rest = byteString(await sock.receiveAll(PATIENCE));
  sock.close();
  return rest;
}

test("lua_chat.ts: a conversation", () =>
  withChat(async (port, stop) => {
    const ann = await join(port, "ann");
    const bob = await open(port);
    await bob.send("\nnot a name\nann\nbob\n");
    assert.deepEqual(await linesOf(bob, 5), [
      "* your name?",
      "* no such name, another?",
      "* no such name, another?",
      "* ann is here, another?",
      "* bob joins",
    ]);
    assert.equal(await lineOf(ann), "* bob joins");
    await bob.send("hello\r\n/who\n/dance\n");
    assert.equal(await lineOf(ann), "bob: hello");
    assert.deepEqual(await linesOf(bob, 2), ["* here: ann bob", "* /who or /quit"]);
    await bob.send("/quit\n");
    assert.equal(await restOf(bob), "* bye\n");
    assert.equal(await lineOf(ann), "* bob leaves");
    // One without a name is not talked of.
    (await open(port)).close();
    // One who ends leaves; a line that was only begun is not said.
    const eve = await join(port, "eve");
    await eve.send("I was about to");
    await eve.closeWrite();
    assert.equal(await restOf(eve), "* bye\n");
    assert.deepEqual(await linesOf(ann, 2), ["* eve joins", "* eve leaves"]);
    await stop();
    assert.equal(await restOf(ann), "* the room closes\n* bye\n");
  }));

test("lua_chat.ts understands lines wherever they are cut", () =>
  withChat(async (port) => {
    const ann = await join(port, "ann");
    const said = bytesOf("bob\r\nhey\n/quit\r\n");
    for (const pieces of fewCuts(said)) {
      const bob = await open(port);
      for (const piece of pieces) {
        await bob.send(piece);
        // Most likely the server hears of each by itself; it cannot be told for sure.
        await settled();
        await settled();
      }
      const how = pieces.map((it) => it.length).join();
      assert.equal(await restOf(bob), "* your name?\n* bob joins\n* bye\n", how);
      const heard = ["* bob joins", "bob: hey", "* bob leaves"];
      assert.deepEqual(await linesOf(ann, 3), heard, how);
    }
    ann.close();
  }));

test("lua_chat.ts tells hundreds of guests the same in the same order", () =>
  withChat(async (port, stop) => {
    const count = 200;
    const guests = await Promise.all(
      Array.from({ length: count }, async (_, at) => {
        const sock = await open(port);
        await sock.send(`guest-${at}\n`);
        return sock;
      }),
    );
    const witness = await open(port);
    await witness.send("witness\n/who\n");
    for (let names = 0; names <= count;) {
      const line = await lineOf(witness);
      if (!line.startsWith("* here: ")) continue;
      names = line.split(" ").length - 2;
      if (names <= count) await witness.send("/who\n");
    }
    await Promise.all(guests.map((it) => it.send("one\ntwo\nthree\n")));
    const heard = await linesOf(witness, 3 * count);
    const said = (name: string) => heard.filter((it) => it.startsWith(`${name}: `));
    for (let at = 0; at < count; at++) {
      const name = `guest-${at}`;
      assert.deepEqual(said(name), [`${name}: one`, `${name}: two`, `${name}: three`]);
    }
    await stop();
    witness.close();
    await Promise.all(guests.map(async (sock, at) => {
      const lines = (await restOf(sock)).split("\n").filter((it) => it.startsWith("guest-"));
      const others = heard.filter((it) => !it.startsWith(`guest-${at}: `));
      assert.deepEqual(lines, others);
    }));
  }));

test("lua_chat.ts drops who never reads, and nobody else waits", () =>
  withChat(async (port) => {
    const slow = await openRaw(port);
    slow.write("slow\n");
    const ann = await join(port, "ann");
    const bob = await join(port, "bob");
    assert.equal(await lineOf(ann), "* bob joins");
    // Less than the bound at a time, and bob takes all of it before there is more.
    const burst = 50;
    const said = "x".repeat(900);
    const told = new Set<string>();
    while (told.size === 0) {
      await ann.send(`${said}\n`.repeat(burst));
      for (let heard = 0; heard < burst;) {
        const line = await lineOf(bob);
        if (line === `ann: ${said}`) heard++;
        else told.add(line);
      }
    }
    assert.deepEqual([...told], ["* slow is too slow"]);
    await ann.send("/who\n/quit\n");
    assert.equal(await restOf(ann), "* slow is too slow\n* here: ann bob\n* bye\n");
    assert.equal(await lineOf(bob), "* ann leaves");
    slow.destroy();
    bob.close();
  }));

test("lua_chat.ts drops who resets, and whose line does not end", () =>
  withChat(async (port) => {
    const ann = await join(port, "ann");
    const lost = await openRaw(port);
    lost.write("lost\n");
    assert.equal(await lineOf(ann), "* lost joins");
    lost.resetAndDestroy();
    assert.equal(await lineOf(ann), "* lost leaves");
    for (const line of ["y".repeat(11), "y".repeat(11) + "\n"]) {
      const bob = await join(port, "bob");
      await bob.send(line);
      assert.equal(await restOf(bob), "* bye\n");
      assert.deepEqual(await linesOf(ann, 2), ["* bob joins", "* bob talks too much"]);
    }
    ann.close();
  }, { maxLineBytes: 10 }));

/** Runs an example as a program, until its first line. */
async function start(name: string, ...args: string[]) {
  const program = fileURLToPath(new URL(`../examples/${name}`, import.meta.url));
  const flags = "Deno" in globalThis ? ["run", "--allow-net", "--no-prompt"] : [];
  const child = spawn(process.execPath, [...flags, program, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise((resolve) => child.once("close", resolve));
  const { value } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  return { child, ended, line: String(value), port: Number(/\d+$/.exec(value ?? "")?.[0]) };
}

// Deno tells of a child that `child.kill` was called for that the signal ended it, also
// if it did not.
const interrupt = ({ child }: { child: ChildProcess }) => process.kill(child.pid!, "SIGINT");

test("lua_echo.ts runs as programs", async () => {
  const server = await start("lua_echo.ts", "serve", LOCAL, "0");
  const client = await start("lua_echo.ts", "visit", LOCAL, `${server.port}`, "300");
  assert.equal(client.line, "300 came back, 0 failed");
  assert.equal(await client.ended, 0);
  interrupt(server);
  assert.equal(await server.ended, 0);
});

test("lua_chat.ts runs as a program", async () => {
  const server = await start("lua_chat.ts", LOCAL, "0");
  const ann = await join(server.port, "ann");
  interrupt(server);
  assert.equal(await restOf(ann), "* the room closes\n* bye\n");
  assert.equal(await server.ended, 0);
});
