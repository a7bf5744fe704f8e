/** Plays the client script of a scenario against an `ngx`. */

import { byteStringOf, type Repeated } from "./byte_values.ts";
import { collectGarbage } from "./collect_garbage.ts";
import { encode, ThreadResults } from "./encode.ts";
import { luaValue } from "./lua_values.ts";
import { type Op, parseHead, type Result } from "./scenario.ts";

/** The little of the face that scripts reach for by name. */
export type PlayedNgx = {
  readonly socket: {
    tcp(): unknown;
    stream(): unknown;
    udp(): unknown;
    connect(...values: unknown[]): Promise<unknown[]>;
  };
  readonly thread: {
    spawn(body: () => Promise<unknown[]>): unknown;
    wait(thread: unknown): Promise<unknown[]>;
    kill(thread: unknown): unknown;
  };
  sleep(seconds: number): Promise<unknown>;
};

/**
 * Adds one result for each op as it ends; nothing that an op does makes it reject.
 *
 * @param certificates The folder that `$CERTS` stands for.
 */
export async function play(
  ngx: PlayedNgx,
  ops: readonly Op[],
  results: Result[],
  certificates: string,
): Promise<void> {
  const script: Script = {
    ngx,
    certificates,
    sockets: new Map(),
    variables: new Map(),
    startMs: performance.now(),
  };
  await playAll(script, ops, { results, killed: false });
}

/** Where something was thrown, for results that hold a `throw`. */
export function stackOf(result: unknown): string | undefined {
  return stacks.get(result as object);
}

const stacks = new WeakMap<object, string>();

type Script = {
  readonly ngx: PlayedNgx;
  readonly certificates: string;
  readonly sockets: Map<string, unknown>;
  readonly variables: Map<string, unknown>;
  readonly startMs: number;
};

type Thread = { handle?: unknown; readonly results: Result[]; killed: boolean };

type Call = { socket: string; name: string; variable?: string; values: unknown[] };

async function playAll(script: Script, ops: readonly Op[], thread: Thread): Promise<void> {
  for (const op of ops) {
    thread.results.push(await playOne(script, op));
    // Whatever the op that was killed came to: its thread goes no further.
    if (thread.killed) return;
  }
}

async function playOne(script: Script, op: Op): Promise<Result> {
  const { name, ...head } = parseHead(op[0]);
  try {
    const values = name === "spawn" ? op.slice(1) : op.slice(1).map((it) => valueOf(script, it));
    const returned = await (SPECIALS[name] ?? callMethod)(script, { name, ...head, values });
    if (!Array.isArray(returned)) throw new TypeError(`${name} returned ${typeof returned}`);
    return returned.map(encode);
  } catch (error) {
    const result = { throw: messageOf(error, name) };
    if (error instanceof Error && error.stack) stacks.set(result, error.stack);
    return result;
  }
}

async function callMethod(script: Script, call: Call): Promise<unknown> {
  const socket = script.sockets.get(call.socket) ?? newSocket(script, call.socket);
  const method = (socket as Record<string, unknown>)[call.name];
  if (typeof method !== "function") {
    throw new TypeError(`attempt to call method '${call.name}' (a nil value)`);
  }
  const returned = await method.apply(socket, call.values);
  const variable = call.variable ?? (call.name === "receiveuntil" ? "it" : undefined);
  if (variable !== undefined) script.variables.set(variable, returned[0]);
  return returned;
}

function newSocket(script: Script, name: string): unknown {
  const socket = script.ngx.socket.tcp();
  script.sockets.set(name, socket);
  return socket;
}

const SPECIALS: Readonly<Record<string, (script: Script, call: Call) => unknown>> = {
  tcp(script, { socket }) {
    script.sockets.set(socket, script.ngx.socket.tcp());
    return [];
  },
  stream(script, { socket }) {
    script.sockets.set(socket, script.ngx.socket.stream());
    return [];
  },
  udp(script, { socket }) {
    script.sockets.set(socket, script.ngx.socket.udp());
    return [];
  },
  async open(script, { socket, values }) {
    const returned = await script.ngx.socket.connect(...values);
    if (returned[0]) script.sockets.set(socket, returned[0]);
    return returned;
  },
  forget(script, { socket }) {
    script.sockets.delete(socket);
    return [];
  },
  async gc() {
    await collectGarbage();
    return [];
  },

  iter(script, { variable = "it", values }) {
    const iterator = script.variables.get(variable);
    if (typeof iterator !== "function") {
      throw new TypeError("attempt to call local 'it' (a nil value)");
    }
    return iterator(...values);
  },

  async spawn(script, { variable = "t", values }) {
    const thread: Thread = { results: [], killed: false };
    thread.handle = script.ngx.thread.spawn(async () => {
      await playAll(script, values[0] as readonly Op[], thread);
      return [new ThreadResults(thread.results)];
    });
    script.variables.set(variable, thread);
    await readyTurns();
    return [];
  },
  wait(script, { variable = "t" }) {
    return script.ngx.thread.wait((script.variables.get(variable) as Thread).handle);
  },
  kill(script, { variable = "t" }) {
    const thread = script.variables.get(variable) as Thread;
    thread.killed = true;
    return script.ngx.thread.kill(thread.handle);
  },

  async sleep(script, { values: [ms] }) {
    await script.ngx.sleep((ms as number) / 1000);
    return [];
  },
  async sleepuntil(script, { values: [ms] }) {
    const leftMs = script.startMs + (ms as number) - performance.now();
    if (leftMs > 0) await script.ngx.sleep(leftMs / 1000);
    return [];
  },
};

/**
 * A thread of the original runs on until it has to wait for the system. What is
 * ready at once is no such wait, but an `await` all the same: give the new thread
 * the turns it needs to come to its first true wait, and the event loop none.
 */
async function readyTurns(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await undefined;
}

/** The value that an argument in the file stands for. */
function valueOf(script: Script, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => valueOf(script, item));
  if (value === null || typeof value !== "object") return value;
  if ("rep" in value) return byteStringOf(value as Repeated);
  if ("ref" in value) return script.variables.get(value.ref as string) ?? null;
  if ("lua" in value) return luaValue(script, String(value.lua));
  if ("str" in value) return String(value.str);
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, valueOf(script, item)]),
  );
}

/** Lua names the variable that a function is called by: in the files that is `it`. */
function messageOf(error: unknown, name: string): string {
  const message = error instanceof Error ? error.message : String(error);
  return name === "iter" ? message.replace(/(?<=^bad argument #\d+ to )'\w+'/, "'it'") : message;
}
