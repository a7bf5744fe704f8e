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

type Done = Promise<[1] | Failure>;
type Store = (key: string, value: string | number, exptime?: number, flags?: number) => Done;
type Count = (key: string, by: number) => Promise<[string] | Failure>;

/** What there is of a key; of several keys, a table of those that there are. */
interface Retrieve {
  (key: string): Promise<Entry | Nothing>;
  (keys: readonly string[]): Promise<[Map<string, Entry>] | Failure>;
}

const REFUSAL = /^(?:NOT_STORED|NOT_FOUND|EXISTS|(?:CLIENT_|SERVER_)?ERROR)\b/;

export interface Memcached
  extends
    Record<"set" | "add" | "replace" | "append" | "prepend", Store>,
    Record<"get" | "gets", Retrieve>,
    Record<"incr" | "decr", Count> {}

/** A client, with one connection at a time. */
export class Memcached {
  readonly #sock: TcpSocket;

  private constructor(ngx: Ngx) {
    this.#sock = ngx.socket.tcp();
  }

  static new(ngx: Ngx): [Memcached] {
    return [new Memcached(ngx)];
  }

  static {
    for (const name of ["set", "add", "replace", "append", "prepend"] as const) {
      Memcached.prototype[name] = function (key, value, exptime = 0, flags = 0) {
        const data = String(value);
        return this.#tell([name, escape_uri(key), flags, exptime, data.length], "STORED", data);
      };
    }
    for (const name of ["get", "gets"] as const) {
      Memcached.prototype[name] = function (this: Memcached, keys: string | readonly string[]) {
        return typeof keys === "string" ? this.#get(name, keys) : this.#get_multi(name, keys);
      } as Retrieve;
    }
    for (const name of ["incr", "decr"] as const) {
      Memcached.prototype[name] = function (key, by) {
        return this.#ask([name, escape_uri(key), by], /^(\d+)/);
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
  async connect(host: string, ...rest: (number | string | object)[]): Done {
    return await this.#sock.connect(host, ...rest);
  }

  async set_keepalive(...idle_ms_and_size: number[]): Done {
    return await this.#sock.setkeepalive(...idle_ms_and_size);
  }

  get_reused_times(): [number] | Failure {
    return this.#sock.getreusedtimes();
  }

  close(): [1] | Failure {
    return this.#sock.close();
  }

  /** Stores a value unless the key has changed since `gets` told `cas_unique`. */
  cas(key: string, value: string | number, cas_unique: string, exptime = 0, flags = 0): Done {
    const data = String(value);
    const words = ["cas", escape_uri(key), flags, exptime, data.length, cas_unique];
    return this.#tell(words, "STORED", data);
  }

  touch(key: string, exptime: number): Done {
    return this.#tell(["touch", escape_uri(key), exptime], "TOUCHED");
  }

  delete(key: string): Done {
    return this.#tell(["delete", escape_uri(key)], "DELETED");
  }

  flush_all(...seconds: number[]): Done {
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
  async quit(): Done {
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
    let [line, err] = await this.#ask([name, ...keys.map(escape_uri)], /^(VALUE .*|END)$/);
    if (line === null) return [null, err!];
    while (line !== "END") {
      const match = /^VALUE (\S+) (\d+) (\d+) ?(\d+)?$/.exec(line ?? "");
      if (!match) return this.#fail(line ?? err!);
      const [, key, flags, size, cas_unique] = match;
      const [data, err2] = await this.#sock.receive(Number(size) + 2);
      if (data === null) return this.#fail(err2!);
      const value = data.slice(0, -2);
      found.set(unescape_uri(key!), cas_unique ? [value, flags!, cas_unique] : [value, flags!]);
      [line, err] = await this.#sock.receive();
    }
    return [found];
  }

  /** A command that does what it says, or does not. */
  async #tell(words: unknown[], done: string, data?: string): Done {
    const [line, err] = await this.#ask(words, RegExp(`^(${done})$`), data);
    return line === null ? [null, err!] : [1];
  }

  /** Sends a command, and perhaps a value; gives what is asked for in the line of the answer. */
  async #ask(words: unknown[], expected: RegExp, data?: string): Promise<[string] | Failure> {
    // The server would take what follows a key that is too long for the next command.
    if (!words.every((it) => /^\S{1,250}$/.test(String(it)))) return [null, "bad argument"];
    const block = data === undefined ? [] : [data, "\r\n"];
    const [bytes, err] = await this.#sock.send([words.join(" "), "\r\n", block]);
    if (bytes === null) return this.#fail(err!);
    const [line, err2] = await this.#sock.receive();
    if (line === null) return this.#fail(err2!);
    const answer = expected.exec(line)?.[1];
    if (answer !== undefined) return [answer];
    return REFUSAL.test(line) ? [null, line] : this.#fail(line);
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
    ngx.say("version: ", ...await memc.version());
    ngx.say("set: ", ...await memc.set("a dog", 32));
    const [value, flags] = await memc.get("a dog");
    ngx.say("get: ", value, " (flags: ", flags, ")");
    ngx.say("incr: ", ...await memc.incr("a dog", 10));
    ngx.say("add: ", ...await memc.add("a dog", "an animal"));
    ngx.say("kept: ", ...await memc.set_keepalive(10_000, 100));
  });
}
