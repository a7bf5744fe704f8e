import type { TlsInfo } from "./tls.ts";

/** The address of one end of a connection. */
export type Address =
  | { readonly hostname: string; readonly port: number }
  | { readonly path: string };

/** A switch of the system's that a transport may know. */
export type TransportOption = "noDelay" | "keepAlive";

/** A connected byte stream, as each runtime's driver provides it. */
export interface Transport {
  readonly localAddress: Address | null;
  readonly remoteAddress: Address | null;
  /** What TLS there is around it, if any. */
  readonly tls: TlsInfo | null;
  /**
   * At least one byte, or `null` if and only if the peer has ended. One pull at
   * a time; one that nobody waits for any more is left in flight, and its bytes
   * belong to whoever asks next. After an error every pull answers it again.
   *
   * @param into Memory the bytes may be put in, at its front. Otherwise they are
   *   in memory of the driver's, and valid until the next pull.
   */
  pull(into?: Uint8Array): Promise<Uint8Array | null>;
  /** Resolves when what the system already holds has answered a pull in flight. */
  settle(): Promise<void>;
  /** Resolves once the system has every byte; the bytes may be used again then. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends the write side; reading goes on. A second call does nothing. */
  closeWrite(): Promise<void>;
  /** Releases the connection; what is pending rejects with `closed`. Twice is fine. */
  close(): void;
  /** Like `close`, and tells the peer with a reset where the runtime can. */
  abort(): void;
  /**
   * Whether a pending pull keeps the program alive: `ref` yes, `unref` no. A
   * pull that starts while unreferenced is parked: it asks for little memory.
   */
  ref(): void;
  /** The opposite of `ref`. */
  unref(): void;
  /** Turns a switch; `false` if this transport has no such switch. */
  setOption(name: TransportOption, on: boolean): boolean;
}

/** An attempt to connect, or to shake hands, that can be given up. */
export interface Attempt {
  readonly opened: Promise<Transport>;
  /** Gives up: `opened` rejects, or what it opened after all is closed. */
  abandon(): void;
}

/** How a driver is to connect. */
export interface AttemptOptions {
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  readonly noDelay: boolean;
  /** Idle milliseconds before the first keep-alive probe; 0 for no probes. */
  readonly keepAliveMs: number;
}

/** How a driver is to listen. */
export interface ListenOptions {
  readonly backlog: number;
  /** Accepted connections that nobody took yet; one more is closed. */
  readonly maxPending: number;
  readonly noDelay: boolean;
}

/** A listening socket. */
export interface Acceptor {
  readonly address: Address;
  /** The next connection, or `null` once closed. One call at a time. */
  accept(): Promise<Transport | null>;
  /** Stops listening; connections that nobody took are closed. */
  close(): void;
  /** Whether a pending accept keeps the program alive. */
  ref(): void;
  /** The opposite of `ref`. */
  unref(): void;
}

/** What a runtime provides. */
export interface Driver {
  /** Whether `connect` takes names and tries their addresses by itself. */
  readonly resolvesNames: boolean;
  connect(address: Address, options: AttemptOptions): Attempt;
  listen(at: Address, options: ListenOptions): Promise<Acceptor>;
  /** The addresses of a name, as the system gives them. */
  lookup(hostname: string): Promise<string[]>;
}

/** An address as text: `127.0.0.1:80`, `[::1]:80`, `unix:/run/x.sock`. */
export function addressText(address: Address): string {
  if ("path" in address) return `unix:${address.path.replace(/^\0/, "@")}`;
  const { hostname, port } = address;
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}
