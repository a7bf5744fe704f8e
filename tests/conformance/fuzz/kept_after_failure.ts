/**
 * What the generator cannot always foresee: that the original keeps a connection on which a read
 * has failed, where we close it (deviation (c)). Its answers tell.
 */

import { type Op, parseHead, type Result, type Scenario } from "../scenario.ts";

/** Whether `setkeepalive` took a connection whose last read had failed. */
export function isKeptAfterFailure({ client, expect = [] }: Scenario): boolean {
  const failed = new Set<string>();
  const socketOf = new Map<string, string>();
  return client.some((op, at) => tellsSo(op, expect[at], failed, socketOf));
}

function tellsSo(
  [head]: Op,
  result: Result | undefined,
  failed: Set<string>,
  socketOf: Map<string, string>,
): boolean {
  const { socket, name, variable = "it" } = parseHead(head);
  if (!Array.isArray(result)) return false;
  const [value, error] = result;
  switch (name) {
    case "receiveuntil":
      socketOf.set(variable, socket);
      return false;
    case "receive":
    case "receiveany":
    case "iter":
      if (value === null && error === "timeout") {
        failed.add(name === "iter" ? socketOf.get(variable) ?? socket : socket);
      }
      return false;
    case "connect":
    case "close":
      failed.delete(socket);
      return false;
    case "setkeepalive":
      return value === 1 && failed.delete(socket);
    default:
      return false;
  }
}
