/**
 * A small memcached client: the text protocol, over a pool.
 *
 *     deno run --allow-net examples/memcached.ts 127.0.0.1:11211
 *
 * @module
 */

import process from "node:process";
// In a program of your own: from "@cosocket/cosocket".
import { type Cosocket, Pool, type PoolOptions, type Target } from "../mod.ts";

/** What the server refused to do, in its words. */
export class MemcachedError extends Error {
  override name = "MemcachedError";
}

/** A cache on one server. */
export class Memcached {
  readonly #target: Target;
  readonly #pool: Pool;

  constructor(target: Target = "127.0.0.1:11211", options: PoolOptions = {}) {
    this.#target = target;
    this.#pool = new Pool(options);
  }

  /** The value of a key, or `null`. */
  async get(key: string): Promise<Uint8Array | null> {
    return (await this.getMany([key])).get(key) ?? null;
  }

  /** The values of those keys that there are, in one round trip. */
  getMany(keys: readonly string[]): Promise<Map<string, Uint8Array>> {
    const command = ["get", keys.map((key) => [" ", checked(key)]), "\r\n"];
    return this.#talk(async (sock) => {
      await sock.send(command);
      const found = new Map<string, Uint8Array>();
      for (;;) {
        const line = await receiveLine(sock);
        if (line === "END") return found;
        const match = /^VALUE (\S+) \d+ (\d+)$/.exec(line);
        if (match === null) throw new MemcachedError(`Not understood: ${line}`);
        // A value may hold any bytes, line ends too: its size is what counts.
        const value = await sock.receiveExactly(Number(match[2]));
        await sock.skip(2);
        found.set(match[1]!, value);
      }
    });
  }

  /** Stores a value; `seconds` 0 keeps it as long as there is room. */
  async set(key: string, value: string | Uint8Array, seconds = 0): Promise<void> {
    const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
    const command = `set ${checked(key)} 0 ${seconds} ${bytes.length}\r\n`;
    await this.#ask([command, bytes, "\r\n"], /^STORED$/);
  }

  /** Removes a key; whether it was there. */
  async delete(key: string): Promise<boolean> {
    const [answer] = await this.#ask(`delete ${checked(key)}\r\n`, /^DELETED$|^NOT_FOUND$/);
    return answer === "DELETED";
  }

  /** Adds to a number; `null` if there is no such key. */
  async increment(key: string, by = 1): Promise<number | null> {
    const [answer] = await this.#ask(`incr ${checked(key)} ${by}\r\n`, /^\d+$|^NOT_FOUND$/);
    return answer === "NOT_FOUND" ? null : Number(answer);
  }

  async version(): Promise<string> {
    return (await this.#ask("version\r\n", /^VERSION (.*)$/))[1]!;
  }

  stats(): ReturnType<Pool["stats"]> {
    return this.#pool.stats();
  }

  close(): void {
    this.#pool.close();
  }

  /** Sends a command whose answer is one line. */
  #ask(command: string | (string | Uint8Array)[], expected: RegExp): Promise<RegExpExecArray> {
    return this.#talk(async (sock) => {
      await sock.send(command);
      const line = await receiveLine(sock);
      const match = expected.exec(line);
      if (match === null) throw new MemcachedError(line);
      return match;
    });
  }

  // Each dialogue has a connection of its own, so any number may go on side by side. Where one
  // throws, the pool closes its connection: nobody can get an answer that was for somebody else.
  #talk<T>(dialogue: (sock: Cosocket) => Promise<T>): Promise<T> {
    return this.#pool.use(this.#target, dialogue, { timeoutMs: 5000, readTimeoutMs: 5000 });
  }
}

async function receiveLine(sock: Cosocket): Promise<string> {
  const line = await sock.receiveLine({ maxBytes: 4096 });
  if (/^(?:ERROR|CLIENT_ERROR|SERVER_ERROR)\b/.test(line)) throw new MemcachedError(line);
  return line;
}

/** A key with a line end in it would be a command of its own. */
function checked(key: string): string {
  // deno-lint-ignore no-control-regex -- control characters are what is refused
  if (!/^[^\x00-\x20\x7f]+$/.test(key) || new TextEncoder().encode(key).length > 250) {
    throw new TypeError("A key must have 1 to 250 bytes, without spaces and control characters");
  }
  return key;
}

if (import.meta.main) {
  const cache = new Memcached(process.argv[2]);
  console.log("version", await cache.version());
  await cache.set("greeting", "hello\r\nworld");
  console.log("get", new TextDecoder().decode(await cache.get("greeting") ?? undefined));
  await cache.set("count", "41");
  console.log("increment", await cache.increment("count"));
  console.log("many", [...(await cache.getMany(["greeting", "none", "count"])).keys()]);
  console.log("delete", await cache.delete("greeting"), await cache.delete("greeting"));
  console.log("connections", cache.stats());
  cache.close();
}
