// The object that `ngx.socket.tcp()` gives. All that can be asked of it answers
// as the original does; the order of the checks is part of that: the number of
// arguments, the state, who else is at it, the arguments' values.

import { bytesOf } from "../../bytes.ts";
import { lacks } from "../../drivers/tls_files.ts";
import { all, asByteString, exactly, type Framer, line } from "../../framing.ts";
import { held } from "../../held.ts";
import { Delimiter } from "../../matcher.ts";
import {
  badArgument,
  CData,
  checkInteger,
  checkString,
  cText,
  isTable,
  LuaError,
  textOf,
  toInt,
  toInteger,
  toNumber,
  typeName,
} from "../lua.ts";
import {
  checkCount,
  handshakeCallOf,
  isInclusive,
  isNil,
  ownOf,
  poolChoiceOf,
  timeoutOf,
} from "./arguments.ts";
import { Connection } from "./connection.ts";
import type { Own } from "./handshake.ts";
import { ipAddressOf, isUnix } from "./host.ts";
import { busyWith, Link } from "./link.ts";
import { OPTION_NAMES } from "./options.ts";
import { sendBytes } from "./outgoing.ts";
import type { Scope } from "./scope.ts";
import { SslSession, TrustedStore } from "./ssl.ts";
import { UntilReader } from "./until.ts";
import type { Failure } from "./words.ts";

/**
 * The iterator that `receiveuntil` gives.
 *
 * @example
 * ```ts
 * import { listen } from "@cosocket/cosocket";
 * import { createNgx } from "@cosocket/cosocket/ngx";
 *
 * await using server = await listen("127.0.0.1:0");
 * server.accept().then((guest) => guest?.send("hello, world--rest"));
 * const { port } = server.address as { port: number };
 *
 * const [sock] = await createNgx().socket.connect("127.0.0.1", port);
 * const [reader] = sock!.receiveuntil("--");
 * let [data, err] = await reader!(5);
 * for (; data !== null; [data, err] = await reader!(5)) console.log(data); // hello, then the rest
 * console.log(err); // null: it was the boundary that ended it
 * sock!.close();
 * ```
 */
export type UntilIterator = (
  ...size: unknown[]
) => Promise<[string] | [null, null, null] | Failure>;

/**
 * A TCP or unix stream socket object.
 *
 * @example
 * ```ts
 * import { listen } from "@cosocket/cosocket";
 * import { createNgx, type TcpSocket } from "@cosocket/cosocket/ngx";
 *
 * async function ping(sock: TcpSocket, port: number) {
 *   const [ok, err] = await sock.connect("127.0.0.1", port);
 *   if (!ok) return err;
 *   await sock.send("PING\r\n");
 *   const [line] = await sock.receive("*l");
 *   const [times] = sock.getreusedtimes();
 *   await sock.setkeepalive(10_000, 100);
 *   return `${line} ${times}`;
 * }
 *
 * await using server = await listen("127.0.0.1:0");
 * server.accept().then((guest) => guest?.send("+PONG\r\n"));
 * const { port } = server.address as { port: number };
 * console.log(await ping(createNgx().socket.tcp(), port)); // +PONG 0
 * ```
 */
export class TcpSocket {
  readonly #scope: Scope;
  readonly #link: Link;
  #own: Own | undefined;

  /** For `ngx.socket.tcp`. */
  constructor(scope: unknown) {
    this.#scope = scope as Scope;
    this.#link = new Link(this.#scope);
    this.#scope.watch(this, this.#link);
  }

