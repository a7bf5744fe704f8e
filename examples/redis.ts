/**
 * A small Redis client: RESP2 by hand, pipelining, and publish/subscribe in full duplex.
 *
 *     deno run --allow-net examples/redis.ts 127.0.0.1:6379
 *
 * @module
 */

import process from "node:process";
// In a program of your own: from "@cosocket/cosocket".
import { connect, type ConnectOptions, type Cosocket, type Data, type Target } from "../mod.ts";

/** What the server refused to do, in its words. */
export class RedisError extends Error {
  override name = "RedisError";
}

/** An answer. Errors stand where they came, so that those around them are not lost. */
export type Reply = string | number | null | Uint8Array | RedisError | Reply[];

/** A word of a command. */
export type Word = string | number | Uint8Array;

/** What came on a channel, or that a subscription began or ended. */
export interface Message {
  readonly kind: string;
  readonly channel: string;
  /** The text that was published, or how many subscriptions there are now. */
  readonly content: string | number;
}

/** One connection to a server. */
export class Redis {
  readonly #sock: Cosocket;
  readonly #asBytes: boolean;
  // The end of the queue of those who send, and of those who wait for an answer.
  #sent: Promise<unknown> = Promise.resolve();
  #received: Promise<unknown> = Promise.resolve();

  private constructor(sock: Cosocket, asBytes: boolean) {
    this.#sock = sock;
    this.#asBytes = asBytes;
  }

  /** Connects; with `as: "bytes"` values come as bytes, otherwise as text. */
  static async connect(
    target: Target = "127.0.0.1:6379",
    options: ConnectOptions & { as?: "text" | "bytes" } = {},
  ): Promise<Redis> {
    const { as = "text", ...rest } = options;
    return new Redis(await connect(target, rest), as === "bytes");
  }

  /** Sends a command and receives its answer; calls made side by side share the connection. */
  async call(...words: Word[]): Promise<Reply> {
    const [reply] = await this.pipeline([words]);
    if (reply instanceof RedisError) throw reply;
    return reply!;
  }

  /** Sends many commands without waiting in between, and receives all answers. */
  async pipeline(commands: readonly (readonly Word[])[]): Promise<Reply[]> {
    const data = commands.map(encode);
    // Sending and receiving at the same time: if we read nothing before all is sent, and the
    // server reads nothing before its answers are taken, both would wait for ever.
    const sent = this.#sent = this.#sent.then(() => this.#sock.send(data));
    const received = this.#received = this.#received.then(async () => {
      const replies: Reply[] = [];
      for (let count = 0; count < commands.length; count++) replies.push(await this.#receive());
      return replies;
    });
    try {
      const [replies] = await Promise.all([received as Promise<Reply[]>, sent]);
      return replies;
    } catch (error) {
      // Nobody could tell any more which answer is whose.
      this.#sock.close();
      throw error;
    }
  }

  /** Begins to listen; what comes, `messages` gives. */
  async subscribe(...channels: string[]): Promise<void> {
    await this.#tell("SUBSCRIBE", ...channels);
  }

  /** Ends listening, to all channels if none is named. */
  async unsubscribe(...channels: string[]): Promise<void> {
    await this.#tell("UNSUBSCRIBE", ...channels);
  }

  /**
   * Iterates over what comes to a subscriber, until nothing is subscribed to any more. Meanwhile
   * others may call `subscribe` and `unsubscribe`: one reads and one writes.
   */
  async *messages(): AsyncGenerator<Message, void, void> {
    for (;;) {
      // A channel may be silent for days.
      const reply = await this.#receive({ timeoutMs: 0 });
      if (reply instanceof RedisError) throw reply;
      if (!Array.isArray(reply)) throw new Error("Not a message");
      const [kind, channel, content] = reply.map((it) => it instanceof Uint8Array ? text(it) : it);
      if (typeof content !== "string" && typeof content !== "number") throw new Error("No content");
      yield { kind: String(kind), channel: String(channel), content };
      if (kind === "unsubscribe" && content === 0) return;
    }
  }

  close(): void {
    this.#sock.close();
  }

  /** Sends a command that is answered among the messages. */
  async #tell(...words: Word[]): Promise<void> {
    await (this.#sent = this.#sent.then(() => this.#sock.send(encode(words))));
  }

  async #receive(limits?: { timeoutMs: number }): Promise<Reply> {
    // The first byte says what comes; without limits a line that is there already costs no wait.
    const line = await (limits ? this.#sock.receiveLine(limits) : this.#sock.receiveLine());
    const rest = line.slice(1);
    switch (line[0]) {
      case "+":
        return rest;
      case "-":
        return new RedisError(rest);
      case ":":
        return Number(rest);
      case "$": {
        if (rest === "-1") return null;
        // A value may hold any bytes, line ends too: its size is what counts.
        const value = await this.#sock.receiveExactly(sizeOf(rest));
        await this.#sock.skip(2);
        return this.#asBytes ? value : text(value);
      }
      case "*": {
        if (rest === "-1") return null;
        const items: Reply[] = [];
        for (let left = sizeOf(rest); left > 0; left--) items.push(await this.#receive());
        return items;
      }
      default:
        throw new Error(`Not a Redis server: it said ${JSON.stringify(line)}`);
    }
  }
}

/** A command as the array of bulk strings it is sent as; the socket joins the pieces. */
function encode(words: readonly Word[]): Data {
  return [`*${words.length}\r\n`, words.map(encodeWord)];
}

function encodeWord(word: Word): Data {
  const bytes = word instanceof Uint8Array ? word : new TextEncoder().encode(String(word));
  return [`$${bytes.length}\r\n`, bytes, "\r\n"];
}

function sizeOf(rest: string): number {
  if (!/^\d{1,15}$/.test(rest)) throw new Error(`Not a size: ${JSON.stringify(rest)}`);
  return Number(rest);
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

if (import.meta.main) {
  const target = process.argv[2];
  const redis = await Redis.connect(target);
  console.log("SET", await redis.call("SET", "greeting", "hello"));
  console.log("GET", await redis.call("GET", "greeting"));
  console.log("pipeline", await redis.pipeline([["INCR", "n"], ["INCR", "n"], ["DEL", "n"]]));

  const subscriber = await Redis.connect(target);
  await subscriber.subscribe("news");
  for await (const { kind, channel, content } of subscriber.messages()) {
    console.log(kind, channel, content);
    if (kind === "subscribe") await redis.call("PUBLISH", "news", "hello, all");
    if (kind === "message") await subscriber.unsubscribe();
  }
  subscriber.close();
  redis.close();
}
