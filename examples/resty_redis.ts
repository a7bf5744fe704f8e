/**
 * A Redis client as such clients are written for OpenResty: every step answers with values, and who
 * calls looks at them. Strings are byte strings, nothing is `ngx.null`; what the server refused is
 * `false` and why, and `null` and why is the end of the connection.
 *
 *     deno run --allow-net examples/resty_redis.ts 127.0.0.1 6379
 *
 * @module
 */

import process from "node:process";
// In a program of your own: from "@cosocket/cosocket/ngx".
import { createNgx, type Failure, type Ngx, type TcpSocket } from "../src/faces/ngx/mod.ts";

/** A word of a command, or several. */
export type Word = string | number | boolean | readonly (string | number | boolean)[];

/** The server's refusal. */
export type Refusal = [false, string];

/** What the server answered. */
export type Reply = string | number | Ngx["null"] | (Reply | Refusal)[];

/** The values of a command; there are none while a pipeline is being filled. */
export type Result = [Reply] | Refusal | Failure | [];

// deno-fmt-ignore -- a list of words
const COMMANDS = [
  "append", "auth", "blpop", "client", "config", "decr", "del", "discard", "echo", "eval",
  "evalsha", "exec", "exists", "expire", "flushall", "get", "hdel", "hget", "hgetall", "hkeys",
  "hmget", "hmset", "hset", "incr", "incrby", "info", "keys", "llen", "lpop", "lpush", "lrange",
  "lrem", "mget", "mset", "multi", "ping", "psubscribe", "publish", "punsubscribe", "rpop", "rpush",
  "sadd", "scan", "script", "select", "set", "setex", "setnx", "smembers", "srem", "subscribe",
  "ttl", "type", "unsubscribe", "unwatch", "watch", "zadd", "zrange", "zrem",
] as const;

type Commands = Record<typeof COMMANDS[number], (...words: Word[]) => Promise<Result>>;

export interface Redis extends Commands {}

/** A client, with one connection at a time. */
export class Redis {
  readonly #ngx: Ngx;
  readonly #sock: TcpSocket;
  #subscribed = false;
  // The pipeline that is being filled.
  #reqs: { name: string; req: unknown[] }[] | null = null;

  private constructor(ngx: Ngx) {
    this.#ngx = ngx;
    this.#sock = ngx.socket.tcp();
  }

  static new(ngx: Ngx): [Redis] {
    return [new Redis(ngx)];
  }

  // What Lua does with a metatable: the name of the method is the command.
  static {
    for (const name of COMMANDS) {
      Redis.prototype[name] = function (...words) {
        return this.#do_cmd(name, words);
      };
    }
  }

  set_timeout(ms: number): void {
    this.#sock.settimeout(ms);
  }

  set_timeouts(connect_ms: number, send_ms: number, read_ms: number): void {
    this.#sock.settimeouts(connect_ms, send_ms, read_ms);
  }

  /** Connects: `connect(host, port, opts?)` or `connect("unix:/path", opts?)`. */
  async connect(host: string, ...rest: (number | string | object)[]): Promise<[1] | Failure> {
    this.#subscribed = false;
    this.#reqs = null;
    const [ok, err] = await this.#sock.connect(host, ...rest);
    if (!ok) return [null, err!];
    const opts = Object(rest.at(-1));
    if (opts.ssl) {
      const [ok, err] = await this.#sock.sslhandshake(false, opts.server_name, opts.ssl_verify);
      if (!ok) return this.#fail(`failed to do ssl handshake: ${err}`);
    }
    return [1];
  }

