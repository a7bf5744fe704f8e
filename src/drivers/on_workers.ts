// Cloudflare's Workers: what they lack is told by one sentence, before anything is
// loaded that they could not load.

import { SocketError, type SocketOperation } from "../errors.ts";

/** Whether this runs on Cloudflare's Workers. */
export const onWorkers: boolean =
  (globalThis as { navigator?: { userAgent?: string } }).navigator?.userAgent ===
    "Cloudflare-Workers";

/** Refuses there what Workers have not. `what` says what could not be done. */
export function refuseOnWorkers(what: string, op?: SocketOperation): void {
  if (!onWorkers) return;
  throw new SocketError("unsupported", `${what}: Cloudflare's Workers cannot`, {
    ...(op && { op }),
  });
}
