// The `ngx` that programs use, and what ports need around its sockets.

import { badArgument, LuaError, NULL, type Null, numberText, toNumber, typeName } from "../lua.ts";
import { checkCount } from "./arguments.ts";
import { type Directives, settingsOf } from "./directives.ts";
import { loggedText, shownText } from "./outgoing.ts";
import type { Scope } from "./scope.ts";
import { type NgxSsl, ngxSsl } from "./ssl.ts";
import { TcpSocket } from "./tcp.ts";
import { checkThread, LightThread, waitFor } from "./thread.ts";
import { UdpSocket } from "./udp.ts";
import type { Failure } from "./words.ts";

/**
 * The sockets of an `ngx`.
 *
 * @example
 * ```ts
 * import { listen } from "@cosocket/cosocket";
 * import { createNgx, type NgxSockets } from "@cosocket/cosocket/ngx";
 *
 * async function isOpen(sockets: NgxSockets, port: number): Promise<boolean> {
 *   const [sock] = await sockets.connect("127.0.0.1", port);
 *   sock?.close();
 *   return sock !== null;
 * }
 *
 * await using server = await listen("127.0.0.1:0");
 * const { port } = server.address as { port: number };
 * console.log(await isOpen(createNgx().socket, port)); // true
 * ```
 */
export interface NgxSockets {
  /** Makes a socket object, without a connection. */
  tcp(...args: unknown[]): TcpSocket;
  /** The same as `tcp`. */
  stream(...args: unknown[]): TcpSocket;
  /** Makes a UDP socket object, without a peer. */
  udp(...args: unknown[]): UdpSocket;
  /** Makes a socket object and connects it. */
  connect(...args: unknown[]): Promise<[TcpSocket] | Failure>;
}

/**
 * Light threads.
 *
 * @example
 * ```ts
 * import { createNgx } from "@cosocket/cosocket/ngx";
 *
 * const { thread } = createNgx();
 * const first = thread.spawn(async (name: string) => ["hello", name], "you");
 * const second = thread.spawn(() => new Promise(() => {})); // it would wait for ever
 * console.log(await thread.wait(first, second)); // [ true, "hello", "you" ]
 * console.log(thread.kill(second)); // [ 1 ]
 * ```
 */
export interface NgxThreads {
  /** Starts an async function at once, up to its first wait. */
  spawn(work: (...args: never[]) => unknown, ...args: unknown[]): LightThread;
  /** Waits for the first of these threads to end: `[true, result]` or `[false, error]`. */
  wait(...threads: unknown[]): Promise<unknown[]>;
  /** Ends what a thread waits for; it never goes on. */
  kill(thread: unknown): [1] | [null, string];
}

/**
 * Timers.
 *
 * @example
 * ```ts
 * import { createNgx } from "@cosocket/cosocket/ngx";
 *
 * const ngx = createNgx();
 * const done = new Promise<void>((resolve) => {
 *   ngx.timer.at(0.01, (_premature, name: string) => {
 *     ngx.say("later, ", name); // later, Ada
 *     resolve();
 *   }, "Ada");
 * });
 * await done;
 * ```
 */
export interface NgxTimers {
  /** Calls `callback(premature, ...args)` after so many seconds. */
  at(
    seconds: unknown,
    callback: (premature: boolean, ...args: never[]) => unknown,
    ...args: unknown[]
  ): [1];
}

/**
 * OpenResty's API around cosockets.
 *
 * @example
 * ```ts
 * import { createNgx, type Ngx } from "@cosocket/cosocket/ngx";
 *
 * async function handler(ngx: Ngx): Promise<void> {
 *   const sock = ngx.socket.tcp();
 *   const [ok, err] = await sock.connect("127.0.0.1", 1);
 *   if (!ok) ngx.log(ngx.ERR, "failed to connect: ", err);
 * }
 *
 * const log = (level: number, message: string) => console.log(level, message);
 * const ngx = createNgx({ lua_socket_log_errors: false }, { log });
 * await ngx.run(handler); // 4 failed to connect: connection refused
 * ```
 */
export class Ngx {
  /** Log level: 0. */
  readonly STDERR = 0;
  /** Log level: 1. */
  readonly EMERG = 1;
  /** Log level: 2. */
  readonly ALERT = 2;
  /** Log level: 3. */
  readonly CRIT = 3;
  /** Log level: 4. */
  readonly ERR = 4;
  /** Log level: 5. */
  readonly WARN = 5;
  /** Log level: 6. */
  readonly NOTICE = 6;
  /** Log level: 7. */
  readonly INFO = 7;
  /** Log level: 8. */
  readonly DEBUG = 8;
  /** Nothing, as a value. */
  readonly null: Null = NULL;
  /** Certificates and keys: the module `ngx.ssl`, as far as sockets need it. */
  readonly ssl: NgxSsl = ngxSsl;
  /** TCP and unix stream sockets. */
  readonly socket: NgxSockets;
  /** Light threads. */
  readonly thread: NgxThreads;
  /** Timers. */
  readonly timer: NgxTimers;
  readonly #scope: Scope;
  readonly #threads = new Set<LightThread>();

