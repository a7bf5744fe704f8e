/**
 * Foresees a conversation over datagrams, as `World` does one over streams. Between one pair of
 * sockets the loopback interface keeps the order, and loses nothing while little lies unread. So an
 * op is refused if its outcome depends
 *
 * - on timing: what the peer answers takes up to `SETTLE_MS`, and the client may be late by
 *   `LATE_MS`;
 * - on who is first: the peer is asked again before it has given all of its last answer;
 * - on how much a system keeps for a socket that nobody reads.
 */

import { byteStringOf, type ByteValue } from "../byte_values.ts";
import { type Op, parseHead, type Scenario } from "../scenario.ts";
import type { UdpItem, UdpScript } from "../scripted_udp.ts";
import { type Arrival, LATE_MS, SETTLE_MS } from "./peer_model.ts";
import type { Values } from "./read_model.ts";
import { textOf } from "./sent_text.ts";
import { Undetermined } from "./undetermined.ts";

/** The largest datagram of IPv4. */
export const MOST_DATAGRAM_BYTES = 65507;

const MOST_UNREAD_BYTES = 80_000;
/** What the system counts for each datagram beyond its bytes. */
const OVERHEAD_BYTES = 2048;
const DEFAULT_TIMEOUT_MS = 60_000;

/** A UDP object, and the socket that it has. */
export type UdpModel = {
  readonly name: string;
  /** To the scripted peer, to nobody, or set up halfway. */
  peer: "listens" | "refuses" | "none" | undefined;
  timeoutMs: number;
  arrivals: Arrival[];
  /** When the answer under way is over. */
  answeredMs: number;
  /** A datagram was refused, and nobody was told. */
  refused: boolean;
  waiting: UdpThread | undefined;
};

type UdpThread = {
  readonly socket: UdpModel;
  readonly ops: readonly Op[];
  readonly startMs: number;
  state: "running" | "killed" | "over";
};

type Call = { socket: UdpModel; variable: string | undefined; values: readonly unknown[] };

/** The state of one conversation. */
export class UdpWorld {
  readonly #script: UdpScript;
  readonly #directiveMs: number;
  readonly #sockets = new Map<string, UdpModel>();
  readonly #threads = new Map<string, UdpThread>();
  nowMs = 0;
  /** How many datagrams the peer has received. */
  heard = 0;

  /** @param scenario Its peer's script may grow meanwhile. */
  constructor({ udp = [], conf = {} }: Pick<Scenario, "udp" | "conf">) {
    this.#script = udp;
    const directive = conf["lua_socket_read_timeout"];
    this.#directiveMs = directive === undefined ? DEFAULT_TIMEOUT_MS : parseInt(directive);
  }

  /** Plays one op; gives what it returns, where that is known. */
  step(op: Op): Values | undefined {
    const { socket: name, name: method, variable } = parseHead(op[0]);
    const act = OPS[method];
    if (act === undefined) throw new Undetermined(`cannot foresee "${method}"`);
    if (method === "udp") return this.#make(name);
    const isOfSocket = !["sleep", "spawn", "wait", "kill"].includes(method);
    const socket = isOfSocket ? this.socket(name) : NOBODY;
    return act(this, { socket, variable, values: op.slice(1) });
  }

  /** The object of that name. */
  socket(name: string): UdpModel {
    const socket = this.#sockets.get(name);
    if (socket === undefined) throw new Undetermined("it would be a stream");
    return socket;
  }

  /** The script is over. */
  finish(): void {
    for (const { state } of this.#threads.values()) {
      if (state === "running") throw new Undetermined("a thread is left");
    }
  }

