/**
 * Foresees a conversation, op by op, by a clock that only counts: not to say what is right, that is
 * for the original, but to say what is decided by more than the script. An op is refused
 * (`Undetermined`) if its outcome depends
 *
 * - on timing: everything that a peer does takes up to `SETTLE_MS`, and a client may be late by
 *   `LATE_MS`. Who waits for something in spite of that is determined; who looks whether it is
 *   there is not;
 * - on the version: 0.10.23 loses the bytes that an iterator holds if somebody else reads next, and
 *   0.10.26 and later do not. So nobody else does;
 * - on a deviation of ours: (c) `setkeepalive` after a read that timed out, (e) a place in a pool
 *   behind a connection both of whose halves are dead, (f) another connect on the object of a
 *   thread that was killed.
 *
 * What it foresees of the results is good enough to choose by: `undefined` where it does not know.
 * These are TCP and unix streams; a conversation over datagrams is foreseen by `UdpWorld`.
 */

import { type Op, parseHead, type Scenario, type Step } from "../scenario.ts";
import { LATE_MS, MARK, PeerModel, SETTLE_MS } from "./peer_model.ts";
import { type Pool, type Pooled, PoolsModel, type Waiting } from "./pool_model.ts";
import {
  allReader,
  anyReader,
  lineReader,
  Pattern,
  type Reader,
  ReadModel,
  sizeReader,
  untilReader,
  type Values,
} from "./read_model.ts";
import { textOf } from "./sent_text.ts";
import { UdpWorld } from "./udp_world.ts";
import { Undetermined } from "./undetermined.ts";

export { Undetermined };

/** From here on a send to a peer that does not read has to wait. */
export const BLOCKING_BYTES = 12_000_000;

/** Up to here everything that a peer sends arrives without being read. */
const MOST_UNREAD_BYTES = 48_000;

/** Pieces above this may arrive in parts. */
const MOST_WHOLE_BYTES = 32_000;

const DEFAULT_BUFFER_BYTES = 4096;
const DEFAULT_TIMEOUT_MS = 60_000;

/** The connection of an object. */
export type Connection = Pooled & {
  model: ReadModel;
  readonly pool: Pool | undefined;
  writeDead: boolean;
  /** Whether it is known what the original has fetched. */
  certain: boolean;
  /** Whether a read timed out on it. */
  timedOut: boolean;
  /** The iterator that has read last. */
  holder: Pattern | undefined;
  sentMs: number;
  sentLarge: boolean;
  sentHuge: boolean;
  /** When something was sent that nobody was there for. */
  refusedMs: number;
};

/** A socket object. */
export type SocketModel = {
  readonly name: string;
  connection: Connection | undefined;
  poolName: string;
  everConnected: boolean;
  /** A thread of its was killed. */
  killed: boolean;
  /** It was closed with both halves dead: there it has its connection still. */
  undead: boolean;
  connectMs: number;
  sendMs: number;
  readMs: number;
  /** The thread that reads, writes, or waits for a place in a pool. */
  reading: Thread | undefined;
  writing: Thread | undefined;
  queued: Thread | undefined;
};

/** A light thread that waits in its first op. */
export type Thread = {
  readonly socket: SocketModel;
  readonly ops: readonly Op[];
  readonly startMs: number;
  readonly kind: "reading" | "writing" | "queued";
  readonly waiting?: Waiting;
  state: "running" | "killed" | "over";
};

type Call = { socket: SocketModel; variable: string | undefined; values: readonly unknown[] };

/** The state of one conversation. */
export class World {
  readonly #scripts: readonly (readonly Step[])[];
  readonly #conf: Readonly<Record<string, string>>;
  readonly #pools = new PoolsModel();
  #lastAccept = { isUnix: false, atMs: -Infinity };
  nowMs = 0;
  /** How many connections the peer has accepted. */
  accepted = 0;
  readonly sockets = new Map<string, SocketModel>();
  readonly iterators = new Map<string, { pattern: Pattern; socket: SocketModel }>();
  readonly threads = new Map<string, Thread>();

  /** @param scenario Its server's steps may grow meanwhile. */
  constructor({ server, conf = {} }: Pick<Scenario, "server" | "conf">) {
    this.#scripts = server as readonly (readonly Step[])[];
    this.#conf = conf;
  }

