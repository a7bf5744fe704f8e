/**
 * A memcached client as such clients are written for OpenResty: every step answers with values, and
 * who calls looks at them. Keys and values are byte strings; a key may hold any bytes, since it goes
 * escaped.
 *
 *     deno run --allow-net examples/resty_memcached.ts 127.0.0.1 11211
 *
 * @module
 */

import process from "node:process";
// In a program of your own: from "@cosocket/cosocket/ngx".
import { createNgx, type Failure, type Ngx, type TcpSocket } from "../src/faces/ngx/mod.ts";

/** What there is of a key; what `cas` asks for comes with `gets`. */
export type Entry = [value: string, flags: string, cas_unique?: string];

/** That there is no such key, or why nothing is known of it. */
export type Nothing = [null] | [null, null, string];

/** How keys travel: how to escape them, and how to read them again. */
export type KeyTransform = readonly [(key: string) => string, (key: string) => string];

/** Stores a value; why not, such as `NOT_STORED`, is the server's word. */
type Store = (
  ...args: [key: string, value: string | number, exptime?: number, flags?: number]
) => Promise<[1] | Failure>;

/** Gives what there is of a key; of several keys, a table of those that there are. */
interface Retrieve {
  (key: string): Promise<Entry | Nothing>;
  (keys: readonly string[]): Promise<[Map<string, Entry>] | Failure>;
}

const STORE = ["set", "add", "replace", "append", "prepend"] as const;
const RETRIEVE = ["get", "gets"] as const;

type Commands = Record<typeof STORE[number], Store> & Record<typeof RETRIEVE[number], Retrieve>;

export interface Memcached extends Commands {}

/** A client, with one connection at a time. */
export class Memcached {
  readonly #sock: TcpSocket;
  readonly #escape: KeyTransform[0];
  readonly #unescape: KeyTransform[1];

