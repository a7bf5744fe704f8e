/**
 * The process behind `relay.ts`: a TCP relay that does to the bytes what networks and
 * dying peers do to them. It stands on `node:net` alone and shares nothing with what
 * is tested, neither code nor a thread.
 *
 * Where each connection is told what will happen to it, its client says so in a first
 * line, which goes no further; otherwise faults come at random. Each line on the
 * standard input asks for a report, and the end of it ends the process.
 */

import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import process from "node:process";
import { createInterface } from "node:readline";
import { Random } from "../helpers/random.ts";
import { type Course, type Plan, REPEATED_BYTES } from "./plan.ts";

/** How to start the process. */
export interface Setup {
  readonly target: { readonly hostname: string; readonly port: number };
  /** Faults at random, by this seed; otherwise a first line tells the plan. */
  readonly seed?: number;
}

/** What has happened until now. */
export interface Report {
  /** Connections that came, and the most that stood beside one another. */
  readonly connections: number;
  readonly mostAtOnce: number;
  /** Faults by kind. */
  readonly faults: Readonly<Record<string, number>>;
}

// By then we have been told what the system knew.
const NEWS_MS = 50;
const PAUSE_MS = 2;
const MERGE_MS = 10;
const RUBBISH = new Uint8Array(64 * 1024).fill(120);
// A chunk in so many has a fault, at random.
const FAULT_ONCE_IN = 40;
// More would not go to the client's system in one piece, and it could see one without the other.
const AT_ONCE_BYTES = 16 * 1024;

const { target, seed } = JSON.parse(process.argv[2] ?? "{}") as Setup;
const random = new Random(seed ?? 1);
const faults: Record<string, number> = {};
const open = new Set<Socket>();
// They hear nothing more, not even the end.
const stalled = new WeakSet<Socket>();
let connections = 0;
let mostAtOnce = 0;

const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
  client.on("error", () => {}); // its end follows
  client.on("end", () => open.delete(client));
  client.on("close", () => open.delete(client));
  open.add(client);
  connections++;
  count(client);
  if (seed === undefined) planned(client, (plan, rest) => join(client, plan, rest));
  else joinAtRandom(client);
});

server.listen({ host: "127.0.0.1", port: 0, backlog: 1024 }, () => {
  console.log(JSON.stringify((server.address() as AddressInfo).port));
});
const input = createInterface({ input: process.stdin });
input.on("line", () => {
  console.log(JSON.stringify({ connections, mostAtOnce, faults } satisfies Report));
});
input.on("close", () => process.exit());

/**
 * Counts the connections that stand beside a new one, once it has said something: its
 * client has turned to its work since it opened it, and has closed what it let go of
 * before that. Of some ends we are told a little later.
 */
function count(client: Socket): void {
  if (open.size <= mostAtOnce) return;
  const those = [...open];
  client.once("data", () => {
    setTimeout(() => {
      mostAtOnce = Math.max(mostAtOnce, those.filter((it) => open.has(it)).length);
    }, NEWS_MS);
  });
}

/** Reads the first line of a client: the plan for it, and what came behind that. */
function planned(client: Socket, go: (plan: Plan, rest: Uint8Array) => void): void {
  let held = new Uint8Array(0);
  const onData = (bytes: Uint8Array) => {
    held = joined([held, bytes]);
    const end = held.indexOf(10);
    if (end < 0) return;
    client.off("data", onData);
    client.pause();
    go(JSON.parse(new TextDecoder().decode(held.subarray(0, end))), held.subarray(end + 1));
  };
  client.on("data", onData);
}

async function join(client: Socket, { there = {}, back = {} }: Plan, rest: Uint8Array) {
  const server = connectedTo(client);
  const cutOff = () => reset(client, server);
  if (rest.length > 0) client.unshift(rest);
  // What is not taken gathers in the system.
  if (there.pace === "merged") await pause(MERGE_MS);
  handOn(client, server, courseOf(server, there, cutOff));
  if (back.pace === "merged") await pause(MERGE_MS);
  handOn(server, client, courseOf(client, back, cutOff));
}

function joinAtRandom(client: Socket): void {
  const server = connectedTo(client);
  // What a client says is little, and its end is to be heard at once.
  handOn(client, server, randomCourse(server, "there", () => reset(client, server)), false);
  handOn(server, client, randomCourse(client, "back", () => reset(client, server)));
}

function connectedTo(client: Socket): Socket {
  const server = connect({ host: target.hostname, port: target.port, allowHalfOpen: true });
  server.setNoDelay(true);
  server.on("error", () => client.destroy());
  client.on("close", () => server.destroy());
  return server;
}

function reset(client: Socket, server: Socket): void {
  client.resetAndDestroy();
  server.destroy();
}

/** Takes what came, does to it what is to happen, and resolves when it has gone on. */
type Handle = (bytes: Uint8Array) => Promise<void>;

