// How name servers are asked. What asks them is loaded when somebody does.

import type { IpAddress } from "../transport.ts";

/** Who is asked, and how. */
export interface Inquiry {
  readonly servers: readonly IpAddress[];
  /** Only addresses of this family. */
  readonly family?: 4 | 6 | undefined;
  /** Milliseconds without an answer before the next server is asked. */
  readonly tryMs: number;
  /** How often each server is asked at most. */
  readonly tries: number;
  /** Whether a server that says that it failed has the next one asked. */
  readonly failsOver: boolean;
}

export const DEFAULT_TRY_MS = 5000;
export const DEFAULT_TRIES = 2;