  private constructor(ngx: Ngx, key_transform: KeyTransform) {
    this.#sock = ngx.socket.tcp();
    [this.#escape, this.#unescape] = key_transform;
  }

  static new(ngx: Ngx, { key_transform = [escape_uri, unescape_uri] as KeyTransform } = {}) {
    return [new Memcached(ngx, key_transform)] as const;
  }

  static {
    for (const name of STORE) {
      Memcached.prototype[name] = function (key, value, exptime = 0, flags = 0) {
        const data = String(value);
        return this.#tell([name, this.#escape(key), flags, exptime, data.length], "STORED", data);
      };
    }
    for (const name of RETRIEVE) {
      Memcached.prototype[name] = function (this: Memcached, keys: string | readonly string[]) {
        return typeof keys === "string" ? this.#get(name, keys) : this.#get_multi(name, keys);
      } as Retrieve;
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
    return await this.#sock.connect(host, ...rest);
  }

  async set_keepalive(...idle_ms_and_size: number[]): Promise<[1] | Failure> {
    return await this.#sock.setkeepalive(...idle_ms_and_size);
  }

  get_reused_times(): [number] | Failure {
    return this.#sock.getreusedtimes();
  }

  close(): [1] | Failure {
    return this.#sock.close();
  }

  /** Stores a value unless the key has changed since `gets` told `cas_unique`. */
  cas(key: string, value: string | number, cas_unique: string, exptime = 0, flags = 0) {
    const data = String(value);
    const words = ["cas", this.#escape(key), flags, exptime, data.length, cas_unique];
    return this.#tell(words, "STORED", data);
  }

  touch(key: string, exptime: number): Promise<[1] | Failure> {
    return this.#tell(["touch", this.#escape(key), exptime], "TOUCHED");
  }

  delete(key: string): Promise<[1] | Failure> {
    return this.#tell(["delete", this.#escape(key)], "DELETED");
  }

  incr(key: string, by: number): Promise<[string] | Failure> {
    return this.#ask(["incr", this.#escape(key), by], /^(\d+)/);
  }

  decr(key: string, by: number): Promise<[string] | Failure> {
    return this.#ask(["decr", this.#escape(key), by], /^(\d+)/);
  }

  flush_all(...seconds: number[]): Promise<[1] | Failure> {
    return this.#tell(["flush_all", ...seconds], "OK");
  }

  version(): Promise<[string] | Failure> {
    return this.#ask(["version"], /^VERSION (.+)/);
  }

  /** What the server counts, as lines such as `pid 42`; `stats("items")` and others, too. */
  async stats(...topic: string[]): Promise<[string[]] | Failure> {
    const lines: string[] = [];
    let [line, err] = await this.#ask(["stats", ...topic], /^(STAT .*|END|RESET)$/);
    while (line?.startsWith("STAT ")) {
      lines.push(line.slice(5));
      [line, err] = await this.#sock.receive();
      if (line === null) return this.#fail(err!);
    }
    return line ? [lines] : [null, err!];
  }

  /** Asks the server to close the connection. */
  async quit(): Promise<[1] | Failure> {
    const [bytes, err] = await this.#sock.send("quit\r\n");
    return bytes === null ? this.#fail(err!) : [1];
  }

  async #get(name: string, key: string): Promise<Entry | Nothing> {
    const [found, err] = await this.#get_multi(name, [key]);
    if (!found) return [null, null, err!];
    return found.values().next().value ?? [null];
  }

  async #get_multi(name: string, keys: readonly string[]): Promise<[Map<string, Entry>] | Failure> {
    const found = new Map<string, Entry>();
    if (keys.length === 0) return [found];
    let [line, err] = await this.#ask([name, ...keys.map(this.#escape)], /^(VALUE .*|END)$/);
    if (line === null) return [null, err!];
    while (line !== "END") {
      const match = /^VALUE (\S+) (\d+) (\d+) ?(\d+)?$/.exec(line ?? "");
      if (!match) return this.#fail(line ?? err!);
      const [, key, flags, size, cas_unique] = match;
      const [data, err2] = await this.#sock.receive(Number(size) + 2);
      if (data === null) return this.#fail(err2!);
      const value = data.slice(0, -2);
      found.set(this.#unescape(key!), cas_unique ? [value, flags!, cas_unique] : [value, flags!]);
      [line, err] = await this.#sock.receive();
    }
    return [found];
  }

  /** A command that does what it says, or does not. */
  async #tell(words: unknown[], done: string, data?: string): Promise<[1] | Failure> {
    const [line, err] = await this.#ask(words, RegExp(`^(${done})$`), data);
    return line === null ? [null, err!] : [1];
  }

  /** Sends a command, and perhaps a value; gives what is asked for in the line of the answer. */
  async #ask(words: unknown[], expected: RegExp, data?: string): Promise<[string] | Failure> {
    // Whatever a transform makes: with a blank or a line end in it, it would say something else,
    // and what follows a key too long would be taken for a command.
    // deno-lint-ignore no-control-regex -- control characters are what is refused
    if (!words.every((it) => /^[^\x00-\x20\x7f]{1,250}$/.test(String(it)))) {
      return [null, "bad word"];
    }
    const block = data === undefined ? [] : [data, "\r\n"];
    const [bytes, err] = await this.#sock.send([words.join(" "), "\r\n", block]);
    if (bytes === null) return this.#fail(err!);
    const [line, err2] = await this.#sock.receive();
    if (line === null) return this.#fail(err2!);
    const answer = expected.exec(line)?.[1];
    return answer === undefined ? [null, line] : [answer];
  }

  // Nobody could tell any more which answer is whose.
  #fail(err: string): Failure {
    this.#sock.close();
    return [null, err];
  }
}

/** Escapes bytes; what is none stays, and is refused by `send`. */
function escape_uri(key: string): string {
  const hex = (it: string) => it.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0");
  return key.replace(/[^\w.~\u0100-\uffff-]/g, (it) => `%${hex(it)}`);
}

function unescape_uri(key: string): string {
  return key.replace(/%([\dA-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
}

if (import.meta.main) {
  const [host = "127.0.0.1", port = "11211"] = process.argv.slice(2);
  await createNgx().run(async (ngx) => {
    const [memc] = Memcached.new(ngx);
    memc.set_timeout(1000);
    const [ok, err] = await memc.connect(host, port);
    if (!ok) throw new Error(`failed to connect: ${err}`);

    ngx.say("flush_all: ", ...await memc.flush_all());
    ngx.say("set: ", ...await memc.set("a dog", 32));
    const [res, flags, err2] = await memc.get("a dog");
    if (err2) throw new Error(`failed to get a dog: ${err2}`);
    ngx.say("a dog: ", res, " (flags: ", flags, ")");
    ngx.say("incr: ", ...await memc.incr("a dog", 10));
    ngx.say("add: ", ...await memc.add("a dog", "an animal"));
    ngx.say("kept: ", ...await memc.set_keepalive(10_000, 100));
  });
}
