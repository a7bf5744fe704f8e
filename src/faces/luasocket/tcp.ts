// The object for TCP: lazy, with a family or without; bound and connected by names.

import type { Address } from "../../transport.ts";
import { checkName } from "./arguments.ts";
import { Endpoint } from "./endpoint.ts";
import { getOption, type OptionFailure, setOption, TCP_SETTERS } from "./options.ts";
import { type IpFamily, type Place, placesOf } from "./resolve.ts";
import type { Failure } from "./results.ts";
import { StreamObject } from "./stream_object.ts";
import { StreamSocket } from "./stream_socket.ts";
import { BAD_DESCRIPTOR } from "./words.ts";

/**
 * An address, a port, and a family.
 *
 * @example
 * ```ts
 * import { socket, type SocketName } from "@cosocket/cosocket/luasocket";
 *
 * const text = ([host, port, family]: SocketName) => `${family} ${host}:${port}`;
 * const [server] = await socket.bind("127.0.0.1", 0);
 * const name = server!.getsockname();
 * if (name[0] !== null) console.log(text(name)); // inet 127.0.0.1:...
 * await server!.close();
 * ```
 */
export type SocketName = [string, number, "inet" | "inet6" | "unspec"];

/** For `socket.connect`: connects, from a local place first if one is given. */
export let connectTcp: (
  remote: [host: string, service: string],
  local: [host: string, service: string] | undefined,
  family: IpFamily | undefined,
) => Promise<[TcpSocket] | Failure>;

/**
 * A TCP socket object: a master, a client or a server.
 *
 * @example
 * ```ts
 * import { socket, type TcpSocket } from "@cosocket/cosocket/luasocket";
 *
 * const client: TcpSocket = socket.tcp();
 * console.log(client.class); // tcp{master}
 * client.settimeout(5);
 * const [ok, err] = await client.connect("127.0.0.1", 1);
 * console.log(ok, err, client.class); // null connection refused tcp{client}
 * await client.close();
 * ```
 */
export class TcpSocket extends StreamSocket {
  readonly #object: StreamObject;
  #family: IpFamily | undefined;

  /** For the library: `endpoint` is that of a connection that came. */
  constructor(family?: IpFamily, endpoint?: unknown) {
    const object = endpoint === undefined
      ? new StreamObject("tcp", "master", family && new Endpoint(family))
      : new StreamObject("tcp", "client", endpoint as Endpoint);
    super(object, (accepted: Endpoint) => new TcpSocket(this.#family, accepted));
    this.#object = object;
    this.#family = family;
  }

  /** Connects: `connect(host, port)`. The object is a client afterwards, in any case. */
  connect(...args: unknown[]): Promise<[1] | Failure> {
    return this.#connect(args, "connect");
  }

  /** Another name of `connect`. */
  setpeername(...args: unknown[]): Promise<[1] | Failure> {
    return this.#connect(args, "setpeername");
  }

  /** Binds: `bind(host, port)`; `"*"` for all addresses of the machine. */
  bind(...args: unknown[]): Promise<[1] | Failure> {
    return this.#bind(args, "bind");
  }

  /** Another name of `bind`. */
  setsockname(...args: unknown[]): Promise<[1] | Failure> {
    return this.#bind(args, "setsockname");
  }

  /** `inet4` or `inet6`. */
  getfamily(): ["inet4" | "inet6"] {
    return [this.#family === "inet6" ? "inet6" : "inet4"];
  }

  /** Our end: its address, port and family. */
  getsockname(): SocketName | Failure {
    return this.#name(this.#object.endpoint?.localAddress ?? BAD_DESCRIPTOR);
  }

  /** The peer's end. */
  getpeername(): SocketName | Failure {
    return this.#name(this.#object.endpoint?.remoteAddress ?? BAD_DESCRIPTOR);
  }

  /** The limits in seconds, of blocking and in total; negative for none. */
  gettimeout(): [number, number] {
    return [this.#object.timeouts.block, this.#object.timeouts.total];
  }

  /** How an option stands. */
  getoption(...args: unknown[]): [unknown] | OptionFailure {
    return getOption(this.#object.endpoint, args);
  }

  /** Sets an option. */
  setoption(...args: unknown[]): [1] | OptionFailure {
    return setOption(TCP_SETTERS, this.#object.endpoint, args);
  }

  static {
    connectTcp = async (remote, local, family) => {
      const socket = new TcpSocket();
      const why = (local && await socket.#bindTo(...local, family)) ??
        await socket.#connectTo(...remote);
      if (why === undefined) {
        socket.#object.part = "client";
        return [socket];
      }
      await socket.close();
      return [null, why];
    };
  }

  async #connect(args: unknown[], method: string): Promise<[1] | Failure> {
    const host = checkName(args, 0, method);
    const service = checkName(args, 1, method);
    const why = await this.#connectTo(host, service);
    this.#object.part = "client";
    return why === undefined ? [1] : [null, why];
  }

  async #bind(args: unknown[], method: string): Promise<[1] | Failure> {
    this.#object.check(method, "master");
    const host = checkName(args, 0, method);
    const service = checkName(args, 1, method);
    const why = await this.#bindTo(host, service, this.#family);
    return why === undefined ? [1] : [null, why];
  }

  /** Tries the addresses one by one; with a limit of zero only the first. */
  async #connectTo(host: string, service: string): Promise<string | undefined> {
    const places = await placesOf(host, service, this.#family, "this machine");
    if (typeof places === "string") return places;
    let family = this.#family;
    let why: string | undefined;
    for (const place of places) {
      const endpoint = await this.#endpointFor(place, family);
      family = place.family;
      why = await endpoint.connect(
        addressOf(place),
        this.#object.timeouts.waits,
        this.#object.timeouts.isZero,
      );
      if (why !== undefined && !this.#object.timeouts.isZero) continue;
      this.#family = family;
      break;
    }
    return why;
  }

  async #bindTo(host: string, service: string, only?: IpFamily): Promise<string | undefined> {
    const places = await placesOf(host, service, only, "all of the machine");
    if (typeof places === "string") return places;
    let family = this.#family;
    let why: string | undefined;
    for (const place of places) {
      const endpoint = await this.#endpointFor(place, family);
      family = place.family;
      why = await endpoint.bind(addressOf(place));
      if (why !== undefined) continue;
      this.#family = family;
      break;
    }
    return why;
  }

  /** What there is, if it is of that family; otherwise another one in its place. */
  async #endpointFor(place: Place, family: IpFamily | undefined): Promise<Endpoint> {
    if (this.#object.endpoint !== undefined && family === place.family) {
      return this.#object.endpoint;
    }
    await this.close();
    return this.#object.endpoint = new Endpoint(place.family);
  }

  #name(address: Address | string): SocketName | Failure {
    if (typeof address === "string") return [null, address];
    const { hostname, port } = address as { hostname: string; port: number };
    return [hostname, port, this.#family ?? "unspec"];
  }
}

function addressOf({ addr, port }: Place): Address {
  return { hostname: addr, port };
}
