// TLS for the layers above: loaded when it is first needed, and its failures told
// with what could not be done.
//
// One way serves all runtimes, `node:tls` over a transport. Deno has TLS of its own,
// which needs a fifth less time; but it lets go of no connection whose handshake is
// given up, as `tests/runtime_limits/tls_handshake_abort.ts` shows, and tells neither
// why it refused a certificate nor what was agreed on. And a socket of `node:tls`
// that connects itself, which reads in half the time on Node, says the same of an
// end and of a cut: `tests/runtime_limits/tls_cut.ts`.

import { SocketError } from "../errors.ts";
import type { ClientTls, ServerTls } from "../tls.ts";
import { type Address, addressText, type Attempt, type Transport } from "../transport.ts";
import { mapError } from "./map_error.ts";
import type { Handshake } from "./tls.ts";

/**
 * Starts TLS over a transport, which is the attempt's from then on: if it fails it
 * is closed.
 *
 * @param pulls What stands for the first pulls of it: bytes that were taken off it,
 *   a pull that is in flight.
 */
export type Secure = (
  transport: Transport,
  pulls?: readonly Promise<Uint8Array | null>[],
) => Attempt;

/** Makes ready to be a client. What the options cannot be served for is said here. */
export async function secureClient(settings: ClientTls): Promise<Secure> {
  const { client } = await import("./tls.ts");
  return told(client(settings));
}

/** Makes ready to be a server. */
export async function secureServer(settings: ServerTls): Promise<Secure> {
  const { server } = await import("./tls.ts");
  return told(server(settings));
}

/** What could not be done, for messages. */
export function cannotStartTls(peer: Address | null): string {
  return `Cannot start TLS with ${peer === null ? "the peer" : addressText(peer)}`;
}

/** A handshake whose failure says what could not be done. */
function told(handshake: Handshake): Secure {
  return (transport, pulls) => {
    const { opened, abandon } = handshake(transport, pulls);
    const failed = (error: unknown) => {
      throw named(error, transport.remoteAddress);
    };
    return { opened: opened.catch(failed), abandon };
  };
}

function named(error: unknown, peer: Address | null): unknown {
  if (error instanceof TypeError) return error;
  const address = peer === null ? undefined : addressText(peer);
  const what = cannotStartTls(peer);
  if (!(error instanceof SocketError)) return mapError(error, "handshake", what, address);
  const { code, message, cause } = error;
  return new SocketError(code, `${what}: ${message}`, {
    op: "handshake",
    ...(address !== undefined && { address }),
    cause,
  });
}
