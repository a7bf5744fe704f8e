/** Plays programs on our side. */

import {
  choose,
  newtry,
  plainTry,
  protect,
  skip,
  TryError,
} from "../../../src/faces/luasocket/except.ts";
import { headers } from "../../../src/faces/luasocket/headers.ts";
import { ltn12 } from "../../../src/faces/luasocket/ltn12.ts";
import { socketStreams } from "../../../src/faces/luasocket/sinks.ts";
import { LuaError } from "../../../src/faces/lua.ts";
import {
  type Answer,
  type FilterName,
  plainRow,
  type Program,
  type Row,
  type Step,
  type Value,
} from "./program.ts";

// deno-lint-ignore no-explicit-any -- a program may call anything with anything
type Callee = (...args: any[]) => unknown;

const settings = { BLOCKSIZE: 2048 };
const socket = Object.assign(settings, {
  choose,
  newtry,
  try: plainTry,
  protect,
  skip,
  ...socketStreams(settings),
});
const modules: Record<string, unknown> = { socket, ltn12, headers };

/** What each step of a program gives. */
export async function play({ steps }: Program): Promise<Row[]> {
  const game = new Game();
  const rows: Row[] = [];
  try {
    for (const step of steps) rows.push(await rowOf(game, step));
  } finally {
    // A program may have changed it, and on Bun all files of tests share it.
    ltn12.BLOCKSIZE = socket.BLOCKSIZE = 2048;
  }
  return rows;
}

async function rowOf(game: Game, step: Step): Promise<Row> {
  try {
    return encode(await game.run(step)) as Row;
  } catch (error) {
    const told = error instanceof LuaError ? error.message : encode(error);
    return plainRow({ error: told });
  }
}

class Game {
  readonly #variables = new Map<string, unknown>();
  readonly #logs = new Map<string, unknown[]>();

  /** The results of a step. */
  async run([whole, ...args]: Step): Promise<readonly unknown[]> {
    const [, names, target = whole] = /^([\w,]+)=(.+)$/.exec(whole) ?? [];
    const results = await this.#results(target, args.map((it) => this.#made(it)));
    names?.split(",").forEach((name, at) => this.#variables.set(name, results[at]));
    return results;
  }

  async #results(target: string, args: unknown[]): Promise<readonly unknown[]> {
    if (target === "@value") return args;
    if (target === "@log") return [this.#logs.get(args[0] as string) ?? []];
    if (target === "@set") {
      const [module, name] = (args[0] as string).split(".");
      (modules[module!] as Record<string, unknown>)[name!] = args[1];
      return [];
    }
    const callee = target.startsWith("$")
      ? this.#variables.get(target.slice(1))
      // deno-lint-ignore no-explicit-any -- down the path, whatever stands there
      : target.split(".").reduce((it: any, name) => it[name], modules);
    if (typeof callee !== "function") throw new LuaError("attempt to call a nil value");
    const result = await (callee as Callee)(...args);
    return Array.isArray(result) ? result : result === undefined ? [] : [result];
  }

  #made(value: Value): unknown {
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return value.map((it) => this.#made(it));
    if ("$" in value) return this.#variables.get(value.$);
    if ("does" in value) {
      const filter = FILTERS[value.does]();
      return (chunk: unknown) => filter(typeof chunk === "string" ? chunk : null);
    }
    if ("sock" in value) {
      const methods = Object.entries(value.sock).map(([name, it]) => [name, this.#made(it)]);
      return Object.fromEntries(methods);
    }
    return "answers" in value ? this.#scripted(value.answers, value.log) : value;
  }

  #scripted(answers: readonly Answer[], log: string | undefined): Callee {
    let count = 0;
    // At once, or later where a step has to be waited for: both must do.
    return (...args) => {
      if (log !== undefined) {
        if (!this.#logs.has(log)) this.#logs.set(log, []);
        this.#logs.get(log)!.push(args);
      }
      const answer = answers[count++];
      if (answer === undefined) return [];
      if ("throws" in answer) throw this.#made(answer.throws);
      if ("calls" in answer) return this.run(answer.calls);
      return answer.map((it) => this.#made(it));
    };
  }
}

const FILTERS: Readonly<Record<FilterName, () => (chunk: string | null) => string | null>> = {
  upper: () => (chunk) => chunk && chunk.replace(/[a-z]/g, (it) => it.toUpperCase()),
  twice: () => {
    let more: string | null = null;
    return (chunk) => {
      if (chunk === null) return null;
      if (chunk !== "") return more = chunk;
      const rest = more ?? "";
      more = null;
      return rest;
    };
  },
  hold: () => {
    let all = "";
    return (chunk) => {
      const held = all + (chunk ?? "");
      all = chunk === null ? "" : held;
      return chunk === null ? held || null : "";
    };
  },
  letters: () => {
    let all = "";
    return (chunk) => {
      const letter = (all + (chunk ?? "")).slice(0, 1);
      all = (all + (chunk ?? "")).slice(1);
      return letter === "" && chunk === null ? null : letter;
    };
  },
};

/** A value as `player.lua` writes it. */
function encode(value: unknown): unknown {
  if (value === undefined) return null;
  if (typeof value === "function") return { is: "function" };
  if (value instanceof TryError) return { tried: encode(value.value) };
  if (Array.isArray(value)) return value.map(encode);
  // Our own mistakes must not look like an answer.
  if (value instanceof Error) throw value;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, it]) => [key, encode(it)]));
}
