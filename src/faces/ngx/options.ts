// The options of a connection: no runtime tells how they stand, so what they
// were set to is kept here. They go with the connection into its pool.

import type { Transport } from "../../transport.ts";

/** What the original knows by name. */
export const OPTION_NAMES: readonly string[] = [
  "keepalive",
  "reuseaddr",
  "tcp-nodelay",
  "sndbuf",
  "rcvbuf",
  "keepintvl",
  "keepcnt",
];

const SWITCHES = { "keepalive": "keepAlive", "tcp-nodelay": "noDelay" } as const;

type Switch = keyof typeof SWITCHES;

/** How the options of one connection stand, from its first attempt to connect on. */
export class SocketOptions {
  readonly #isUnix: boolean;
  readonly #on: Record<Switch, boolean> = { "keepalive": false, "tcp-nodelay": false };
  #transport: Transport | undefined;
  #sent = false;

  constructor(isUnix: boolean) {
    this.#isUnix = isUnix;
  }

  /** There is a connection: what was set before is set now. */
  attach(transport: Transport): void {
    this.#transport = transport;
    for (const name of ["keepalive", "tcp-nodelay"] as const) {
      if (this.#on[name] && !this.#isUnix) transport.setOption(SWITCHES[name], true);
    }
  }

  /** Turns a switch; `false` where the system, or the runtime, has none of that name. */
  set(name: string, on: boolean): boolean {
    if (!this.#has(name)) return false;
    // On a unix socket the system keeps the flag of keep-alive, and does nothing.
    const told = this.#isUnix || (this.#transport?.setOption(SWITCHES[name], on) ?? true);
    if (told) this.#on[name] = on;
    return told;
  }

  /** Whether a switch is on; `undefined` where there is none of that name. */
  get(name: string): boolean | undefined {
    return this.#has(name) ? this.#on[name] : undefined;
  }

  /** Before something is sent: the first time, if it is to be so, TCP_NODELAY goes on. */
  beforeSend(noDelay: boolean): void {
    if (!noDelay || this.#sent) return;
    this.#sent = true;
    this.set("tcp-nodelay", true);
  }

  #has(name: string): name is Switch {
    return name === "keepalive" || (name === "tcp-nodelay" && !this.#isUnix);
  }
}