  /** For `createNgx`. */
  constructor(scope: unknown) {
    this.#scope = scope as Scope;
    const tcp = (...args: unknown[]) => {
      checkNone(args);
      return new TcpSocket(this.#scope);
    };
    this.socket = {
      tcp,
      stream: tcp,
      udp: (...args) => {
        checkNone(args);
        return new UdpSocket(this.#scope);
      },
      connect: async (...args) => {
        const sock = tcp();
        const [ok, error] = await sock.connect(...args);
        return ok === 1 ? [sock] : [null, error!];
      },
    };
    this.thread = {
      spawn: (work, ...args) => this.#spawn(work as (...args: unknown[]) => unknown, args),
      wait: async (...threads) => await waitFor(threads),
      kill: (thread) => checkThread(thread, 1, "kill").kill(),
    };
    this.timer = { at: (...args: unknown[]) => this.#at(args) };
  }

  /** An `ngx` with other directives and the same pools: a location of the same worker. */
  with(directives: Directives): Ngx {
    return new Ngx(this.#scope.child(settingsOf(directives, this.#scope.settings)));
  }

  /**
   * Runs a handler with an `ngx` of its own: the sockets it makes are closed when
   * it, and the threads it started, have ended.
   */
  async run<T>(handler: (ngx: Ngx) => Promise<T> | T): Promise<T> {
    const scope = this.#scope.child();
    const ngx = new Ngx(scope);
    try {
      const result = await handler(ngx);
      for (const thread of ngx.#threads) await thread.result;
      return result;
    } finally {
      scope.end();
    }
  }

  /** Gives its arguments out, and a line end. */
  say(...args: unknown[]): [1] {
    this.#scope.sinks.out(`${shown(args, "say")}\n`);
    return [1];
  }

  /** Gives its arguments out. */
  print(...args: unknown[]): [1] {
    this.#scope.sinks.out(shown(args, "print"));
    return [1];
  }

  /** Logs its other arguments at the level that is the first: `ngx.ERR`, `ngx.WARN`, ... */
  log(...args: unknown[]): [] {
    const [level, ...rest] = args;
    const number = toNumber(level);
    if (number === undefined) {
      const got = args.length === 0 ? "no value" : typeName(level);
      throw badArgument(1, "log", `number expected, got ${got}`);
    }
    if (number < this.STDERR || number > this.DEBUG) {
      throw badArgument(1, "log", `bad log level: ${Math.trunc(number)}`);
    }
    const text = rest.map((it, at) => loggedText(it, at + 1)).join("");
    this.#scope.sinks.log(Math.trunc(number), text);
    return [];
  }

  /** Waits so many seconds. */
  async sleep(...args: unknown[]): Promise<[]> {
    if (args.length !== 1) {
      throw new LuaError(`attempt to pass ${args.length} arguments, but accepted 1`);
    }
    const seconds = toNumber(args[0]);
    if (seconds === undefined) {
      throw badArgument(1, "sleep", `number expected, got ${typeName(args[0])}`);
    }
    const ms = Math.trunc(seconds * 1000);
    if (ms < 0) throw new LuaError(`invalid sleep duration "${numberText(ms)}"`);
    await new Promise((resolve) => setTimeout(resolve, ms));
    return [];
  }

  /** Seconds since 1970, in milliseconds' steps. */
  now(): number {
    return Date.now() / 1000;
  }

  /** Does nothing: the time is never cached here. */
  update_time(): [] {
    return [];
  }

  #spawn(work: (...args: unknown[]) => unknown, args: unknown[]): LightThread {
    if (typeof work !== "function") throw badArgument(1, "spawn", "Lua function expected");
    const thread = new LightThread(work, args);
    this.#threads.add(thread);
    thread.result.then(() => this.#threads.delete(thread));
    return thread;
  }

  #at(args: unknown[]): [1] {
    if (args.length < 2) {
      throw new LuaError(`expecting at least 2 arguments but got ${args.length}`);
    }
    const [seconds, callback, ...rest] = args;
    const delay = toNumber(seconds);
    if (delay === undefined) {
      throw badArgument(1, "at", `number expected, got ${typeName(seconds)}`);
    }
    if (typeof callback !== "function") throw badArgument(2, "at", "Lua function expected");
    setTimeout(async () => {
      try {
        await callback(false, ...rest);
      } catch (error) {
        this.log(this.ERR, "failed to run timer: ", String(error));
      }
    }, delay * 1000);
    return [1];
  }
}

function checkNone(args: unknown[]): void {
  checkCount(args, 0, 0, (seen) => `expecting zero arguments, but got ${seen - 1}`);
}

function shown(args: unknown[], method: string): string {
  return args.map((it, at) => shownText(it, at + 1, method)).join("");
}
