/**
 * The scenario files: scripted conversations with what the original answered.
 *
 * A scenario is a script for the peers (`server`, `server2`), one for the client
 * (`client`), and what each op of the client returned (`expect`). All strings
 * are byte strings, one character per byte.
 */

import { readFileSync } from "node:fs";
import type { UdpScript } from "./scripted_udp.ts";

export type Scenario = {
  readonly id: string;
  /** What an implementation must have to play it: `unix`, `threads`, `tls`, ... */
  readonly needs?: readonly string[];
  /** Directive values of the location that the client script runs in. */
  readonly conf?: Readonly<Record<string, string>>;
  readonly server: PeerScript;
  readonly server2?: PeerScript;
  /** The peer for datagrams, where there is one. */
  readonly udp?: UdpScript;
  readonly client: readonly Op[];
  /** Runs with nothing beside it. */
  readonly solo?: boolean;
  /** Milliseconds between the end of the client and the report of the peers. */
  readonly settle?: number;
  readonly expect?: readonly Result[];
  /** Results of the newer module, where they differ. */
  readonly expect_head?: readonly Result[];
  /** What each connection of the first server received; or the datagrams that the UDP peer did. */
  readonly expect_in?: readonly unknown[];
};

/** One step list for every connection, or one for each in order of acceptance. */
export type PeerScript = readonly Step[] | readonly (readonly Step[])[];

/** One key, the name of the step, and what it works on: `{ "send": "abc" }`. */
export type Step = Readonly<Record<string, unknown>>;

/** `["[socket:]name[@variable]", ...arguments]` */
export type Op = readonly [string, ...unknown[]];

/** The values that an op returned, or what it raised. */
export type Result = readonly unknown[] | { readonly throw: unknown };

/** The scenarios recorded from OpenResty; the last are those that the fuzzer found. */
export const RECORDED: readonly URL[] = [
  "openresty.json",
  "openresty_more.json",
  "openresty_tls.json",
  "openresty_udp.json",
  "fuzz/found.json",
]
  .map((name) => new URL(name, import.meta.url));

/** Reads a file that holds a list of scenarios, plain or under `scenarios`. */
export function loadScenarios(path: string | URL): Scenario[] {
  const document = JSON.parse(readFileSync(path, "utf8"));
  const scenarios = Array.isArray(document) ? document : document.scenarios;
  if (!Array.isArray(scenarios)) throw new TypeError(`Cannot find scenarios in "${path}"`);
  return scenarios;
}

/** The parts of an op's head; the socket is `s` unless named. */
export function parseHead(head: string): { socket: string; name: string; variable?: string } {
  const match = /^(?:(\w+):)?(\w+)(?:@(\w+))?$/.exec(head);
  if (!match) throw new SyntaxError(`Cannot read the op "${head}"`);
  const [, socket = "s", name = "", variable] = match;
  return { socket, name, variable };
}
