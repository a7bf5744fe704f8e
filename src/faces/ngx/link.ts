// What a socket object does with its connections: making one, over a pool or
// not; sending and reading; giving it back; letting go of it. It is apart from
// the object because it outlives it: nothing here refers to the object, so an
// object that is forgotten can be collected, and its link be closed.

import { tellEvicted } from "../../diagnostics.ts";
import { SocketError } from "../../errors.ts";
import type { Framer } from "../../framing.ts";
import { held } from "../../held.ts";
import { badArgument, toInt } from "../lua.ts";
import type { PoolChoice } from "./arguments.ts";
import { Attempt, type Wanted } from "./attempt.ts";
import type { Connection } from "./connection.ts";
import { AT_ONCE_MS } from "./directives.ts";
import type { HandshakeCall } from "./handshake.ts";
import { Handshakes } from "./handshakes.ts";
import type { SocketOptions } from "./options.ts";
import type { Scope } from "./scope.ts";
import { currentThread, interruptible } from "./thread.ts";
import type { UntilReader } from "./until.ts";
import { type Failure, loggedWord, upstreamText, wordFor } from "./words.ts";

/** The connection of an object, and what is under way with it. */
export class Link {
  readonly #scope: Scope;
  readonly #timeouts = { connectMs: 0, sendMs: 0, readMs: 0 };
  // Alive: a change reaches a pending read with its next bytes.
  readonly #readLimits = { timeoutMs: 0 };
  readonly #sendLimits = { timeoutMs: 0 };
  #connectTimeoutMs = 0;
  #attempt: Attempt | undefined;
  #wanted: Wanted | undefined;
  readonly #handshakes: Handshakes;
  /** The pool that `setkeepalive` and the next `connect` use. */
  poolName = "";
  /** The source address of later connects. */
  local: { address: string; port: number } | undefined;
  /** Whether connects are to come from an address that is not ours. */
  transparent = false;
  everConnected = false;
  connection: Connection | undefined;

  constructor(scope: Scope) {
    this.#scope = scope;
    this.#handshakes = new Handshakes(scope, this);
  }

  /** The host given to `connect`. */
  get host(): string {
    return this.#wanted?.host ?? "";
  }

  get isOpening(): boolean {
    return this.#attempt?.phase === "connecting";
  }

  /** Whether it is being connected, of which a handshake is a part. */
  get isConnecting(): boolean {
    return this.isOpening || this.#handshakes.isUnderWay;
  }

  /** The options of the connection, or of what is about to become one. */
  get options(): SocketOptions | undefined {
    return this.isOpening ? this.#attempt?.options : this.connection?.options;
  }

