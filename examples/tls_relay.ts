/**
 * Ends TLS in front of a server that has none: clients speak TLS with this program, and it speaks
 * plain with the server, whatever protocol that is. With certificates of an authority of your own as
 * the last argument, only clients that have one of its certificates come through.
 *
 *     deno run --allow-net --allow-read examples/tls_relay.ts \
 *       0.0.0.0:6380 127.0.0.1:6379 cert.pem key.pem [clients.pem]
 *
 * @module
 */

import { readFile } from "node:fs/promises";
import process from "node:process";
// In a program of your own: from "@cosocket/cosocket".
import { connect, type Cosocket, listen, type Listener, type Target } from "../mod.ts";
import type { TlsServerOptions } from "../mod.ts";
import { relay } from "./relay.ts";

/** How to treat clients. */
export interface TlsRelayOptions {
  /** Who we are, and whom we let in. */
  readonly tls: TlsServerOptions;
  /** Milliseconds until the server must have taken a connection. Default 10,000. */
  readonly connectTimeoutMs?: number;
  /** Milliseconds without a byte either way. Default: ten minutes. */
  readonly idleMs?: number;
  /** Is told why a relay broke. */
  readonly report?: (error: unknown) => void;
}

/** Relays everybody who connects to `at` by TLS to the same server; close the listener to end it. */
export async function tlsRelay(
  at: Target,
  target: Target,
  { tls, connectTimeoutMs = 10_000, idleMs = 10 * 60_000, report = print }: TlsRelayOptions,
): Promise<Listener> {
  // A client has ten seconds for its handshake. One that fails is nobody's business: the listener
  // gives out those that came through.
  const listener = await listen(at, { tls: { handshakeTimeoutMs: 10_000, ...tls } });
  const pass = async (client: Cosocket) => {
    try {
      const server = await connect(target, { timeoutMs: connectTimeoutMs });
      // From here on it is a relay as without TLS. But one thing a relay could not know: of a client
      // that was cut off the end is no end, so its server gets none either, but a reset. (Deno has
      // no resets: there it is an end, and the server must know by its protocol.)
      await relay(client, server, { idleMs });
    } catch (error) {
      client.abort();
      report(error);
    }
  };
  const run = async () => {
    for await (const client of listener) pass(client);
  };
  run().catch(report);
  return listener;
}

function print(error: unknown): void {
  console.error(String(error));
}

async function main(args: string[]): Promise<void> {
  const [at, target, certPath, keyPath, clientsPath] = args;
  if (keyPath === undefined) {
    console.error("Usage: tls_relay.ts <listen at> <server> <cert.pem> <key.pem> [clients.pem]");
    process.exitCode = 2;
    return;
  }
  const [cert, key] = [await readFile(certPath!, "utf8"), await readFile(keyPath, "utf8")];
  const clients = clientsPath === undefined
    ? {}
    : { clientCerts: "require", caCerts: await readFile(clientsPath, "utf8") } as const;
  await tlsRelay(at!, target!, { tls: { cert, key, ...clients } });
  console.log(`Who connects to ${at} by TLS talks to ${target}`);
}

if (import.meta.main) await main(process.argv.slice(2));
