/**
 * Joins two connections: what comes on one is sent on the other, both ways at the same time,
 * whatever protocol they speak.
 *
 *     deno run --allow-net examples/relay.ts 127.0.0.1:8000 127.0.0.1:6379
 *
 * @module
 */

import process from "node:process";
// In a program of your own: from "@cosocket/cosocket".
import { connect, type Cosocket, listen, type Listener, SocketError, type Target } from "../mod.ts";

/** Bytes that went each way. */
export interface Relayed {
  readonly there: number;
  readonly back: number;
}

const CHUNK_BYTES = 64 * 1024;

/**
 * Relays between two sockets until both have ended, and closes them.
 *
 * @param options.idleMs Gives up when nothing at all came for so long, either way.
 * @throws {SocketError} What broke either of them; both are cut off then.
 */
export async function relay(
  client: Cosocket,
  server: Cosocket,
  options: { idleMs?: number } = {},
): Promise<Relayed> {
  const traffic = new Traffic(options.idleMs ?? 10 * 60_000);
  try {
    const [there, back] = await Promise.all([
      pump(client, server, traffic),
      pump(server, client, traffic),
    ]);
    return { there, back };
  } catch (error) {
    // To the other end a plain close would look like the orderly end of what it reads.
    client.abort();
    server.abort();
    throw error;
  } finally {
    client.close();
    server.close();
  }
}

/** Relays everybody who connects to `at` to the same server; close the listener to end it. */
export async function relayServer(
  at: Target,
  target: Target,
  report: (error: unknown) => void = (error) => console.error(String(error)),
): Promise<Listener> {
  const listener = await listen(at);
  const run = async () => {
    for await (const client of listener) relayTo(target, client).catch(report);
  };
  run().catch(report);
  return listener;
}

async function relayTo(target: Target, client: Cosocket): Promise<void> {
  let server: Cosocket;
  try {
    server = await connect(target, { timeoutMs: 10_000 });
  } catch (error) {
    client.abort();
    throw error;
  }
  await relay(client, server);
}

async function pump(from: Cosocket, to: Cosocket, traffic: Traffic): Promise<number> {
  let total = 0;
  for (;;) {
    // We know neither lines nor sizes of this protocol: take whatever has come.
    const bytes = await traffic.next(from);
    if (bytes === null) break;
    // Nothing more is read before the other end has taken this. So we never hold more than one
    // chunk, and a slow reader slows its sender down, as if we were not here.
    total += await to.send(bytes);
  }
  // One end said all it had to say; the other may still have an answer to that.
  await to.closeWrite();
  return total;
}

/** When something last came, from either end. */
class Traffic {
  readonly #idleMs: number;
  #lastMs = performance.now();

  constructor(idleMs: number) {
    this.#idleMs = idleMs;
  }

  async next(from: Cosocket): Promise<Uint8Array | null> {
    for (;;) {
      try {
        const bytes = await from.receiveAny(CHUNK_BYTES, { timeoutMs: this.#idleMs });
        this.#lastMs = performance.now();
        return bytes;
      } catch (error) {
        // Silence in one direction is no fault while the other one is busy, and a timeout loses
        // nothing: ask again.
        const isTimeout = error instanceof SocketError && error.code === "timeout";
        if (!isTimeout || performance.now() - this.#lastMs >= this.#idleMs) throw error;
      }
    }
  }
}

if (import.meta.main) {
  const [at = "127.0.0.1:8000", target = "127.0.0.1:6379"] = process.argv.slice(2);
  await relayServer(at, target);
  console.log(`Who connects to ${at} talks to ${target}`);
}
