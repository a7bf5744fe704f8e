// Datagrams on all three runtimes, over `node:dgram`.
//
// Sockets there read whether anybody asks or not: what nobody asked for waits in a
// queue that is bounded, and when it is full the newest is dropped, as the system
// does it. What came first is answered first, and a flood pushes nothing out.
//
// Connected sockets are not the same everywhere. Node's and Bun's are the system's,
// which tells of a refusal; Deno's merely remember where to send to. So on Deno we
// remember it ourselves; and everywhere we look at the source, since the system
// hands over what others sent before it was told of the peer.

import dgram from "node:dgram";
import { clearInterval, setInterval } from "node:timers";
import { SocketError } from "../errors.ts";
import {
  type Address,
  addressText,
  type DatagramOptions,
  type DatagramSettings,
  type DatagramTransport,
  fitsDatagram,
  type IpAddress,
  type MulticastGroup,
  type Packet,
  sameAddress,
  unmapped,
} from "../transport.ts";
import { codeOf, mapError } from "./map_error.ts";

interface PermissionsNamespace {
  permissions: { query(descriptor: { name: "net"; host: string }): Promise<{ state: string }> };
}

const deno = (globalThis as { Deno?: PermissionsNamespace }).Deno;
const isBun = "Bun" in globalThis;

const DEFAULT_MAX_QUEUED = 1024;
const DEFAULT_MAX_QUEUED_BYTES = 1024 * 1024;

// How often the port that the system proposed may be lost to somebody else.
const MOST_PROPOSALS = 10;

// How often a send may tell of another one before it is believed.
const MOST_TRIES = 10;

// What comes back from the way to one destination, and says nothing of the socket.
const ICMP_ERRORS = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTUNREACH",
  "EHOSTDOWN",
  "ENETUNREACH",
  "ENETDOWN",
  // Deno's word for all of them.
  "UNKNOWN",
]);

/**
 * Opens a socket for datagrams.
 *
 * @throws {SocketError} `address in use`, `address not available`, `denied`,
 *   `unsupported` and others.
 */
export async function openDatagram(options: DatagramOptions): Promise<DatagramTransport> {
  const { family, localAddress = family === 4 ? "0.0.0.0" : "::", localPort = 0 } = options;
  const at = { hostname: localAddress, port: localPort };
  try {
    checkReusePort(options);
    await checkPermission(at, "listen", `Cannot open a datagram socket at ${addressText(at)}`);
    // A port that the system chose is lost when the peer is changed; one that we
    // chose is not. On Deno no socket has a peer.
    const socket = localPort === 0 && !deno
      ? await bindProposed(options, localAddress)
      : await bind(options, at);
    return new NodeDatagram(socket, options);
  } catch (error) {
    const where = addressText(at);
    throw mapError(error, "listen", `Cannot open a datagram socket at ${where}`, where);
  }
}

interface Receiver {
  resolve(packet: Packet): void;
  reject(error: unknown): void;
}

class NodeDatagram implements DatagramTransport {
  localAddress: IpAddress;
  remoteAddress: IpAddress | null = null;
  dropped = 0;
  readonly #socket: dgram.Socket;
  readonly #family: 4 | 6;
  readonly #maxQueued: number;
  readonly #maxQueuedBytes: number;
  // At most #maxQueued of them, with #queuedBytes <= #maxQueuedBytes.
  #queue: Packet[] = [];
  #queuedBytes = 0;
  #receiver: Receiver | undefined;
  // An error that nobody was told yet.
  #failure: unknown;
  // Errors that a send told of, and that Bun will tell again.
  #toldTwice = 0;
  // Sends and connects under way: how each is told that it failed.
  readonly #calls = new Set<(error: unknown) => void>();
  #closed = false;
  #referenced = true;
  #holding = false;
  #keeper: ReturnType<typeof setInterval> | undefined;

