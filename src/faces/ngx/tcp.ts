// The object that `ngx.socket.tcp()` gives. It lives longer than its connections
// and keeps what is the object's: timeouts, bind address, pool name. All that can
// be asked of it answers as the original does; the order of the checks is part
// of that: argument count, state, busy, argument values.

import { bytesOf } from "../../bytes.ts";
import { open } from "../../connect.ts";
import { SocketError } from "../../errors.ts";
import { all, asByteString, exactly, type Framer, line } from "../../framing.ts";
import { Delimiter } from "../../matcher.ts";
import { Stream } from "../../stream.ts";
import { type Address, addressText } from "../../transport.ts";
import { ipFamily } from "../../target.ts";
import { Connection } from "./connection.ts";
import { isIpAddress, isUnix, parseHost } from "./host.ts";
import {
  badArgument,
  checkInteger,
  checkString,
  isTable,
  LuaError,
  numberText,
  textOf,
  toInteger,
  toNumber,
  typeName,
} from "./lua.ts";
import { sendText } from "./outgoing.ts";
import type { NgxPool } from "./pools.ts";
import type { Scope } from "./scope.ts";
import { currentThread } from "./thread.ts";
import { UntilReader } from "./until.ts";
import { wordFor } from "./words.ts";

/** What went wrong: nil and the error; reads add the partial data. */
export type Failure = [null, string] | [null, string, string];

/** The iterator that `receiveuntil` gives. */
export type Iterator = (
  ...size: unknown[]
) => Promise<[string] | [null, null, null] | Failure>;

/** What a forgotten or ended object leaves behind. */
export interface Lease {
  connection: Connection | undefined;
}

// What an object does besides reading and writing: nothing; connect; or wait for
// a name or a place in a pool, when to all but another connect it is closed.
type Phase = "settled" | "connecting" | "waiting";

interface PoolChoice {
  readonly name: string | undefined;
  readonly size: number;
  readonly backlog: number;
}

const MOST_TIMEOUT_MS = 2 ** 31;

const OPTIONS = [
  "keepalive",
  "reuseaddr",
  "tcp-nodelay",
  "sndbuf",
  "rcvbuf",
  "keepintvl",
  "keepcnt",
];

/** A TCP or unix stream socket object. */
export class TcpSocket {
  readonly #scope: Scope;
  readonly #lease: Lease = { connection: undefined };
  readonly #timeouts = { connectMs: 0, sendMs: 0, readMs: 0 };
  // Alive: a change reaches a pending read with its next bytes.
  readonly #readLimits = { timeoutMs: 0 };
  readonly #sendLimits = { timeoutMs: 0 };
  #connectTimeoutMs = 0;
  #local: { address: string; port: number } | undefined;
  #transparent = false;
  #poolName = "";
  #phase: Phase = "settled";
  #settling = false;
  #everConnected = false;
  #giveUp: (() => void) | undefined;

