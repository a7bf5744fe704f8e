// TLS for the layers above: loaded when it is first needed, and its failures told
// with what could not be done.
//
// One way serves all runtimes, `node:tls` over a transport. Deno has TLS of its own,
// which needs a fifth less time; but it lets go of no connection whose handshake is
// given up, as `tests/runtime_limits/tls_handshake_abort.ts` shows, and tells neither
// why it refused a certificate nor what was agreed on.

import { SocketError } from "../errors.ts";
import type { ClientTls, ServerTls } from "../tls.ts";
import { type Address, addressText, type Attempt, type Transport } from "../transport.ts";
import { mapError } from "./map_error.ts";

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
  const handshake = client(settings);
  return (transport, pulls) => told(handshake(transport, pulls), transport);
}

/** Makes ready to be a server. */
export async function secureServer(settings: ServerTls): Promise<Secure> {
  const { server } = await import("./tls.ts");
  const handshake = server(settings);
  return (transport, pulls) => told(handshake(transport, pulls), transport);
}

/** An attempt whose failure says what could not be done. */
function told({ opened, abandon }: Attempt, transport: Transport): Attempt {
  const { remoteAddress } = transport;
  return {
    opened: opened.catch((error) => {
      throw named(error, remoteAddress);
    }),
    abandon,
  };
}

function named(error: unknown, peer: Address | null): unknown {
  if (error instanceof TypeError) return error;
  const address = peer === null ? undefined : addressText(peer);
  const what = `Cannot start TLS with ${address ?? "the peer"}`;
  if (!(error instanceof SocketError)) return mapError(error, "handshake", what, address);
  const { code, message, cause } = error;
  return new SocketError(code, `${what}: ${message}`, {
    op: "handshake",
    ...(address !== undefined && { address }),
    cause,
  });
}