  constructor(socket: dgram.Socket, options: DatagramOptions) {
    this.#socket = socket;
    this.#family = options.family;
    this.#maxQueued = options.maxQueued ?? DEFAULT_MAX_QUEUED;
    this.#maxQueuedBytes = options.maxQueuedBytes ?? DEFAULT_MAX_QUEUED_BYTES;
    this.localAddress = boundAddress(socket);
    socket.on("message", (message, { address, port }) => this.#came(message, address, port));
    socket.on("error", (error) => this.#failed(error));
  }

  receive(): Promise<Packet> {
    if (this.#closed) return Promise.reject(closed());
    if (this.#failure !== undefined) {
      return Promise.reject(this.#receiveError(this.#takeFailure()));
    }
    const packet = this.#queue.shift();
    if (packet !== undefined) {
      this.#queuedBytes -= packet.data.length;
      return Promise.resolve(packet);
    }
    return new Promise((resolve, reject) => {
      this.#receiver = { resolve, reject };
      this.#hold();
    });
  }

  async send(data: Uint8Array, to?: Address): Promise<void> {
    if (this.#closed) throw closed();
    const target = to === undefined ? this.remoteAddress : ipAddress(to);
    if (target === null) throw new TypeError("Cannot send: there is no peer");
    if (to !== undefined && this.remoteAddress !== null) {
      throw new TypeError("Cannot send to somebody else: there is a peer");
    }
    // As the system does it: the call that tells of an error has sent nothing.
    if (this.#failure !== undefined && fitsDatagram(data, this.localAddress)) {
      throw await this.#sendError(this.#takeFailure(), target);
    }
    try {
      await this.#send(data, target);
    } catch (error) {
      if (!isStray(error)) throw await this.#sendError(error, target);
      if (this.remoteAddress !== null) {
        if (codeOf(error) === "refused") this.#toldTwice++;
        throw await this.#sendError(error, target);
      }
      await this.#sendAgain(data, target);
    }
  }

  async connect(to: Address): Promise<void> {
    if (this.#closed) throw closed();
    const target = specified(ipAddress(to));
    this.disconnect();
    if (deno) {
      await checkPermission(target, "connect", `Cannot connect to ${addressText(target)}`);
      if (this.#closed) throw closed();
    } else {
      const host = this.#mapped(target.hostname);
      await this.#during((done) => this.#socket.connect(target.port, host, done));
      if (this.#closed) throw closed();
      this.localAddress = boundAddress(this.#socket);
    }
    this.remoteAddress = target;
    this.#queue = this.#queue.filter((it) => sameAddress(it.from, target));
    this.#queuedBytes = this.#queue.reduce((sum, it) => sum + it.data.length, 0);
  }

  disconnect(): void {
    this.#failure = undefined;
    if (this.remoteAddress === null) return;
    this.remoteAddress = null;
    if (deno || this.#closed) return;
    this.#socket.disconnect();
    this.localAddress = boundAddress(this.#socket);
  }

  set<Name extends keyof DatagramSettings>(name: Name, value: DatagramSettings[Name]): void {
    if (this.#closed) throw closed();
    const lacking = lackingSetting(name, value, this.#family);
    if (lacking) throw new SocketError("unsupported", `Cannot set ${name}: ${lacking}`);
    try {
      SETTERS[name](this.#socket, value);
    } catch (error) {
      throw settingError(error, `Cannot set ${name} to ${value}`);
    }
  }

  join({ group, interface: at, source }: MulticastGroup): void {
    if (this.#closed) throw closed();
    checkSource(source, this.#family);
    try {
      if (source === undefined) this.#socket.addMembership(group, at);
      else this.#socket.addSourceSpecificMembership(source, group, at);
    } catch (error) {
      throw settingError(error, `Cannot join ${group}`);
    }
  }

  leave({ group, interface: at, source }: MulticastGroup): void {
    if (this.#closed) throw closed();
    checkSource(source, this.#family);
    try {
      if (source === undefined) this.#socket.dropMembership(group, at);
      else this.#socket.dropSourceSpecificMembership(source, group, at);
    } catch (error) {
      throw settingError(error, `Cannot leave ${group}`);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#socket.close();
    for (const reject of this.#calls) reject(closed());
    this.#told((receiver) => receiver.reject(closed()));
    clearInterval(this.#keeper);
  }

  ref(): void {
    this.#referenced = true;
    this.#hold();
  }

  unref(): void {
    this.#referenced = false;
    this.#hold();
  }

  #came(message: Uint8Array, address: string, port: number): void {
    const from = { hostname: unmapped(address), port };
    const peer = this.remoteAddress;
    if (this.#closed || (peer !== null && !sameAddress(from, peer))) return;
    // Bytes beyond the datagram are not kept: Deno's have 64 KiB under them.
    const isWhole = message.buffer.byteLength === message.length;
    const data = isWhole ? new Uint8Array(message.buffer) : new Uint8Array(message);
    const packet = { data: data as Uint8Array, from };
    if (this.#receiver) return this.#told((receiver) => receiver.resolve(packet));
    const isRoom = this.#queue.length < this.#maxQueued &&
      this.#queuedBytes + data.length <= this.#maxQueuedBytes;
    if (!isRoom) {
      this.dropped++;
      return;
    }
    this.#queue.push(packet);
    this.#queuedBytes += data.length;
  }

  #failed(error: unknown): void {
    const { code, errqueue } = error as { code?: string; errqueue?: boolean };
    // The send that was too large was told so; Bun has it in a queue of its own, too.
    if (errqueue && code === "EMSGSIZE") return;
    if (errqueue && this.#toldTwice > 0) {
      this.#toldTwice--;
      return;
    }
    // Without a peer nobody could tell which of the destinations it came from.
    if (this.remoteAddress === null && ICMP_ERRORS.has(String(code))) return;
    if (this.#receiver) this.#told((receiver) => receiver.reject(this.#receiveError(error)));
    else this.#failure = error;
  }

  #takeFailure(): unknown {
    const failure = this.#failure;
    this.#failure = undefined;
    return failure;
  }

  // Bun asks the system for more than others do (IP_RECVERR). So a send without a
  // peer tells of another one, and sends nothing.
  async #sendAgain(data: Uint8Array, target: IpAddress): Promise<void> {
    for (let tries = 2;; tries++) {
      try {
        return await this.#send(data, target);
      } catch (error) {
        if (!isStray(error) || tries === MOST_TRIES) throw await this.#sendError(error, target);
      }
    }
  }

  #send(data: Uint8Array, { hostname, port }: IpAddress): Promise<void> {
    return this.#during((done) => {
      if (this.remoteAddress !== null && !deno) this.#socket.send(data, done);
      else this.#socket.send(data, port, this.#mapped(hostname), done);
    });
  }

  // A call that is under way when the socket is closed the runtime leaves unanswered.
  #during(start: (done: (error?: unknown) => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#calls.add(reject);
      const done = (error?: unknown) => {
        this.#calls.delete(reject);
        if (error) reject(error);
        else resolve();
        this.#hold();
      };
      this.#hold();
      try {
        start(done);
      } catch (error) {
        done(error);
      }
    });
  }

  #receiveError(error: unknown): SocketError {
    const at = addressText(this.localAddress);
    if (this.remoteAddress === null) return mapError(error, "receive", `Cannot receive at ${at}`);
    const peer = addressText(this.remoteAddress);
    return mapError(error, "receive", `Cannot receive from ${peer}`, peer);
  }

  async #sendError(error: unknown, to: IpAddress): Promise<SocketError> {
    const { code } = error as { code?: string };
    const address = addressText(to);
    const what = `Cannot send to ${address}`;
    if (code === "EMSGSIZE") {
      const why = "it is too large for a datagram";
      return new SocketError("too large", `${what}: ${why}`, { op: "send", address, cause: error });
    }
    // Deno says no more than that of anything else.
    if (deno && code === "UNKNOWN") await checkPermission(to, "send", what);
    return mapError(error, "send", what, address);
  }

  #told(tell: (receiver: Receiver) => void): void {
    const receiver = this.#receiver;
    if (receiver === undefined) return;
    this.#receiver = undefined;
    tell(receiver);
    this.#hold();
  }

  /** An address as a socket for both families takes it. */
  #mapped(hostname: string): string {
    return this.#family === 6 && !hostname.includes(":") ? `::ffff:${hostname}` : hostname;
  }

  // A socket keeps the program alive, whether anybody waits or not.
  #hold(): void {
    const wanted = this.#referenced && !this.#closed;
    const holding = wanted && (this.#receiver !== undefined || this.#calls.size > 0);
    if (holding === this.#holding) return;
    this.#holding = holding;
    // On Deno it counts only what a read began with: so none keeps it alive, and a
    // timer does.
    if (deno) this.#keeper ??= setInterval(ignore, LONG_MS);
    const held = this.#keeper ?? this.#socket;
    if (this.#closed) return;
    if (holding) held.ref();
    else held.unref();
  }
}

/** Whether what a send says on Bun may be of an earlier one. */
function isStray(error: unknown): boolean {
  return isBun && ICMP_ERRORS.has(String((error as { code?: string }).code));
}

const LONG_MS = 2 ** 30;

type Setter = (socket: dgram.Socket, value: never) => void;

const SETTERS = {
  broadcast: (socket, value: boolean) => socket.setBroadcast(value),
  ttl: (socket, value: number) => socket.setTTL(value),
  multicastTtl: (socket, value: number) => socket.setMulticastTTL(value),
  multicastLoopback: (socket, value: boolean) => socket.setMulticastLoopback(value),
  multicastInterface: (socket, value: string) => socket.setMulticastInterface(value),
  receiveBufferBytes: (socket, value: number) => socket.setRecvBufferSize(value),
  sendBufferBytes: (socket, value: number) => socket.setSendBufferSize(value),
} satisfies Record<keyof DatagramSettings, Setter> as Record<
  keyof DatagramSettings,
  (socket: dgram.Socket, value: unknown) => void
>;

/** Why a setting cannot be had here, if so: see tests/runtime_limits/datagram_settings.ts. */
function lackingSetting(
  name: keyof DatagramSettings,
  value: unknown,
  family: 4 | 6,
): string | undefined {
  if (name === "multicastTtl" && value === 0 && (deno || isBun)) {
    return "this runtime takes 1 and more";
  }
  if (!deno) return undefined;
  const isLie = name.endsWith("Bytes") || (name === "multicastTtl" && family === 6);
  return isLie ? "Deno takes it, and does nothing" : undefined;
}

function checkReusePort({ reusePort }: DatagramOptions): void {
  if (!deno || !reusePort) return;
  // See tests/runtime_limits/datagram_reuse_port.ts
  throw new SocketError("unsupported", "Cannot set reusePort: Deno takes it, and does nothing");
}

function checkSource(source: string | undefined, family: 4 | 6): void {
  if (source === undefined || family === 4) return;
  throw new SocketError("unsupported", "Cannot choose sources of a group: not of IPv6");
}

/** Deno says `EINVAL`, whatever it is. */
function settingError(error: unknown, what: string): SocketError {
  const why = `the system refused (${(error as Error).message})`;
  return new SocketError(codeOf(error), `${what}: ${why}`, { cause: error });
}

/** Binds a port that the system proposes; somebody else may be quicker. */
async function bindProposed(options: DatagramOptions, hostname: string): Promise<dgram.Socket> {
  for (let proposals = 1;; proposals++) {
    const proposing = await bind(options, { hostname, port: 0 });
    const { port } = proposing.address();
    proposing.close();
    try {
      return await bind(options, { hostname, port });
    } catch (error) {
      const { code } = error as { code?: string };
      if (code !== "EADDRINUSE" || proposals === MOST_PROPOSALS) throw error;
    }
  }
}

function bind(options: DatagramOptions, { hostname, port }: IpAddress): Promise<dgram.Socket> {
  const { family, reuseAddress, reusePort, ipv6Only } = options;
  return new Promise((resolve, reject) => {
    const socket = dgram.createSocket({
      type: family === 4 ? "udp4" : "udp6",
      reuseAddr: reuseAddress ?? false,
      reusePort: reusePort ?? false,
      ipv6Only: ipv6Only ?? false,
      // Names are looked up before they come here.
      lookup: (address, _options, found) => found(null, address, family),
    } as dgram.SocketOptions);
    const failed = (error: unknown) => {
      socket.close();
      reject(error);
    };
    socket.once("error", failed);
    socket.unref();
    try {
      socket.bind({ address: hostname, port, exclusive: true }, () => {
        socket.off("error", failed);
        resolve(socket);
      });
    } catch (error) {
      failed(error);
    }
  });
}

/** Asks Deno first: what it forbids there is thrown where nobody can catch it. */
async function checkPermission(
  at: IpAddress,
  op: "listen" | "connect" | "send",
  what: string,
): Promise<void> {
  if (deno === undefined) return;
  const host = addressText(at);
  const { state } = await deno.permissions.query({ name: "net", host });
  if (state === "granted") return;
  const why = `permission was denied; run with --allow-net=${host}`;
  throw new SocketError("denied", `${what}: ${why}`, { op, address: host });
}

function ipAddress(address: Address): IpAddress {
  if ("hostname" in address) return address;
  const why = "no runtime has unix sockets for datagrams";
  throw new SocketError("unsupported", `Cannot reach ${addressText(address)}: ${why}`);
}

/** The system takes "no address" for this machine, which answers by its own name. */
function specified({ hostname, port }: IpAddress): IpAddress {
  if (hostname === "0.0.0.0") return { hostname: "127.0.0.1", port };
  return { hostname: hostname === "::" ? "::1" : hostname, port };
}

function boundAddress(socket: dgram.Socket): IpAddress {
  const { address, port } = socket.address();
  return { hostname: unmapped(address), port };
}

function closed(): SocketError {
  return new SocketError("closed", "Cannot go on: the socket was closed");
}

function ignore(): void {}
