// The object for unix streams. Its addresses are paths; some of TCP's methods it
// lacks, as the original's does.

import type { Address } from "../../transport.ts";
import { checkName } from "./arguments.ts";
import { Endpoint } from "./endpoint.ts";
import { type OptionFailure, setOption, UNIX_SETTERS } from "./options.ts";
import type { Failure } from "./results.ts";
import { StreamObject } from "./stream_object.ts";
import { StreamSocket } from "./stream_socket.ts";
import { BAD_DESCRIPTOR } from "./words.ts";

/**
 * What `socket.unix` is: a constructor, with all constructors in it.
 *
 * @example
 * ```ts
 * import { socket } from "@cosocket/cosocket/luasocket";
 *
 * const { stream, dgram } = socket.unix;
 * console.log(stream().class, dgram()[1]); // unixstream{master} Address family not supported ...
 * ```
 */
export interface Unix {
  /** Makes a stream socket object. */
  (): UnixSocket;
  /** Makes a stream socket object. */
  stream(): UnixSocket;
  /** Another name of `stream`. */
  tcp(): UnixSocket;
  /** No runtime has datagrams on unix sockets. */
  dgram(): Failure;
  /** Another name of `dgram`. */
  udp(): Failure;
}

const MOST_PATH_BYTES = 107;

/**
 * A unix stream socket object: a master, a client or a server.
 *
 * @example
 * ```ts
 * import { socket } from "@cosocket/cosocket/luasocket";
 *
 * const path = `/tmp/${crypto.randomUUID()}.sock`;
 * const [server, client] = [socket.unix(), socket.unix()];
 * await server.bind(path);
 * await server.listen();
 * await client.connect(path);
 * console.log(server.getsockname()[0] === path, client.class); // true unixstream{client}
 * for (const it of [client, server]) await it.close();
 * ```
 */
export class UnixSocket extends StreamSocket {
  readonly #object: StreamObject;

  /** For the library: `endpoint` is that of a connection that came. */
  constructor(endpoint?: unknown) {
    const object = endpoint === undefined
      ? new StreamObject("unixstream", "master", new Endpoint("unix"))
      : new StreamObject("unixstream", "client", endpoint as Endpoint);
    super(object, (accepted: Endpoint) => new UnixSocket(accepted));
    this.#object = object;
  }

  /** Connects: `connect(path)`. If that fails nothing is open any more. */
  connect(...args: unknown[]): Promise<[1] | Failure> {
    return this.#connect(args, "connect");
  }

  /** Another name of `connect`. */
  setpeername(...args: unknown[]): Promise<[1] | Failure> {
    return this.#connect(args, "setpeername");
  }

  /** Binds: `bind(path)`. If that fails nothing is open any more. */
  bind(...args: unknown[]): Promise<[1] | Failure> {
    return this.#bind(args, "bind");
  }

  /** Another name of `bind`. */
  setsockname(...args: unknown[]): Promise<[1] | Failure> {
    return this.#bind(args, "setsockname");
  }

  /** Our path; empty if there is none. */
  getsockname(): [string] | Failure {
    const address: Address | string = this.#object.endpoint?.localAddress ?? BAD_DESCRIPTOR;
    if (typeof address === "string") return [null, address];
    return ["path" in address ? address.path : ""];
  }

  /** Sets an option. */
  setoption(...args: unknown[]): [1] | OptionFailure {
    return setOption(UNIX_SETTERS, this.#object.endpoint, args);
  }

  async #connect(args: unknown[], method: string): Promise<[1] | Failure> {
    this.#object.check(method, "master");
    const path = checkName(args, 0, method);
    const { waits, isZero } = this.#object.timeouts;
    const why = await this.#do(path, "closed", (it) => it.connect({ path }, waits, isZero));
    if (why !== undefined) return [null, why];
    this.#object.part = "client";
    return [1];
  }

  async #bind(args: unknown[], method: string): Promise<[1] | Failure> {
    this.#object.check(method, "master");
    const path = checkName(args, 0, method);
    const why = await this.#do(path, BAD_DESCRIPTOR, (it) => it.bind({ path }));
    return why === undefined ? [1] : [null, why];
  }

  async #do(
    path: string,
    whyNot: string,
    work: (endpoint: Endpoint) => Promise<string | undefined>,
  ): Promise<string | undefined> {
    if (path.length > MOST_PATH_BYTES) return "path too long";
    if (this.#object.endpoint === undefined) return whyNot;
    const why = await work(this.#object.endpoint);
    if (why !== undefined) await this.close();
    return why;
  }
}

const stream = () => new UnixSocket();
const dgram = (): Failure => [null, "Address family not supported by protocol"];

/** The constructors of `socket.unix`. */
export const unix: Unix = Object.assign(() => stream(), { stream, tcp: stream, dgram, udp: dgram });
