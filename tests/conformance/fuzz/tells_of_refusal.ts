/** Where a limit of Deno changes what follows. */

import type { Scenario } from "../scenario.ts";

/**
 * Whether the original told that a datagram was refused. Deno never does
 * (tests/runtime_limits/datagram_errors.ts): there the call does what it is for.
 */
export function tellsOfRefusal({ udp, expect }: Scenario): boolean {
  return udp !== undefined && JSON.stringify(expect).includes('[null,"connection refused"]');
}
