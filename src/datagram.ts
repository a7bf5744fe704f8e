// The core's handle for datagrams. As with streams, it holds names, units and the
// shapes of results; all that happens, happens in the mailbox below, which refers
// to no handle.

import { type CallOptions, limitsOf } from "./call_options.ts";
import { checkMs, checkOptions, wrongType } from "./check.ts";
import { DEFAULT_TIMEOUT_MS, findAddresses, type Lookup } from "./connect.ts";
import {
  checkDatagramOptions,
  checkGroup,
  checkSetting,
  checkSettingName,
  type DatagramSocketOptions,
  SETTING_NAMES,
  type SettingName,
} from "./datagram_options.ts";
import { refuseOnWorkers } from "./drivers/on_workers.ts";
import { SocketError } from "./errors.ts";
import { held } from "./held.ts";
import { ipFamily } from "./ip.ts";
import { type Find, Mailbox } from "./mailbox.ts";
import { bytesToSend, type Data } from "./outgoing.ts";
import type { Limits } from "./stream.ts";
import { parseTarget, type Target } from "./target.ts";
import {
  addressText,
  type DatagramSettings,
  type IpAddress,
  type MulticastGroup,
  type Packet,
} from "./transport.ts";

/** What becomes of the mailbox of a handle that was forgotten. */
interface Lease {
  mailbox: Mailbox | undefined;
}

const forgotten = new FinalizationRegistry<Lease>((lease) => lease.mailbox?.close());

/** How a handle is made of an open socket. */
interface Beginnings {
  readonly family: 4 | 6 | undefined;
  readonly options: DatagramSocketOptions;
}

let datagramOn: (mailbox: Mailbox, beginnings: Beginnings) => Datagram;

/**
 * A UDP socket. One without a peer sends to whom it is told (`sendTo`) and receives
 * from everybody, always with the source (`receiveFrom`); one that is connected has
 * a peer (`send`, `receive`), and ignores what others send.
 *
 * Datagrams get lost, and come twice, or late. What came and was not asked for yet
 * waits in a queue; when that is full the newest is dropped, and counted in `dropped`.
 * A receive that times out or is aborted takes nothing. One call may receive at a
 * time, a second is refused with `busy`; any number may send. Nothing but a call that
 * waits keeps the program alive.
 *
 * When the network says that a datagram could not be delivered, one call of a
 * connected socket, send or receive, fails with it (`refused`, `unreachable`), and
 * the socket works on. Without a peer such errors are ignored. (Deno never tells
 * of them.)
 *
 * @example
 * ```ts
 * import { datagram } from "@cosocket/cosocket";
 *
 * await using server = await datagram({ localAddress: "127.0.0.1" });
 * (async () => {
 *   for await (const { data, from } of server) await server.sendTo(data, from);
 * })();
 *
 * await using sock = await datagram({ remote: server.localAddress! });
 * await sock.send("hello");
 * const answer = await sock.receive({ timeoutMs: 1000 });
 * console.log(new TextDecoder().decode(answer)); // hello
 * ```
 */
export class Datagram implements AsyncIterable<Packet>, AsyncDisposable {
  readonly #lease: Lease;
  readonly #way: { readonly family: 4 | 6 | undefined; readonly lookup: Lookup | undefined };
  readonly #settings = new Map<SettingName, boolean | number | string>();
  #readLimits: Limits;
  #sendLimits: Limits;
  #connecting = false;

