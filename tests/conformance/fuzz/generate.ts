/**
 * Random conversations whose outcome depends on nothing but their script: every op is chosen at
 * random, and kept if `World` can foresee it.
 *
 * The peer is paced by the client: each phase of its script begins with a mark, which the client
 * sends. Then the client either waits until all has arrived, and reads with short timeouts too, or
 * reads at once what is sure to come.
 */

import { Random } from "../../helpers/random.ts";
import type { ByteValue } from "../byte_values.ts";
import type { Op, Scenario, Step } from "../scenario.ts";
import { generateUdp } from "./generate_udp.ts";
import { LATE_MS, MARK, SETTLE_MS } from "./peer_model.ts";
import { BLOCKING_BYTES, Undetermined, undetermined, World } from "./world_model.ts";

const MOST_MS = 900;
const MOST_TIMEOUTS = 4;
const MOST_OPS = 60;
const MOST_CONNECTIONS = 8;
const LONG_MS = 2000;
/** For so long a peer does not read what is too much for the systems to hold. */
const PAUSE_MS = 500;
const SHORT_MS = [1, 5, 20, 40];

/** One seed in so many has a conversation over datagrams. */
const UDP_EVERY = 6;

/** The conversation of a seed. */
export function generate(seed: number): Scenario {
  return seed % UDP_EVERY === 0 ? generateUdp(seed) : new Conversation(seed).scenario();
}

type Kind = "reads" | "pools" | "duplex";

/** One that grows. */
class Conversation {
  readonly #seed: number;
  readonly #random: Random;
  readonly #kind: Kind;
  readonly #server: Step[][] = Array.from({ length: MOST_CONNECTIONS }, () => []);
  readonly #client: Op[] = [];
  readonly #conf: Record<string, string> = {};
  readonly #alphabet: string;
  readonly #patterns: string[];
  readonly #names: string[];
  readonly #isUnix: boolean;
  readonly #pools: { name: string | undefined; size: number; backlog: number | undefined }[];
  #world: World;
  #timeouts = 0;
  #messages = 0;
  #threads = 0;
  #settleMs = 30;

