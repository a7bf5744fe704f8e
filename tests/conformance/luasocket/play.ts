/** Plays the client script of a scenario against `./luasocket`. */

import { setTimeout as sleep } from "node:timers/promises";
import { TryError } from "../../../src/faces/luasocket/except.ts";
import { headers, ltn12, socket } from "../../../src/faces/luasocket/mod.ts";
import { settled } from "../../../src/faces/luasocket/waiting.ts";
import { collectGarbage } from "../collect_garbage.ts";
import { classOf, encode, isObject, type Names } from "./encode.ts";

/** `["[variable=][object:]name", ...arguments]` */
export type Call = readonly [string, ...unknown[]];

/** What a script can name before it begins. */
export type Variables = Readonly<Record<string, unknown>>;

/** What became of a call. */
export interface Played {
  readonly r: readonly unknown[];
  readonly ms: number;
}

/** A script under way. */
export class Player {
  readonly #variables = new Map<string, unknown>();
  readonly #names = new Map<unknown, string>();
  readonly #meet: (name: string) => Promise<void>;

  /** @param meet Waits until the server's script is there, too. */
  constructor(variables: Variables, meet: (name: string) => Promise<void>) {
    for (const [name, value] of Object.entries(variables)) this.#variables.set(name, value);
    this.#meet = meet;
  }

  get names(): Names {
    return this.#names;
  }

