// The object that `ngx.socket.udp()` gives. One operation at a time: while one
// waits, all that would touch the socket is refused. The order of the checks is
// the original's: the number of arguments, the state, who else is at it, the
// arguments' values; but setpeername looks at its values first.

import { held } from "../../held.ts";
import { Mailbox } from "../../mailbox.ts";
import { checkInteger, checkString, toInt, toInteger } from "../lua.ts";
import { checkCount, datagramSizeOf } from "./arguments.ts";
import { ipAddressOf } from "./host.ts";
import { sendBytes } from "./outgoing.ts";
import type { Scope } from "./scope.ts";
import { UdpLink } from "./udp_link.ts";
import type { Failure } from "./words.ts";

/**
 * A UDP socket object.
 *
 * @example
 * ```ts
 * import { datagram } from "@cosocket/cosocket";
 * import { createNgx } from "@cosocket/cosocket/ngx";
 *
 * await using server = await datagram({ localAddress: "127.0.0.1" });
 * server.receiveFrom().then(({ data, from }) => server.sendTo(data, from));
 *
 * const sock = createNgx().socket.udp();
 * sock.settimeout(1000);
 * await sock.setpeername("127.0.0.1", server.localAddress!.port);
 * await sock.send(["a ", "question"]);
 * console.log(await sock.receive()); // [ "a question" ]
 * sock.close();
 * ```
 */
export class UdpSocket {
  readonly #scope: Scope;
  readonly #link: UdpLink;

  /** For `ngx.socket.udp`. */
  constructor(scope: unknown) {
    this.#scope = scope as Scope;
    this.#link = new UdpLink(this.#scope);
    this.#scope.watch(this, this.#link);
  }

  /**
   * Chooses the peer, on a socket of its own: `setpeername(host, port)`,
   * `setpeername("unix:/path")`. Nothing is sent by that.
   */
  async setpeername(...args: unknown[]): Promise<[1] | Failure> {
    checkCount(
      args,
      1,
      2,
      (seen) =>
        "ngx.socket.udp setpeername: expecting 2 or 3 arguments (including the object), " +
        `but seen ${seen}`,
    );
    const host = checkString(args[0], 1, "setpeername");
    const port = args.length === 1 ? 0 : toInt(checkInteger(args[1], 2, "setpeername"));
    if (port < 0 || port > 65535) return [null, `bad port number: ${port}`];
    if (this.#link.isBusy) return [null, "socket busy"];
    return await held(this, this.#link.setPeer(host, port));
  }

  /** Sets the source address of sockets that later `setpeername`s make. */
  bind(...args: unknown[]): [1] | Failure {
    checkCount(args, 1, 1, (seen) => `expecting 2 arguments, but got ${seen}`);
    const address = ipAddressOf(checkString(args[0], 1, "bind"));
    if (address === undefined) return [null, "bad address"];
    this.#link.local = address;
    return [1];
  }

  /** Sends one datagram: a string, a number, a boolean, nil, or nested arrays of such. */
  async send(...args: unknown[]): Promise<[1] | Failure> {
    checkCount(
      args,
      1,
      1,
      (seen) => `expecting 2 arguments (including the object), but got ${seen}`,
    );
    const mailbox = this.#link.ready("send");
    if (!(mailbox instanceof Mailbox)) return mailbox;
    return await held(this, this.#link.send(mailbox, sendBytes(args[0])));
  }

  /** Receives one datagram; what it has beyond `size` bytes is lost. */
  async receive(...args: unknown[]): Promise<[string] | Failure> {
    checkCount(
      args,
      0,
      1,
      (seen) => `expecting 1 or 2 arguments (including the object), but got ${seen}`,
    );
    const mailbox = this.#link.ready("receive");
    if (!(mailbox instanceof Mailbox)) return mailbox;
    const size = datagramSizeOf(args[0]);
    return await held(this, this.#link.receive(mailbox, size));
  }

  /** Sets how long later receives wait, in milliseconds; 0 and less leave it to the directive. */
  settimeout(...args: unknown[]): [] {
    checkCount(
      args,
      1,
      1,
      (seen) =>
        "ngx.socket settimeout: expecting at least 2 arguments (including the object) " +
        `but seen ${seen}`,
    );
    this.#link.setTimeout(toInteger(args[0]) ?? 0);
    return [];
  }

  /** Closes the socket. */
  close(...args: unknown[]): [1] | Failure {
    checkCount(
      args,
      0,
      0,
      (seen) => `expecting 1 argument (including the object) but seen ${seen}`,
    );
    if (!this.#link.isOpen) return [null, "closed"];
    if (this.#link.isBusy) return [null, "socket busy"];
    this.#link.drop();
    return [1];
  }
}