  async set_keepalive(...idle_ms_and_size: number[]): Promise<[1] | Failure> {
    if (this.#subscribed) return [null, "subscribed state"];
    return await this.#sock.setkeepalive(...idle_ms_and_size);
  }

  get_reused_times(): [number] | Failure {
    return this.#sock.getreusedtimes();
  }

  close(): [1] | Failure {
    return this.#sock.close();
  }

  /** From here on commands are collected; they need not be awaited. */
  init_pipeline(): void {
    this.#reqs = [];
  }

  cancel_pipeline(): void {
    this.#reqs = null;
  }

  /** Sends what was collected in one go, and receives all answers; refusals are among them. */
  async commit_pipeline(): Promise<[(Reply | Refusal)[]] | Failure> {
    const reqs = this.#reqs;
    if (!reqs) return [null, "no pipeline"];
    this.#reqs = null;
    const [bytes, err] = await this.#sock.send(reqs.map(({ req }) => req));
    if (bytes === null) return this.#fail(err!);
    const vals: (Reply | Refusal)[] = [];
    for (const { name } of reqs) {
      const [res, err] = await this.#receive(name);
      if (res === null) return [null, err!];
      vals.push(res === false ? [false, err!] : res);
    }
    return [vals];
  }

  /** Waits for what comes to a subscriber; a timeout before its first byte does no harm. */
  async read_reply(): Promise<[Reply] | Refusal | Failure> {
    return this.#subscribed ? await this.#receive("subscribe") : [null, "not subscribed"];
  }

  async #do_cmd(name: string, words: Word[]): Promise<Result> {
    const texts = [name, ...words.flat()].map(String);
    const bulks = texts.map((text) => ["$", text.length, "\r\n", text, "\r\n"]);
    const req = ["*", texts.length, "\r\n", bulks];
    if (this.#reqs) {
      this.#reqs.push({ name, req });
      return [];
    }
    const [bytes, err] = await this.#sock.send(req);
    return bytes === null ? this.#fail(err!) : await this.#receive(name);
  }

  async #receive(name: string): Promise<[Reply] | Refusal | Failure> {
    const reply = await this.#read_reply(this.#subscribed);
    if (name.endsWith("subscribe") && Array.isArray(reply[0])) {
      const [kind, , left] = reply[0];
      if (/subscribe$/.test(String(kind))) this.#subscribed = left !== 0;
    }
    return reply;
  }

  async #read_reply(may_idle = false): Promise<[Reply] | Refusal | Failure> {
    const [line, err, partial] = await this.#sock.receive();
    if (line === null) {
      return may_idle && err === "timeout" && partial === "" ? [null, err] : this.#fail(err!);
    }
    if (line[0] === "+") return [line.slice(1)];
    if (line[0] === "-") return [false, line.slice(1)];
    if (!/^[:$*]-?\d+$/.test(line)) return this.#fail(`bad reply: "${line}"`);
    const size = Number(line.slice(1));
    if (line[0] === ":") return [size];
    if (size < 0) return [this.#ngx.null];
    if (line[0] === "$") {
      const [data, err] = await this.#sock.receive(size + 2);
      return data === null ? this.#fail(err!) : [data.slice(0, -2)];
    }
    const vals: (Reply | Refusal)[] = [];
    while (vals.length < size) {
      const [res, err] = await this.#read_reply();
      if (res === null) return [null, err!];
      vals.push(res === false ? [false, err!] : res);
    }
    return [vals];
  }

  // Nobody could tell any more which answer is whose.
  #fail(err: string): Failure {
    this.#sock.close();
    this.#subscribed = false;
    return [null, err];
  }
}

if (import.meta.main) {
  const [host = "127.0.0.1", port = "6379"] = process.argv.slice(2);
  await createNgx().run(async (ngx) => {
    const [red] = Redis.new(ngx);
    red.set_timeout(1000);
    const [ok, err] = await red.connect(host, port);
    if (!ok) throw new Error(`failed to connect: ${err}`);
    ngx.say("set: ", ...await red.set("dog", "an animal"));
    ngx.say("get: ", ...await red.get("dog"));
    red.init_pipeline();
    red.incr("dog");
    red.mget("dog", "no such key");
    const [results, err2] = await red.commit_pipeline();
    if (!results) throw new Error(`failed to commit the pipeline: ${err2}`);
    for (const [at, res] of results.entries()) ngx.say(at + 1, ": ", String(res));
    ngx.say("kept: ", ...await red.set_keepalive(10_000, 100));
  });
}
