/**
 * Random conversations over datagrams, whose outcome depends on nothing but their script: every op
 * is chosen at random, and kept if `UdpWorld` can foresee it.
 *
 * What the peer answers to a datagram is decided when that is sent. Then the client waits until all
 * of it has arrived, or receives at once what is sure to come.
 */

import { Random } from "../../helpers/random.ts";
import type { ByteValue } from "../byte_values.ts";
import type { Op, Scenario } from "../scenario.ts";
import type { UdpItem } from "../scripted_udp.ts";
import { LATE_MS, SETTLE_MS } from "./peer_model.ts";
import { MOST_DATAGRAM_BYTES, UdpWorld } from "./udp_world.ts";
import { Undetermined } from "./undetermined.ts";

const MOST_MS = 900;
const MOST_TIMEOUTS = 4;
const MOST_OPS = 50;
const LONG_MS = 2000;
const SIZES = [0, 1, 2, 7, 511, 512, 513, 1472, 4096, 8191, 8192, 8193, 16_384];

/** The conversation of a seed. */
export function generateUdp(seed: number): Scenario {
  return new UdpConversation(seed).scenario();
}

/** One that grows. */
class UdpConversation {
  readonly #seed: number;
  readonly #random: Random;
  readonly #script: UdpItem[][] = [];
  readonly #client: Op[] = [];
  readonly #names: string[];
  readonly #directiveMs: number;
  /** Whether some of it goes where nobody listens. */
  readonly #refuses: boolean;
  #world: UdpWorld;
  #timeouts = 0;
  #threads = 0;

  constructor(seed: number) {
    const random = this.#random = new Random(seed);
    this.#seed = seed;
    this.#names = ["u", "a", "b"].slice(0, random.of([1, 2, 2, 3]));
    this.#directiveMs = random.onceIn(6) ? random.of([20, 40]) : LONG_MS;
    this.#refuses = random.onceIn(6);
    this.#world = this.#newWorld();
  }

  scenario(): Scenario {
    const random = this.#random;
    for (const name of this.#names) {
      this.#do([`${name}:udp`]);
      if (!random.onceIn(4)) this.#do(this.#peer(name));
    }
    const isOver = () => this.#world.nowMs >= MOST_MS || this.#client.length >= MOST_OPS;
    for (let tries = 0; tries < 60 && !isOver(); tries++) this.#move(random.of(this.#names));
    this.#do(["sleep", SETTLE_MS]);
    for (const name of this.#names) if (!random.onceIn(3)) this.#do([`${name}:close`]);
    return {
      id: `fuzz-${this.#seed}`,
      conf: this.#conf,
      server: [],
      udp: this.#script.length > 0 ? this.#script : [[]],
      client: this.#client,
    };
  }

  get #conf(): Record<string, string> {
    return { "lua_socket_read_timeout": `${this.#directiveMs}ms` };
  }

