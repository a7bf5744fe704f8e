// The pool as its users see it: targets and options in, sockets out. Who gets
// which connection is decided below, in pool.ts.

import { checkMs, checkOptions, checkText, checkWhole } from "./check.ts";
import { checkOpenOptions, DEFAULT_TIMEOUT_MS, type Lookup, openStream, tlsOf } from "./connect.ts";
import { checkSocketOptions, type ConnectOptions, type Cosocket, cosocketOn } from "./cosocket.ts";
import { digest } from "./drivers/digest.ts";
import { LendingPool, type Pooled, type PoolLimits } from "./pool.ts";
import type { Stream } from "./stream.ts";
import { parseTarget, type Target } from "./target.ts";
import { trustOf } from "./tls.ts";
import type { Address } from "./transport.ts";

/**
 * How a pool is to behave.
 *
 * @example
 * ```ts
 * import { Pool } from "@cosocket/cosocket";
 *
 * // A server that allows ten connections, and ends those that are idle for a minute.
 * await using pool = new Pool({ maxConnections: 10, maxIdle: 5, idleMs: 50_000 });
 * console.log(pool.stats()); // { idle: 0, lent: 0, waiting: 0 }
 * ```
 */
export interface PoolOptions {
  /** Connections to one target, idle ones among them. Default 100. */
  maxConnections?: number;
  /** Idle connections to one target; the least recently pooled goes first. Default 30. */
  maxIdle?: number;
  /** Callers that may wait for a connection to one target. Default 1,000. */
  maxWaiting?: number;
  /** Milliseconds a connection may lie idle; 0 for ever. Default 60,000. */
  idleMs?: number;
  /** Milliseconds a connection may live, less up to a tenth; 0 for ever. Default 0. */
  maxLifetimeMs?: number;
  /** How often a connection may be used; 0 without limit. Default 0. */
  maxUses?: number;
  /** Whether the newest or the oldest idle connection is taken. Default `"newest"`. */
  order?: "newest" | "oldest";
}

/**
 * How to get a connection from a pool.
 *
 * @example
 * ```ts
 * import { listen, Pool } from "@cosocket/cosocket";
 *
 * await using server = await listen("127.0.0.1:0");
 * await using pool = new Pool();
 * const alices = await pool.connect(server.address, { key: "alice", timeoutMs: 1000 });
 * await alices.release();
 * await using bobs = await pool.connect(server.address, { key: "bob", timeoutMs: 1000 });
 * console.log(bobs.reusedTimes); // 0: Alice's connection is not for him
 * ```
 */
export interface PoolConnectOptions extends ConnectOptions {
  /** Sets connections apart that differ in what the pool cannot know, such as a login. */
  key?: string;
}

/**
 * A pool's numbers at a moment.
 *
 * @example
 * ```ts
 * import { Pool, type PoolStats } from "@cosocket/cosocket";
 *
 * const isCrowded = ({ lent, waiting }: PoolStats) => waiting > lent;
 *
 * await using pool = new Pool();
 * console.log(isCrowded(pool.stats())); // false
 * ```
 */
export interface PoolStats {
  /** Connections that wait for their next use. */
  readonly idle: number;
  /** Connections in use, or being opened. */
  readonly lent: number;
  /** Callers that wait for a connection. */
  readonly waiting: number;
}

/**
 * All that decides who answers, and how we trust them. Two connections stand in
 * for one another only if all of it is the same.
 */
interface Identity {
  readonly address: Address;
  /** Whom we trust, and as whom we come. */
  readonly tls: object | null;
  readonly localAddress: string | null;
  readonly localPort: number | null;
  readonly family: 4 | 6 | null;
  readonly lookup: number | null;
  readonly servers: readonly string[] | null;
  readonly noDelay: boolean;
  readonly keepAliveMs: number;
  readonly key: string | null;
}

const poolKey = (identity: Readonly<Identity>): string => JSON.stringify(identity);

/**
 * Keeps connections alive between uses.
 *
 * A connection goes back only by `release()`, the last step of a dialogue that
 * went well; `use` does it for you. A dialogue has ended well when all that was
 * asked for was received: an answer still on its way nobody can see yet. While
 * a connection is idle a byte, an end or an error
 * of its peer's drops it, and it is looked at again before it is lent. Nothing
 * is ever sent twice on your behalf: `reusedTimes`, `idleMs` and `bytesWritten`
 * of the socket tell you what you need to decide that.
 *
 * @example
 * ```ts
 * import { listen, Pool } from "@cosocket/cosocket";
 *
 * await using server = await listen("127.0.0.1:0");
 * server.accept().then((guest) => guest?.send("+PONG\r\n"));
 *
 * await using pool = new Pool({ maxConnections: 10 });
 * const answer = await pool.use(server.address, async (sock) => {
 *   await sock.send("PING\r\n");
 *   return await sock.receiveLine();
 * });
 * console.log(answer, pool.stats()); // +PONG { idle: 1, lent: 0, waiting: 0 }
 * ```
 */
export class Pool implements AsyncDisposable {
  readonly #pool: LendingPool<PooledStream>;