  /** Plays one op; gives what it returns, where that is known. */
  step(op: Op): Values | undefined {
    const { socket, name, variable } = parseHead(op[0]);
    const act = OPS[name];
    if (act === undefined) throw new Undetermined(`cannot foresee "${name}"`);
    const call = { socket: this.socket(socket), variable, values: op.slice(1) };
    if (call.socket.queued?.waiting?.woken) throw new Undetermined("it may be connected already");
    return act(this, call);
  }

  /** The script is over. */
  finish(): void {
    for (const { state } of this.threads.values()) {
      if (state === "running") throw new Undetermined("a thread is left");
    }
    for (const { connection } of this.sockets.values()) {
      if (connection !== undefined) this.#checkHeard(connection);
    }
  }

  /** The object of that name, made at its first use. */
  socket(name: string): SocketModel {
    let socket = this.sockets.get(name);
    if (socket === undefined) {
      socket = {
        name,
        connection: undefined,
        poolName: "",
        everConnected: false,
        undead: false,
        killed: false,
        connectMs: 0,
        sendMs: 0,
        readMs: 0,
        reading: undefined,
        writing: undefined,
        queued: undefined,
      };
      this.sockets.set(name, socket);
    }
    return socket;
  }

  /** `tcp`: another object in the place of one. */
  renew({ name, ...socket }: SocketModel): Values {
    if (socket.reading ?? socket.writing ?? socket.queued) throw new Undetermined("it is busy");
    if (socket.connection !== undefined) throw new Undetermined("it is left to the collector");
    for (const [variable, { socket: owner }] of this.iterators) {
      if (owner.name === name) this.iterators.delete(variable);
    }
    this.sockets.delete(name);
    return [];
  }

  sleep(ms: number): Values {
    this.nowMs += ms;
    return [];
  }

