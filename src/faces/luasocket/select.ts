// `select`: who of many can be read, and who written.
//
// The original asks each member for its descriptor and, of those to be read, whether
// it is dirty. So does this: whatever has `getfd`, and `dirty`, can take part.

import { badArgument, isTable, LuaError, typeName } from "../lua.ts";
import { type Args, isNil, optionalNumber, toNumber, wrongType } from "./arguments.ts";
import { callable, isTrue, valuesOf } from "./calls.ts";
import { type Descriptor, descriptorOf } from "./descriptor.ts";
import { settled, waitUntil, type Watch } from "./waiting.ts";

/**
 * What `select` gives: those to be read, those to be written, and whether the time is up.
 *
 * @example
 * ```ts
 * import { type Selected, socket } from "@cosocket/cosocket/luasocket";
 *
 * const [server] = await socket.bind("127.0.0.1", 0);
 * const [readable, , err]: Selected = await socket.select([server], null, 0.01);
 * console.log(readable.length, err); // 0 timeout
 * await server!.close();
 * ```
 */
export type Selected = [Ready, Ready] | [Ready, Ready, "timeout"];

/** The most that can be selected: numbers from here on are refused. */
export const MOST_DESCRIPTORS = 1024;

/**
 * The members of a list that are ready.
 *
 * @example
 * ```ts
 * import { socket } from "@cosocket/cosocket/luasocket";
 *
 * const [one] = await socket.bind("127.0.0.1", 0);
 * const [other] = await socket.bind("127.0.0.1", 0);
 * const [, port] = other!.getsockname();
 * const [client] = await socket.connect("127.0.0.1", port);
 * const [ready] = await socket.select([one, other]);
 * console.log(ready.get(one), ready.get(other)); // undefined 1
 * for (const it of [one, other, client]) await it!.close();
 * ```
 */
export class Ready extends Array<unknown> {
  /** The position of a member, counted from 1 as in the original; `undefined` if it is not ready. */
  get(member: unknown): number | undefined {
    return this.lastIndexOf(member) + 1 || undefined;
  }

  /** What is made of it, as by `map`, is an array like others. */
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }
}

/** Waits until a member can be read, or written: `select(readers, writers, timeout?)`. */
export async function select(...args: unknown[]): Promise<Selected> {
  const seconds = optionalNumber(args, 2, "select", -1);
  // As in the original one object stands for a number: the last one that has it.
  const members = new Map<Descriptor, unknown>();
  const readers = collect(args, 0, members);
  const writers = collect(args, 1, members);
  const dirty = readers.filter(({ member }) => isDirty(member));
  const spared = new Set(dirty.map((it) => it.descriptor));
  const toRead = ascending(readers).filter((it) => !spared.has(it));
  const toWrite = ascending(writers);
  const isReady = () => toRead.some((it) => it.readable) || toWrite.some((it) => it.writable);

  for (const it of [...toRead, ...toWrite]) it.attend();
  await settled();
  if (dirty.length === 0) {
    await waitUntil(isReady, watchAll([...toRead, ...toWrite]), msOf(seconds));
  }

  const memberOf = (it: Descriptor) => members.get(it);
  const read = Ready.of(
    ...dirty.map(({ member }) => member),
    ...toRead.filter((it) => it.readable).map(memberOf),
  ) as Ready;
  const written = Ready.of(...toWrite.filter((it) => it.writable).map(memberOf)) as Ready;
  return read.length + written.length > 0 ? [read, written] : [read, written, "timeout"];
}

interface Entry {
  readonly member: unknown;
  readonly descriptor: Descriptor;
}

/** The members of a list that stand for something open, up to the first hole. */
function collect(args: Args, at: number, members: Map<Descriptor, unknown>): Entry[] {
  const list = args[at];
  if (isNil(list)) return [];
  if (!isTable(list)) throw wrongType(args, at, "select", "table");
  const entries: Entry[] = [];
  const first = Array.isArray(list) ? 0 : 1;
  for (let key = first; !isNil((list as unknown[])[key]); key++) {
    const member = (list as unknown[])[key];
    const fd = fdOf(member);
    if (fd >= MOST_DESCRIPTORS) {
      throw badArgument(at + 1, "select", "descriptor too large for set size");
    }
    const descriptor = descriptorOf(fd);
    if (descriptor === undefined) continue;
    members.set(descriptor, member);
    entries.push({ member, descriptor });
  }
  return entries;
}

function ascending(entries: readonly Entry[]): Descriptor[] {
  const descriptors = new Set(entries.map((it) => it.descriptor));
  return [...descriptors].sort((one, other) => one.fd - other.fd);
}

function fdOf(member: unknown): number {
  return toNumber(ask(member, "getfd")) ?? -1;
}

function isDirty(member: unknown): boolean {
  return isTrue(ask(member, "dirty"));
}

/** The first value that a method gives; nil where there is no such method. */
function ask(member: unknown, name: "getfd" | "dirty"): unknown {
  if (typeof member === "string") return undefined;
  if (typeof member !== "object" && typeof member !== "function") {
    throw new LuaError(`attempt to index a ${typeName(member)} value`);
  }
  const method = (member as Record<string, unknown>)[name];
  return isNil(method) ? undefined : valuesOf(callable(method).call(member))[0];
}

function msOf(seconds: number): number {
  return seconds < 0 ? Infinity : seconds * 1000 || 0;
}

function watchAll(descriptors: readonly Descriptor[]): Watch {
  return (wake) => {
    const ends = descriptors.map((it) => it.watch(wake));
    return () => ends.forEach((end) => end());
  };
}
