// What stands behind the objects for streams, TCP's and unix's. It has a class, which
// changes as things happen to it, and says which methods it has.

import { bytesOf } from "../../bytes.ts";
import { all, asByteString, exactly, type Framer, line } from "../../framing.ts";
import { badArgument, toInteger } from "../lua.ts";
import {
  type Args,
  checkNumber,
  checkText,
  checkWord,
  isNil,
  optionalNumber,
  optionalText,
  toNumber,
} from "./arguments.ts";
import type { Connection } from "./connection.ts";
import { descriptorOf } from "./descriptor.ts";
import { Endpoint } from "./endpoint.ts";
import { Inbox } from "./inbox.ts";
import type { Failure, Received, Sent } from "./results.ts";
import { Timeouts } from "./timeouts.ts";
import { isTimed } from "./tuning.ts";

/** The part that an object plays. */
export type Part = "master" | "client" | "server";

/** What is closed when an object is forgotten. */
interface Cell {
  endpoint: Endpoint | undefined;
}

const forgotten = new FinalizationRegistry<Cell>((cell) => void cell.endpoint?.close());

let objects = 0;

/** A stream socket object, behind its public face, which says what each method does. */
export class StreamObject {
  readonly #kind: "tcp" | "unixstream";
  readonly #number = ++objects;
  readonly #inbox = new Inbox();
  readonly #cell: Cell;
  readonly timeouts: Timeouts = new Timeouts();
  part: Part;

  constructor(kind: "tcp" | "unixstream", part: Part, endpoint: Endpoint | undefined) {
    this.#kind = kind;
    this.part = part;
    this.#cell = { endpoint };
    forgotten.register(this, this.#cell);
  }

  /** The class, such as `tcp{client}`. */
  get class(): string {
    return `${this.#kind}{${this.part}}`;
  }

  toString(): string {
    return `${this.class}: 0x${this.#number.toString(16).padStart(8, "0")}`;
  }

  get endpoint(): Endpoint | undefined {
    return this.#cell.endpoint;
  }

  set endpoint(endpoint: Endpoint | undefined) {
    this.#cell.endpoint = endpoint;
  }

  /** The next connection, or why there is none. */
  async accept(): Promise<Endpoint | string> {
    this.check("accept", "server");
    return await this.endpoint?.accept(this.timeouts.waits) ?? "closed";
  }

  async close(): Promise<[1]> {
    const { endpoint } = this;
    this.#detach();
    await endpoint?.close();
    return [1];
  }

  dirty(): [boolean] {
    return [!this.#inbox.isEmpty || (this.#connection?.windowBytes ?? 0) > 0];
  }

  getfd(): [number] {
    return [this.endpoint?.fd ?? -1];
  }

  setfd(args: Args): [] {
    const fd = Math.trunc(checkNumber(args, 0, "setfd"));
    const descriptor = descriptorOf(fd);
    const isKnown = descriptor instanceof Endpoint;
    if (!isKnown && fd >= 0) throw badArgument(1, "setfd", "setfd is not supported");
    this.#detach();
    this.#cell.endpoint = isKnown ? descriptor : undefined;
    return [];
  }

  getstats(): [number, number, number] {
    this.check("getstats", "client");
    return [this.#inbox.received, this.#inbox.sent, this.#inbox.age];
  }

  setstats(args: Args): [1] {
    this.check("setstats", "client");
    const inbox = this.#inbox;
    inbox.received = Math.trunc(optionalNumber(args, 0, "setstats", inbox.received));
    inbox.sent = Math.trunc(optionalNumber(args, 1, "setstats", inbox.sent));
    const age = toNumber(args[2]);
    if (age !== undefined) inbox.age = age;
    return [1];
  }

  settimeout(args: Args): [1] {
    this.timeouts.set(args);
    return [1];
  }

  async listen(args: Args): Promise<[1] | Failure> {
    this.check("listen", "master");
    optionalNumber(args, 0, "listen", 32);
    const why = this.endpoint ? await this.endpoint.listen() : "Bad file descriptor";
    if (why !== undefined) return [null, why];
    this.part = "server";
    return [1];
  }

  receive(pattern: unknown, prefix: unknown): Promise<Received> {
    return this.#atHand(pattern, prefix) ?? this.#timed(() => this.#receive([pattern, prefix]));
  }

  send(args: Args): Promise<Sent> {
    return this.#timed(() => this.#send(args));
  }

  shutdown(args: Args): [1] {
    this.check("shutdown", "client");
    const how = checkWord(args, 0, "shutdown", ["both", "send", "receive"], "both");
    this.endpoint?.shutdown(how);
    return [1];
  }

  /** Refuses a method that the object's class does not have. */
  check(method: string, part: Part): void {
    if (this.part === part) return;
    throw badArgument(0, method, `${this.#kind}{${part}} expected`);
  }

  /** Stands for nothing from now on; what was fetched stays. */
  #detach(): void {
    const connection = this.#connection;
    if (connection !== undefined) this.#inbox.keep(connection.takeWindow());
    this.#cell.endpoint = undefined;
  }

  get #connection(): Connection | undefined {
    return this.#cell.endpoint?.connection;
  }

  /** What lies in the buffer costs no turn. */
  #atHand(pattern: unknown, prefix: unknown): Promise<Received> | undefined {
    const connection = this.#cell.endpoint?.connection;
    if (connection === undefined || prefix !== undefined || this.part !== "client") {
      return undefined;
    }
    if (!this.#inbox.isEmpty || isTimed()) return undefined;
    const before = connection.offset;
    let text: string | undefined;
    if (pattern === undefined || pattern === "*l") text = connection.takeLine();
    else if (typeof pattern === "number") text = connection.takeBytes(pattern);
    if (text === undefined) return undefined;
    this.#inbox.received += connection.offset - before;
    if (typeof pattern !== "number") text = withoutCrs(text);
    const received: Received = [text, null, null];
    return connection.owes ? connection.settle().then(() => received) : Promise.resolve(received);
  }

  async #receive(args: Args): Promise<Received> {
    this.check("receive", "client");
    const prefix = optionalText(args, 1, "receive", "");
    const pattern = patternOf(args);
    const inbox = this.#inbox;
    if (pattern === "all") return await this.#receiveAll(prefix);
    if (pattern === "line") {
      const kept = inbox.takeLine();
      const head = prefix + withoutCrs(kept.text);
      if (kept.isAll) return [head, null, null];
      const rest = await this.#read(line(asByteString, Infinity), false);
      if (rest.error === undefined) inbox.received++;
      const text = head + withoutCrs(rest.text);
      return rest.error === undefined ? [text, null, null] : [null, rest.error, text];
    }
    if (prefix !== "" && pattern <= prefix.length) return [prefix, null, null];
    const kept = inbox.takeBytes(pattern - prefix.length);
    const head = prefix + kept.text;
    if (kept.isAll) return [head, null, null];
    const size = pattern - head.length;
    const rest = await this.#read(size === 0 ? something : exactly(size, asByteString), size === 0);
    const text = head + rest.text;
    return rest.error === undefined ? [text, null, null] : [null, rest.error, text];
  }