  connect(socket: SocketModel, values: readonly unknown[]): Values | undefined {
    const busy = this.#busy(socket, "reading", "writing");
    if (busy !== undefined) return busy;
    if (socket.queued !== undefined) throw new Undetermined("a second connect in the queue");
    if (socket.killed) throw new Undetermined("deviation (f)");
    const target = targetOf(values);
    if (target === "keeps") return undefined;
    this.shut(socket);
    socket.everConnected = true;
    socket.undead = false;
    if (target === "fails") return undefined;
    socket.poolName = target.poolName;
    const size = target.size ?? (target.backlog === undefined ? 0 : this.#poolSize);
    const { poolName, backlog = -1 } = target;
    const entry = this.#pools.enter(poolName, size, backlog, this.nowMs);
    if (entry.kind === "full") return [null, "too many waiting connect operations"];
    if (entry.kind === "wait") {
      const timeoutMs = this.timeoutOf(socket, "connect");
      this.nowMs += timeoutMs;
      return [null, "timeout"];
    }
    if (entry.kind === "idle") {
      this.#take(socket, entry.pooled, entry.pool);
      return [1];
    }
    if (target.end === "accepts") {
      this.#take(socket, this.#accept(target), entry.pool);
      return [1];
    }
    if (entry.pool !== undefined) this.#pools.release(entry.pool, this.nowMs);
    if (target.end === "refuses") return [null, "connection refused"];
    if (this.#lastAccept.isUnix && this.#lastAccept.atMs === this.nowMs) {
      // It says 1 then, and times out at the first send or receive.
      throw new Undetermined("the original takes an event of the last connection for this one's");
    }
    this.nowMs += this.timeoutOf(socket, "connect");
    return [null, "timeout"];
  }

  close(socket: SocketModel): Values {
    const busy = this.#busy(socket, "reading", "writing");
    if (busy !== undefined) return busy;
    const { connection } = socket;
    if (connection === undefined) return [null, "closed"];
    this.shut(socket);
    return connection.model.dead && connection.writeDead ? [null, "closed"] : [1];
  }

  /** Lets go of the connection. */
  shut(socket: SocketModel): void {
    const { connection } = socket;
    if (connection === undefined) return;
    this.#checkHeard(connection);
    socket.connection = undefined;
    const { pool, model, writeDead } = connection;
    socket.undead = model.dead && writeDead;
    if (pool === undefined) return;
    if (socket.undead) throw new Undetermined("deviation (e)");
    this.#pools.release(pool, this.nowMs);
  }

  keepAlive(socket: SocketModel, [idleMs, size]: readonly unknown[]): Values | undefined {
    const busy = this.#busy(socket, "reading");
    if (busy !== undefined) return busy;
    const { connection } = socket;
    if (connection === undefined || connection.model.dead || connection.writeDead) {
      return [null, "closed"];
    }
    this.#checkAnswered(connection);
    this.#settle(connection);
    const { model } = connection;
    if (model.end === "fin" || model.ended) return [null, "closed"];
    if (model.end === "rst") return undefined;
    if (socket.writing !== undefined) return this.#busy(socket, "writing");
    if (connection.timedOut) throw new Undetermined("deviation (c)");
    if (!connection.certain) throw new Undetermined("it is not known what was fetched");
    if (model.unread > 0 && this.#bufferBytes !== DEFAULT_BUFFER_BYTES) {
      throw new Undetermined("buffers of other sizes are used again");
    }
    if (model.buffer !== "") return [null, "unread data in buffer"];
    const poolSize = typeof size === "number" ? size : this.#poolSize;
    if (model.kernel !== "") {
      this.#checkHeard(connection);
      socket.connection = undefined;
      this.#pools.waste(socket.poolName, poolSize, connection.pool, this.nowMs);
      return [null, "connection in dubious state"];
    }
    socket.connection = undefined;
    const ms = typeof idleMs === "number" ? idleMs : DEFAULT_TIMEOUT_MS;
    connection.expiresMs = ms === 0 ? Infinity : this.nowMs + ms;
    const { peer, reused, expiresMs } = connection;
    const pooled = { peer, reused, expiresMs };
    this.#pools.put(socket.poolName, poolSize, pooled, connection.pool, this.nowMs);
    return [1];
  }

  send(socket: SocketModel, data: unknown): Values | undefined {
    const busy = this.#busy(socket, "writing");
    if (busy !== undefined) return busy;
    const { connection } = socket;
    if (connection === undefined || connection.writeDead) return [null, "closed"];
    const text = textOf(data);
    if (text === undefined) return undefined; // it throws
    if (text === "") return [0];
    const { peer, model } = connection;
    this.#checkAnswered(connection);
    this.#checkPresent(peer);
    if (text.length >= BLOCKING_BYTES) return this.#sendLarge(socket, connection, text.length);
    if (this.#isPaused(peer)) {
      if (text.length > MOST_WHOLE_BYTES) throw new Undetermined("it may have to wait");
    }
    if (connection.sentHuge && text.includes(MARK)) {
      throw new Undetermined("nobody knows when it is heard");
    }
    connection.sentMs = this.nowMs;
    if (text.length > MOST_WHOLE_BYTES) connection.sentLarge = true;
    if (model.end === "rst" || this.nowMs >= peer.goneMs) return this.#sendToNobody(connection);
    peer.hear(text, this.nowMs);
    this.#checkRoom(connection);
    return [text.length];
  }

  receive(socket: SocketModel, pattern: unknown): Values | undefined {
    if (pattern === "*l") return this.#read(socket, lineReader);
    if (pattern === "*a") return this.#read(socket, allReader);
    // What else is no number throws, unless the state of the object comes first.
    const size = Math.trunc(Number(pattern ?? undefined));
    if (!(size >= 0)) return this.#unreadable(socket);
    if (size > 0) return this.#read(socket, sizeReader(size));
    return this.#unreadable(socket) ?? [""];
  }

  receiveAny(socket: SocketModel, most: unknown): Values | undefined {
    if (typeof most !== "number" || most < 1) return this.#unreadable(socket);
    if (this.#bufferBytes !== DEFAULT_BUFFER_BYTES) {
      throw new Undetermined("buffers of other sizes are used again");
    }
    const unreadable = this.#unreadable(socket);
    if (unreadable !== undefined) return unreadable;
    const connection = socket.connection!;
    const { certain } = connection;
    const values = this.#read(socket, anyReader(most));
    if (certain && connection.certain) return values;
    throw new Undetermined("it is not known what one fetch brings");
  }

  makeIterator(
    socket: SocketModel,
    variable: string,
    values: readonly unknown[],
  ): Values | undefined {
    const [text, options] = values as [string?, { inclusive?: boolean }?];
    if (text === undefined) return undefined;
    const before = this.iterators.get(variable);
    if (before !== undefined && before.pattern.held > 0) {
      throw new Undetermined("an iterator that holds bytes is collected");
    }
    if (text === "") {
      this.iterators.delete(variable);
      return [null, "pattern is empty"];
    }
    this.iterators.set(variable, {
      pattern: new Pattern(text, options?.inclusive === true),
      socket,
    });
    return [{ type: "function" }];
  }

  iterate(variable: string, size = 0): Values | undefined {
    const iterator = this.iterators.get(variable);
    if (iterator === undefined) throw new Undetermined("no such iterator");
    const { pattern, socket } = iterator;
    if (socket.queued?.waiting?.woken) throw new Undetermined("it may be connected already");
    const unreadable = this.#unreadable(socket);
    if (unreadable !== undefined) return unreadable;
    if (pattern.endPending) {
      pattern.endPending = false;
      return [null, null, null];
    }
    return this.#read(socket, untilReader(pattern, Math.max(0, size)), pattern);
  }

  reusedTimes({ connection, queued }: SocketModel): Values {
    if (queued !== undefined) return [null, "closed"];
    if (connection === undefined || (connection.model.dead && connection.writeDead)) {
      return [null, "closed"];
    }
    return [connection.reused];
  }

  setTimeouts(socket: SocketModel, [connectMs, sendMs, readMs]: readonly unknown[]): Values {
    // A change reaches a pending read with its next bytes.
    if (socket.reading ?? socket.writing) throw new Undetermined("a change of a pending timeout");
    const ms = (value: unknown) => typeof value === "number" ? value : 0;
    socket.connectMs = ms(connectMs);
    socket.sendMs = ms(sendMs);
    socket.readMs = ms(readMs);
    return [];
  }

  spawn(variable: string, [given]: readonly unknown[]): Values {
    if (this.threads.get(variable)?.state === "running") throw new Undetermined("it is at work");
    const ops = given as readonly Op[];
    if (ops[0] === undefined) throw new Undetermined("a thread without work");
    const { name, socket: socketName, variable: used } = parseHead(ops[0][0]);
    const iterator = name === "iter" ? this.iterators.get(used ?? "it") : undefined;
    const socket = iterator?.socket ?? this.socket(socketName);
    const isRead = ["receive", "receiveany", "iter"].includes(name);
    const kind = isRead ? "reading" : name === "send" ? "writing" : "queued";
    if (socket.reading ?? socket.writing ?? socket.queued) throw new Undetermined("it is busy");
    const threaded = { socket, ops, startMs: this.nowMs, kind } as const;
    let thread: Thread = { ...threaded, state: "running" };
    if (kind === "reading") this.#checkBlocks(socket, ops[0]);
    else if (kind === "writing") this.#checkSendBlocks(socket, ops);
    else thread = { ...threaded, state: "running", waiting: this.#enqueue(socket, ops[0]) };
    this.threads.set(variable, thread);
    socket[kind] = thread;
    return [];
  }

  wait(variable: string): Values | undefined {
    const thread = this.threads.get(variable);
    if (thread === undefined) throw new Undetermined("no such thread");
    if (thread.state !== "running") return undefined;
    const { socket, kind, ops, waiting } = thread;
    thread.state = "over";
    socket[kind] = undefined;
    const mainMs = this.nowMs;
    const results: unknown[] = [];
    let rest = ops;
    if (waiting !== undefined) {
      rest = ops.slice(1);
      if (waiting.woken !== undefined) {
        const { atMs, pooled, pool } = waiting.woken;
        if (atMs < mainMs) throw new Undetermined("it has gone on since");
        // That it is there says nothing of how late it is.
        pool.coming.delete(waiting);
        this.#take(socket, pooled, pool);
        results.push([1]);
      } else {
        if (mainMs + LATE_MS > waiting.untilMs) throw new Undetermined("its time may be up");
        this.#leaveQueue(thread);
        this.nowMs = waiting.untilMs;
        results.push([null, "timeout"]);
      }
    } else this.nowMs = thread.startMs;
    for (const op of rest) results.push(this.step(op));
    this.nowMs = Math.max(this.nowMs, mainMs);
    return results.includes(undefined) ? undefined : [true, { results }];
  }

  kill(variable: string): Values | undefined {
    const thread = this.threads.get(variable);
    if (thread === undefined) throw new Undetermined("no such thread");
    if (thread.state !== "running") return undefined;
    const { socket, kind, waiting } = thread;
    if (kind === "writing") throw new Undetermined("nobody knows how much was sent");
    if (waiting !== undefined) {
      if (waiting.woken !== undefined) throw new Undetermined("it may be on already");
      if (this.nowMs + LATE_MS > waiting.untilMs) throw new Undetermined("its time may be up");
      this.#leaveQueue(thread);
    } else this.#checkWaits(socket, thread);
    thread.state = "killed";
    socket[kind] = undefined;
    socket.killed = true;
    this.shut(socket);
    return [1];
  }

  get #bufferBytes(): number {
    return Number(this.#conf["lua_socket_buffer_size"] ?? DEFAULT_BUFFER_BYTES);
  }

  get #poolSize(): number {
    return Number(this.#conf["lua_socket_pool_size"] ?? 30);
  }

  /** What counts for the next op, in milliseconds. */
  timeoutOf(socket: SocketModel, what: "connect" | "send" | "read"): number {
    const own = socket[`${what}Ms`];
    const directive = parseInt(this.#conf[`lua_socket_${what}_timeout`] ?? "");
    return own > 0 ? own : directive > 0 ? directive : DEFAULT_TIMEOUT_MS;
  }

  #accept({ isUnix }: Target): Pooled {
    // Two listeners, and nobody knows which of them is looked at first.
    const isOther = this.#lastAccept.isUnix !== isUnix;
    if (isOther && this.nowMs < this.#lastAccept.atMs + SETTLE_MS) {
      throw new Undetermined("two connects by different ways");
    }
    this.#lastAccept = { isUnix, atMs: this.nowMs };
    const at = Math.min(this.accepted, this.#scripts.length - 1);
    const script = this.#scripts[at] ?? [];
    // It may be there before the connect is through, and fail that.
    if (script[0] !== undefined && "reset" in script[0]) {
      throw new Undetermined("a reset that comes with the connection");
    }
    this.accepted++;
    const peer = new PeerModel(script, this.nowMs);
    return { peer, reused: 0, expiresMs: Infinity };
  }

  #take(socket: SocketModel, pooled: Pooled, pool: Pool | undefined): void {
    socket.connection = {
      ...pooled,
      pool,
      model: new ReadModel(this.#bufferBytes),
      writeDead: false,
      certain: true,
      timedOut: false,
      holder: undefined,
      sentMs: -Infinity,
      sentLarge: false,
      sentHuge: false,
      refusedMs: -Infinity,
    };
  }

  /** Reads, and waits for what comes. */
  #read(socket: SocketModel, reader: Reader, pattern?: Pattern): Values {
    const unreadable = this.#unreadable(socket);
    if (unreadable !== undefined) return unreadable;
    const connection = socket.connection!;
    const { model, peer } = connection;
    const { holder } = connection;
    if (holder !== undefined && holder !== pattern && holder.held > 0) {
      throw new Undetermined("0.10.23 loses what an iterator holds");
    }
    connection.holder = pattern;
    this.#deliver(connection);
    model.out = "";
    let values = model.proceed(reader);
    for (let sinceMs = this.nowMs; values === undefined;) {
      const overMs = sinceMs + this.timeoutOf(socket, "read");
      const next = peer.arrivals[0];
      if (next === undefined || next.atMs >= overMs + SETTLE_MS + LATE_MS) {
        this.nowMs = overMs;
        connection.timedOut = true;
        return model.over([null, "timeout", model.out]);
      }
      if (next.atMs + SETTLE_MS > overMs) throw new Undetermined("it comes when the time is up");
      this.#arrive(connection);
      sinceMs = Math.max(sinceMs, next.atMs);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      values = model.proceed(reader);
    }
    // One fetch may have brought what was about to come.
    if (this.#isAboutToChange(connection)) connection.certain = false;
    else if (model.unread === 0) connection.certain = true;
    return values;
  }

  /** Why an object cannot be read. */
  #unreadable(socket: SocketModel): Values | undefined {
    const busy = this.#busy(socket, "reading");
    if (busy !== undefined) return busy;
    const { connection } = socket;
    if (connection === undefined || connection.model.dead) return [null, "closed"];
    this.#checkAnswered(connection);
    return undefined;
  }

  /** Takes in what has arrived for sure. */
  #deliver(connection: Connection): void {
    const { arrivals } = connection.peer;
    while (arrivals[0] !== undefined && arrivals[0].atMs + SETTLE_MS <= this.nowMs) {
      this.#arrive(connection);
    }
  }

  #arrive(connection: Connection): void {
    const { model, peer } = connection;
    const { bytes, end } = peer.arrivals.shift()!;
    if (bytes.length > MOST_WHOLE_BYTES) connection.certain = false;
    model.kernel += bytes;
    if (end !== undefined) model.end = end;
  }

