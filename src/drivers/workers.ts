// Cloudflare's Workers, by the `connect` of `cloudflare:sockets`: two Web Streams, and
// TLS that the runtime puts around them. Nothing of Node's is needed.
//
// What Workers leave open, and no program can change:
// - A connection that nobody could be reached by has one error, whatever the reason.
// - A reset, and the end of TLS without TLS's own end, look like an end.
// - A read that is under way cannot be taken back, so no TLS begins after a read that
//   timed out.
// - What was opened for one request is of use in that one only, also out of a pool.

import { SocketError, type SocketOperation } from "../errors.ts";
import type { ClientTls, TlsInfo } from "../tls.ts";
import {
  type Acceptor,
  type Address,
  addressText,
  type Attempt,
  type AttemptOptions,
  type Driver,
  type Transport,
} from "../transport.ts";
import { closed } from "./ends.ts";
import { cannotStartTls, type Secure } from "./secure.ts";
import { type WebDuplex, WebStreamsTransport } from "./web_streams.ts";

/** The little of `cloudflare:sockets` that is used here. */
interface WorkersSocket extends WebDuplex {
  readonly opened: Promise<unknown>;
  readonly closed: Promise<void>;
  close(): Promise<void>;
  startTls(options: { expectedServerHostname?: string }): WorkersSocket;
}

interface WorkersSockets {
  connect(
    address: { hostname: string; port: number },
    options: { secureTransport: "starttls"; allowHalfOpen: true },
  ): WorkersSocket;
}

// In a variable, for bundlers would look for it on all other runtimes, too.
const MODULE: string = "cloudflare:sockets";

interface Endpoint {
  readonly hostname: string;
  readonly port: number;
}

class WorkersTransport extends WebStreamsTransport {
  override readonly remoteAddress: Endpoint;
  override readonly tls: TlsInfo | null;
  #socket: WorkersSocket;
  #pulling = false;
  // Where a pull would begin a read, none is begun: it ends with `letGo`.
  #holds = false;
  #letGo: (() => void) | undefined;

  constructor(socket: WorkersSocket, remoteAddress: Endpoint, tls: TlsInfo | null) {
    super(socket);
    this.#socket = socket;
    this.remoteAddress = remoteAddress;
    this.tls = tls;
  }

  override async pull(): Promise<Uint8Array | null> {
    if (this.#holds) {
      await new Promise<void>((resolve) => this.#letGo = resolve);
      return null;
    }
    this.#pulling = true;
    try {
      return await super.pull();
    } finally {
      this.#pulling = false;
    }
  }

  override close(): void {
    super.close();
    this.#release();
  }

  override abort(): void {
    super.abort();
    this.#release();
  }

  /** Begins what ends with TLS: the pull in it must not begin a read. */
  holding<T>(begin: () => T): T {
    const why = this.tls !== null
      ? "there is TLS already"
      : this.#pulling
      ? "a read is under way, which Workers cannot take back"
      : undefined;
    if (why !== undefined) throw unsupported("handshake", this.remoteAddress, why);
    this.#holds = true;
    try {
      return begin();
    } finally {
      this.#holds = false;
    }
  }

  /** Puts TLS around it; from then on it is of no use by itself. */
  startTls(serverName: string): Attempt {
    const { remoteAddress } = this;
    this.#letGo?.();
    const opened = this.#startTls(serverName).catch((cause) => {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new SocketError("tls", `${cannotStartTls(remoteAddress)}: it failed (${why})`, {
        op: "handshake",
        address: addressText(remoteAddress),
        cause,
      });
    });
    return { opened, abandon: () => this.#release() };
  }

  async #startTls(serverName: string): Promise<Transport> {
    this.unlock();
    // Workers verify the name that was connected to, unless there is another.
    const isOther = serverName !== this.remoteAddress.hostname;
    const socket = this.#socket.startTls(isOther ? { expectedServerHostname: serverName } : {});
    socket.closed.catch(ignore);
    this.#socket = socket;
    await socket.opened;
    return new WorkersTransport(socket, this.remoteAddress, tlsInfo(serverName));
  }

  #release(): void {
    this.#letGo?.();
    this.#socket.close().catch(ignore);
  }
}