  #newWorld(): UdpWorld {
    return new UdpWorld({ udp: this.#script, conf: this.#conf });
  }

  /** Does something if all of it is determined and not too slow. */
  #attempt(work: () => void): void {
    const before = {
      ops: this.#client.length,
      answers: this.#script.length,
      timeouts: this.#timeouts,
    };
    try {
      work();
    } catch (error) {
      if (!(error instanceof Undetermined)) throw error;
      this.#client.length = before.ops;
      this.#script.length = before.answers;
      this.#timeouts = before.timeouts;
      this.#world = this.#newWorld();
      for (const op of this.#client) this.#world.step(op);
    }
  }

  /** Plays ops in any case. Whoever hears of it for the first time has an answer ready. */
  #play(...ops: readonly Op[]): void {
    for (const op of ops) {
      const startMs = this.#world.nowMs;
      const result = JSON.stringify(this.#world.step(op) ?? null);
      this.#timeouts += result.split('"timeout"').length - 1;
      const isSlow = this.#world.nowMs - startMs > LONG_MS / 2 || this.#timeouts > MOST_TIMEOUTS;
      if (isSlow) throw new Undetermined("it takes too long");
      if (this.#world.heard > this.#script.length) throw new Undetermined("it has no answer");
      this.#client.push(op);
    }
  }

  /** Plays ops if they are determined. */
  #do(...ops: readonly Op[]): void {
    this.#attempt(() => this.#play(...ops));
  }

  #move(name: string): void {
    const random = this.#random;
    switch (random.of(MOVES)) {
      case "ask":
        return this.#ask(name);
      case "receive":
        for (let times = random.between(1, 3); times > 0; times--) {
          this.#do(this.#receive(name));
        }
        return;
      case "impatient":
        return this.#do(
          [`${name}:settimeout`, random.of([1, 5, 20, "40", 30.9])],
          this.#receive(name),
          [`${name}:settimeout`, random.of([LONG_MS, 0, -5, null])],
        );
      case "thread":
        return this.#thread(name);
      case "peer":
        return this.#do(this.#peer(name));
      case "close":
        return this.#do([`${name}:close`]);
      case "renew":
        return this.#do([`${name}:udp`]);
      case "misuse":
        return this.#do(this.#misuse(name));
    }
  }

  /** A datagram, and what comes back for it. */
  #ask(name: string): void {
    const answer = this.#answer();
    const waits = this.#random.onceIn(2);
    this.#attempt(() => {
      this.#send(name, answer);
      if (waits) this.#play(["sleep", SETTLE_MS + lengthOf(answer)]);
    });
    for (let times = this.#random.below(4); times > 0; times--) this.#do(this.#receive(name));
  }

  #send(name: string, answer: UdpItem[]): void {
    const { heard } = this.#world;
    // Where nobody hears it, it is for the next one.
    if (heard === this.#script.length) this.#script.push(answer);
    this.#play([`${name}:send`, this.#sendable()]);
    if (heard === this.#world.heard) this.#script.length = heard;
  }

  /** One waits for a datagram, while others try. */
  #thread(name: string): void {
    const random = this.#random;
    const thread = `t${++this.#threads}`;
    const isLate = random.onceIn(2);
    const answer = [{ sleep: 2 * (LATE_MS + SETTLE_MS) }, ...this.#answer()];
    const ops = Array.from({ length: random.between(1, 3) }, () => this.#receive(name));
    this.#attempt(() => {
      if (isLate) this.#send(name, answer);
      this.#play([`spawn@${thread}`, ops]);
      for (let times = random.below(4); times > 0; times--) this.#probe(name);
      this.#play([random.onceIn(4) ? `kill@${thread}` : `wait@${thread}`]);
    });
    for (let times = random.below(3); times > 0; times--) this.#probe(name);
  }

  /** Anything that says how the object is. */
  #probe(name: string): void {
    const ops = [
      () => this.#receive(name),
      () => [`${name}:close`] as const,
      () => this.#peer(name),
      () => this.#misuse(name),
      () => [`${name}:send`, this.#text(3)] as const,
    ];
    this.#do(this.#random.of<() => Op>(ops)());
  }

  #peer(name: string): Op {
    const random = this.#random;
    const method = `${name}:setpeername`;
    if (this.#refuses && random.onceIn(3)) return [method, "127.0.0.1", "$CLOSED"];
    if (random.onceIn(8)) return [method, random.of(["$UNIX", "unix:/nonexistent/x"])];
    return [method, "127.0.0.1", "$UDPPORT"];
  }

  #receive(name: string): Op {
    const random = this.#random;
    const { arrivals } = this.#world.socket(name);
    const near = arrivals[0]?.bytes.length ?? 0;
    const method = `${name}:receive`;
    return random.of<Op>([
      [method],
      [method],
      [method, near],
      [method, near + 1],
      [method, Math.max(0, near - 1)],
      [method, random.below(9)],
      [method, random.of([8191, 8192, 65_535, 65_536, 65_537, 1e20])],
      [method, random.of<unknown>([0, -1, -0.5, 0.9, 2.7, "3", " 2 ", "0x4", "1e1", null])],
    ]);
  }

  #misuse(name: string): Op {
    const [method, ...values] = this.#random.of(MISUSES);
    return [`${name}:${method}`, ...values];
  }

  #text(most: number): string {
    const random = this.#random;
    const letter = () => random.of(["a", "b", "\n", "\0", "\xff"]);
    return Array.from({ length: random.below(most + 1) }, letter).join("");
  }

  #datagram(): ByteValue {
    const random = this.#random;
    if (!random.onceIn(3)) return this.#text(20);
    const size = random.onceIn(6) ? MOST_DATAGRAM_BYTES - random.below(2) : random.of(SIZES);
    return [this.#text(3), { rep: [random.of(["x", "y"]), Math.max(0, size - 3)] }];
  }

  #answer(): UdpItem[] {
    const random = this.#random;
    return Array.from({ length: random.of([0, 1, 1, 1, 2, 3, 5]) }, () =>
      random.of<() => UdpItem>([
        () => this.#datagram(),
        () => this.#datagram(),
        () => ({ echo: true }),
        () => ({ stranger: this.#text(5) }),
        () => ({ sleep: random.of([2, 10, 30, LATE_MS + SETTLE_MS]) }),
      ])());
  }

  #sendable(): unknown {
    const random = this.#random;
    const list = (depth: number): unknown[] =>
      Array.from({ length: random.below(4) }, () => {
        if (depth > 0 && random.onceIn(3)) return list(depth - 1);
        return random.onceIn(3) ? random.of(NUMBERS) : this.#text(5);
      });
    const sizes = [...SIZES, 60_000, MOST_DATAGRAM_BYTES, MOST_DATAGRAM_BYTES + 1, 70_000];
    return random.of<() => unknown>([
      () => this.#text(20),
      () => this.#text(20),
      () => list(3),
      () => random.of(NUMBERS),
      () => random.of([true, false, null, ""]),
      () => ({ rep: ["z", random.of(sizes)] }),
    ])();
  }
}

/** How long it takes to give an answer. */
function lengthOf(answer: readonly UdpItem[]): number {
  return answer.reduce((sum, it) => {
    return sum + (typeof it === "object" && "sleep" in it ? it.sleep : 0);
  }, 0);
}

/** As often as they are named. */
const MOVES = [
  ...["ask", "ask", "ask", "ask", "ask", "receive", "receive", "impatient"] as const,
  ...["thread", "thread", "peer", "close", "renew", "misuse", "misuse"] as const,
];

const NUMBERS = [0, 7, -3, 1.5, 0.1, 2147483648, 12345678901, 1e15, 1e-6];

const MISUSES: readonly [string, ...unknown[]][] = [
  ["setpeername"],
  ["setpeername", null, 5],
  ["setpeername", "127.0.0.1", -1],
  ["setpeername", "127.0.0.1", 65_536],
  ["setpeername", "127.0.0.1", "x"],
  ["setpeername", "127.0.0.1", 1, 2],
  ["setpeername", "[::1", 5],
  ["setpeername", "127.0.0.1/x", 5],
  ["setpeername", "", 5],
  ["send"],
  ["send", "a", "b"],
  ["send", ["a", true]],
  ["send", { key: 1 }],
  ["receive", "x"],
  ["receive", true],
  ["receive", 1, 2],
  ["settimeout"],
  ["settimeout", 1, 2],
  ["close", 1],
];