  /** Makes a pool; it is empty. */
  constructor(options: PoolOptions = {}) {
    this.#pool = new LendingPool(limitsOf(options));
  }

  /**
   * Lends a connection for one dialogue: it is released when `work` resolves,
   * and closed when it throws.
   *
   * @returns What `work` gave.
   */
  async use<T>(
    target: Target,
    work: (sock: Cosocket) => Promise<T> | T,
    options: PoolConnectOptions = {},
  ): Promise<T> {
    if (typeof work !== "function") throw new TypeError("work must be a function");
    const sock = await this.connect(target, options);
    try {
      const result = await work(sock);
      if (!sock.closed) await sock.release();
      return result;
    } finally {
      sock.close();
    }
  }

  /**
   * Gives an idle connection, or opens one; waits while all places are taken.
   *
   * @param options.timeoutMs Bounds the wait, and then the connecting.
   * @throws {SocketError} `pool` if too many wait or the pool is closed,
   *   `timeout`, `aborted`, and what `connect` throws.
   */
  async connect(target: Target, options: PoolConnectOptions = {}): Promise<Cosocket> {
    checkOpenOptions(options);
    checkSocketOptions(options);
    const key = poolKey(identityOf(parseTarget(target), options));
    const create = async () => new PooledStream(await openStream(target, options));
    const { timeoutMs = DEFAULT_TIMEOUT_MS, signal } = options;
    const member = await this.#pool.acquire(key, create, { timeoutMs, signal });
    const { connection: { stream } } = member;
    stream.onClose = () => this.#pool.forget(member);
    return cosocketOn(stream, options, {
      reusedTimes: member.uses - 1,
      idleMs: member.idleMs,
      // Its user has said what sets it apart from others to that target.
      takesUpgraded: options.key !== undefined,
      giveBack: (isFit) => this.#pool.giveBack(member, isFit),
    });
  }

  /** Counts connections and callers. */
  stats(): PoolStats {
    return this.#pool.stats();
  }

  /**
   * Closes the idle connections to a target opened with these options, or all of
   * them; those in use are closed when they come back.
   */
  clear(target?: Target, options: PoolConnectOptions = {}): void {
    if (target === undefined) return this.#pool.clear();
    checkOpenOptions(options);
    this.#pool.clear(poolKey(identityOf(parseTarget(target), options)));
  }

  /**
   * Closes the idle connections and refuses all who wait, with `pool`. Sockets in
   * use stay as they are, and are closed when they are released.
   */
  close(): void {
    this.#pool.close();
  }

  /** Closes the pool. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}

class PooledStream implements Pooled {
  readonly stream: Stream;

  constructor(stream: Stream) {
    this.stream = stream;
  }

  get number(): number {
    return this.stream.connection;
  }

  fit(): boolean {
    const { stream } = this;
    return !stream.failed && !stream.closed && !stream.readEnded && !stream.writeEnded &&
      !stream.reading && !stream.writing && stream.buffer.length === 0;
  }

  park(): void {
    this.stream.park();
  }

  unpark(): void {
    this.stream.unpark();
  }

  watch(stir: (() => void) | undefined): void {
    this.stream.onStir = stir;
  }

  settle(): Promise<void> {
    return this.stream.transport.settle();
  }

  close(): void {
    this.stream.close();
  }
}

function identityOf(address: Address, options: PoolConnectOptions): Identity {
  const tls = tlsOf(address, options);
  return {
    address,
    tls: tls === undefined ? null : trustOf(tls, digest),
    localAddress: options.localAddress ?? null,
    localPort: options.localPort ?? null,
    family: options.family ?? null,
    lookup: options.lookup === undefined ? null : lookupNumber(options.lookup),
    servers: options.servers ?? null,
    noDelay: options.noDelay ?? true,
    keepAliveMs: options.keepAliveMs ?? 0,
    key: options.key === undefined ? null : checkText("key", options.key),
  };
}

const lookupNumbers = new WeakMap<Lookup, number>();
let lookups = 0;

/** Another look-up may give other addresses for the same name. */
function lookupNumber(lookup: Lookup): number {
  let number = lookupNumbers.get(lookup);
  if (number === undefined) lookupNumbers.set(lookup, number = ++lookups);
  return number;
}

function limitsOf(options: PoolOptions): PoolLimits {
  checkOptions("options", options);
  const { order = "newest" } = options;
  if (order !== "newest" && order !== "oldest") {
    throw new TypeError(`order must be "newest" or "oldest", not ${String(order)}`);
  }
  return {
    maxConnections: checkWhole("maxConnections", options.maxConnections ?? 100, 1),
    maxIdle: checkWhole("maxIdle", options.maxIdle ?? 30),
    maxWaiting: checkWhole("maxWaiting", options.maxWaiting ?? 1000),
    idleMs: checkMs("idleMs", options.idleMs ?? 60_000),
    maxLifetimeMs: checkMs("maxLifetimeMs", options.maxLifetimeMs ?? 0) || Infinity,
    maxUses: checkWhole("maxUses", options.maxUses ?? 0) || Infinity,
    order,
  };
}
