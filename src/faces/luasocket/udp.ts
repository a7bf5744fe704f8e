// The object for UDP: unconnected, or connected to one peer.

import { bytesOf, byteString } from "../../bytes.ts";
import type { IpAddress, Packet } from "../../transport.ts";
import { badArgument } from "../lua.ts";
import { checkName, checkNumber, checkText, optionalNumber } from "./arguments.ts";
import { DatagramEndpoint } from "./datagram_endpoint.ts";
import { getDatagramOption, setDatagramOption } from "./datagram_options.ts";
import { descriptorOf } from "./descriptor.ts";
import type { OptionFailure } from "./options.ts";
import { type IpFamily, literalPlaceOf, type Place, placesOf } from "./resolve.ts";
import type { Failure } from "./results.ts";
import type { SocketName } from "./tcp.ts";
import { longestWaitMs, Timeouts } from "./timeouts.ts";
import { BAD_DESCRIPTOR } from "./words.ts";

export const DATAGRAM_BYTES = 8192;

// No system has memory for more.
const MOST_BYTES = 2 ** 47;

/** What is closed when an object is forgotten. */
interface Cell {
  endpoint: DatagramEndpoint | undefined;
}

const forgotten = new FinalizationRegistry<Cell>((cell) => cell.endpoint?.close());

let objects = 0;

/**
 * A UDP socket object.
 *
 * @example
 * ```ts
 * import { socket } from "@cosocket/cosocket/luasocket";
 *
 * const [one, other] = [socket.udp4(), socket.udp4()];
 * await one.setsockname("127.0.0.1", 0);
 * await other.setpeername(...one.getsockname());
 * await other.send("hello");
 * const [data, ip] = await one.receivefrom();
 * console.log(data, ip); // hello 127.0.0.1
 * for (const it of [one, other]) await it.close();
 * ```
 */
export class UdpSocket {
  readonly #timeouts = new Timeouts();
  readonly #cell: Cell;
  readonly #number = ++objects;
  #family: IpFamily | undefined;
  #part: "unconnected" | "connected" = "unconnected";

