// The handshakes of one object: with its connection or, where that is not fit for
// what is asked, with a new one in its place.

import { upgrade } from "../../connect.ts";
import { secureClient } from "../../drivers/secure.ts";
import type { Connection } from "./connection.ts";
import {
  asksAnything,
  excess,
  failedAtOnce,
  failureOf,
  type HandshakeCall,
  type HandshakeFailure,
  MISMATCH,
  plan,
  type Planned,
} from "./handshake.ts";
import type { Owner, Scope } from "./scope.ts";
import { SslSession } from "./ssl.ts";
import { type Failure, upstreamText } from "./words.ts";

/** Whose handshakes they are. */
export interface Shaker extends Owner {
  /** The host given to `connect`. */
  readonly host: string;
  readonly poolName: string;
  /** Puts a new connection in the place of one. */
  renew(connection: Connection): Promise<[1] | Failure>;
}

type Answer = [true] | [object] | Failure;

/** Makes handshakes, one at a time. */
export class Handshakes {
  readonly #scope: Scope;
  readonly #shaker: Shaker;
  #underWay: AbortController | undefined;

  constructor(scope: Scope, shaker: Shaker) {
    this.#scope = scope;
    this.#shaker = shaker;
  }

  get isUnderWay(): boolean {
    return this.#underWay !== undefined;
  }

  /** Makes one, or says what there is of it. */
  async make(connection: Connection, call: HandshakeCall, timeoutMs: number): Promise<Answer> {
    const { tls, trustedStore } = connection;
    if (tls !== undefined && !asksAnything(call)) return granted(connection, call, call.session);
    const planned = plan(call, this.#shaker.host, this.#scope.settings.ssl, trustedStore);
    if (typeof planned === "string") return this.failure(planned);
    const problem = tls && excess(call, planned, tls);
    if (tls !== undefined && problem === undefined) return granted(connection, call, call.session);
    const controller = new AbortController();
    const limits = { timeoutMs, signal: controller.signal };
    this.#underWay = controller;
    try {
      if (problem === undefined) return await this.#shake(connection, planned, call, limits);
      // Whom nobody has spoken to yet nobody will miss.
      if (connection.reusedTimes === 0 || !connection.isUntouched) {
        return this.#broken(call, problem);
      }
      const [ok, why] = await this.#shaker.renew(connection);
      if (ok !== 1) return [null, why!];
      return await this.#shake(this.#shaker.connection!, planned, call, limits);
    } finally {
      if (this.#underWay === controller) this.#underWay = undefined;
    }
  }

  /** Gives up the one under way. */
  abort(): void {
    this.#underWay?.abort();
    this.#underWay = undefined;
  }

  /** What `sslhandshake` says, behind the number of the last certificate that was refused. */
  failure(why: string): [null, string] {
    const { certificateError } = this.#scope;
    return [null, certificateError === 0 ? why : `${certificateError}: ${why}`];
  }

  async #shake(
    connection: Connection,
    planned: Planned,
    call: HandshakeCall,
    limits: { timeoutMs: number; signal: AbortSignal },
  ): Promise<Answer> {
    // It is for one handshake, whatever comes of that.
    connection.trustedStore = undefined;
    try {
      const secure = await secureClient(planned.tls);
      await upgrade(connection.stream, secure, limits);
    } catch (error) {
      if (this.#shaker.connection !== connection) return [null, "closed"];
      const failure = failureOf(error, this.#scope.settings.ssl);
      return this.#broken(call, failure, failedAtOnce(error));
    }
    if (this.#shaker.connection !== connection) return [null, "closed"];
    if (planned.mismatches) return this.#broken(call, MISMATCH);
    connection.tls = planned.proven;
    this.#scope.pools.secure(this.#shaker.poolName);
    return granted(connection, call);
  }

  /** One has failed: the connection is closed. */
  #broken({ name }: HandshakeCall, failure: HandshakeFailure, atOnce = false): Failure {
    const { host, connection } = this.#shaker;
    const message = loggedText(failure, name ?? host);
    const address = connection?.stream.transport.remoteAddress ?? null;
    if (message !== undefined) this.#scope.logError(message + upstreamText(host, address));
    this.#scope.release(this.#shaker);
    if (!atOnce) this.#scope.certificateError = failure.number;
    return this.failure(failure.why);
  }
}

/** What the log says of a failure; of a time that has run out it says nothing. */
function loggedText(failure: HandshakeFailure, name: string): string | undefined {
  if (failure === MISMATCH) return `lua ssl certificate does not match host "${name}"`;
  const { number, why } = failure;
  if (number > 0) return `lua ssl certificate verify error: (${number}: ${why})`;
  return why === "timeout" ? undefined : "SSL_do_handshake() failed";
}

/** What `sslhandshake` gives for a connection with TLS: a session if it is wanted. */
function granted(
  { stream }: Connection,
  { wantsSession }: HandshakeCall,
  passed?: SslSession,
): [true] | [object] {
  return wantsSession ? [passed ?? new SslSession(stream.transport.tls?.session ?? null)] : [true];
}