  /** For `ngx.socket.tcp`. */
  constructor(scope: Scope) {
    this.#scope = scope;
    scope.own(this, this.#lease);
  }

  /** Connects: `connect(host, port, options?)`, `connect("unix:/path", options?)`. */
  async connect(...args: unknown[]): Promise<[1] | Failure> {
    if (args.length < 1 || args.length > 3) {
      throw new LuaError(
        "ngx.socket connect: expecting 2, 3, or 4 arguments (including the object), " +
          `but seen ${args.length + 1}`,
      );
    }
    const host = checkString(args[0], 1, "connect");
    const last = args.length - 1;
    const hasOptions = last > 0 && isTable(args[last]);
    const choice = this.#poolChoice(hasOptions ? args[last] as object : {}, args.length);
    if (choice.name !== undefined) this.#poolName = choice.name;
    const given = hasOptions && last === 1 ? undefined : args[1];
    let port = toInteger(given);
    if (port !== undefined) {
      if (port < 0 || port > 65535) return [null, `bad port number: ${numberText(port)}`];
    } else if (isUnix(host)) {
      port = 0;
    } else {
      return [null, "missing the port number"];
    }
    if (choice.name === undefined) {
      this.#poolName = toNumber(given) === undefined ? host : `${host}:${textOf(given)}`;
    }
    const busy = this.#phase !== "settled"
      ? this.#busyWith("connecting")
      : this.#refuse("reading", "writing");
    if (busy !== undefined) return busy;
    this.#drop();
    this.#everConnected = true;
    return await this.#interruptible(this.#connect(host, port, choice));
  }

  /** Sets the source address, and port, of later connects: `bind(address, port?)`. */
  bind(...args: unknown[]): [true] | Failure {
    if (args.length < 1 || args.length > 2) {
      throw new LuaError(`expecting 2 or 3 arguments, but got ${args.length + 1}`);
    }
    let port = 0;
    if (args.length === 2) {
      const given = toInteger(args[1]);
      if (given === undefined) {
        return [null, `expecting port to be anumber but got type: ${typeName(args[1])}`];
      }
      if (given < 0 || given > 65535) return [null, `bad port number: ${numberText(given)}`];
      port = given;
    }
    const address = checkString(args[0], 1, "bind");
    if (!isIpAddress(address)) return [null, "bad address"];
    this.#local = { address, port };
    return [true];
  }

  /** Sends a string, a number, a boolean, nil, or nested arrays of strings and numbers. */
  async send(...args: unknown[]): Promise<[number] | Failure> {
    if (args.length !== 1) {
      throw new LuaError(
        `expecting 2 arguments (including the object), but got ${args.length + 1}`,
      );
    }
    const { connection } = this.#lease;
    if (connection === undefined || connection.writeDead) {
      return this.#phase === "connecting"
        ? this.#busyWith("connecting")
        : this.#closed("attempt to send data on a closed socket");
    }
    const busy = this.#refuse("writing");
    if (busy !== undefined) return busy;
    const data = args[0];
    const bytes = data instanceof Uint8Array ? data : bytesOf(sendText(data));
    if (bytes.length === 0) return [0];
    return await this.#interruptible(this.#send(connection, bytes));
  }

  /** Receives a line (`"*l"`), so many bytes, or all up to the end (`"*a"`). */
  receive(..._pattern: unknown[]): Promise<[string] | Failure> {
    if (arguments.length === 0) {
      const text = this.#lease.connection?.takeLine();
      if (text !== undefined) return Promise.resolve([withoutCrs(text)]);
    }
    return this.#receive(_pattern);
  }

  async #receive(args: unknown[]): Promise<[string] | Failure> {
    if (args.length > 1) {
      throw new LuaError(
        `expecting 1 or 2 arguments (including the object), but got ${args.length + 1}`,
      );
    }
    const connection = this.#readable();
    if (!(connection instanceof Connection)) return connection;
    const pattern = args.length === 0 ? "*l" : args[0];
    const size = toInteger(pattern);
    if (size === 0) return [""];
    if (size !== undefined) {
      if (size < 0) throw badArgument(1, "receive", "bad number argument");
      return await this.#read(connection, exactly(size, asByteString));
    }
    if (typeof pattern !== "string") throw badArgument(1, "receive", "bad argument");
    switch (pattern) {
      case "*l":
        return await this.#read(connection, line(asByteString, Infinity), withoutCrs);
      case "*a":
        return await this.#read(connection, all(asByteString, Infinity));
    }
    const known = pattern.length === 2 && pattern.startsWith("*");
    throw badArgument(
      1,
      "receive",
      known ? "bad pattern argument" : `bad pattern argument: ${pattern}`,
    );
  }

  /** Receives what there is, at least one byte and at most `max`. */
  async receiveany(...args: unknown[]): Promise<[string] | Failure> {
    if (args.length !== 1) {
      throw new LuaError(
        `expecting 2 arguments (including the object), but got ${args.length + 1}`,
      );
    }
    const connection = this.#readable();
    if (!(connection instanceof Connection)) return connection;
    const max = toInteger(args[0]);
    if (max === undefined || max <= 0) throw badArgument(1, "receiveany", "bad max argument");
    return await this.#read(connection, connection.fetched(max));
  }

  /** Makes an iterator over what comes before a boundary: `receiveuntil(pattern, options?)`. */
  receiveuntil(...args: unknown[]): [Iterator] | Failure {
    if (args.length < 1 || args.length > 2) {
      throw new LuaError(
        `expecting 2 or 3 arguments (including the object), but got ${args.length + 1}`,
      );
    }
    const inclusive = args.length === 2 && isInclusive(args[1]);
    const pattern = checkString(args[0], 1, "receiveuntil");
    if (pattern === "") return [null, "pattern is empty"];
    const reader = new UntilReader(new Delimiter(bytesOf(pattern)), inclusive);
    return [(...size) => this.#iterate(reader, size)];
  }

  async #iterate(
    reader: UntilReader,
    args: unknown[],
  ): Promise<[string] | [null, null, null] | Failure> {
    if (args.length > 1) {
      throw new LuaError(`expecting 0 or 1 argument, but seen ${args.length}`);
    }
    const size = args.length === 0 ? 0 : Math.max(0, checkInteger(args[0], 1, "iterator"));
    const connection = this.#readable();
    if (!(connection instanceof Connection)) return connection;
    if (reader.endPending) {
      reader.endPending = false;
      return [null, null, null];
    }
    return await this.#read(connection, reader.next(connection, size), same, reader);
  }

