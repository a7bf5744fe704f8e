/** What the steps share. */

import type { Address, Cosocket, Listener } from "../../mod.ts";
import type { Head } from "./http.ts";
import type { Screen } from "./print.ts";

/** What one step leaves to the next. */
export interface Stage {
  readonly screen: Screen;
  /** The `host:port` to talk to; empty until our own server listens. */
  target: string;
  server: Listener | undefined;
  sock: Cosocket | undefined;
  head: Head;
}

export interface Step {
  readonly title: string;
  /** Without it the step is left out. */
  readonly needs?: "own server" | "connection";
  run(stage: Stage): Promise<void>;
}

/** An address as one would write it. */
export function addressText(address: Address | null): string {
  if (address === null || "path" in address) return "somewhere";
  const { hostname, port } = address;
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}