  /** Takes in all; nothing may be about to come. */
  #settle(connection: Connection): void {
    this.#deliver(connection);
    if (this.#isAboutToChange(connection)) throw new Undetermined("something is about to come");
  }

  #isAboutToChange({ peer: { arrivals } }: Connection): boolean {
    return arrivals[0] !== undefined && arrivals[0].atMs < this.nowMs + LATE_MS;
  }

  /** Whether the peer will be there, or will not, when something reaches it. */
  #checkPresent({ goneMs }: PeerModel): void {
    if (this.nowMs + SETTLE_MS + LATE_MS <= goneMs || this.nowMs >= goneMs + SETTLE_MS) return;
    throw new Undetermined("the peer is about to go");
  }

  /** What the system says to a send that nobody is there for must have come back. */
  #checkAnswered({ refusedMs }: Connection): void {
    if (this.nowMs < refusedMs + SETTLE_MS) throw new Undetermined("an answer is under way");
  }

  /** What a close with unread data cuts off must have been heard. */
  #checkHeard(connection: Connection): void {
    const { peer, model, sentMs, sentLarge } = connection;
    const isUnread = model.unread > 0 || peer.arrivals.length > 0;
    if (isUnread && sentLarge) throw new Undetermined("what was sent may be cut off");
    if (isUnread && this.nowMs < sentMs + SETTLE_MS) {
      throw new Undetermined("what was sent may be cut off");
    }
  }

  #checkRoom({ model, peer: { arrivals } }: Connection): void {
    const bytes = arrivals.reduce((sum, it) => sum + it.bytes.length, model.unread);
    const large = arrivals.some((it) => it.bytes.length > MOST_WHOLE_BYTES);
    if (bytes > MOST_UNREAD_BYTES && !large) throw new Undetermined("it does not all arrive");
  }

  #isPaused({ pausedMs, resumedMs }: PeerModel): boolean {
    return pausedMs < this.nowMs + LATE_MS && this.nowMs < resumedMs + SETTLE_MS;
  }

  #sendToNobody(connection: Connection): undefined {
    const { model } = connection;
    this.#settle(connection);
    if (model.end === "rst" || model.wasReset || connection.refusedMs > -Infinity) {
      connection.writeDead = true;
      model.end = "fin";
    }
    connection.refusedMs = this.nowMs;
    return undefined;
  }

  #sendLarge(socket: SocketModel, connection: Connection, size: number): Values | undefined {
    const { peer } = connection;
    this.#settle(connection);
    if (peer.arrivals.length > 0) throw new Undetermined("something comes meanwhile");
    if (!this.#isPaused(peer)) throw new Undetermined("nobody knows for how long it waits");
    const overMs = this.nowMs + this.timeoutOf(socket, "send");
    connection.sentLarge = connection.sentHuge = true;
    if (peer.resumedMs === Infinity) {
      connection.writeDead = true;
      this.nowMs = overMs;
      return [null, "timeout"];
    }
    if (overMs < peer.resumedMs + 1000) throw new Undetermined("its time may be up");
    this.nowMs = Math.max(this.nowMs, peer.resumedMs + SETTLE_MS);
    return [size];
  }

  /** What a call says beside a thread that is at it. */
  #busy(socket: SocketModel, ...kinds: ("reading" | "writing")[]): Values | undefined {
    for (const kind of kinds) {
      const thread = socket[kind];
      if (thread === undefined) continue;
      this.#checkWaits(socket, thread);
      return [null, `socket busy ${kind}`];
    }
    return undefined;
  }

  /** Throws unless a thread is sure to be in its first op still. */
  #checkWaits(socket: SocketModel, { kind, startMs }: Thread): void {
    const { peer } = socket.connection!;
    if (kind === "writing") {
      if (this.nowMs + LATE_MS > peer.resumedMs) throw new Undetermined("it may have sent all");
    } else if (this.#isAboutToChange(socket.connection!)) {
      throw new Undetermined("it may have read");
    }
    const overMs = startMs + this.timeoutOf(socket, kind === "writing" ? "send" : "read");
    if (this.nowMs + LATE_MS > overMs) throw new Undetermined("its time may be up");
  }

  /** Throws unless a read has to wait. What it has taken by then is taken again later. */
  #checkBlocks(socket: SocketModel, op: Op): void {
    const { connection } = socket;
    if (connection === undefined || connection.model.dead) throw new Undetermined("it is dead");
    this.#settle(connection);
    const { name, variable = "it" } = parseHead(op[0]);
    const pattern = name === "iter" ? this.iterators.get(variable)?.pattern : undefined;
    const { model, holder, certain, timedOut, peer } = connection;
    const before = { held: pattern?.held, endPending: pattern?.endPending };
    const { nowMs } = this;
    const arrivals = peer.arrivals.splice(0);
    try {
      connection.model = model.copy();
      const values = this.step(op);
      if (values?.[1] !== "timeout") throw new Undetermined("it does not wait");
    } finally {
      this.nowMs = nowMs;
      peer.arrivals.push(...arrivals);
      Object.assign(connection, { model, holder, certain, timedOut });
      if (pattern !== undefined) Object.assign(pattern, before);
    }
  }

  #checkSendBlocks(socket: SocketModel, ops: readonly Op[]): void {
    const { connection } = socket;
    const size = textOf(ops[0]![1])?.length ?? 0;
    if (ops.length > 1 || size < BLOCKING_BYTES || socket.killed) {
      throw new Undetermined("it does not wait");
    }
    if (connection === undefined || connection.writeDead) throw new Undetermined("it is dead");
    this.#settle(connection);
    const { pausedMs } = connection.peer;
    if (this.nowMs < pausedMs + SETTLE_MS) throw new Undetermined("it does not wait");
  }

  #enqueue(socket: SocketModel, op: Op): Waiting {
    const { name, socket: socketName } = parseHead(op[0]);
    if (name !== "connect") throw new Undetermined("it does not wait");
    if (socket.killed) throw new Undetermined("deviation (f)");
    if (socket.connection !== undefined) throw new Undetermined("it lets go of a connection");
    const target = targetOf(op.slice(1));
    if (typeof target === "string" || target.end !== "accepts") {
      throw new Undetermined("it does not wait");
    }
    const { poolName, size = 0, backlog = -1 } = target;
    const before = this.#pools.find(poolName, this.nowMs);
    if (before === undefined) throw new Undetermined(`no queue for ${socketName}`);
    const entry = this.#pools.enter(poolName, size, backlog, this.nowMs);
    if (entry.kind !== "wait") throw new Undetermined("it does not wait");
    socket.poolName = poolName;
    socket.everConnected = true;
    socket.undead = false;
    const untilMs = this.nowMs + this.timeoutOf(socket, "connect");
    const waiting = { untilMs, accept: () => this.#accept(target) };
    entry.pool.queue.push(waiting);
    return waiting;
  }

  #leaveQueue({ socket, waiting }: Thread): void {
    const pool = this.#pools.find(socket.poolName, this.nowMs);
    pool?.queue.splice(pool.queue.indexOf(waiting!), 1);
  }
}

