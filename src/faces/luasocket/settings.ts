// What was set of a socket, by the names of `setoption`. No runtime tells what it
// has, so it is remembered.

/** What the system does at the end of a connection. */
export interface Linger {
  on: boolean;
  timeout: number;
}

/** The settings of a stream socket, as a new one has them. */
export class Settings {
  keepAlive = false;
  noDelay = false;
  reuseAddress = false;
  reusePort = false;
  /** Of IPv6: no IPv4 beside it. */
  ipv6Only = true;
  linger: Linger = { on: false, timeout: 0 };
}
