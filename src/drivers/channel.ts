// Channels of `node:diagnostics_channel`, which all three runtimes have; on a platform
// without it nothing is ever told, and nothing fails. On Deno what Node has takes a
// while to load (13 ms by name, 4 by import()), so there it comes with the first
// connection, or with the first who listens.

interface DiagnosticsChannel {
  channel(name: string): { readonly hasSubscribers: boolean; publish(message: unknown): void };
  subscribe(name: string, listener: (message: unknown, name: string | symbol) => void): void;
  unsubscribe(name: string, listener: (message: unknown, name: string | symbol) => void): boolean;
}

interface Globals {
  readonly Deno?: unknown;
  readonly process?: { getBuiltinModule?(name: string): unknown };
}

const { Deno: deno } = globalThis as Globals;

let builtin: DiagnosticsChannel | undefined;
const channels: Channel<never>[] = [];

/** Where something is told to whoever listens. */
export class Channel<T> {
  readonly name: string;
  #channel: ReturnType<DiagnosticsChannel["channel"]> | undefined;

  constructor(name: string) {
    this.name = name;
    channels.push(this);
    this.bind();
  }

  /** Ask first: nobody makes a message that nobody hears. */
  get hasSubscribers(): boolean {
    return this.#channel !== undefined && this.#channel.hasSubscribers;
  }

  publish(message: T): void {
    this.#channel?.publish(message);
  }

  bind(): void {
    this.#channel ??= builtin?.channel(this.name);
  }
}

/** Resolves when what is told can be heard. */
export function channelsReady(): Promise<void> | undefined {
  if (builtin !== undefined || deno === undefined) return undefined;
  return import("node:diagnostics_channel").then(use);
}

/** Has a channel's messages heard; the answer ends that. `undefined` where there are none. */
export function listenTo(
  name: string,
  listener: (message: unknown) => void,
): (() => void) | undefined {
  if (builtin === undefined) useByName();
  if (builtin === undefined) return undefined;
  const { subscribe, unsubscribe } = builtin;
  // One of its own, so that listening twice is ended twice.
  const own = (message: unknown) => listener(message);
  subscribe(name, own);
  return () => void unsubscribe(name, own);
}

function useByName(): void {
  const found = (globalThis as Globals).process?.getBuiltinModule?.("node:diagnostics_channel");
  if (found !== undefined) use(found as DiagnosticsChannel);
}

function use(found: DiagnosticsChannel): void {
  builtin = found;
  for (const channel of channels) channel.bind();
}

if (deno === undefined) useByName();