/** Piece by piece; unless told otherwise, whoever does not read slows down who sends. */
function handOn(from: Socket, to: Socket, handle: Handle, waits = true): void {
  let last = Promise.resolve();
  from.on("data", (bytes) => {
    if (waits) from.pause();
    last = last.then(() => handle(bytes as Uint8Array));
    if (waits) last.then(() => from.resume());
  });
  from.on("end", () => {
    // It has waited long enough.
    if (stalled.has(from)) from.destroy();
    last.then(() => !stalled.has(to) && to.end());
  });
  from.resume();
}

/** What is planned for one direction. */
function courseOf(to: Socket, { pace, fault, at = Infinity }: Course, cutOff: () => void): Handle {
  let sent = 0;
  let isSilent = false;
  let last = new Uint8Array(0);
  const give = async (bytes: Uint8Array) => {
    for (const piece of pace === "bytes" ? byteByByte(bytes) : [bytes]) {
      if (pace === "slow") await pause(PAUSE_MS);
      await write(to, piece);
      if (pace === "bytes") await turn();
    }
    sent += bytes.length;
    last = joined([last, bytes]).slice(-REPEATED_BYTES);
  };
  const happen = async () => {
    if (fault !== "repeat") isSilent = true;
    if (fault === "end") to.end();
    else if (fault === "stall") stalled.add(to);
    else if (fault === "reset") cutOff();
    else if (fault === "repeat") await write(to, last);
    else if (fault === "flood") { while (!to.destroyed) await write(to, RUBBISH); }
  };
  return async (bytes) => {
    if (isSilent) return;
    const isHere = sent <= at && sent + bytes.length >= at;
    const before = isHere ? bytes.subarray(0, at - sent) : bytes;
    if (before.length > 0) await give(before);
    if (isHere && fault !== undefined) {
      await happen();
      fault = undefined;
      if (isSilent) return;
    }
    if (before.length < bytes.length) await give(bytes.subarray(before.length));
  };
}

/** Now and then a fault, of any kind. */
function randomCourse(to: Socket, way: "there" | "back", cutOff: () => void): Handle {
  let isSilent = false;
  const cut = (bytes: Uint8Array) => write(to, bytes.subarray(0, random.below(bytes.length)));
  const kinds: Record<string, (bytes: Uint8Array) => Promise<void> | void> = {
    delay: async (bytes) => {
      await pause(random.between(1, 40));
      await write(to, bytes);
    },
    "single bytes": async (bytes) => {
      const few = bytes.subarray(0, 300);
      for (const byte of byteByByte(few)) {
        await write(to, byte);
        await turn();
      }
      await write(to, bytes.subarray(few.length));
    },
    "two pieces": async (bytes) => {
      const place = random.below(bytes.length);
      await write(to, bytes.subarray(0, place));
      await pause(random.between(1, 5));
      await write(to, bytes.subarray(place));
    },
    reset: async (bytes) => {
      await cut(bytes);
      cutOff();
    },
    end: async (bytes) => {
      await cut(bytes);
      isSilent = true;
      to.end();
    },
    stall: async (bytes) => {
      await cut(bytes);
      isSilent = true;
    },
  };
  if (way === "back") {
    Object.assign(kinds, {
      "end behind an answer": async (bytes: Uint8Array) => {
        isSilent = true;
        await write(to, bytes);
        to.end();
      },
      "reset behind an answer": async (bytes: Uint8Array) => {
        await write(to, bytes);
        cutOff();
      },
      "answer twice": (bytes: Uint8Array) => write(to, joined([bytes, bytes])),
      "flood behind an answer": (bytes: Uint8Array) => write(to, joined([bytes, RUBBISH])),
    });
  }
  const names = Object.keys(kinds);
  return async (bytes) => {
    if (isSilent) return;
    if (!random.onceIn(FAULT_ONCE_IN)) return await write(to, bytes);
    const name = random.of(names);
    if (/twice|behind/.test(name) && !isWholeAnswer(bytes)) return await write(to, bytes);
    faults[name] = (faults[name] ?? 0) + 1;
    await kinds[name]!(bytes);
  };
}

/** Whether these are whole answers of Redis's, of the kind that has a size. */
function isWholeAnswer(bytes: Uint8Array): boolean {
  if (2 * bytes.length > AT_ONCE_BYTES) return false;
  let at = 0;
  while (at < bytes.length) {
    const end = bytes.indexOf(10, at);
    const head = new TextDecoder().decode(bytes.subarray(at, end + 1));
    const size = /^\$(\d+)\r\n$/.exec(head)?.[1];
    if (size === undefined) return false;
    at = end + 1 + Number(size) + 2;
  }
  return at === bytes.length;
}

/** Resolves when the system has the bytes, or will never have them. */
function write(to: Socket, bytes: Uint8Array): Promise<void> {
  if (bytes.length === 0 || to.destroyed || to.writableEnded) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      to.off("close", done);
      resolve();
    };
    to.once("close", done);
    to.write(bytes, done);
  });
}

function byteByByte(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (byte) => Uint8Array.of(byte));
}

function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(pieces.reduce((size, it) => size + it.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