/** The driver over `connect` of `cloudflare:sockets`. */
export const driver: Driver = {
  resolvesNames: true,

  connect(address: Address, options: AttemptOptions): Attempt {
    let socket: WorkersSocket | undefined;
    let abandoned = false;
    const open = async (): Promise<Transport> => {
      const endpoint = endpointOf(address, options);
      const { connect }: WorkersSockets = await import(MODULE);
      if (abandoned) throw closed();
      const { hostname, port } = endpoint;
      socket = connect(
        { hostname: hostname.includes(":") ? `[${hostname}]` : hostname, port },
        // Whether there will be TLS is not known yet; all else is the same.
        { secureTransport: "starttls", allowHalfOpen: true },
      );
      // Its failure comes out of `opened`, or out of the streams.
      socket.closed.catch(ignore);
      await socket.opened;
      if (abandoned) throw closed();
      return new WorkersTransport(socket, endpoint, null);
    };
    return {
      opened: open(),
      abandon: () => {
        abandoned = true;
        socket?.close().catch(ignore);
      },
    };
  },

  listen(at: Address): Promise<Acceptor> {
    return Promise.reject(unsupported("listen", at, "Workers cannot"));
  },

  lookup(hostname: string): Promise<string[]> {
    return Promise.reject(
      unsupported("lookup", { hostname, port: 0 }, "Workers tell no addresses of a name"),
    );
  },
};

/** Makes ready to be a client. What Workers cannot serve is said here. */
export function secureClient(settings: ClientTls): Promise<Secure> {
  const what = lacking(settings);
  if (what !== undefined) {
    const message = `Cannot start TLS: Workers' TLS knows no ${what}`;
    return Promise.reject(new SocketError("unsupported", message, { op: "handshake" }));
  }
  const { serverName } = settings;
  return Promise.resolve((transport) => workersOwn(transport).startTls(serverName!));
}

/** Begins an upgrade to TLS; what cannot be done leaves the connection as it was. */
export function upgrading<T>(transport: Transport, begin: () => T): T {
  return workersOwn(transport).holding(begin);
}

function workersOwn(transport: Transport): WorkersTransport {
  if (transport instanceof WorkersTransport) return transport;
  const why = "Workers have TLS for connections of their own only";
  throw unsupported("handshake", transport.remoteAddress, why);
}

function lacking(settings: ClientTls): string | undefined {
  const { minVersion, maxVersion } = settings;
  const asked: Readonly<Record<string, boolean>> = {
    caCerts: settings.caCerts !== undefined,
    cert: settings.own !== undefined,
    alpnProtocols: settings.alpnProtocols.length > 0,
    [`minVersion ${minVersion}`]: minVersion !== "TLSv1.2",
    [`maxVersion ${maxVersion}`]: maxVersion !== "TLSv1.3",
    ciphers: settings.ciphers !== undefined,
    crl: settings.crl !== undefined,
    fingerprints: settings.fingerprints.length > 0,
    session: settings.session !== undefined,
    verifyDepth: settings.verifyDepth !== undefined,
    dangerouslySkipChainVerification: !settings.verifiesChain,
    dangerouslySkipNameVerification: !settings.verifiesName,
  };
  return Object.keys(asked).find((what) => asked[what]);
}

function endpointOf(address: Address, options: AttemptOptions): Endpoint {
  if ("path" in address) throw unsupported("connect", address, "Workers have no unix sockets");
  const { localAddress, localPort, keepAliveMs, noDelay } = options;
  const what = localAddress !== undefined
    ? "localAddress"
    : localPort !== undefined
    ? "localPort"
    : keepAliveMs > 0
    ? "keepAliveMs"
    : !noDelay
    ? "noDelay"
    : undefined;
  if (what === undefined) return address;
  throw unsupported("connect", address, `Workers know no ${what}`);
}

// Workers tell nothing of it but that it is there.
function tlsInfo(serverName: string): TlsInfo {
  return {
    protocol: null,
    cipher: null,
    alpnProtocol: null,
    serverName,
    peerCertificate: null,
    verified: true,
    resumed: false,
    session: null,
    closeNotify: null,
  };
}

function unsupported(op: SocketOperation, address: Address | null, why: string): SocketError {
  const at = address === null ? undefined : addressText(address);
  const what = op === "handshake"
    ? cannotStartTls(address)
    : op === "lookup" && address !== null && "hostname" in address
    ? `Cannot look up "${address.hostname}"`
    : `Cannot ${op === "listen" ? "listen at" : "connect to"} ${at}`;
  return new SocketError("unsupported", `${what}: ${why}`, {
    op,
    ...(at !== undefined && op !== "lookup" && { address: at }),
  });
}

function ignore(): void {}