  /** Connects: `connect(host, port, options?)`, `connect("unix:/path", options?)`. */
  async connect(...args: unknown[]): Promise<[1] | Failure> {
    checkCount(
      args,
      1,
      3,
      (seen) =>
        "ngx.socket connect: expecting 2, 3, or 4 arguments (including the object), " +
        `but seen ${seen}`,
    );
    const link = this.#link;
    const host = checkString(args[0], 1, "connect");
    const last = args.length - 1;
    const options = last > 0 && isTable(args[last]) ? args[last] as object : undefined;
    const choice = poolChoiceOf(options ?? {}, args.length, this.#scope.settings);
    // An attempt that fails has named the pool of the living connection anew.
    if (choice.name !== undefined) link.poolName = choice.name;
    const given = options !== undefined && last === 1 ? undefined : args[1];
    const number = toInteger(given) ?? (isUnix(host) ? 0 : undefined);
    if (number === undefined) return [null, "missing the port number"];
    const port = toInt(number);
    if (port < 0 || port > 65535) return [null, `bad port number: ${port}`];
    if (choice.name === undefined) {
      link.poolName = toNumber(given) === undefined ? host : `${host}:${textOf(given)}`;
    }
    return link.refuseConnect() ?? await held(this, link.connect(host, port, choice));
  }

  /** Sets the source address, and port, of later connects: `bind(address, port?)`. */
  bind(...args: unknown[]): [true] | Failure {
    checkCount(args, 1, 2, (seen) => `expecting 2 or 3 arguments, but got ${seen}`);
    const number = args.length === 2 ? toInteger(args[1]) : 0;
    if (number === undefined) {
      return [null, `expecting port to be anumber but got type: ${typeName(args[1])}`];
    }
    const port = toInt(number);
    if (port < 0 || port > 65535) return [null, `bad port number: ${port}`];
    const address = ipAddressOf(checkString(args[0], 1, "bind"));
    if (address === undefined) return [null, "bad address"];
    this.#link.local = { address, port };
    return [true];
  }

  /** Sends a string, a number, a boolean, nil, or nested arrays of strings and numbers. */
  send(...args: unknown[]): Promise<[number] | Failure> {
    return promised(() => {
      checkCount(args, 1, 1, expectingTwo);
      const connection = this.#link.writable();
      if (!(connection instanceof Connection)) return connection;
      const bytes = sendBytes(args[0]);
      return bytes.length === 0 ? [0] : this.#link.send(this, connection, bytes);
    });
  }

  /** Receives a line (`"*l"`), so many bytes, or all up to the end (`"*a"`). */
  receive(...args: unknown[]): Promise<[string] | Failure> {
    try {
      return this.#receive(args);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #receive(args: unknown[]): Promise<[string] | Failure> {
    checkCount(args, 0, 1, expectingOneOrTwo);
    const connection = this.#link.readable();
    if (!(connection instanceof Connection)) return Promise.resolve(connection);
    if (args.length > 0 && args[0] !== "*l") return this.#receiveBytes(connection, args[0]);
    return this.#link.take(connection, lineAtHand) ??
      this.#link.read(this, connection, line(asByteString, Infinity), withoutCrs);
  }

  #receiveBytes(connection: Connection, pattern: unknown): Promise<[string] | Failure> {
    const link = this.#link;
    const size = toInteger(pattern);
    if (size === 0) return Promise.resolve([""]);
    if (size !== undefined) {
      if (size < 0) throw badArgument(1, "receive", "bad number argument");
      const frame = exactly(size, asByteString);
      return link.take(connection, frame) ?? link.read(this, connection, frame);
    }
    if (typeof pattern !== "string") throw badArgument(1, "receive", "bad argument");
    if (pattern === "*a") return link.read(this, connection, all(asByteString, Infinity));
    const looksKnown = pattern.length === 2 && pattern.startsWith("*");
    const why = looksKnown ? "bad pattern argument" : `bad pattern argument: ${cText(pattern)}`;
    throw badArgument(1, "receive", why);
  }

  /** Receives what there is, at least one byte and at most `max`. */
  receiveany(...args: unknown[]): Promise<[string] | Failure> {
    return promised(() => {
      checkCount(args, 1, 1, expectingTwo);
      const connection = this.#link.readable();
      if (!(connection instanceof Connection)) return connection;
      const max = toInteger(args[0]);
      if (max === undefined || max <= 0) throw badArgument(1, "receiveany", "bad max argument");
      return this.#link.readAny(this, connection, max);
    });
  }

  /** Makes an iterator over what comes before a boundary: `receiveuntil(pattern, options?)`. */
  receiveuntil(...args: unknown[]): [UntilIterator] | Failure {
    checkCount(
      args,
      1,
      2,
      (seen) => `expecting 2 or 3 arguments (including the object), but got ${seen}`,
    );
    const inclusive = args.length === 2 && isInclusive(args[1]);
    const pattern = checkString(args[0], 1, "receiveuntil");
    if (pattern === "") return [null, "pattern is empty"];
    const reader = new UntilReader(new Delimiter(bytesOf(pattern)), inclusive);
    return [(...size) => promised(() => this.#iterate(reader, size))];
  }

  #iterate(
    reader: UntilReader,
    args: unknown[],
  ): Promise<[string] | Failure> | [string] | [null, null, null] | Failure {
    if (args.length > 1) {
      throw new LuaError(`expecting 0 or 1 argument, but seen ${args.length}`);
    }
    const size = args.length === 0 ? 0 : Math.max(0, checkInteger(args[0], 1, "iterator"));
    const connection = this.#link.readable();
    if (!(connection instanceof Connection)) return connection;
    if (reader.endPending) {
      reader.endPending = false;
      return [null, null, null];
    }
    const frame = reader.next(connection, size);
    return this.#link.take(connection, frame, reader) ??
      this.#link.read(this, connection, frame, undefined, reader);
  }

  /** Closes the connection. */
  close(...args: unknown[]): [1] | Failure {
    checkCount(
      args,
      0,
      0,
      (seen) => `expecting 1 argument (including the object) but seen ${seen}`,
    );
    if (this.#link.isConnecting) return busyWith("connecting");
    const { connection } = this.#link;
    if (connection === undefined) return [null, "closed"];
    const busy = connection.bothDead ? undefined : this.#link.refuse("reading", "writing");
    if (busy !== undefined) return busy;
    this.#link.drop();
    return connection.bothDead ? [null, "closed"] : [1];
  }

  /** Sets all timeouts, in milliseconds. */
  settimeout(...args: unknown[]): [] {
    checkCount(
      args,
      1,
      1,
      (seen) =>
        `ngx.socket settimeout: expecting 2 arguments (including the object) but seen ${seen}`,
    );
    const ms = timeoutOf(args[0]);
    this.#link.setTimeouts(ms, ms, ms);
    return [];
  }

  /** Sets the timeouts of connect, send and read, in milliseconds. */
  settimeouts(...args: unknown[]): [] {
    checkCount(
      args,
      3,
      3,
      (seen) =>
        `ngx.socket settimeouts: expecting 4 arguments (including the object) but seen ${seen}`,
    );
    this.#link.setTimeouts(timeoutOf(args[0]), timeoutOf(args[1]), timeoutOf(args[2]));
    return [];
  }

  /** Sets an option of the connection. */
  setoption(...[option, value]: unknown[]): [true] | Failure {
    if (isNil(option)) return [null, 'missing the "option" argument'];
    if (isNil(value)) return [null, 'missing the "value" argument'];
    if (option === "ip-transparent") {
      this.#link.transparent = value !== false;
      return [true];
    }
    this.#checkCreated();
    if (!OPTION_NAMES.includes(option as string)) return unknownOption(option);
    if (typeof value !== "number" && typeof value !== "boolean") {
      const why = `cannot convert '${typeName(value)}' to 'int'`;
      throw badArgument(3, "ngx_lua_ffi_socket_tcp_setoption", why);
    }
    const { options } = this.#link;
    if (options === undefined) return [null, "closed"];
    const isOn = Math.trunc(Number(value)) !== 0;
    return options.set(option as string, isOn) ? [true] : notSupported();
  }

  /** How an option of the connection stands. */
  getoption(...[option]: unknown[]): [number] | Failure {
    this.#checkCreated();
    if (isNil(option)) return [null, 'missing the "option" argument'];
    if (!OPTION_NAMES.includes(option as string)) return unknownOption(option);
    const { options } = this.#link;
    if (options === undefined) return [null, "closed"];
    const isOn = options.get(option as string);
    return isOn === undefined ? notSupported() : [isOn ? 1 : 0];
  }

  /** Hands the connection to its pool: `setkeepalive(timeout_ms?, size?)`. */
  async setkeepalive(...args: unknown[]): Promise<[1] | Failure> {
    checkCount(
      args,
      0,
      2,
      (seen) => `expecting 1 to 3 arguments (including the object), but got ${seen}`,
    );
    const { settings } = this.#scope;
    const [timeout, size] = args;
    const idleMs = isNil(timeout)
      ? settings.keepaliveTimeoutMs
      : checkInteger(timeout, 1, "setkeepalive");
    const poolSize = isNil(size) ? settings.poolSize : checkInteger(size, 2, "setkeepalive");
    if (this.#link.isConnecting) return busyWith("connecting");
    const { connection } = this.#link;
    if (connection === undefined || connection.readDead || connection.writeDead) {
      return [null, "closed"];
    }
    // A writer is looked at later: that the peer has ended is said before it.
    const busy = this.#link.refuse("reading");
    if (busy !== undefined) return busy;
    return await held(this, this.#link.keepAlive(connection, idleMs, poolSize, args.length));
  }

  /** How often the connection came out of its pool. */
  getreusedtimes(...args: unknown[]): [number] | Failure {
    checkCount(
      args,
      0,
      0,
      (seen) => `expecting 1 argument (including the object), but got ${seen}`,
    );
    if (this.#link.isOpening) return [0];
    const { connection } = this.#link;
    if (connection === undefined || connection.bothDead) return [null, "closed"];
    return [connection.reusedTimes];
  }

  /**
   * Starts TLS: `sslhandshake(session?, server_name?, ssl_verify?, send_status_req?)`.
   * Gives a session, or `true` if `session` is `false`. The last argument has no
   * effect: no runtime asks for the state of a certificate.
   */
  async sslhandshake(...args: unknown[]): Promise<[true] | [object] | Failure> {
    const call = handshakeCallOf(args, this.#own);
    this.#checkCreated();
    return await held(this, this.#link.handshake(call));
  }

  /**
   * Sets our own certificate, and its key, for the handshakes of this object:
   * `setclientcert(cert, key)`, with what `ngx.ssl` parses; nil and nil unset them.
   */
  setclientcert(...[certificate, key]: unknown[]): [true] | Failure {
    const own = ownOf(certificate, key);
    if (typeof own === "string") return [null, own];
    this.#own = own;
    return [true];
  }

  /** Sets what the next handshake of this connection trusts, as `ngx.ssl` parses it. */
  settrustedstore(...[store]: unknown[]): [true] | Failure {
    if (!isNil(store) && !(store instanceof TrustedStore)) {
      return [null, `bad store arg: cdata expected, got ${typeName(store)}`];
    }
    this.#checkCreated();
    const { connection } = this.#link;
    if (connection === undefined || connection.readDead || connection.writeDead) {
      return [null, "closed"];
    }
    if (connection.tls !== undefined) {
      const what = "trusted store cannot be changed on an established TLS connection";
      return [null, `ssl handshake already done; ${what}`];
    }
    connection.trustedStore = isNil(store) ? undefined : store as TrustedStore;
    return [true];
  }

  /** The session of the connection, if it can be resumed. */
  getsslsession(): [object] | Failure {
    const connection = this.#withTls();
    if (connection === undefined) return [null, "closed"];
    // The original crashes here.
    if (connection.tls === undefined) return [null, "no session"];
    const session = connection.stream.transport.tls?.session ?? null;
    return session === null && !lacks.sessions
      ? [null, "not resumable"]
      : [new SslSession(session)];
  }

  /** The TLS connection as a pointer: nothing to look into. */
  getsslpointer(): [object] | Failure {
    const connection = this.#withTls();
    if (connection === undefined) return [null, "closed"];
    return connection.tls === undefined ? [null, "no ssl connection"] : [new CData()];
  }

  /** The TLS context as a pointer: nothing to look into. */
  getsslctx(): [object] | Failure {
    const connection = this.#withTls();
    if (connection === undefined) return [null, "closed"];
    return connection.tls === undefined ? [null, "no ssl context"] : [new CData()];
  }

  #withTls(): Connection | undefined {
    this.#checkCreated();
    const { connection } = this.#link;
    return connection?.bothDead ? undefined : connection;
  }

  /**
   * The descriptor of the connection. No runtime tells it, so the answer is what the
   * original says of a connection that has none.
   */
  getfd(): Failure {
    this.#checkCreated();
    return [null, this.#link.options === undefined ? "closed" : "faked connection"];
  }

  #checkCreated(): void {
    if (!this.#link.everConnected) throw new LuaError("socket is never created nor connected");
  }
}

/** Answers as a promise, which what is raised goes into as well. */
function promised<T>(answer: () => T | Promise<T>): Promise<T> {
  try {
    return Promise.resolve(answer());
  } catch (error) {
    return Promise.reject(error);
  }
}

function expectingOneOrTwo(seen: number): string {
  return `expecting 1 or 2 arguments (including the object), but got ${seen}`;
}

function expectingTwo(seen: number): string {
  return `expecting 2 arguments (including the object), but got ${seen}`;
}

function unknownOption(option: unknown): Failure {
  return [null, `unsupported option ${textOf(option)}`];
}

/** What the original answers where the system refuses. */
function notSupported(): Failure {
  return [null, "Operation not supported"];
}

/** A line at hand, as the original gives it; else a miss. */
const lineAtHand: Framer<string> = (buffer) => buffer.takeLine(true);

/** The same of any line: every CR goes, wherever it stands. */
function withoutCrs(text: string): string {
  if (text.charCodeAt(text.length - 1) === 13) text = text.slice(0, -1);
  return text.includes("\r") ? text.replaceAll("\r", "") : text;
}