  /** Opens the connection that is there from the start. */
  async connect(): Promise<void> {
    const { HOST, PORT } = Object.fromEntries(this.#variables);
    const [client, why] = await socket.connect(HOST, PORT);
    if (client === null) throw new Error(`autoconnect: ${why}`);
    this.#assign("c", client);
  }

  /** Makes a call; nothing that it does makes this reject. */
  async play(call: Call): Promise<Played> {
    const startMs = performance.now();
    let results: unknown[];
    try {
      const got = await this.#run(call);
      results = "quiet" in got ? ["quiet"] : got.map((it) => encode(it, this.#names));
    } catch (error) {
      results = [{ error: this.#raised(error) }];
    }
    return { r: results, ms: performance.now() - startMs };
  }

  /** Closes all that the script left open. */
  async end(): Promise<void> {
    for (const value of this.#variables.values()) {
      const { close } = (isObject(value) ? value : {}) as { close?: () => unknown };
      await close?.call(value);
    }
  }

  async #run([head, ...given]: Call): Promise<unknown[]> {
    const [, left, target] = /^(?:([\w,]+)=)?(.+)$/.exec(head)!;
    const results = target!.startsWith("@")
      ? await this.#direct(target!, given)
      : await this.#call(target!, given.map((it) => this.#valueOf(it)));
    const names = left?.split(",") ?? [];
    names.forEach((name, at) => {
      if (name !== "_") this.#assign(name, results[at] ?? null);
    });
    return results;
  }

  async #call(target: string, args: unknown[]): Promise<unknown[]> {
    const [, object, method] = /^(?:(\w+):)?([\w.$]+)$/.exec(target)!;
    if (target.startsWith("$")) {
      return listOf(await callable(this.#variables.get(target.slice(1)))(...args));
    }
    if (object === undefined && target.includes(".")) {
      const path = target.split(".");
      const name = path.pop()!;
      // deno-lint-ignore no-explicit-any -- whatever a script names
      const holder = path.reduce<any>((it, key) => it?.[key], { socket, ltn12 });
      return listOf(await callable(holder?.[name]).apply(holder, args));
    }
    const self = this.#indexed(object ?? "c");
    const member = self[method!];
    if (typeof member !== "function") {
      throw new TypeError(`attempt to call method '${method}' (a nil value)`);
    }
    return listOf(await member.apply(self, args));
  }

  async #direct(name: string, given: unknown[]): Promise<unknown[]> {
    const [first, second] = given as string[];
    const variable = (it: string) => this.#variables.get(it);
    switch (name) {
      case "@sync":
        await this.#meet(first!);
        // What the system knows by then shows in calls that are no promise, too.
        await settled();
        return [true];
      case "@sleep":
        await sleep(Number(first));
        return [true];
      case "@value":
        return [this.#valueOf(given[0])];
      case "@same":
        return [String(this.#valueOf(first)) === String(this.#valueOf(second))];
      case "@const":
        // deno-lint-ignore no-explicit-any -- whatever a script names
        return [first!.split(".").reduce<any>((it, key) => it?.[key], { ...socket, headers })];
      case "@class":
        return [classOf(this.#indexed(first!)), this.#indexed(first!)["class"]];
      case "@type":
        return [luaType(variable(first!))];
      case "@alias":
        this.#variables.set(second!, variable(first!));
        return [true];
      case "@drop":
        this.#names.delete(variable(first!));
        this.#variables.delete(first!);
        await collectGarbage();
        return [true];
      case "@stats":
        return (await this.#call(`${first ?? "c"}:getstats`, [])).slice(0, 2);
      case "@from":
        return (await this.#call(
          `${first}:receivefrom`,
          given.slice(1).map((it) => this.#valueOf(it)),
        ))
          .slice(0, 2);
      case "@quiet":
        return quiet(await this.#call(first!, []));
      case "@protect":
        return await this.#protect(Boolean(given[0]), given[1] as unknown as Call[]);
    }
    throw new SyntaxError(`Unknown directive "${name}"`);
  }

  /** Runs calls in `protect`, each in a `try`. */
  async #protect(hasFinalizer: boolean, calls: readonly Call[]): Promise<unknown[]> {
    let finalized = 0;
    const attempt = hasFinalizer ? socket.newtry(() => void finalized++) : socket.try;
    const work = socket.protect(async () => {
      let last: unknown[] = [];
      for (const call of calls) last = [...attempt(...await this.#run(call))];
      return last;
    });
    const results = await work();
    return [{ finalized }, ...results];
  }

  #indexed(name: string): Record<string, unknown> {
    const value = this.#variables.get(name) ?? null;
    if (value === null) throw new TypeError("attempt to index a nil value");
    return value as Record<string, unknown>;
  }

  /** What was raised, as the original has it: a text, or the table of a `try`. */
  #raised(error: unknown): unknown {
    if (error instanceof TryError) {
      return error.value === null ? [] : [encode(error.value, this.#names)];
    }
    return error instanceof Error ? error.message : String(error);
  }

  #assign(name: string, value: unknown): void {
    this.#variables.set(name, value);
    if (isObject(value) && !this.#names.has(value)) this.#names.set(value, name);
  }

  /** The value that an argument in the file stands for. */
  #valueOf(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((it) => this.#valueOf(it));
    if (value === null || typeof value !== "object") return value;
    const it = value as Record<string, unknown>;
    if ("$" in it) return this.#variables.get(it["$"] as string) ?? null;
    if ("rep" in it) {
      return (it["rep"] as [string, number])[0].repeat((it["rep"] as [string, number])[1]);
    }
    if ("cat" in it) return (it["cat"] as unknown[]).map((part) => this.#valueOf(part)).join("");
    if ("add" in it) {
      const [one, other] = (it["add"] as unknown[]).map((part) => Number(this.#valueOf(part)));
      return one! + other!;
    }
    if ("num" in it) return Number(String(it["num"]).replace("inf", "Infinity"));
    return Object.fromEntries(Object.entries(it).map(([key, item]) => [key, this.#valueOf(item)]));
  }
}

/** What Lua's `type` says. */
function luaType(value: unknown): string {
  if (value === null || value === undefined) return "nil";
  const isTable = typeof value === "object" && !isObject(value);
  if (isTable || classOf(value) === "table") return "table";
  return typeof value === "object" ? "userdata" : typeof value;
}

/** All results of a call that is not to be shown. */
function quiet(results: unknown[]): unknown[] {
  return Object.assign(results, { quiet: true });
}

function callable(value: unknown): (...args: unknown[]) => unknown {
  if (typeof value === "function") return value as (...args: unknown[]) => unknown;
  throw new TypeError("attempt to call a nil value");
}

/** A list of values as it is; a constructor gives the object itself. */
function listOf(returned: unknown): unknown[] {
  if (Array.isArray(returned)) return returned;
  return returned === undefined ? [] : [returned];
}