  /** Sets the timeouts; 0 leaves one to the directives. */
  setTimeouts(connectMs: number, sendMs: number, readMs: number): void {
    Object.assign(this.#timeouts, { connectMs, sendMs, readMs });
    this.#applyTimeouts();
  }

  /** Why the connection, or another one, cannot be made now. */
  refuseConnect(): Failure | undefined {
    const isBusy = this.#attempt !== undefined || this.#handshakes.isUnderWay;
    return isBusy ? busyWith("connecting") : this.refuse("reading", "writing");
  }

  /** Why something has to wait for others that read or write. */
  refuse(...directions: ("reading" | "writing")[]): Failure | undefined {
    const { connection } = this;
    if (connection === undefined) return undefined;
    const { stream, looking } = connection;
    // Who gives the connection away has it alone.
    if (looking === "to keep") return busyWith("reading");
    for (const direction of directions) {
      const isAbout = direction === "reading" ? looking !== undefined : connection.isAboutToSend;
      if (isAbout || stream[direction]) return busyWith(direction);
    }
    return undefined;
  }

  /** The connection to read from, or why there is none. */
  readable(): Connection | Failure {
    if (this.isConnecting) return busyWith("connecting");
    const { connection } = this;
    if (connection !== undefined && !connection.readDead) {
      const isBusy = connection.looking !== undefined || connection.stream.reading;
      return isBusy ? busyWith("reading") : connection;
    }
    this.#log("attempt to receive data on a closed socket");
    return [null, "closed"];
  }

  /** The connection to write to, or why there is none. */
  writable(): Connection | Failure {
    if (this.isConnecting) return busyWith("connecting");
    const { connection } = this;
    if (connection !== undefined && !connection.writeDead) {
      return this.refuse("writing") ?? connection;
    }
    this.#log("attempt to send data on a closed socket");
    return [null, "closed"];
  }

  /** Connects, or takes an idle connection of the pool. */
  connect(host: string, port: number, choice: PoolChoice): Promise<[1] | Failure> {
    this.drop();
    this.#scope.enter(this);
    this.everConnected = true;
    this.#applyTimeouts();
    return this.#interruptible(this.#connect(host, port, choice));
  }

  /** Starts TLS, or says what there is of it. */
  handshake(call: HandshakeCall): Promise<[true] | [object] | Failure> {
    const why = this.#refuseHandshake();
    if (why !== undefined) return Promise.resolve(this.#handshakes.failure(why));
    return this.#interruptible(
      this.#handshakes.make(this.connection!, call, this.#connectTimeoutMs),
    );
  }

  #refuseHandshake(): string | undefined {
    if (this.isConnecting) return "socket busy connecting";
    const { connection } = this;
    const isClosed = connection === undefined || connection.readDead || connection.writeDead;
    return isClosed ? "closed" : this.refuse("reading", "writing")?.[1];
  }

  /** Sends all of it; `handle` lives as long as that takes. */
  send(handle: object, connection: Connection, bytes: Uint8Array): Promise<[number] | Failure> {
    return this.#interruptible(this.#send(handle, connection, bytes));
  }

  /** What a framer takes of what is at hand; `undefined` where that is not enough. */
  take(
    connection: Connection,
    frame: Framer<string>,
    reader?: UntilReader,
  ): Promise<[string]> | undefined {
    const text = connection.take(frame, reader);
    if (text === undefined) return undefined;
    const answer: Promise<[string]> = Promise.resolve([text]);
    return currentThread() === undefined ? answer : this.#interruptible(answer);
  }

  /**
   * Reads by a framer; `finish` makes the result of the text, also of a partial one.
   * As long as it takes `handle` lives.
   */
  read(
    handle: object,
    connection: Connection,
    frame: Framer<string>,
    finish: (text: string) => string = same,
    reader?: UntilReader,
  ): Promise<[string] | Failure> {
    return this.#interruptible(this.#read(handle, connection, frame, finish, reader));
  }

  /** Reads what there is, at most `maxBytes`; as long as it takes `handle` lives. */
  readAny(handle: object, connection: Connection, maxBytes: number): Promise<[string] | Failure> {
    const text = connection.takeKnown(maxBytes);
    return this.#interruptible(
      text === undefined
        ? held(handle, this.#readAny(handle, connection, maxBytes))
        : Promise.resolve([text]),
    );
  }

  /** Hands the connection to its pool, which is made with `poolSize` if need be. */
  keepAlive(
    connection: Connection,
    idleMs: number,
    poolSize: number,
    argumentCount: number,
  ): Promise<[1] | Failure> {
    return this.#interruptible(this.#keepAlive(connection, idleMs, poolSize, argumentCount));
  }

  /** Lets go of the connection, and of what is about to become one. */
  drop(): void {
    this.#attempt?.drop();
    this.#attempt = undefined;
    this.#handshakes.abort();
    this.#scope.release(this);
  }

