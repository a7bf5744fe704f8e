/**
 * What contestants in Lua are told: a case, as names and texts.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { caseOf, type WorkName } from "../cases.ts";
import { DATAGRAM, delimiterOf, PING, PONG } from "../wire.ts";

/** Where their programs are. */
export const folder = fileURLToPath(new URL(".", import.meta.url));

/** All that `work.lua` wants to know. What is not so is not there. */
export function parametersOf(name: string, port: string): Record<string, string> {
  const it = caseOf(name);
  const all = {
    ...it,
    folder: folder.replace(/\/$/, ""),
    case: name,
    port,
    ping: PING,
    pongSize: PONG.length,
    datagram: DATAGRAM,
    delimiter: delimiterOf(it),
  };
  return Object.fromEntries(Object.entries(all).map(([key, value]) => [key, `${value}`]));
}

/** What OpenResty and LuaSocket both know. */
export const SHARED_WORKS: readonly WorkName[] = [
  "ask",
  "connect",
  "exact",
  "lines",
  "send",
  "udp",
];
