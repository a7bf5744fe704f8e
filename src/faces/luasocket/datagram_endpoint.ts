// What stands for a datagram socket of the system's. It is opened when it is first
// bound, sent from or connected; what is set before that is set then.

import { mapError } from "../../drivers/map_error.ts";
import { SocketError } from "../../errors.ts";
import type { DatagramSettings, DatagramTransport, IpAddress, Packet } from "../../transport.ts";
import { Descriptor } from "./descriptor.ts";
import { anyAddress } from "./endpoint.ts";
import type { IpFamily } from "./resolve.ts";
import { waitUntil } from "./waiting.ts";
import { BAD_DESCRIPTOR, INVALID, wordFor } from "./words.ts";

type Setting = keyof DatagramSettings;

// As much as the system holds on Linux, without a setting.
const MOST_QUEUED_BYTES = 212_992;

/** A datagram socket of the system's. */
export class DatagramEndpoint extends Descriptor {
  readonly family: IpFamily;
  reuseAddress = false;
  reusePort = false;
  ipv6Only: boolean;
  readonly #settings = new Map<Setting, boolean | number | string>();
  #transport: DatagramTransport | undefined;
  // What was asked for by bind; what the system chose is not kept without a peer.
  #bound: IpAddress | undefined;
  #packet: Packet | undefined;
  #failure: unknown;
  #receiving = false;
  #closed = false;

  constructor(family: IpFamily) {
    super();
    this.family = family;
    this.ipv6Only = family === "inet6";
  }

  override get readable(): boolean {
    return this.#packet !== undefined || this.#failure !== undefined || this.#closed;
  }

  override get writable(): boolean {
    return true;
  }

  override attend(): void {
    const transport = this.#transport;
    if (transport === undefined || this.#receiving || this.readable) return;
    this.#receiving = true;
    transport.receive().then((packet) => {
      if (transport === this.#transport) this.#packet = packet;
      this.#told(transport);
    }, (error) => {
      if (transport === this.#transport) this.#failure = error;
      this.#told(transport);
    });
  }

  /** Binds it; says why not. */
  async bind(at: IpAddress): Promise<string | undefined> {
    if (this.#transport !== undefined || this.#bound !== undefined) return INVALID;
    const why = await this.#open(at);
    if (why === undefined) this.#bound = at;
    return why;
  }

  /** Chooses the one peer; says why not. */
  async connect(to: IpAddress): Promise<string | undefined> {
    // Runtimes take that for a mistake of the program's.
    if (to.port === 0) return INVALID;
    return await this.#open() ?? await failing(this.#transport!.connect(to));
  }

  /** Gives up the peer. */
  disconnect(): void {
    const transport = this.#transport;
    if (transport === undefined || transport.remoteAddress === null) return;
    if (this.#bound !== undefined && this.#bound.port > 0) return transport.disconnect();
    transport.close();
    this.#transport = this.#packet = this.#failure = undefined;
    this.#receiving = false;
  }

  /** Sends a datagram, to the peer if to nobody else; says why not. */
  async send(data: Uint8Array, to?: IpAddress): Promise<string | undefined> {
    const why = await this.#open();
    if (why !== undefined) return why;
    // Deno has no word for it.
    if (to?.hostname === "255.255.255.255" && !this.get("broadcast")) return "permission denied";
    // An error of the network's is told once, to whom comes first.
    const told = to === undefined ? this.takeError() : undefined;
    return told ?? await failing(this.#transport!.send(data, to));
  }

  /** The next datagram, or why there is none. */
  async receive(ms: number): Promise<Packet | string> {
    this.attend();
    if (!await waitUntil(() => this.readable, (wake) => this.watch(wake), ms)) return "timeout";
    const failure = this.takeError();
    if (failure !== undefined) return failure;
    const packet = this.#packet;
    if (packet === undefined) return "closed";
    this.#packet = undefined;
    this.attend();
    return packet;
  }

  /** What the network sent back, told once. */
  takeError(): string | undefined {
    const failure = this.#failure;
    this.#failure = undefined;
    return failure === undefined ? undefined : wordFor(failure);
  }

  /** Our end, or why there is none. */
  get localAddress(): IpAddress | string {
    if (this.#closed) return BAD_DESCRIPTOR;
    const none = { hostname: this.#bound?.hostname ?? anyAddress(this.family), port: 0 };
    const { localAddress = none, remoteAddress } = this.#transport ?? {};
    // Deno's sockets do not know where they are when they have a peer.
    const isHere = remoteAddress && /^127\.|^::1$/.test(remoteAddress.hostname);
    return isHere && /^0\.0\.0\.0$|^::$/.test(localAddress.hostname)
      ? { hostname: this.family === "inet" ? "127.0.0.1" : "::1", port: localAddress.port }
      : localAddress;
  }

  /** The peer, or why there is none. */
  get remoteAddress(): IpAddress | string {
    if (this.#closed) return BAD_DESCRIPTOR;
    return this.#transport?.remoteAddress ?? "Transport endpoint is not connected";
  }

  /** Whether it was opened: some things can be set before that only. */
  get isOpen(): boolean {
    return this.#transport !== undefined;
  }

  /** Sets a setting, or says that it cannot. */
  set(name: Setting, value: boolean | number | string): boolean {
    if (!this.#can((transport) => transport.set(name, value as never))) return false;
    this.#settings.set(name, value);
    return true;
  }

  /** What a setting was set to. */
  get(name: Setting): boolean | number | string | undefined {
    return this.#settings.get(name);
  }

  /** Joins a multicast group, or leaves it. */
  member(act: "join" | "leave", group: string, at: string | undefined): boolean {
    return this.#can((transport) => transport[act]({ group, interface: at }));
  }

  /** Releases it. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#transport?.close();
    this.discard();
  }

  async #open(at?: IpAddress): Promise<string | undefined> {
    if (this.#transport !== undefined) return undefined;
    const { hostname, port } = at ?? { hostname: this.#bound?.hostname, port: 0 };
    const { openDatagram } = await import("../../drivers/datagram.ts");
    try {
      const transport = await openDatagram({
        family: this.family === "inet6" ? 6 : 4,
        localAddress: hostname,
        localPort: port,
        reuseAddress: this.reuseAddress,
        reusePort: this.reusePort,
        ipv6Only: this.ipv6Only,
        maxQueued: Infinity,
        maxQueuedBytes: MOST_QUEUED_BYTES,
      });
      transport.unref();
      if (this.#closed) transport.close();
      this.#transport = transport;
      for (const [name, value] of this.#settings) transport.set(name, value as never);
      this.attend();
      return undefined;
    } catch (error) {
      return wordFor(error);
    }
  }

  /** Whether it can be done; what cannot be tried yet is believed. */
  #can(act: (transport: DatagramTransport) => void): boolean {
    try {
      if (this.#transport !== undefined) act(this.#transport);
      return true;
    } catch (error) {
      if (error instanceof SocketError) return false;
      throw error;
    }
  }

  #told(transport: DatagramTransport): void {
    if (transport !== this.#transport) return;
    this.#receiving = false;
    this.changed();
  }
}

async function failing(call: Promise<void>): Promise<string | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    return wordFor(mapError(error, "send", "Cannot send"));
  }
}