  private constructor(mailbox: Mailbox, { family, options }: Beginnings) {
    this.#lease = { mailbox };
    this.#way = { family, lookup: options.lookup };
    this.#readLimits = { timeoutMs: options.readTimeoutMs ?? DEFAULT_TIMEOUT_MS };
    this.#sendLimits = { timeoutMs: options.sendTimeoutMs ?? DEFAULT_TIMEOUT_MS };
    forgotten.register(this, this.#lease);
  }

  static {
    datagramOn = (mailbox, beginnings) => new Datagram(mailbox, beginnings);
  }

  /**
   * Sends one datagram to the peer: text as UTF-8, bytes, or nested arrays of them;
   * none at all is an empty datagram. Bytes must not change until the call ends.
   *
   * @returns How many bytes were sent, once the system has them.
   * @throws {SocketError} `too large`; `refused` and the like, for this datagram or
   *   an earlier one; `timeout`, `aborted`, `closed`, `busy` while connecting.
   * @throws {TypeError} If the socket is not connected.
   */
  async send(data: Data, options?: CallOptions): Promise<number> {
    const bytes = bytesToSend(data);
    const limits = limitsOf(options, this.#sendLimits);
    const mailbox = this.#steady("send");
    if (mailbox.transport.remoteAddress === null) {
      throw new TypeError("Cannot send: the socket is not connected; use sendTo()");
    }
    await held(this, mailbox.send(bytes, limits));
    return bytes.length;
  }

  /**
   * Sends one datagram. A name is looked up each time, and the first address taken:
   * who sends many looks it up once, with `lookup`.
   *
   * @param to `"host:port"`, `"[::1]:port"` or an object, such as a `from`.
   * @returns How many bytes were sent, once the system has them.
   * @throws {SocketError} `too large`, `not found`, `denied`, `unreachable`,
   *   `timeout`, `aborted`, `closed`, `busy` while connecting.
   * @throws {TypeError} If the socket is connected.
   */
  async sendTo(data: Data, to: Target, options?: CallOptions): Promise<number> {
    const bytes = bytesToSend(data);
    const limits = limitsOf(options, this.#sendLimits);
    const find = this.#finder(to, limits);
    const mailbox = this.#steady("send");
    const { remoteAddress } = mailbox.transport;
    if (remoteAddress !== null) {
      const peer = addressText(remoteAddress);
      throw new TypeError(`Cannot send to another: the socket is connected to ${peer}`);
    }
    await held(this, mailbox.send(bytes, limits, find));
    return bytes.length;
  }

  /**
   * Receives the next datagram of the peer.
   *
   * @returns All of it, the caller's own; empty if it is.
   * @throws {SocketError} `refused` and the like, for a datagram that was sent; and
   *   `timeout`, `aborted`, `closed`, `busy`.
   * @throws {TypeError} If the socket is not connected: then whose it is would matter.
   */
  async receive(options?: CallOptions): Promise<Uint8Array> {
    const limits = limitsOf(options, this.#readLimits);
    const mailbox = this.#steady("receive");
    if (mailbox.transport.remoteAddress === null) {
      throw new TypeError("Cannot receive: the socket is not connected; use receiveFrom()");
    }
    return (await held(this, mailbox.receive(limits))).data;
  }

  /**
   * Receives the next datagram, with its source; while connected, of the peer.
   *
   * @throws {SocketError} As {@linkcode Datagram.receive} does.
   */
  async receiveFrom(options?: CallOptions): Promise<Packet> {
    const limits = limitsOf(options, this.#readLimits);
    return await held(this, this.#steady("receive").receive(limits));
  }

  /**
   * Iterates over the datagrams that come, however long they take, until the socket
   * is closed. Other errors, such as `refused`, end it, but not the socket.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<Packet, void, void> {
    while (!this.closed) {
      let packet: Packet;
      try {
        packet = await this.receiveFrom({ timeoutMs: 0 });
      } catch (error) {
        if (error instanceof SocketError && error.code === "closed") return;
        throw error;
      }
      yield packet;
    }
  }

  /**
   * Chooses a peer, or another one. Nothing is sent by that: whether anybody is
   * there shows later. Datagrams of others that wait are dropped. After an error the
   * socket has no peer.
   *
   * @param options.timeoutMs Milliseconds for the look-up of a name. Default 60,000.
   * @throws {SocketError} `not found`, `denied`, `unreachable`, `timeout`, `aborted`,
   *   `closed`; `busy` while another call receives or connects.
   */
  async connect(to: Target, options?: CallOptions): Promise<void> {
    const limits = limitsOf(options, { timeoutMs: DEFAULT_TIMEOUT_MS });
    const find = this.#finder(to, limits);
    const mailbox = this.#changeable("connect");
    this.#connecting = true;
    try {
      await mailbox.connect(limits, find);
    } finally {
      this.#connecting = false;
    }
  }

  /**
   * Gives up the peer: the socket receives from everybody again. Without one it
   * does nothing.
   *
   * @throws {SocketError} `closed`; `busy` while another call receives or connects.
   */
  disconnect(): void {
    this.#changeable("disconnect").disconnect();
  }

  /**
   * Begins to receive what is sent to a group.
   *
   * @param group.interface The interface to receive it on: its address, or for IPv6
   *   `::%name`. Default: the system chooses one.
   * @param group.source Receives only what this address sends to it; IPv4 only.
   * @throws {SocketError} `address in use` if it is a member already, `address not
   *   available`, `unsupported`, `failed`, `closed`. Deno says `failed` of all.
   */
  join(group: MulticastGroup): void {
    this.#live("join a group").transport.join(checkGroup(group));
  }

  /** The opposite of {@linkcode Datagram.join}, with the same arguments. */
  leave(group: MulticastGroup): void {
    this.#live("leave a group").transport.leave(checkGroup(group));
  }

  /**
   * Changes a setting.
   *
   * @throws {SocketError} `unsupported` where the runtime has no such setting.
   */
  setOption<Name extends keyof DatagramSettings>(name: Name, value: DatagramSettings[Name]): void {
    checkSetting(name, value);
    this.#live(`set ${name}`).transport.set(name, value);
    this.#settings.set(name, value);
  }

  /** What a setting was set to on this socket; else `undefined`. */
  getOption<Name extends keyof DatagramSettings>(name: Name): DatagramSettings[Name] | undefined {
    checkSettingName(name);
    return this.#settings.get(name) as DatagramSettings[Name] | undefined;
  }

  /** Changes the limits that calls have by default, in milliseconds; 0 for none. */
  setTimeouts(timeouts: { sendMs?: number; readMs?: number }): void {
    if (timeouts === undefined) throw wrongType("timeouts", "an object", timeouts);
    checkOptions("timeouts", timeouts);
    const { sendMs, readMs } = timeouts;
    if (sendMs !== undefined) checkMs("sendMs", sendMs);
    if (readMs !== undefined) checkMs("readMs", readMs);
    if (sendMs !== undefined) this.#sendLimits = { timeoutMs: sendMs };
    if (readMs !== undefined) this.#readLimits = { timeoutMs: readMs };
  }

  /** Closes the socket; whoever waits on it is told `closed`. Twice is fine. */
  close(): void {
    const { mailbox } = this.#lease;
    this.#lease.mailbox = undefined;
    mailbox?.close();
  }

  /** Closes the socket. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  /** Our end, with the port that was chosen; `null` once closed. */
  get localAddress(): IpAddress | null {
    return this.#lease.mailbox?.transport.localAddress ?? null;
  }

  /** The peer, while there is one. */
  get remoteAddress(): IpAddress | null {
    return this.#lease.mailbox?.transport.remoteAddress ?? null;
  }

  /** Datagrams that came and were dropped, since the queue was full. */
  get dropped(): number {
    return this.#lease.mailbox?.transport.dropped ?? 0;
  }

  /** Whether the socket was closed. */
  get closed(): boolean {
    return this.#lease.mailbox === undefined;
  }

  #live(what: string, op?: "send" | "receive" | "connect"): Mailbox {
    const { mailbox } = this.#lease;
    if (mailbox !== undefined) return mailbox;
    throw new SocketError("closed", `Cannot ${what}: the socket was closed`, { ...(op && { op }) });
  }

  /** Not while nobody knows who the peer is. */
  #steady(op: "send" | "receive" | "connect", what: string = op): Mailbox {
    const mailbox = this.#live(what, op);
    if (!this.#connecting) return mailbox;
    throw new SocketError("busy", `Cannot ${what}: another call is connecting`, { op });
  }

  /** Who waits for a datagram means one of the peer, or of everybody, as it was then. */
  #changeable(what: "connect" | "disconnect"): Mailbox {
    const mailbox = this.#steady("connect", what);
    if (!mailbox.receiving) return mailbox;
    const op = "connect";
    throw new SocketError("busy", `Cannot ${what}: another call is receiving`, { op });
  }

  #finder(target: Target, { timeoutMs, deadlineMs = Infinity }: Limits): Find {
    const address = targetOf(target);
    return (call) => {
      const controller = new AbortController();
      call.stop = () => controller.abort();
      const ms = Math.min(timeoutMs || Infinity, deadlineMs);
      return find(address, this.#way, { signal: controller.signal, timeoutMs: ms });
    };
  }
}

/**
 * Opens a socket for datagrams: UDP. (No runtime has datagrams over unix sockets.)
 *
 * @throws {SocketError} `address in use`, `address not available`, `denied`,
 *   `unsupported`; and where there is a `remote` what `connect` throws.
 *
 * @example Ask the group of a protocol who is there
 * ```ts
 * import { datagram, SocketError } from "@cosocket/cosocket";
 *
 * await using sock = await datagram({ multicastTtl: 1, multicastInterface: "127.0.0.1" });
 * await sock.sendTo("who is there?", "239.255.77.77:7777");
 * try {
 *   const { from } = await sock.receiveFrom({ timeoutMs: 100 });
 *   console.log(from.hostname);
 * } catch (error) {
 *   if (!(error instanceof SocketError) || error.code !== "timeout") throw error;
 *   console.log("nobody");
 * }
 * ```
 */
export async function datagram(options: DatagramSocketOptions = {}): Promise<Datagram> {
  checkDatagramOptions(options);
  const remote = options.remote === undefined ? undefined : targetOf(options.remote);
  const { signal, timeoutMs = DEFAULT_TIMEOUT_MS, localAddress } = options;
  let family = options.family ?? (localAddress && ipFamily(localAddress) || undefined);
  let peer: IpAddress | undefined;
  if (remote !== undefined) {
    const way = { family: onlyFamily(family, options), lookup: options.lookup };
    peer = await find(remote, way, { timeoutMs, signal });
    family ??= ipFamily(peer.hostname) || undefined;
  }
  if (signal?.aborted) {
    const why = "the signal was aborted";
    throw new SocketError("aborted", `Cannot open a datagram socket: ${why}`, {
      cause: signal.reason,
    });
  }
  refuseOnWorkers("Cannot open a datagram socket");
  // Loaded when it is first needed, and looked for once.
  const { openDatagram } = await (driver ??= import("./drivers/datagram.ts"));
  const mailbox = new Mailbox(await openDatagram({ ...options, family: family ?? 4 }));
  const sock = datagramOn(mailbox, { family: onlyFamily(family ?? 4, options), options });
  try {
    for (const name of SETTING_NAMES) {
      const value = options[name];
      if (value !== undefined) sock.setOption(name, value);
    }
    if (peer !== undefined) await sock.connect(peer, { timeoutMs, ...(signal && { signal }) });
    return sock;
  } catch (error) {
    sock.close();
    throw error;
  }
}

let driver: Promise<typeof import("./drivers/datagram.ts")> | undefined;

/** The one family that a socket reaches; one of family 6 reaches IPv4, too. */
function onlyFamily(
  family: 4 | 6 | undefined,
  { ipv6Only }: DatagramSocketOptions,
): 4 | 6 | undefined {
  return family === 6 && !ipv6Only ? undefined : family;
}

/** The first address of a name; a literal of the family needs no search. */
function find(
  { hostname, port }: IpAddress,
  way: { readonly family: 4 | 6 | undefined; readonly lookup: Lookup | undefined },
  limits: { readonly timeoutMs: number; readonly signal: AbortSignal | undefined },
): IpAddress | Promise<IpAddress> {
  const literal = ipFamily(hostname);
  if (literal !== 0 && (way.family ?? literal) === literal) return { hostname, port };
  return findAddresses(hostname, way, limits)
    .then(({ addresses }) => ({ hostname: addresses[0]!, port }));
}

function targetOf(target: Target): IpAddress {
  const address = parseTarget(target);
  if ("path" in address) {
    const why = "no runtime has unix sockets for datagrams";
    throw new SocketError("unsupported", `Cannot reach ${addressText(address)}: ${why}`);
  }
  if (address.port === 0) throw new RangeError("the port of target must be at least 1, not 0");
  return address;
}