  async #receiveAll(prefix: string): Promise<Received> {
    const kept = this.#inbox.takeBytes(Infinity);
    const rest = await this.#read(all(asByteString, Infinity), false);
    const { error = "closed" } = rest;
    const text = prefix + kept.text + rest.text;
    const isEnd = rest.error === undefined || (error === "closed" && !this.#connection?.wasReset);
    return isEnd && text.length > prefix.length ? [text, null, null] : [null, error, text];
  }

  async #read(frame: Framer<string>, opens: boolean) {
    const { endpoint } = this;
    if (endpoint === undefined) return { text: "", error: "closed" };
    const received = await endpoint.receive(frame, this.timeouts.waits, opens, this);
    this.#inbox.received += received.text.length;
    return received;
  }

  async #send(args: Args): Promise<Sent> {
    this.check("send", "client");
    const data = args[0];
    const text = data instanceof Uint8Array ? data : checkText(args, 0, "send");
    const { length } = text;
    const [from, to] = rangeOf(args, length);
    const before = from - 1;
    if (from > to) return [before, null, null];
    const part = from === 1 && to === length ? text : text.slice(before, to);
    const bytes = typeof part === "string" ? bytesOf(part) : part;
    const { endpoint } = this;
    if (endpoint === undefined) return [null, "closed", before];
    const [sent, error] = await endpoint.send(bytes, this.timeouts.waits, this);
    this.#inbox.sent += sent;
    return error === undefined ? [before + sent, null, null] : [null, error, before + sent];
  }

  /** With the seconds it took behind the result, if the module's `_DEBUG` is set. */
  async #timed<T extends unknown[]>(call: () => Promise<T>): Promise<T> {
    if (!isTimed()) return await call();
    const startMs = performance.now();
    const result = await call();
    return [...result, (performance.now() - startMs) / 1000] as unknown as T;
  }
}

type Pattern = "line" | "all" | number;

function patternOf(args: Args): Pattern {
  const number = toNumber(args[0]);
  if (number !== undefined) {
    if (number >= 0 && number !== Infinity) return Math.trunc(number);
  } else {
    const pattern = isNil(args[0]) ? "*l" : checkText(args, 0, "receive");
    if (pattern.startsWith("*l")) return "line";
    if (pattern.startsWith("*a")) return "all";
  }
  throw badArgument(1, "receive", "invalid receive pattern");
}

/** Positions from 1 on; negative ones count from the end. */
function rangeOf(args: Args, length: number): [from: number, to: number] {
  const from = toInteger(optionalNumber(args, 1, "send", 1))!;
  const to = toInteger(optionalNumber(args, 2, "send", -1))!;
  return [
    Math.max(1, from < 0 ? length + from + 1 : from),
    Math.min(length, to < 0 ? length + to + 1 : to),
  ];
}

/** Waits for the first byte, and takes nothing. */
const something: Framer<string> = (buffer) => buffer.length > 0 ? "" : undefined;

/** A line as the original gives it: every CR goes, wherever it stands. */
function withoutCrs(text: string): string {
  return text.includes("\r") ? text.replaceAll("\r", "") : text;
}
