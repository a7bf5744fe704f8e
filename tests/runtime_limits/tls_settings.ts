/**
 * Which settings of TLS Deno leaves out: a list of revoked certificates has no effect, a session
 * resumes nothing, and TLS 1.1 cannot be had though it is asked for.
 */

import type { AddressInfo } from "node:net";
import process from "node:process";
import * as tls from "node:tls";
import { certificates } from "../helpers/certificates.ts";

const { revoked, ca, crl } = await certificates();
let session: tls.ConnectionOptions["session"];

async function connect(what: string, options: tls.ConnectionOptions): Promise<void> {
  const { minVersion, maxVersion, ciphers } = options;
  const settings = { ...revoked, minVersion, maxVersion, ciphers, sessionIdContext: "limits" };
  const socket = tls.connect({ port: await portOf(settings), ca: ca.cert, ...options });
  socket.on("secureConnect", () => {
    const how = socket.isSessionReused() ? "by a session" : "anew";
    console.log(`${what}: ${socket.getProtocol()}, ${how}`);
  });
  socket.on("session", (bytes) => session = bytes);
  socket.on("error", (error: NodeJS.ErrnoException) => console.log(`${what}: ${error.code}`));
  await new Promise((resolve) => socket.resume().on("close", resolve));
}

const ports = new Map<string, number>();

/** Where a server with such settings listens; one for all who want the same. */
async function portOf(settings: tls.TlsOptions): Promise<number> {
  const key = JSON.stringify(settings);
  if (!ports.has(key)) {
    const server = tls.createServer(settings, (socket) => socket.end("bye"));
    server.on("tlsClientError", () => {});
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    ports.set(key, (server.address() as AddressInfo).port);
  }
  return ports.get(key)!;
}

const known = { servername: "test.example", maxVersion: "TLSv1.2" } as const;
await connect("A certificate", known);
await connect("The same, and a session", { ...known, session });
await connect("The same, revoked", { ...known, crl });
const old = { minVersion: "TLSv1.1", maxVersion: "TLSv1.1" } as const;
const ciphers = "Bun" in globalThis ? undefined : "ALL:@SECLEVEL=0";
await connect("TLS 1.1", { servername: "test.example", ...old, ciphers });
process.exit();