  /** Closes the connection. */
  close(...args: unknown[]): [1] | Failure {
    if (args.length !== 0) {
      throw new LuaError(
        `expecting 1 argument (including the object) but seen ${args.length + 1}`,
      );
    }
    if (this.#phase === "connecting") return this.#busyWith("connecting");
    const { connection } = this.#lease;
    if (connection === undefined) return [null, "closed"];
    if (connection.bothDead) {
      this.#drop();
      return [null, "closed"];
    }
    const busy = this.#refuse("reading", "writing");
    if (busy !== undefined) return busy;
    this.#drop();
    return [1];
  }

  /** Sets all timeouts, in milliseconds. */
  settimeout(...args: unknown[]): [] {
    if (args.length !== 1) {
      throw new LuaError(
        "ngx.socket settimeout: expecting 2 arguments (including the object) " +
          `but seen ${args.length + 1}`,
      );
    }
    const ms = timeoutOf(args[0]);
    return this.#setTimeouts(ms, ms, ms);
  }

  /** Sets the timeouts of connect, send and read, in milliseconds. */
  settimeouts(...args: unknown[]): [] {
    if (args.length !== 3) {
      throw new LuaError(
        "ngx.socket settimeouts: expecting 4 arguments (including the object) " +
          `but seen ${args.length + 1}`,
      );
    }
    return this.#setTimeouts(timeoutOf(args[0]), timeoutOf(args[1]), timeoutOf(args[2]));
  }

  /** Sets an option of the connection. */
  setoption(...[option, value]: unknown[]): [true] | Failure {
    if ((option ?? null) === null) return [null, 'missing the "option" argument'];
    if ((value ?? null) === null) return [null, 'missing the "value" argument'];
    if (option === "ip-transparent") {
      this.#transparent = value !== false;
      return [true];
    }
    const missing = this.#checkOption(option);
    if (missing !== undefined) return missing;
    if (typeof value !== "number" && typeof value !== "boolean") {
      const why = `cannot convert '${typeName(value)}' to 'int'`;
      throw badArgument(3, "ngx_lua_ffi_socket_tcp_setoption", why);
    }
    const { connection } = this.#lease;
    if (connection === undefined || connection.bothDead) {
      return this.#phase === "connecting" ? [true] : [null, "closed"];
    }
    const on = value !== 0 && value !== false;
    if (option !== "keepalive" && option !== "tcp-nodelay") return notSupported();
    // On a unix socket the system keeps the flag of keep-alive, and does nothing.
    const { stream } = connection;
    const { isUnix } = connection;
    const set = option === "keepalive"
      ? isUnix || stream.transport.setOption("keepAlive", on)
      : !isUnix && stream.transport.setOption("noDelay", on);
    if (!set) return notSupported();
    connection.options[option] = on ? 1 : 0;
    return [true];
  }

  /** How an option of the connection stands. */
  getoption(...[option]: unknown[]): [number] | Failure {
    if (!this.#everConnected) throw neverConnected();
    if ((option ?? null) === null) return [null, 'missing the "option" argument'];
    const missing = this.#checkOption(option);
    if (missing !== undefined) return missing;
    const { connection } = this.#lease;
    if (connection === undefined || connection.bothDead) return [null, "closed"];
    if (option === "keepalive") return [connection.options.keepalive];
    if (option === "tcp-nodelay" && !connection.isUnix) return [connection.options[option]];
    return notSupported();
  }

  /** Hands the connection to its pool: `setkeepalive(timeout_ms?, size?)`. */
  async setkeepalive(...args: unknown[]): Promise<[1] | Failure> {
    if (args.length > 2) {
      throw new LuaError(
        `expecting 1 to 3 arguments (including the object), but got ${args.length + 1}`,
      );
    }
    const { settings } = this.#scope;
    const [timeout, size] = args;
    const isNil = (value: unknown) => (value ?? null) === null;
    const idleMs = isNil(timeout)
      ? settings.keepaliveTimeoutMs
      : checkInteger(timeout, 1, "setkeepalive");
    const poolSize = isNil(size) ? settings.poolSize : checkInteger(size, 2, "setkeepalive");
    if (this.#phase === "connecting") return this.#busyWith("connecting");
    const { connection } = this.#lease;
    if (connection === undefined || connection.readDead || connection.writeDead) {
      return [null, "closed"];
    }
    const busy = this.#refuse("reading", "writing");
    if (busy !== undefined) return busy;
    return await this.#interruptible(this.#setkeepalive(connection, idleMs, poolSize, args.length));
  }

  /** How often the connection came out of its pool. */
  getreusedtimes(...args: unknown[]): [number] | Failure {
    if (args.length !== 0) {
      throw new LuaError(
        `expecting 1 argument (including the object), but got ${args.length + 1}`,
      );
    }
    if (this.#phase === "connecting") return [0];
    const { connection } = this.#lease;
    if (connection === undefined || connection.bothDead) return [null, "closed"];
    return [connection.reusedTimes];
  }

  /** The TLS connection as a pointer; there is none. */
  getsslpointer(): Failure {
    if (!this.#everConnected) throw neverConnected();
    return [null, "no ssl connection"];
  }

  /** The TLS context as a pointer; there is none. */
  getsslctx(): Failure {
    if (!this.#everConnected) throw neverConnected();
    return [null, "no ssl context"];
  }

  /** Sets the trusted certificates of the next handshake; there are no objects for them. */
  settrustedstore(...[store]: unknown[]): [true] | Failure {
    if ((store ?? null) !== null) {
      return [null, `bad store arg: cdata expected, got ${typeName(store)}`];
    }
    if (!this.#everConnected) throw neverConnected();
    return this.#lease.connection === undefined ? [null, "closed"] : [true];
  }

  async #connect(host: string, port: number, choice: PoolChoice): Promise<[1] | Failure> {
    const { settings } = this.#scope;
    this.#applyTimeouts();
    const place = await this.#enterPool(choice);
    if (place.answer !== undefined) return place.answer;
    const { pool } = place;
    const fail = (why: string): Failure => {
      this.#phase = "settled";
      if (pool !== undefined) this.#scope.pools.release(pool);
      return [null, why];
    };
    const parsed = parseHost(host, port);
    if (parsed.kind === "bad") return fail(`failed to parse host name "${host}": ${parsed.why}`);
    const isName = parsed.kind === "name";
    if (isName && !isName_(parsed.name)) return fail(notFound(host));
    const address: Address = isName ? { hostname: parsed.name, port: parsed.port } : parsed.address;
    // What the system says to a program without privileges: no runtime can ask.
    if (this.#transparent) return fail("operation not permitted");
    const local = "path" in address ? undefined : this.#local;
    if (local && "hostname" in address && !sameFamily(local.address, address.hostname)) {
      return fail("address family not supported by protocol");
    }
    this.#phase = isName ? "waiting" : "connecting";
    const controller = new AbortController();
    this.#giveUp = () => controller.abort();
    try {
      const transport = await open(address, {
        timeoutMs: this.#connectTimeoutMs,
        signal: controller.signal,
        noDelay: false,
        ...(local && { localAddress: local.address }),
        ...(local && local.port > 0 && { localPort: local.port }),
      });
      const connection = new Connection(new Stream(transport), settings.bufferBytes, 0);
      connection.pool = pool;
      return this.#adopt(connection);
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
      const where = addressText(address);
      const why = isName && error.code === "not found" ? notFound(host) : wordFor(error);
      if (why === "timeout") {
        this.#scope.logError(`lua tcp socket connect timed out, when connecting to ${where}`);
      } else {
        this.#scope.logError(`connect() failed (${why}) while connecting to ${where}`);
      }
      return fail(why);
    } finally {
      this.#giveUp = undefined;
    }
  }

  /** An idle connection, or a place to make one; waits in the pool's queue if need be. */
  async #enterPool(
    choice: PoolChoice,
  ): Promise<{ answer?: [1] | Failure; pool?: NgxPool | undefined }> {
    const { pools } = this.#scope;
    const name = this.#poolName;
    let queued = false;
    for (;;) {
      const { size, backlog } = choice;
      const pool = pools.find(name) ?? (size > 0 ? pools.create(name, size, backlog) : undefined);
      if (pool === undefined) return {};
      this.#phase = "connecting";
      const idle = await pools.takeIdle(pool);
      if (idle !== undefined) {
        const { bufferBytes } = this.#scope.settings;
        const connection = new Connection(idle.stream, bufferBytes, idle.reusedTimes);
        connection.pool = pool;
        return { answer: this.#adopt(connection) };
      }
      // A dead connection may have been its last.
      if (pools.find(name) !== pool) continue;
      pool.connections++;
      if (pool.backlog < 0 || queued || pool.connections <= pool.size) return { pool };
      if (pool.connections > pool.size + pool.backlog) {
        pool.connections--;
        this.#phase = "settled";
        return { answer: [null, "too many waiting connect operations"] };
      }
      this.#phase = "waiting";
      const woken = await this.#queue(pool);
      pool.connections--;
      if (!woken) {
        this.#phase = "settled";
        return { answer: [null, "timeout"] };
      }
      queued = true;
    }
  }

  /** Waits for a place; `false` when the connect timeout came first. */
  #queue(pool: NgxPool): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => leave(false), this.#connectTimeoutMs);
      const resume = () => leave(true);
      const leave = (woken: boolean) => {
        clearTimeout(timer);
        pool.waiting.delete(resume);
        this.#giveUp = undefined;
        resolve(woken);
      };
      this.#giveUp = () => leave(false);
      pool.waiting.add(resume);
    });
  }

  #adopt(connection: Connection): [1] | Failure {
    // Its handler may have ended, or its thread been killed, meanwhile.
    if (!this.#scope.adopt(this.#lease, connection)) {
      this.#phase = "settled";
      return [null, "closed"];
    }
    this.#phase = "settled";
    return [1];
  }

  async #send(connection: Connection, bytes: Uint8Array): Promise<[number] | Failure> {
    const { stream } = connection;
    if (this.#scope.settings.noDelay && !connection.nodelayDone) {
      connection.nodelayDone = true;
      if (!connection.isUnix && stream.transport.setOption("noDelay", true)) {
        connection.options["tcp-nodelay"] = 1;
      }
    }
    try {
      return [await stream.write(bytes, this.#sendLimits)];
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
      connection.writeDead = true;
      const brokenPipe = connection.resetTold && error.code === "reset";
      const why = brokenPipe ? "broken pipe" : wordFor(error);
      this.#scope.logError(
        why === "timeout" ? "lua tcp socket write timed out" : `send() failed (${why})`,
      );
      return [null, why];
    }
  }

  async #read(
    connection: Connection,
    frame: Framer<string>,
    finish: (text: string) => string = same,
    reader?: UntilReader,
  ): Promise<[string] | Failure> {
    try {
      const reading = connection.read(frame, this.#readLimits, reader);
      return [finish(await this.#interruptible(reading))];
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
      const partial = finish(connection.partialOf(error));
      if (error.code === "timeout") {
        reader?.tookPartial();
        this.#scope.logError("lua tcp socket read timed out");
      } else {
        connection.readDead = true;
        connection.resetTold = error.code === "reset";
      }
      // The object, or its handler, let go of the connection meanwhile.
      if (this.#lease.connection !== connection) return [null, "closed"];
      return [null, wordFor(error), partial];
    }
  }

  async #setkeepalive(
    connection: Connection,
    idleMs: number,
    poolSize: number,
    count: number,
  ): Promise<[1] | Failure> {
    const { stream } = connection;
    this.#settling = true;
    try {
      await connection.learnEnd();
    } finally {
      this.#settling = false;
    }
    if (this.#lease.connection !== connection || stream.readEnded) return [null, "closed"];
    if (connection.unreadBytes > 0) return [null, "unread data in buffer"];
    const { pools } = this.#scope;
    let pool = pools.find(this.#poolName);
    if (pool === undefined && poolSize <= 0) {
      throw badArgument(count, "setkeepalive", `bad "pool_size" option value: ${poolSize}`);
    }
    if (connection.kernelBytes > 0) {
      this.#drop();
      return [null, "connection in dubious state"];
    }
    // After a read that failed nobody knows what the peer will still say: the
    // answer is the original's, but nobody is given that connection.
    if (stream.failed) {
      this.#drop();
      return [1];
    }
    pool ??= pools.create(this.#poolName, poolSize, -1);
    this.#scope.disown(this.#lease);
    stream.park();
    pools.put(pool, stream, connection.reusedTimes, connection.pool, idleMs);
    return [1];
  }

  /** Lets go of the connection, and of what it is about to become. */
  #drop(): void {
    const { connection } = this.#lease;
    this.#giveUp?.();
    this.#scope.disown(this.#lease);
    if (connection !== undefined) this.#scope.finalize(connection);
  }

  /** Waits in the name of the thread at hand, if any: killing it lets go of the connection. */
  #interruptible<T>(operation: Promise<T>): Promise<T> {
    const thread = currentThread();
    return thread === undefined ? operation : thread.during(operation, () => {
      this.#phase = "settled";
      this.#drop();
    });
  }

  /** The connection to read from, or why there is none. */
  #readable(): Connection | Failure {
    if (this.#phase === "connecting") return this.#busyWith("connecting");
    const { connection } = this.#lease;
    if (connection === undefined || connection.readDead) {
      return this.#closed("attempt to receive data on a closed socket");
    }
    return this.#refuse("reading") ?? connection;
  }

  #closed(message: string): Failure {
    this.#scope.logError(message);
    return [null, "closed"];
  }

  #refuse(...directions: ("reading" | "writing")[]): Failure | undefined {
    if (this.#settling) return this.#busyWith("reading");
    const stream = this.#lease.connection?.stream;
    for (const direction of directions) if (stream?.[direction]) return this.#busyWith(direction);
    return undefined;
  }

  #busyWith(what: "connecting" | "reading" | "writing"): Failure {
    return [null, `socket busy ${what}`];
  }

  #checkOption(option: unknown): Failure | undefined {
    if (!this.#everConnected) throw neverConnected();
    if (OPTIONS.includes(option as string)) return undefined;
    return [null, `unsupported option ${textOf(option)}`];
  }

  #poolChoice(options: object, count: number): PoolChoice {
    const { pool, pool_size, backlog } = options as Record<string, unknown>;
    const bad = (why: string) => badArgument(count, "connect", `bad ${why}`);
    const given = toInteger(pool_size);
    if (given !== undefined && given <= 0) {
      throw bad(`"pool_size" option value: ${numberText(given)}`);
    }
    if (given === undefined && (pool_size ?? null) !== null) {
      throw bad(`"pool_size" option type: ${typeName(pool_size)}`);
    }
    const waiting = toInteger(backlog);
    if (waiting !== undefined && waiting < 0) {
      throw bad(`"backlog" option value: ${numberText(waiting)}`);
    }
    if ((pool ?? null) !== null && typeof pool !== "string" && typeof pool !== "number") {
      throw bad(`"pool" option type: ${typeName(pool)}`);
    }
    const { poolSize } = this.#scope.settings;
    return {
      name: (pool ?? null) === null ? undefined : textOf(pool),
      size: given ?? (waiting === undefined ? 0 : poolSize),
      backlog: waiting ?? -1,
    };
  }

  #setTimeouts(connectMs: number, sendMs: number, readMs: number): [] {
    Object.assign(this.#timeouts, { connectMs, sendMs, readMs });
    this.#applyTimeouts();
    return [];
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

const same = (text: string): string => text;

/** A line as the original gives it: every CR goes, wherever it stands. */
function withoutCrs(text: string): string {
  if (text.charCodeAt(text.length - 1) === 13) text = text.slice(0, -1);
  return text.includes("\r") ? text.replaceAll("\r", "") : text;
}

function isInclusive(options: unknown): boolean {
  if (!isTable(options)) {
    throw badArgument(2, "receiveuntil", `table expected, got ${typeName(options)}`);
  }
  const inclusive = (options as Record<string, unknown>)["inclusive"] ?? false;
  if (typeof inclusive === "boolean") return inclusive;
  throw new LuaError(`bad "inclusive" option value type: ${typeName(inclusive)}`);
}

function timeoutOf(value: unknown): number {
  const ms = toInteger(value) ?? 0;
  if (ms < 0 || ms >= MOST_TIMEOUT_MS) throw new LuaError("bad timeout value");
  return ms;
}

function sameFamily(local: string, remote: string): boolean {
  const family = ipFamily(remote);
  return family === 0 || family === ipFamily(local);
}

// What no name can look like, nobody can have: the resolver need not be asked.
function isName_(name: string): boolean {
  return /^[\w.-]+$/.test(name);
}

function notFound(host: string): string {
  return `${host} could not be resolved (3: Host not found)`;
}

function neverConnected(): LuaError {
  return new LuaError("socket is never created nor connected");
}

/** What the original answers where the system refuses. */
function notSupported(): Failure {
  return [null, "Operation not supported"];
}
