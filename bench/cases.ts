/**
 * What is measured: a row per case. Its `name` is what contestants know it by; those that do not
 * know it are left out of it.
 *
 * @module
 */
import type { PeerKind } from "./peers.ts";

/** One question asked of every contestant. */
export interface Case {
  readonly name: string;
  readonly title: string;
  readonly peer: PeerKind;
  /** One operation, in the singular. */
  readonly operation: string;
  /** Whether its rate is in operations or in bytes a second. */
  readonly rate: "operations" | "bytes";
}

/** All cases, in the order in which they are run. */
export const CASES: readonly Case[] = [
  {
    name: "ping",
    title: "ask and answer, 1 connection",
    peer: "pong",
    operation: "round trip",
    rate: "operations",
  },
  {
    name: "ping-64",
    title: "ask and answer, 64 connections side by side",
    peer: "pong",
    operation: "round trip",
    rate: "operations",
  },
  {
    name: "lines",
    title: "lines of 64 bytes with their CR LF",
    peer: "lines",
    operation: "line",
    rate: "operations",
  },
  {
    name: "exact-4k",
    title: "exactly 4 KiB at a time, to keep",
    peer: "bytes",
    operation: "frame",
    rate: "bytes",
  },
  {
    name: "exact-1m",
    title: "exactly 1 MiB at a time, to keep",
    peer: "bytes",
    operation: "frame",
    rate: "bytes",
  },
  {
    name: "until",
    title: "parts of 1 KiB up to a delimiter of 20 bytes, to keep",
    peer: "parts",
    operation: "part",
    rate: "operations",
  },
  {
    name: "any",
    title: "whatever there is, to keep",
    peer: "bytes",
    operation: "read",
    rate: "bytes",
  },
  {
    name: "into",
    title: "whatever there is, into 64 KiB of one's own",
    peer: "bytes",
    operation: "read",
    rate: "bytes",
  },
  {
    name: "pool-ask",
    title: "a connection out of the pool, ask and answer, and back",
    peer: "pong",
    operation: "cycle",
    rate: "operations",
  },
  {
    name: "pool",
    title: "a connection out of the pool and back",
    peer: "pong",
    operation: "cycle",
    rate: "operations",
  },
  {
    name: "tls-ping",
    title: "ask and answer over TLS, 1 connection",
    peer: "tls-pong",
    operation: "round trip",
    rate: "operations",
  },
  {
    name: "tls-into",
    title: "whatever there is over TLS, into 64 KiB of one's own",
    peer: "tls-bytes",
    operation: "read",
    rate: "bytes",
  },
];