  constructor(seed: number) {
    const random = this.#random = new Random(seed);
    this.#seed = seed;
    this.#kind = random.of<Kind>(["reads", "reads", "pools", "pools", "duplex"]);
    this.#alphabet = random.of(["ab", "ab", "abc", "ab\n", "a\r\n", "-X\r\n", "ab\0\xff"]);
    this.#patterns = Array.from(
      { length: random.between(1, 2) },
      () => this.#text(random.between(1, random.of([2, 4, 8]))),
    );
    const names = ["s", "a", "b", "c"];
    const count = this.#kind === "pools" ? random.between(2, 4) : random.of([1, 1, 2]);
    this.#names = names.slice(0, count);
    this.#isUnix = random.onceIn(8);
    this.#pools = [this.#pool("$ID-p"), this.#pool(random.of([undefined, "$ID-q"]))];
    this.#configure();
    this.#world = this.#newWorld();
  }

  scenario(): Scenario {
    const random = this.#random;
    const names = this.#names;
    for (const name of names) {
      this.#do([this.#head(name, "settimeout"), LONG_MS]);
      if (this.#kind !== "pools") this.#connect(name);
    }
    for (const [at, text] of this.#patterns.entries()) this.#makeIterator(names[0]!, at, text);
    for (let tries = 0; tries < 80 && this.#goesOn; tries++) {
      this.#move(random.of(names));
    }
    this.#end();
    // A script may be too short to see what it has sent heard: then it ends before that.
    while (undetermined(this.#finished()) !== undefined) this.#client.pop();
    return this.#finished();
  }

  get #goesOn(): boolean {
    return this.#world.nowMs < MOST_MS && this.#client.length < MOST_OPS;
  }

  #pool(name: string | undefined) {
    const random = this.#random;
    const backlog = random.of([undefined, undefined, 0, 1, 2]);
    return { name, size: random.between(1, 3), backlog };
  }

  #configure(): void {
    const random = this.#random;
    const conf = this.#conf;
    if (this.#kind === "reads" && random.onceIn(3)) {
      const bytes = random.of([1, 2, 3, 7, 16, 512, 4095, 4097, 8192]);
      conf["lua_socket_buffer_size"] = String(bytes);
    }
    conf["lua_socket_read_timeout"] = `${random.onceIn(8) ? random.of([20, 40]) : LONG_MS}ms`;
    if (this.#kind === "pools" && random.onceIn(4)) {
      conf["lua_socket_pool_size"] = String(random.between(1, 3));
    }
  }

  #newWorld(): World {
    return new World({ server: this.#server, conf: this.#conf });
  }

  /** The head of an op: the object `s` needs no name. */
  #head(socket: string, name: string): string {
    return socket === "s" ? name : `${socket}:${name}`;
  }

  // What is tried ---------------------------------------------------------------

  /** Does something if all of it is determined and not too slow; says whether it was. */
  #attempt(work: () => void): boolean {
    const before = {
      ops: this.#client.length,
      steps: this.#server.map((script) => script.length),
      timeouts: this.#timeouts,
      settleMs: this.#settleMs,
    };
    try {
      work();
      return true;
    } catch (error) {
      if (!(error instanceof Undetermined)) throw error;
      this.#client.length = before.ops;
      for (const [at, script] of this.#server.entries()) script.length = before.steps[at]!;
      this.#timeouts = before.timeouts;
      this.#settleMs = before.settleMs;
      this.#world = this.#newWorld();
      for (const op of this.#client) this.#world.step(op);
      return false;
    }
  }

  /** Plays ops in any case. */
  #play(...ops: readonly Op[]): void {
    for (const op of ops) {
      const startMs = this.#world.nowMs;
      const result = JSON.stringify(this.#world.step(op) ?? null);
      this.#timeouts += result.split('"timeout"').length - 1;
      const isSlow = this.#world.nowMs - startMs > LONG_MS / 2 ||
        this.#timeouts > MOST_TIMEOUTS || this.#world.accepted > MOST_CONNECTIONS;
      if (isSlow) throw new Undetermined("it takes too long");
      this.#client.push(op);
    }
  }

  /** Plays ops if they are determined. */
  #do(...ops: readonly Op[]): boolean {
    return this.#attempt(() => this.#play(...ops));
  }

  /** Adds steps to what the peer of an object's connection does. */
  #extend(name: string, ...steps: readonly Step[]): void {
    const peer = this.#world.socket(name).connection?.peer;
    if (peer === undefined || !peer.isWaiting) throw new Undetermined("nobody waits for it");
    (peer.steps as Step[]).push(...steps);
  }

  #move(name: string): void {
    const isConnected = this.#world.socket(name).connection !== undefined;
    if (!isConnected && !this.#random.onceIn(6)) return this.#begin(name);
    this.#act(this.#random.of(MOVES[this.#kind]), name);
  }

  #act(move: MoveName, name: string): void {
    const random = this.#random;
    switch (move) {
      case "phase":
        return this.#phase(name);
      case "read":
        for (let times = random.between(1, 4); times > 0; times--) this.#read(name);
        return;
      case "impatient":
        this.#do(
          [this.#head(name, "settimeout"), random.of(SHORT_MS)],
          this.#readOp(name),
          [this.#head(name, "settimeout"), LONG_MS],
        );
        return;
      case "send":
        this.#do([this.#head(name, "send"), this.#sendable()]);
        return;
      case "misuse":
        this.#do(this.#misuse(name));
        return;
      case "options":
        this.#do(this.#option(name));
        return;
      case "settings":
        this.#do(this.#setting(name));
        return;
      case "iterator": {
        const at = random.below(this.#patterns.length);
        this.#makeIterator(name, at, this.#patterns[at]!);
        return;
      }
      case "count":
        this.#do([this.#head(name, "getreusedtimes")]);
        return;
      case "close":
        this.#do([this.#head(name, "close")]);
        return;
      case "reconnect":
        return this.#begin(name);
      case "keep":
        this.#do(this.#keepOp(name));
        return;
      case "exchange":
        return this.#exchange(name);
      case "idle":
        return this.#idle(name);
      case "queue":
        return this.#queue(name);
      case "reader":
        return this.#reader(name);
      case "writer":
        return this.#writer(name);
      case "killed":
        return this.#killed(name);
      case "echo":
        this.#attempt(() => this.#trigger(name, [{ echo: true }], true));
    }
  }

  // Connecting ------------------------------------------------------------------

  #begin(name: string): void {
    const random = this.#random;
    const { killed } = this.#world.socket(name);
    if (killed || random.onceIn(12)) {
      if (this.#do([this.#head(name, "tcp")])) {
        this.#do([this.#head(name, "settimeout"), LONG_MS]);
        for (const [at, text] of this.#patterns.entries()) {
          if (!this.#world.iterators.has(`p${at}`)) this.#makeIterator(name, at, text);
        }
      }
    }
    if (this.#kind !== "pools" && random.onceIn(4)) this.#greet();
    if (random.onceIn(12)) {
      this.#do(
        [this.#head(name, "settimeout"), 30],
        [this.#head(name, "connect"), "127.0.0.1", random.of(["$CLOSED", "$HOLE"])],
        [this.#head(name, "settimeout"), LONG_MS],
      );
    }
    this.#connect(name);
  }

  /** What the next connection is sent at once. */
  #greet(): void {
    const script = this.#server[this.#world.accepted];
    if (script?.length === 0) script.push({ send: this.#data() });
  }

  #connect(name: string): void {
    this.#do([this.#head(name, "connect"), ...this.#target()]);
  }

  #target(): unknown[] {
    const random = this.#random;
    const where = this.#isUnix ? ["$UNIX"] : ["127.0.0.1", "$PORT"];
    if (this.#kind !== "pools") return where;
    const { name, size, backlog } = random.of(this.#pools);
    const options = {
      ...(name !== undefined && { pool: name }),
      ...(!random.onceIn(3) && { pool_size: size }),
      ...(backlog !== undefined && { backlog }),
    };
    return Object.keys(options).length > 0 ? [...where, options] : where;
  }

  #makeIterator(name: string, at: number, text: string): void {
    const options = this.#random.onceIn(3) ? [{ inclusive: this.#random.onceIn(2) }] : [];
    this.#do([`${this.#head(name, "receiveuntil")}@p${at}`, text, ...options]);
  }

  // Data ------------------------------------------------------------------------

  #text(size: number): string {
    return Array.from({ length: size }, () => this.#random.of([...this.#alphabet])).join("");
  }

  /** A few delimiters, whole and cut, and what is between them. */
  #data(): ByteValue {
    const random = this.#random;
    let text = "";
    for (let times = random.between(1, 6); times > 0; times--) {
      const pattern = random.of(this.#patterns);
      text += random.of([
        this.#text(random.below(12)),
        pattern,
        pattern.slice(0, random.below(pattern.length + 1)),
        pattern.slice(0, random.below(pattern.length)) + pattern,
      ]);
    }
    if (!random.onceIn(8)) return text;
    const size = random.of([4096, 8192, 12288]) + random.between(-1, 1) - random.below(2) * 9;
    const fill = random.of(["a", "ab", random.of(this.#patterns)]);
    const filled = { rep: [fill, Math.ceil(size / fill.length)] } as const;
    return random.of<ByteValue>([[filled, text], [text, filled], [text, filled, text]]);
  }

  /** Something to send, without a mark. */
  #sendable(): unknown {
    const random = this.#random;
    const list = (depth: number): unknown[] =>
      Array.from({ length: random.below(4) }, () => {
        if (depth > 0 && random.onceIn(3)) return list(depth - 1);
        return random.onceIn(3) ? random.of(NUMBERS) : this.#text(random.below(6));
      });
    return random.of<() => unknown>([
      () => this.#text(random.below(20)),
      () => list(3),
      () => random.of(NUMBERS),
      () => random.of([true, false, null, ""]),
      () => ({ rep: [this.#text(3), random.of([1365, 1366, 5461, 20_000, 66_000])] }),
    ])();
  }

  /** What a mark is sent with. */
  #marked(): unknown {
    const random = this.#random;
    return random.of<unknown>([
      MARK,
      MARK,
      this.#text(3) + MARK,
      [this.#text(2), [MARK]],
      [random.of(NUMBERS), MARK],
    ]);
  }

  // Reading ---------------------------------------------------------------------

  #phase(name: string): void {
    const random = this.#random;
    const body: Step[] = [];
    if (random.onceIn(6)) body.push({ sleep: LATE_MS + SETTLE_MS });
    for (let times = random.of([1, 1, 2, 3]); times > 0; times--) {
      body.push({ send: this.#data() });
      if (random.onceIn(2)) body.push({ sleep: random.of([2, 10, 30]) });
    }
    if (random.onceIn(5)) body.push({ sleep: 10 }, this.#ending());
    const waits = random.onceIn(2);
    this.#attempt(() => this.#trigger(name, body, waits));
    for (let times = random.between(1, 6); times > 0; times--) this.#read(name);
  }

  #ending(): Step {
    const endings = this.#isUnix ? ["shutdown", "close"] : ["shutdown", "close", "reset"];
    return { [this.#random.of(endings)]: true };
  }

  /** Has the peer play a new phase; `waits` until all of it has arrived. */
  #trigger(name: string, body: readonly Step[], waits: boolean): void {
    this.#extend(name, { read_until: MARK }, ...body);
    const isEcho = body.some((step) => "echo" in step);
    this.#play([this.#head(name, "send"), isEcho ? MARK : this.#marked()]);
    const sleeps = body.map((step) => "sleep" in step ? step["sleep"] as number : 0);
    if (waits) this.#play(["sleep", SETTLE_MS + sleeps.reduce((sum, it) => sum + it, 0)]);
  }

  #read(name: string): void {
    this.#do(this.#readOp(name));
  }

  #readOp(name: string): Op {
    const random = this.#random;
    const near = this.#world.socket(name).connection?.model.unread ?? 0;
    const size = random.of([random.between(1, 9), 4095, 4096, 4097, near - 1, near, near + 1]);
    const receive = this.#head(name, "receive");
    const iter = `iter@p${random.below(this.#patterns.length)}`;
    return random.of<Op>([
      [receive],
      [receive, "*l"],
      [receive, random.between(1, 9)],
      [receive, Math.max(1, size)],
      [receive, random.of<unknown>([0, 0, "3", " 2 ", "0x4", 2.7, -0.5, "1e0"])],
      [this.#head(name, "receiveany"), random.between(1, 9)],
      [this.#head(name, "receiveany"), random.of([4095, 4096, 4097, 100_000])],
      [iter],
      [iter],
      [iter, random.between(1, 5)],
      [iter, random.of([0, 1, 2, -1, 4096])],
      [receive, random.onceIn(3) ? "*a" : "*l"],
    ]);
  }

  // Pools -----------------------------------------------------------------------

  #keepOp(name: string): Op {
    const random = this.#random;
    const ms = random.of([null, 0, 1000, 60_000, 80]);
    const values = random.of<unknown[]>([[], [], [ms], [ms, random.between(1, 3)]]);
    return [this.#head(name, "setkeepalive"), ...values];
  }

  /** A question, and an answer that no other connection gives. */
  #exchange(name: string): void {
    const answer = `${++this.#messages}${this.#random.of(["\n", "\r\n"])}`;
    this.#attempt(() => {
      this.#trigger(name, [{ send: answer }], false);
      this.#play([this.#head(name, "receive")]);
    });
  }

  /** Something happens to a connection while it is idle: or nothing, and its time is not up. */
  #idle(name: string): void {
    const random = this.#random;
    const pauseMs = random.of([10, 2 * (LATE_MS + SETTLE_MS)]);
    const isQuiet = random.onceIn(2);
    const act = random.onceIn(3) ? { send: "late" } : this.#ending();
    this.#attempt(() => {
      if (isQuiet) {
        this.#play([this.#head(name, "setkeepalive"), random.of([80, 0, null])]);
      } else {
        this.#extend(name, { read_until: MARK }, { sleep: LATE_MS + 10 }, act);
        this.#play([this.#head(name, "send"), MARK], this.#keepOp(name));
      }
      this.#play(
        ["sleep", pauseMs],
        [this.#head(name, "connect"), ...this.#target()],
        [this.#head(name, "getreusedtimes")],
      );
    });
  }

  /** One waits for a place that another one gives back. */
  #queue(name: string): void {
    const random = this.#random;
    const thread = `t${++this.#threads}`;
    const ops: Op[] = [
      [this.#head(name, "connect"), ...this.#target()],
      [this.#head(name, "getreusedtimes")],
    ];
    if (random.onceIn(2)) ops.push([this.#head(name, "send"), this.#text(4)]);
    if (random.onceIn(2)) ops.push([this.#head(name, "setkeepalive")]);
    this.#attempt(() => {
      this.#play([`spawn@${thread}`, ops]);
      if (random.onceIn(3)) this.#probe(name);
      if (random.onceIn(6)) return this.#play([`kill@${thread}`], ["sleep", SETTLE_MS]);
      const others = this.#names.filter((it) => this.#world.socket(it).connection?.pool);
      if (others.length > 0) {
        const other = random.of(others);
        this.#do(random.onceIn(2) ? [this.#head(other, "close")] : this.#keepOp(other));
      }
      this.#play([`wait@${thread}`], ["sleep", SETTLE_MS]);
    });
  }

  // Threads ---------------------------------------------------------------------

  /** One reads while another one writes. */
  #reader(name: string): void {
    const random = this.#random;
    const thread = `t${++this.#threads}`;
    const reads = Array.from({ length: random.between(1, 4) }, () => this.#readOp(name));
    const body: Step[] = [];
    for (let times = random.between(1, 3); times > 0; times--) {
      body.push({ send: this.#data() }, { sleep: random.of([2, 10, 30]) });
    }
    body.push(random.onceIn(3) ? this.#ending() : { send: this.#data() });
    this.#attempt(() => {
      this.#play([`spawn@${thread}`, reads]);
      for (let times = random.below(4); times > 0; times--) this.#probe(name);
      this.#trigger(name, body, false);
      if (random.onceIn(2)) this.#do([this.#head(name, "send"), this.#sendable()]);
      this.#play([`wait@${thread}`]);
    });
  }

  /** One sends more than the systems hold, and the peer does not read for a while. */
  #writer(name: string): void {
    const random = this.#random;
    const thread = `t${++this.#threads}`;
    if (this.#isUnix || !random.onceIn(4)) return;
    const send: Op = [this.#head(name, "send"), { rep: [random.of(["x", "ab"]), BLOCKING_BYTES] }];
    if (random.onceIn(2)) {
      const ms = random.of([50, 100]);
      this.#attempt(() => {
        this.#trigger(name, [{ pause: true }], true);
        this.#play([this.#head(name, "settimeouts"), LONG_MS, ms, LONG_MS], send);
      });
      return;
    }
    this.#attempt(() => {
      this.#trigger(name, [{ pause: true }, { sleep: PAUSE_MS }, { resume: true }], false);
      this.#play(["sleep", SETTLE_MS], [`spawn@${thread}`, [send]]);
      for (let times = random.below(4); times > 0; times--) this.#probe(name);
      this.#play([`wait@${thread}`]);
      this.#settleMs = 300;
    });
  }

  #killed(name: string): void {
    const random = this.#random;
    const thread = `t${++this.#threads}`;
    this.#attempt(() => {
      this.#play([`spawn@${thread}`, [this.#readOp(name)]]);
      if (random.onceIn(2)) this.#probe(name);
      this.#play([`kill@${thread}`]);
      if (random.onceIn(3)) this.#play([`wait@${thread}`]);
    });
    for (let times = random.below(3); times > 0; times--) this.#probe(name);
  }

  /** Anything that says how the object is. */
  #probe(name: string): void {
    const random = this.#random;
    this.#do(
      random.of<() => Op>([
        () => this.#readOp(name),
        () => [this.#head(name, "close")],
        () => [this.#head(name, "setkeepalive")],
        () => [this.#head(name, "getreusedtimes")],
        () => [this.#head(name, "connect"), "127.0.0.1", "$PORT"],
        () => [this.#head(name, "send"), this.#text(3)],
        () => this.#misuse(name),
        () => this.#option(name),
      ])(),
    );
  }

  // The rest --------------------------------------------------------------------

  #misuse(name: string): Op {
    const [method, ...values] = this.#random.of(MISUSES);
    return [this.#head(name, method), ...values];
  }

  #option(name: string): Op {
    const random = this.#random;
    const option = random.of(["keepalive", "tcp-nodelay"]);
    const value = random.of([true, false, 0, 1]);
    return random.onceIn(2)
      ? [this.#head(name, "setoption"), option, value]
      : [this.#head(name, "getoption"), random.of([option, option, "bogus"])];
  }

  #setting(name: string): Op {
    const random = this.#random;
    const ms = () => random.of([LONG_MS, LONG_MS, 40, 0, null]);
    return random.onceIn(2)
      ? [this.#head(name, "settimeout"), ms()]
      : [this.#head(name, "settimeouts"), LONG_MS, LONG_MS, ms()];
  }

  #end(): void {
    this.#do(["sleep", SETTLE_MS]);
    for (const name of this.#names) {
      if (this.#random.onceIn(3)) continue;
      this.#do([this.#head(name, "close")]);
    }
  }

  #finished(): Scenario {
    const server = this.#server.slice(0, Math.max(1, this.#world.accepted));
    const isPlain = Object.keys(this.#conf).length === 0;
    return {
      id: `fuzz-${this.#seed}`,
      ...(!isPlain && { conf: this.#conf }),
      server,
      client: this.#client,
      ...(this.#settleMs > 30 && { settle: this.#settleMs }),
    };
  }
}

type MoveName =
  | "phase"
  | "read"
  | "impatient"
  | "send"
  | "misuse"
  | "options"
  | "settings"
  | "iterator"
  | "count"
  | "close"
  | "reconnect"
  | "keep"
  | "exchange"
  | "idle"
  | "queue"
  | "reader"
  | "writer"
  | "killed"
  | "echo";

/** As often as they are named. */
const MOVES: Readonly<Record<Kind, readonly MoveName[]>> = {
  reads: [
    ...["phase", "phase", "phase", "phase", "read", "read", "impatient", "send"] as const,
    ...["misuse", "options", "settings", "iterator", "count", "close", "reconnect"] as const,
    ...["keep", "echo"] as const,
  ],
  pools: [
    ...["exchange", "exchange", "exchange", "keep", "keep", "keep", "count", "close"] as const,
    ...["idle", "idle", "queue", "queue", "queue", "reconnect", "phase", "send"] as const,
    ...["misuse", "options"] as const,
  ],
  duplex: [
    ...["reader", "reader", "reader", "reader", "writer", "killed", "phase", "read"] as const,
    ...["send", "echo", "settings", "close", "misuse", "count"] as const,
  ],
};

const NUMBERS = [0, 7, -1, 1.5, 0.1, 2147483647, 2147483648, -2147483649, 1e14, 2 ** 53, 1e-6];

const MISUSES: readonly [string, ...unknown[]][] = [
  ["receive", "*n"],
  ["receive", "foo"],
  ["receive", 1, 2],
  ["receiveany"],
  ["receiveany", 0],
  ["receiveany", "x"],
  ["receiveuntil"],
  ["send"],
  ["send", "a", "b"],
  ["send", ["a", true]],
  ["send", ["a", null, "b"]],
  ["send", { key: 1 }],
  ["close", 1],
  ["getreusedtimes", 1],
  ["settimeout"],
  ["settimeout", -1],
  ["settimeout", 1, 2],
  ["connect"],
  ["connect", "127.0.0.1"],
  ["connect", "127.0.0.1", "x"],
  ["connect", "127.0.0.1", 70000],
  ["connect", "[::1", "$PORT"],
  ["connect", "127.0.0.1/x", "$PORT"],
  ["connect", "", "$PORT"],
  ["bind", "x"],
  ["bind", "127.0.0.1"],
  ["setkeepalive", 1, 2, 3],
  ["getoption"],
  ["setoption", "keepalive"],
];
