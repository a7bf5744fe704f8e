/**
 * What is measured: a row per case. A contestant knows kinds of work; a case is one of them, and
 * what is particular to it. Those that do not know the work, or not in that size, are left out.
 *
 * @module
 */
import type { PeerKind } from "./peers.ts";

const KIB = 1024;
const MIB = KIB * KIB;

/** A kind of work. */
export type WorkName =
  | "any"
  | "ask"
  | "connect"
  | "exact"
  | "into"
  | "lines"
  | "pool"
  | "redis"
  | "send"
  | "settle"
  | "udp"
  | "until";

/** One question asked of every contestant. */
export interface Case {
  readonly name: string;
  readonly title: string;
  readonly work: WorkName;
  readonly peer: PeerKind;
  /** One operation, in the singular. */
  readonly operation: string;
  /** Whether its rate is in operations or in bytes a second. */
  readonly rate: "operations" | "bytes";
  /** Bytes of a line with its end, of a frame, of a part, or of one's own memory. */
  readonly size?: number;
  /** So many connections work side by side; otherwise one. */
  readonly connections?: number;
  /** So many questions are sent before the first answer is received; otherwise one. */
  readonly batch?: number;
  /** The delimiter is the worst for those who look for it naively. */
  readonly adverse?: true;
  /** Over TLS. */
  readonly secure?: true;
  /** Buffers have the size that each contestant gives them of itself, not 64 KiB. */
  readonly ownBuffer?: true;
  /** What is sent. */
  readonly message?: "small" | "nested" | "large";
  readonly command?: "get" | "set";
  /** There is an exchange in each cycle. */
  readonly exchange?: true;
  /** So many others lie idle in the pool, each under a key of its own. */
  readonly crowd?: number;
}

/** All cases, in the order in which they are run. */
export const CASES: readonly Case[] = [
  ask("ping", "ask and answer, 1 connection", {}),
  ask("ping-64", "ask and answer, 64 connections side by side", { connections: 64 }),
  ask("ping-1000", "ask and answer, 1000 connections side by side", { connections: 1000 }),
  ask("pipeline", "100 questions at once, then their answers", { batch: 100 }),
  lines("lines-16", "lines of 16 bytes with their CR LF", 16),
  lines("lines", "lines of 64 bytes with their CR LF", 64),
  lines("lines-default", "the same at the size of buffer that each has of itself", 64, {
    ownBuffer: true,
  }),
  lines("lines-1k", "lines of 1 KiB", KIB),
  lines("lines-1m", "lines of 1 MiB", MIB),
  bytes("exact-16", "exactly 16 bytes at a time, to keep", "exact", "frame", 16),
  bytes("exact-4k", "exactly 4 KiB at a time, to keep", "exact", "frame", 4 * KIB),
  bytes("exact-1m", "exactly 1 MiB at a time, to keep", "exact", "frame", MIB),
  until("until", "parts of 1 KiB up to a delimiter of 20 bytes, to keep", KIB),
  until("until-64k", "parts of 64 KiB up to it", 64 * KIB),
  until("until-10m", "parts of 10 MiB up to it", 10 * MIB),
  until("until-adverse", "64 KiB of the byte that its first 19 are", 64 * KIB, { adverse: true }),
  until("until-adverse-10", "640 KiB of it", 640 * KIB, { adverse: true }),
  bytes("any", "whatever there is, to keep", "any", "read", 64 * KIB),
  bytes("into-4k", "whatever there is, into 4 KiB of one's own", "into", "read", 4 * KIB),
  bytes("into-1m", "whatever there is, into 1 MiB of one's own", "into", "read", MIB),
  send("send", "sends of 16 bytes", "small"),
  send("send-nested", "sends of a command in nested arrays, 16 pieces of text", "nested"),
  send("send-64k", "sends of 64 KiB", "large"),
  pool("pool-ask", "a connection out of the pool, ask and answer, and back", { exchange: true }),
  pool("pool", "a connection out of the pool and back", {}),
  pool("pool-crowd", "the same among 10,000 idle ones, each with a key", { crowd: 10_000 }),
  {
    name: "settle",
    title: "what the pool waits for in a cycle: twice, what the system knows already",
    work: "settle",
    peer: "pong",
    operation: "cycle",
    rate: "operations",
  },
  {
    name: "connect",
    title: "connect and close",
    work: "connect",
    peer: "pong",
    operation: "connection",
    rate: "operations",
  },
  {
    ...ask("tls-ping", "ask and answer over TLS, 1 connection", { secure: true }),
    peer: "tls-pong",
  },
  {
    ...bytes("tls-into", "whatever there is over TLS, into 64 KiB", "into", "read", 64 * KIB),
    peer: "tls-bytes",
    secure: true,
  },
  {
    name: "udp",
    title: "a datagram there and back",
    work: "udp",
    peer: "udp",
    operation: "round trip",
    rate: "operations",
  },
  redis("get", 1, 1),
  redis("get", 10, 1),
  redis("get", 100, 1),
  redis("set", 1, 1),
  redis("set", 100, 1),
  redis("get", 1, 50),
  redis("get", 100, 50),
];

/** The case of that name. */
export function caseOf(name: string): Case {
  const found = CASES.find((it) => it.name === name);
  if (found === undefined) throw new Error(`There is no case "${name}"`);
  return found;
}

function ask(name: string, title: string, more: Partial<Case>): Case {
  const operation = "round trip";
  return { name, title, work: "ask", peer: "pong", operation, rate: "operations", ...more };
}

function lines(name: string, title: string, size: number, more: Partial<Case> = {}): Case {
  const operation = "line";
  return {
    name,
    title,
    work: "lines",
    peer: "flood",
    operation,
    rate: "operations",
    size,
    ...more,
  };
}

function bytes(name: string, title: string, work: WorkName, operation: string, size: number): Case {
  return { name, title, work, peer: "flood", operation, rate: "bytes", size };
}

function until(name: string, title: string, size: number, more: Partial<Case> = {}): Case {
  const operation = "part";
  return {
    name,
    title,
    work: "until",
    peer: "flood",
    operation,
    rate: "operations",
    size,
    ...more,
  };
}

function send(name: string, title: string, message: NonNullable<Case["message"]>): Case {
  const operation = "send";
  return { name, title, work: "send", peer: "sink", operation, rate: "operations", message };
}

function pool(name: string, title: string, more: Partial<Case>): Case {
  const operation = "cycle";
  return { name, title, work: "pool", peer: "pong", operation, rate: "operations", ...more };
}

function redis(command: "get" | "set", batch: number, connections: number): Case {
  const at = connections === 1 ? "" : `${connections}-`;
  const many = batch === 1 ? "one at a time" : `${batch} at a time`;
  return {
    name: `redis-${at}${command}${batch === 1 ? "" : `-${batch}`}`,
    title: `Redis ${command.toUpperCase()}, ${many}, ${connections} connection${
      connections === 1 ? "" : "s"
    }`,
    work: "redis",
    peer: "pong",
    operation: "command",
    rate: "operations",
    command,
    batch,
    connections,
  };
}
