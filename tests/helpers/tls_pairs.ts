/** Connections with TLS, between two ends in this process. */

import { secureClient, secureServer } from "../../src/drivers/secure.ts";
import { clientTls, serverTls, type TlsOptions, type TlsServerOptions } from "../../src/tls.ts";
import type { Transport } from "../../src/transport.ts";
import type { MakePair } from "../conformance/transport.ts";
import { certificates } from "./certificates.ts";

const { ca, localhost } = await certificates();

/** What trusts our CA, and what it trusts. */
export const CLIENT: TlsOptions = { caCerts: ca.cert, serverName: "localhost" };
export const SERVER: TlsServerOptions = localhost;

/** TLS around both ends of a connection, the client's first. */
export async function secured(
  [client, server]: readonly [client: Transport, server: Transport],
): Promise<[client: Transport, server: Transport]> {
  const [ours, theirs] = await Promise.all([
    secureClient(clientTls(CLIENT, undefined)),
    secureServer(serverTls(SERVER)),
  ]);
  const attempts = [ours(client), theirs(server)];
  const [near, far] = await Promise.all(attempts.map((it) => it.opened));
  return [near!, far!];
}

/** TLS around each pair that `makePair` makes; the end that is under test comes first. */
export function securedPairs(makePair: MakePair, under: "connecting" | "accepted"): MakePair {
  return async () => {
    const [near, far] = await makePair();
    if (under === "connecting") return secured([near, far]);
    const [client, server] = await secured([far, near]);
    return [server, client];
  };
}