  #make(name: string): Values {
    if (this.#sockets.get(name)?.peer !== undefined) {
      throw new Undetermined("it is left to the collector");
    }
    const nothing = { arrivals: [], answeredMs: 0, refused: false, waiting: undefined };
    this.#sockets.set(name, { name, peer: undefined, timeoutMs: 0, ...nothing });
    return [];
  }

  setPeer(socket: UdpModel, values: readonly unknown[]): Values | undefined {
    const peer = peerOf(values);
    if (peer === "kept") return undefined;
    if (this.#isBusy(socket)) return [null, "socket busy"];
    this.drop(socket);
    if (peer === "lost") return undefined;
    socket.peer = peer;
    return peer === "none" ? undefined : [1];
  }

  /** Lets go of the socket, and of what came for it. */
  drop(socket: UdpModel): void {
    socket.peer = undefined;
    socket.arrivals = [];
    socket.answeredMs = 0;
    socket.refused = false;
  }

  send(socket: UdpModel, data: unknown): Values | undefined {
    const unready = this.#unready(socket);
    if (unready !== undefined) return unready;
    const text = textOf(data);
    if (text === undefined) return undefined; // it throws
    if (socket.peer === "none") return [null, "transport endpoint is not connected"];
    if (socket.refused) {
      socket.refused = false;
      return [null, "connection refused"];
    }
    if (text.length > MOST_DATAGRAM_BYTES) return [null, "message too long"];
    if (socket.peer === "refuses") socket.refused = true;
    else this.#hear(socket, text);
    return [1];
  }

  receive(socket: UdpModel, size: unknown): Values | undefined {
    const unready = this.#unready(socket);
    if (unready !== undefined) return unready;
    const isSize = size === null || (typeof size !== "boolean" && !Number.isNaN(Number(size)));
    if (!isSize || size === "" || typeof size === "object" && size !== null) return undefined;
    if (socket.peer === "none") throw new Undetermined("a matter of the system");
    if (socket.refused) {
      socket.refused = false;
      return [null, "connection refused"];
    }
    const overMs = this.nowMs + (socket.timeoutMs > 0 ? socket.timeoutMs : this.#directiveMs);
    const next = socket.arrivals[0];
    if (next === undefined || next.atMs >= overMs + SETTLE_MS + LATE_MS) {
      this.nowMs = overMs;
      return [null, "timeout"];
    }
    if (next.atMs + SETTLE_MS > overMs) throw new Undetermined("it comes when the time is up");
    this.nowMs = Math.max(this.nowMs, next.atMs);
    socket.arrivals.shift();
    const most = size === null ? -1 : Math.trunc(Number(size));
    return [most < 0 ? next.bytes : next.bytes.slice(0, most)];
  }

  close(socket: UdpModel): Values {
    if (socket.peer === undefined) return [null, "closed"];
    if (this.#isBusy(socket)) return [null, "socket busy"];
    this.drop(socket);
    return [1];
  }

  spawn(variable: string, [given]: readonly unknown[]): Values {
    if (this.#threads.get(variable)?.state === "running") throw new Undetermined("it is at work");
    const ops = given as readonly Op[];
    if (ops[0] === undefined) throw new Undetermined("a thread without work");
    const { name, socket: socketName } = parseHead(ops[0][0]);
    const socket = this.socket(socketName);
    if (name !== "receive" || socket.waiting) throw new Undetermined("it does not wait");
    this.#checkBlocks(socket, ops[0]);
    const thread: UdpThread = { socket, ops, startMs: this.nowMs, state: "running" };
    this.#threads.set(variable, thread);
    socket.waiting = thread;
    return [];
  }

  wait(variable: string): Values | undefined {
    const thread = this.#threads.get(variable);
    if (thread === undefined) throw new Undetermined("no such thread");
    if (thread.state !== "running") return undefined;
    const mainMs = this.nowMs;
    thread.state = "over";
    thread.socket.waiting = undefined;
    this.nowMs = thread.startMs;
    const results = thread.ops.map((op) => this.step(op));
    this.nowMs = Math.max(this.nowMs, mainMs);
    return results.includes(undefined) ? undefined : [true, { results }];
  }

  kill(variable: string): Values | undefined {
    const thread = this.#threads.get(variable);
    if (thread === undefined) throw new Undetermined("no such thread");
    if (thread.state !== "running") return undefined;
    this.#checkWaits(thread.socket);
    thread.state = "killed";
    thread.socket.waiting = undefined;
    this.drop(thread.socket);
    return [1];
  }

  /** The peer receives a datagram, and answers. */
  #hear(socket: UdpModel, text: string): void {
    const at = Math.min(this.heard, this.#script.length - 1);
    this.heard++;
    const items = this.#script[at] ?? [];
    if (items.length === 0) return;
    if (this.nowMs < socket.answeredMs) throw new Undetermined("two answers at a time");
    let atMs = this.nowMs;
    for (const item of items) {
      if (isSleep(item)) atMs += item.sleep;
      const bytes = bytesOf(item, text);
      if (bytes !== undefined) socket.arrivals.push({ atMs, bytes });
    }
    socket.answeredMs = atMs + SETTLE_MS;
    const size = (it: Arrival) => it.bytes.length + OVERHEAD_BYTES;
    const unread = socket.arrivals.reduce((sum, it) => sum + size(it), 0);
    if (unread > MOST_UNREAD_BYTES) throw new Undetermined("it may be too much to keep");
  }

  /** Why an object cannot be used. */
  #unready(socket: UdpModel): Values | undefined {
    if (socket.peer === undefined) return [null, "closed"];
    return this.#isBusy(socket) ? [null, "socket busy"] : undefined;
  }

  #isBusy(socket: UdpModel): boolean {
    if (socket.waiting === undefined) return false;
    this.#checkWaits(socket);
    return true;
  }

  /** Throws unless a thread is sure to be in its first receive still. */
  #checkWaits(socket: UdpModel): void {
    const { startMs } = socket.waiting!;
    const overMs = startMs + (socket.timeoutMs > 0 ? socket.timeoutMs : this.#directiveMs);
    const untilMs = Math.min(overMs, socket.arrivals[0]?.atMs ?? Infinity);
    if (this.nowMs + LATE_MS > untilMs) throw new Undetermined("it may be over");
  }

  /** Throws unless a receive has to wait. */
  #checkBlocks(socket: UdpModel, op: Op): void {
    const { peer, refused, arrivals } = socket;
    const comesMs = arrivals[0]?.atMs ?? Infinity;
    const isSure = peer !== undefined && peer !== "none" && !refused;
    if (!isSure || comesMs < this.nowMs + LATE_MS) throw new Undetermined("it does not wait");
    const { nowMs } = this;
    socket.arrivals = [];
    try {
      const values = this.receive(socket, op[1] ?? null);
      if (op.length > 2 || values?.[1] !== "timeout") throw new Undetermined("it does not wait");
    } finally {
      this.nowMs = nowMs;
      socket.arrivals = arrivals;
    }
  }
}

