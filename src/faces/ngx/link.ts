// What a socket object does with its connections: making one, over a pool or
// not; sending and reading; giving it back; letting go of it. It is apart from
// the object because it outlives it: nothing here refers to the object, so an
// object that is forgotten can be collected, and its link be closed.

import { open } from "../../connect.ts";
import { SocketError } from "../../errors.ts";
import type { Framer } from "../../framing.ts";
import { Stream } from "../../stream.ts";
import { ipFamily } from "../../target.ts";
import { type Address, addressText } from "../../transport.ts";
import type { PoolChoice } from "./arguments.ts";
import { Connection } from "./connection.ts";
import { parseHost } from "./host.ts";
import { badArgument } from "./lua.ts";
import type { NgxPool } from "./pools.ts";
import type { Scope } from "./scope.ts";
import { currentThread } from "./thread.ts";
import type { UntilReader } from "./until.ts";
import { wordFor } from "./words.ts";

/** What went wrong: nil and the error; reads add the partial data. */
export type Failure = [null, string] | [null, string, string];

// What it is about besides reading and writing: nothing; to connect; or to wait
// for a name or a place in a pool, when to all but another connect it is closed.
type Phase = "settled" | "connecting" | "waiting";

/** The connection of an object, and what is under way with it. */
export class Link {
  readonly #scope: Scope;
  readonly #timeouts = { connectMs: 0, sendMs: 0, readMs: 0 };
  // Alive: a change reaches a pending read with its next bytes.
  readonly #readLimits = { timeoutMs: 0 };
  readonly #sendLimits = { timeoutMs: 0 };
  #connectTimeoutMs = 0;
  #phase: Phase = "settled";
  #keeping = false;
  #giveUp: (() => void) | undefined;
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
  }

  get isConnecting(): boolean {
    return this.#phase === "connecting";
  }

  /** Sets the timeouts; 0 leaves one to the directives. */
  setTimeouts(connectMs: number, sendMs: number, readMs: number): void {
    Object.assign(this.#timeouts, { connectMs, sendMs, readMs });
    this.#applyTimeouts();
  }

  /** Why the connection, or another one, cannot be made now. */
  refuseConnect(): Failure | undefined {
    return this.#phase === "settled" ? this.refuse("reading", "writing") : busyWith("connecting");
  }

  /** Why something has to wait for others that read or write. */
  refuse(...directions: ("reading" | "writing")[]): Failure | undefined {
    if (this.#keeping) return busyWith("reading");
    const stream = this.connection?.stream;
    for (const direction of directions) if (stream?.[direction]) return busyWith(direction);
    return undefined;
  }

  /** The connection to read from, or why there is none. */
  readable(): Connection | Failure {
    if (this.isConnecting) return busyWith("connecting");
    const { connection } = this;
    if (connection !== undefined && !connection.readDead) {
      return this.refuse("reading") ?? connection;
    }
    this.#scope.logError("attempt to receive data on a closed socket");
    return [null, "closed"];
  }

  /** The connection to write to, or why there is none. */
  writable(): Connection | Failure {
    if (this.isConnecting) return busyWith("connecting");
    const { connection } = this;
    if (connection !== undefined && !connection.writeDead) {
      return this.refuse("writing") ?? connection;
    }
    this.#scope.logError("attempt to send data on a closed socket");
    return [null, "closed"];
  }

  /** Connects, or takes an idle connection of the pool. */
  connect(host: string, port: number, choice: PoolChoice): Promise<[1] | Failure> {
    this.drop();
    this.everConnected = true;
    this.#applyTimeouts();
    return this.#interruptible(this.#connect(host, port, choice));
  }

  /** Sends all of it. */
  send(connection: Connection, bytes: Uint8Array): Promise<[number] | Failure> {
    return this.#interruptible(this.#send(connection, bytes));
  }

  /** Reads by a framer; `finish` makes the result of the text, also of a partial one. */
  read(
    connection: Connection,
    frame: Framer<string>,
    finish: (text: string) => string = same,
    reader?: UntilReader,
  ): Promise<[string] | Failure> {
    return this.#interruptible(this.#read(connection, frame, finish, reader));
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
    this.#giveUp?.();
    this.#scope.release(this);
  }

  async #connect(host: string, port: number, choice: PoolChoice): Promise<[1] | Failure> {
    const place = await this.#enterPool(choice);
    if ("answer" in place) return place.answer;
    const { pool } = place;
    const fail = (why: string): Failure => {
      this.#phase = "settled";
      if (pool !== undefined) this.#scope.pools.release(pool);
      return [null, why];
    };
    const parsed = parseHost(host, port);
    if (parsed.kind === "bad") return fail(`failed to parse host name "${host}": ${parsed.why}`);
    if (parsed.kind === "name" && !mayBeName(parsed.name)) return fail(notFound(host));
    // What the system says to a program without privileges: no runtime can ask.
    if (this.transparent) return fail("operation not permitted");
    const address: Address = parsed.kind === "name"
      ? { hostname: parsed.name, port: parsed.port }
      : parsed.address;
    const local = "path" in address ? undefined : this.local;
    if (local && "hostname" in address && !sameFamily(local.address, address.hostname)) {
      return fail("address family not supported by protocol");
    }
    this.#phase = parsed.kind === "name" ? "waiting" : "connecting";
    const controller = new AbortController();
    this.#giveUp = () => controller.abort();
    try {
      const transport = await open(address, {
        timeoutMs: this.#connectTimeoutMs,
        signal: controller.signal,
        // The first send turns it on, as in the original.
        noDelay: false,
        ...(local && { localAddress: local.address }),
        ...(local && local.port > 0 && { localPort: local.port }),
      });
      return this.#adopt(new Stream(transport), 0, pool);
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
      const noSuchName = parsed.kind === "name" && error.code === "not found";
      const why = noSuchName ? notFound(host) : wordFor(error);
      const what = why === "timeout"
        ? "lua tcp socket connect timed out"
        : `connect() failed (${why})`;
      this.#scope.logError(`${what}, when connecting to ${addressText(address)}`);
      return fail(why);
    } finally {
      this.#giveUp = undefined;
    }
  }

  /** An idle connection, or a place to make one; waits in the pool's queue if need be. */
  async #enterPool(
    { size, backlog }: PoolChoice,
  ): Promise<{ answer: [1] | Failure } | { pool: NgxPool | undefined }> {
    const { pools } = this.#scope;
    const name = this.poolName;
    let queued = false;
    for (;;) {
      const pool = pools.find(name) ?? (size > 0 ? pools.create(name, size, backlog) : undefined);
      if (pool === undefined) return { pool };
      this.#phase = "connecting";
      const idle = await pools.takeIdle(pool);
      if (idle !== undefined) return { answer: this.#adopt(idle.stream, idle.reusedTimes, pool) };
      // What it had may have been dead, and the pool have gone with it.
      if (pools.find(name) !== pool) continue;
      pool.connections++;
      if (pool.backlog < 0 || queued || pool.connections <= pool.size) return { pool };
      const isFull = pool.connections > pool.size + pool.backlog;
      this.#phase = "waiting";
      const woken = !isFull && await this.#queue(pool);
      pool.connections--;
      if (!woken) {
        this.#phase = "settled";
        return { answer: [null, isFull ? "too many waiting connect operations" : "timeout"] };
      }
      queued = true;
    }
  }

  /** Waits for a place; `false` when the connect timeout came first. */
  #queue(pool: NgxPool): Promise<boolean> {
    return new Promise((resolve) => {
      const leave = (woken: boolean) => {
        clearTimeout(timer);
        pool.waiting.delete(resume);
        this.#giveUp = undefined;
        resolve(woken);
      };
      const resume = () => leave(true);
      const timer = setTimeout(() => leave(false), this.#connectTimeoutMs);
      this.#giveUp = () => leave(false);
      pool.waiting.add(resume);
    });
  }

  #adopt(stream: Stream, reusedTimes: number, pool: NgxPool | undefined): [1] | Failure {
    const connection = new Connection(stream, this.#scope.settings.bufferBytes, reusedTimes);
    connection.pool = pool;
    this.#phase = "settled";
    return this.#scope.adopt(this, connection) ? [1] : [null, "closed"];
  }

  async #send(connection: Connection, bytes: Uint8Array): Promise<[number] | Failure> {
    if (this.#scope.settings.noDelay) connection.beforeFirstSend();
    try {
      return [await connection.stream.write(bytes, this.#sendLimits)];
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
      connection.writeDead = true;
      const isBroken = connection.resetTold && error.code === "reset";
      const why = isBroken ? "broken pipe" : wordFor(error);
      const what = why === "timeout" ? "lua tcp socket write timed out" : `send() failed (${why})`;
      this.#scope.logError(what);
      return [null, why];
    }
  }

  async #read(
    connection: Connection,
    frame: Framer<string>,
    finish: (text: string) => string,
    reader: UntilReader | undefined,
  ): Promise<[string] | Failure> {
    try {
      return [finish(await connection.read(frame, this.#readLimits, reader))];
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
      // The object, or its handler, let go of the connection meanwhile.
      if (this.connection !== connection) return [null, "closed"];
      const partial = finish(connection.partialOf(error));
      if (error.code === "timeout") {
        reader?.tookPartial();
        this.#scope.logError("lua tcp socket read timed out");
      } else {
        connection.readDead = true;
        connection.resetTold = error.code === "reset";
      }
      return [null, wordFor(error), partial];
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
    this.#keeping = true;
    try {
      await connection.learnEnd();
    } finally {
      this.#keeping = false;
    }
    if (this.connection !== connection || stream.readEnded) return [null, "closed"];
    if (connection.unreadBytes > 0) return [null, "unread data in buffer"];
    if (poolSize <= 0 && pools.find(this.poolName) === undefined) {
      const why = `bad "pool_size" option value: ${poolSize}`;
      throw badArgument(argumentCount, "setkeepalive", why);
    }
    if (connection.kernelBytes > 0) {
      this.drop();
      return [null, "connection in dubious state"];
    }
    // After a read that failed nobody knows what the peer will still say: the
    // answer is the original's, but nobody is given that connection.
    if (stream.failed) {
      this.drop();
      return [1];
    }
    const pool = pools.find(this.poolName) ?? pools.create(this.poolName, poolSize, -1);
    this.#scope.disown(this);
    stream.park();
    pools.put(pool, stream, connection.reusedTimes, connection.pool, idleMs);
    return [1];
  }

  /** Waits in the name of the thread at hand, if any: killing it lets go of the connection. */
  #interruptible<T>(operation: Promise<T>): Promise<T> {
    const thread = currentThread();
    return thread === undefined ? operation : thread.during(operation, () => {
      this.#phase = "settled";
      this.drop();
    });
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

function sameFamily(local: string, remote: string): boolean {
  const family = ipFamily(remote);
  return family === 0 || family === ipFamily(local);
}

// What no name can look like, nobody can have: the resolver need not be asked.
function mayBeName(name: string): boolean {
  return /^[\w.-]+$/.test(name);
}

function notFound(host: string): string {
  return `${host} could not be resolved (3: Host not found)`;
}