/**
 * Why the outcome of a scenario is decided by more than its script; `undefined` if it is not.
 */
export function undetermined(scenario: Scenario): string | undefined {
  return foreseen(scenario).why;
}

/** The same, and how long a scenario takes. */
export function foreseen(scenario: Scenario): { why: string | undefined; ms: number } {
  let at = 0;
  const world = scenario.udp === undefined ? new World(scenario) : new UdpWorld(scenario);
  try {
    for (const op of scenario.client) {
      at++;
      world.step(op);
    }
    world.finish();
    return { why: undefined, ms: world.nowMs };
  } catch (error) {
    if (!(error instanceof Undetermined)) throw error;
    const why = `op ${at} ${JSON.stringify(scenario.client[at - 1])}: ${error.message}`;
    return { why, ms: world.nowMs };
  }
}

const OPS: Readonly<Record<string, (world: World, call: Call) => Values | undefined>> = {
  tcp: (world, { socket }) => world.renew(socket),
  sleep: (world, { values }) => world.sleep(values[0] as number),
  connect: (world, { socket, values }) => world.connect(socket, values),
  close: (world, { socket, values }) => values.length === 0 ? world.close(socket) : undefined,
  // With more values it throws, and the object has its connection still.
  setkeepalive: (world, { socket, values }) =>
    values.length < 3 ? world.keepAlive(socket, values) : undefined,
  getreusedtimes: (world, { socket }) => world.reusedTimes(socket),
  send: (world, { socket, values }) =>
    values.length === 1 ? world.send(socket, values[0]) : undefined,
  receive(world, { socket, values }) {
    if (values.length > 1) return undefined;
    return world.receive(socket, values.length === 0 ? "*l" : values[0]);
  },
  receiveany: (world, { socket, values }) =>
    values.length === 1 ? world.receiveAny(socket, values[0]) : undefined,
  receiveuntil(world, { socket, variable, values }) {
    return world.makeIterator(socket, variable ?? "it", values);
  },
  iter: (world, { variable, values }) =>
    world.iterate(variable ?? "it", values[0] as number | undefined),
  settimeout(world, { socket, values }) {
    const [ms] = values;
    const isFine = values.length === 1 && isTimeout(ms);
    return isFine ? world.setTimeouts(socket, [ms, ms, ms]) : undefined;
  },
  settimeouts: (world, { socket, values }) =>
    values.length === 3 && values.every(isTimeout) ? world.setTimeouts(socket, values) : undefined,
  bind: () => undefined,
  setoption(_world, { socket, values }) {
    if (socket.undead) throw new Undetermined("deviation (e)");
    // 0.10.23 looks at the object first.
    if (values.length < 2 && !socket.everConnected) throw new Undetermined("a matter of version");
    return undefined;
  },
  getoption(_world, { socket }) {
    if (socket.undead) throw new Undetermined("deviation (e)");
    return undefined;
  },
  spawn: (world, { variable, values }) => world.spawn(variable ?? "t", values),
  wait: (world, { variable }) => world.wait(variable ?? "t"),
  kill: (world, { variable }) => world.kill(variable ?? "t"),
};