const OPS: Readonly<Record<string, (world: UdpWorld, call: Call) => Values | undefined>> = {
  udp: () => undefined,
  sleep(world, { values: [ms] }) {
    world.nowMs += ms as number;
    return [];
  },
  setpeername(world, { socket, values }) {
    return values.length === 1 || values.length === 2 ? world.setPeer(socket, values) : undefined;
  },
  send: (world, { socket, values }) =>
    values.length === 1 ? world.send(socket, values[0]) : undefined,
  receive: (world, { socket, values }) =>
    values.length < 2 ? world.receive(socket, values[0] ?? null) : undefined,
  settimeout(_world, { socket, values }) {
    if (values.length !== 1) return undefined;
    if (socket.waiting) throw new Undetermined("a change of a pending timeout");
    const ms = Math.trunc(Number(values[0]));
    socket.timeoutMs = ms > 0 ? ms : 0;
    return [];
  },
  close: (world, { socket, values }) => values.length === 0 ? world.close(socket) : undefined,
  spawn: (world, { variable, values }) => world.spawn(variable ?? "t", values),
  wait: (world, { variable }) => world.wait(variable ?? "t"),
  kill: (world, { variable }) => world.kill(variable ?? "t"),
};

/** Whom a choice of a peer comes to: a mistake may keep the one there was, or lose it. */
function peerOf([host, port]: readonly unknown[]): UdpModel["peer"] | "kept" | "lost" {
  if (typeof host !== "string") return "kept";
  const isPort = port === undefined || port === "$UDPPORT" || port === "$CLOSED" ||
    (typeof port === "number" && port >= 0 && port <= 65535);
  if (!isPort) return "kept";
  if (host === "$UNIX" || host.startsWith("unix:/")) return "none";
  if (host !== "127.0.0.1") return "lost";
  if (port === "$UDPPORT") return "listens";
  if (port === "$CLOSED") return "refuses";
  throw new Undetermined("nobody knows who is there");
}

function isSleep(item: UdpItem): item is { readonly sleep: number } {
  return typeof item === "object" && "sleep" in item;
}

/** What the client is sent by an item. */
function bytesOf(item: UdpItem, heard: string): string | undefined {
  if (typeof item !== "object") return byteStringOf(item);
  if ("echo" in item) return heard;
  if ("sleep" in item || "stranger" in item) return undefined;
  return byteStringOf(item as ByteValue);
}

const NOBODY: UdpModel = {
  name: "",
  peer: undefined,
  timeoutMs: 0,
  arrivals: [],
  answeredMs: 0,
  refused: false,
  waiting: undefined,
};