  #connect(host: string, port: number, choice: PoolChoice): Promise<[1] | Failure> {
    this.#wanted = {
      host,
      port,
      choice,
      poolName: this.poolName,
      local: this.local,
      transparent: this.transparent,
      timeoutMs: this.#connectTimeoutMs,
    };
    return this.#adopt(this.#wanted, (attempt) => attempt.run());
  }

  /** Takes over what an attempt gets. */
  async #adopt(
    wanted: Wanted,
    begin: (attempt: Attempt) => Promise<Connection | string>,
  ): Promise<[1] | Failure> {
    const attempt = new Attempt(this.#scope, wanted);
    this.#attempt = attempt;
    const got = await begin(attempt);
    // Whoever dropped it may have begun another since.
    if (this.#attempt !== attempt) {
      if (typeof got !== "string") this.#scope.finalize(got);
      return [null, "closed"];
    }
    this.#attempt = undefined;
    if (typeof got !== "string") {
      this.connection = got;
      return [1];
    }
    this.#scope.disown(this);
    return [null, got];
  }

  /** Puts a new connection in the place of one that came out of a pool. */
  async renew({ stream, pool }: Connection): Promise<[1] | Failure> {
    this.connection = undefined;
    stream.close();
    const wanted = { ...this.#wanted!, timeoutMs: this.#connectTimeoutMs };
    return await this.#adopt(wanted, (attempt) => attempt.renew(pool));
  }

  async #send(
    handle: object,
    connection: Connection,
    bytes: Uint8Array,
  ): Promise<[number] | Failure> {
    connection.options.beforeSend(this.#scope.settings.noDelay);
    const behind = connection.catchUp();
    if (behind !== undefined) {
      // What answers this was not there when the original fetched what is looked for.
      connection.isAboutToSend = true;
      await behind;
      connection.isAboutToSend = false;
      if (this.connection !== connection) return [null, "closed"];
    }
    try {
      return [await connection.stream.write(bytes, this.#sendLimits, handle)];
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
      connection.writeDead = true;
      const isReset = error.code === "reset";
      // Who looked at the stream may have learnt of the reset; the system tells it once.
      const isLearnt = connection.stream.readFailure?.code === "reset";
      const told = isLearnt ? "connection reset by peer" : wordFor(error);
      const why = isReset && connection.resetTold ? "broken pipe" : told;
      if (isReset) connection.resetTold = true;
      const isLate = why === "timeout";
      this.#log(isLate ? "lua tcp socket write timed out" : `send() failed (${loggedWord(why)})`);
      return [null, why];
    }
  }

  async #read(
    handle: object,
    connection: Connection,
    frame: Framer<string>,
    finish: (text: string) => string,
    reader: UntilReader | undefined,
  ): Promise<[string] | Failure> {
    const isHasty = this.#readLimits.timeoutMs <= AT_ONCE_MS;
    if (connection.catchingUp !== undefined) await this.#look(connection, connection.catchingUp);
    if (isHasty) await this.#look(connection, connection.gather());
    const stopped = this.#stopped(connection);
    if (stopped !== undefined) return stopped;
    try {
      const text = await connection.read(frame, this.#readLimits, handle, reader);
      connection.took();
      return [finish(text)];
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
      // The object, or its handler, let go of the connection meanwhile.
      if (this.connection !== connection) return [null, "closed"];
      const partial = finish(connection.partialOf(error));
      if (error.code === "timeout") {
        reader?.tookPartial();
        this.#log("lua tcp socket read timed out");
        return [null, "timeout", partial];
      }
      connection.readDead = true;
      const hasTls = connection.tls !== undefined;
      const isReset = error.code === "reset";
      const why = isReset && (hasTls || connection.resetTold) ? "closed" : wordFor(error);
      if (hasTls || isReset) connection.resetTold = true;
      return [null, why, partial];
    }
  }

  async #readAny(
    handle: object,
    connection: Connection,
    maxBytes: number,
  ): Promise<[string] | Failure> {
    connection.takeOver();
    const behind = connection.catchUp();
    if (behind !== undefined) {
      await this.#look(connection, behind);
      const stopped = this.#stopped(connection);
      if (stopped !== undefined) return stopped;
    }
    if (connection.unreadBytes === 0) {
      if (connection.stream.buffer.length > 0) {
        await this.#look(connection, connection.gather());
      } else {
        const arrival = await this.#read(handle, connection, something, same, undefined);
        const stopped = arrival[0] === null ? arrival : this.#stopped(connection);
        if (stopped !== undefined) return stopped;
        await this.#look(connection, connection.gatherArrival());
      }
      const stopped = this.#stopped(connection);
      if (stopped !== undefined) return stopped;
    }
    return [connection.takeFetched(maxBytes)];
  }

  /** Why a read that has looked cannot go on: others came between the look and now. */
  #stopped(connection: Connection): Failure | undefined {
    return this.connection === connection ? this.refuse("reading") : [null, "closed"];
  }

  /** While we look what the system holds, nobody else reads; a send goes beside a read. */
  async #look(
    connection: Connection,
    looking: Promise<void>,
    why: Connection["looking"] = "to read",
  ): Promise<void> {
    connection.looking = why;
    try {
      await looking;
    } finally {
      connection.looking = undefined;
    }
  }

  async #keepAlive(
    connection: Connection,
    idleMs: number,
    poolSize: number,
    argumentCount: number,
  ): Promise<[1] | Failure> {
    const { stream } = connection;
    const { pools } = this.#scope;
    await this.#look(connection, connection.learnEnd(), "to keep");
    if (this.connection !== connection || stream.readEnded) return [null, "closed"];
    // Whoever came between the look and now has it.
    const busy = this.refuse("reading", "writing");
    if (busy !== undefined) return busy;
    if (connection.unreadBytes > 0) return [null, "unread data in buffer"];
    if (poolSize <= 0 && pools.find(this.poolName) === undefined) {
      const why = `bad "pool_size" option value: ${toInt(poolSize)}`;
      throw badArgument(argumentCount, "setkeepalive", why);
    }
    const isDubious = connection.kernelBytes > 0;
    // After a read that failed nobody knows what the peer will still say: the
    // answer is the original's, but nobody is given that connection.
    if (stream.failed && !isDubious) {
      tellEvicted(this.poolName, stream.connection, "not fit");
      this.drop();
      return [1];
    }
    const pool = pools.find(this.poolName) ?? pools.create(this.poolName, poolSize, -1);
    this.#scope.disown(this);
    if (isDubious) {
      pools.waste(pool, connection, connection.pool);
      return [null, "connection in dubious state"];
    }
    stream.park();
    pools.put(pool, connection, connection.pool, idleMs);
    return [1];
  }

  /** Waits in the name of the thread at hand, if any: killing it lets go of the connection. */
  #interruptible<T>(operation: Promise<T>): Promise<T> {
    return interruptible(operation, () => this.drop());
  }

  /** A line for the log, with whom it speaks of while there is somebody. */
  #log(message: string): void {
    const address = this.connection?.stream.transport.remoteAddress;
    this.#scope.logError(message + (address ? upstreamText(this.host, address) : ""));
  }

  /** What the object says counts; where it says nothing, the directives do. */
  #applyTimeouts(): void {
    const { settings } = this.#scope;
    const { connectMs, sendMs, readMs } = this.#timeouts;
    this.#connectTimeoutMs = connectMs || settings.connectTimeoutMs;
    this.#sendLimits.timeoutMs = sendMs || settings.sendTimeoutMs;
    this.#readLimits.timeoutMs = readMs || settings.readTimeoutMs;
  }
}

/** The answer to who comes while another is at it. */
export function busyWith(what: "connecting" | "reading" | "writing"): Failure {
  return [null, `socket busy ${what}`];
}

const same = (text: string): string => text;

/** Waits for the first byte, and takes nothing. */
const something: Framer<string> = (buffer) => buffer.length > 0 ? "" : undefined;