function isTimeout(value: unknown): boolean {
  return value === null || (typeof value === "number" && value >= 0 && value < 2 ** 31);
}

type Target = {
  isUnix: boolean;
  end: "accepts" | "refuses" | "hangs";
  poolName: string;
  size?: number;
  backlog?: number;
};

/** Where a connect goes; or that it fails at once, and keeps what the object has, or does not. */
function targetOf(values: readonly unknown[]): Target | "keeps" | "fails" {
  const [host, port] = values;
  const last = values.at(-1);
  const options = values.length > 1 && last !== null && typeof last === "object" ? last : {};
  const { pool, pool_size: size, backlog } = options as {
    pool?: string;
    pool_size?: number;
    backlog?: number;
  };
  const name = pool ?? (host === "$UNIX" ? "$UNIX" : `${host}:${port}`);
  const target = { isUnix: host === "$UNIX", poolName: name, size, backlog };
  if (host === "$UNIX" || (host === "127.0.0.1" && port === "$PORT")) {
    return { ...target, end: "accepts" };
  }
  if (host === "127.0.0.1" && port === "$CLOSED") return { ...target, end: "refuses" };
  if (host === "127.0.0.1" && port === "$HOLE") return { ...target, end: "hangs" };
  // What else there is, is wrong: in the host, if there is a good port, or in the port.
  if (Object.keys(options).length > 0) throw new Undetermined("a wrong connect names a pool");
  return typeof host === "string" && port === "$PORT" ? "fails" : "keeps";
}