  /** For the library. */
  constructor(family?: IpFamily) {
    this.#family = family;
    this.#cell = { endpoint: family && new DatagramEndpoint(family) };
    forgotten.register(this, this.#cell);
  }

  /** The class: `udp{unconnected}` or `udp{connected}`. */
  get class(): string {
    return `udp{${this.#part}}`;
  }

  /** The class, and a number that no other object has. */
  toString(): string {
    return `${this.class}: 0x${this.#number.toString(16).padStart(8, "0")}`;
  }

  /** Binds: `setsockname(host, port)`; `"*"` for all addresses of the machine. */
  async setsockname(...args: unknown[]): Promise<[1] | Failure> {
    this.#check("setsockname", "unconnected");
    const host = checkName(args, 0, "setsockname");
    const service = checkName(args, 1, "setsockname");
    const places = await placesOf(host, service, this.#family, "all of the machine");
    return await this.#try(places, (endpoint, at) => endpoint.bind(at));
  }

  /** Chooses a peer: `setpeername(host, port)`; `setpeername("*")` gives it up. */
  async setpeername(...args: unknown[]): Promise<[1] | Failure> {
    const host = checkName(args, 0, "setpeername");
    if (host === "*") {
      this.#cell.endpoint?.disconnect();
      this.#part = "unconnected";
      return [1];
    }
    const service = checkName(args, 1, "setpeername");
    const places = await placesOf(host, service, this.#family, "this machine");
    const done = await this.#try(places, (endpoint, to) => endpoint.connect(to));
    if (done[0] === 1) this.#part = "connected";
    return done;
  }

  /** Sends a datagram to the peer; gives how many bytes that is. */
  async send(...args: unknown[]): Promise<[number] | Failure> {
    this.#check("send", "connected");
    const data = dataOf(args, "send");
    const { endpoint } = this.#cell;
    const why = endpoint ? await endpoint.send(data) : "refused";
    return why === undefined ? [data.length] : [null, refusal(why)];
  }

  /** Sends a datagram: `sendto(data, ip, port)`, where names are not looked up. */
  async sendto(...args: unknown[]): Promise<[number] | Failure> {
    this.#check("sendto", "unconnected");
    const data = dataOf(args, "sendto");
    const place = literalPlaceOf(
      checkName(args, 1, "sendto"),
      checkName(args, 2, "sendto"),
      this.#family,
    );
    if (typeof place === "string") return [null, place];
    if (this.#family === undefined && this.#cell.endpoint === undefined) this.#make(place);
    const { endpoint } = this.#cell;
    if (endpoint === undefined) return [null, "refused"];
    if (place.port === 0) return [null, "Invalid argument"];
    const why = await endpoint.send(data, addressOf(place));
    return why === undefined ? [data.length] : [null, refusal(why)];
  }

  /** Receives a datagram, at most `size` bytes of it, 8192 by default. */
  async receive(...args: unknown[]): Promise<[string] | Failure> {
    const got = await this.#receive(args, "receive");
    if (got === undefined) return [""];
    return typeof got === "string" ? [null, got] : [got.data];
  }

  /** The same, with the sender's address and port behind it. */
  async receivefrom(...args: unknown[]): Promise<[string, string, number] | Failure> {
    this.#check("receivefrom", "unconnected");
    const got = await this.#receive(args, "receivefrom");
    if (got === undefined) return [null, "ai_family not supported"];
    return typeof got === "string" ? [null, got] : [got.data, got.from.hostname, got.from.port];
  }

  /** Closes the socket. Always gives 1. */
  async close(): Promise<[1]> {
    this.#cell.endpoint?.close();
    this.#cell.endpoint = undefined;
    return await Promise.resolve([1]);
  }

  /** Nothing is ever kept of a datagram. */
  dirty(): [false] {
    return [false];
  }

  /** `inet4` or `inet6`. */
  getfamily(): ["inet4" | "inet6"] {
    return [this.#family === "inet6" ? "inet6" : "inet4"];
  }

  /** A number for `select` and `setfd`; -1 where nothing is open. */
  getfd(): [number] {
    return [this.#cell.endpoint?.fd ?? -1];
  }

  /** Makes the object stand for what another one's `getfd` gave; -1 for nothing. */
  setfd(...args: unknown[]): [] {
    const fd = Math.trunc(checkNumber(args, 0, "setfd"));
    const descriptor = descriptorOf(fd);
    const isKnown = descriptor instanceof DatagramEndpoint;
    if (!isKnown && fd >= 0) throw badArgument(1, "setfd", "setfd is not supported");
    this.#cell.endpoint = isKnown ? descriptor : undefined;
    return [];
  }

  /** Our end: its address, port and family. */
  getsockname(): SocketName | Failure {
    return this.#name(this.#cell.endpoint?.localAddress ?? BAD_DESCRIPTOR);
  }

  /** The peer's end. */
  getpeername(): SocketName | Failure {
    this.#check("getpeername", "connected");
    return this.#name(this.#cell.endpoint?.remoteAddress ?? BAD_DESCRIPTOR);
  }

  /** Sets a limit in seconds: `settimeout(value?, mode?)`; mode `b`, `t` or `r`. */
  settimeout(...args: unknown[]): [1] {
    this.#timeouts.set(args);
    return [1];
  }

  /** The limits in seconds, of blocking and in total; negative for none. */
  gettimeout(): [number, number] {
    return [this.#timeouts.block, this.#timeouts.total];
  }

  /** How an option stands. */
  getoption(...args: unknown[]): [unknown] | OptionFailure {
    return getDatagramOption(this.#cell.endpoint, args);
  }

  /** Sets an option. */
  setoption(...args: unknown[]): [1] | OptionFailure {
    return setDatagramOption(this.#cell.endpoint, args);
  }

  #check(method: string, part: "unconnected" | "connected"): void {
    if (this.#part !== part) throw badArgument(0, method, `udp{${part}} expected`);
  }

  #make({ family }: Place): DatagramEndpoint {
    this.#family = family;
    return this.#cell.endpoint = new DatagramEndpoint(family);
  }

  /** Tries the places one by one. */
  async #try(
    places: readonly Place[] | string,
    work: (endpoint: DatagramEndpoint, at: IpAddress) => Promise<string | undefined>,
  ): Promise<[1] | Failure> {
    if (typeof places === "string") return [null, places];
    const before = this.#family;
    let why = "unknown error";
    for (const place of places) {
      const { endpoint } = this.#cell;
      const fits = endpoint !== undefined && endpoint.family === place.family;
      if (!fits) endpoint?.close();
      const failure = await work(fits ? endpoint : this.#make(place), addressOf(place));
      if (failure === undefined) return [1];
      this.#family = before;
      why = failure;
    }
    return [null, why];
  }

  /** Nothing where there is nothing open: the original then has not looked. */
  async #receive(
    args: unknown[],
    method: string,
  ): Promise<{ data: string; from: Packet["from"] } | string | undefined> {
    const size = Math.trunc(optionalNumber(args, 0, method, DATAGRAM_BYTES));
    if (!(size >= 0 && size < MOST_BYTES)) return "out of memory";
    const { endpoint } = this.#cell;
    if (endpoint === undefined) return undefined;
    const got = await endpoint.receive(longestWaitMs(this.#timeouts.waits));
    if (got === "closed") return undefined;
    if (typeof got === "string") return got;
    const { data, from } = got;
    return { data: byteString(data, 0, Math.min(size, data.length)), from };
  }

  #name(address: IpAddress | string): SocketName | Failure {
    if (typeof address === "string") return [null, address];
    return [address.hostname, address.port, this.#family ?? "unspec"];
  }
}

function dataOf(args: unknown[], method: string): Uint8Array {
  const data = args[0];
  return data instanceof Uint8Array ? data : bytesOf(checkText(args, 0, method));
}

/** The transport did not take the target. */
function refusal(why: string): string {
  return why === "closed" ? "refused" : why;
}

function addressOf({ addr, port }: Place): IpAddress {
  return { hostname: addr, port };
}
