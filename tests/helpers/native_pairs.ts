/** Connections of one driver, of each kind that the system has. */

import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { Acceptor, Address, Driver, Transport } from "../../src/transport.ts";
import type { MakePair, MakeRemote } from "../conformance/transport.ts";
import { remotePeer } from "./remote_peer.ts";

/** The driver that a connection without further wishes gets on this runtime. */
export async function nativeDriver(): Promise<Driver> {
  if ("Deno" in globalThis) return (await import("../../src/drivers/deno.ts")).driver;
  return (await import("../../src/drivers/node.ts")).driver;
}

/** What this runtime is called. */
export const runtime: "Deno" | "Bun" | "Node" = "Deno" in globalThis
  ? "Deno"
  : "Bun" in globalThis
  ? "Bun"
  : "Node";

/** A kind of address to listen at; a fresh one each time. */
export interface Kind {
  readonly name: string;
  address(): Address;
  /** Why there is none of this kind on this machine. */
  readonly missing?: string | undefined;
}

let names = 0;
let folder: string | undefined;

/** A path that nobody uses. */
export function freshPath(): string {
  if (folder === undefined) {
    const made = folder = mkdtempSync(join(tmpdir(), "cosocket-"));
    process.on("exit", () => rmSync(made, { recursive: true, force: true }));
  }
  return join(folder, `${++names}.sock`);
}

/** A name in the abstract name space of Linux. */
export function freshAbstractPath(): string {
  return `\0cosocket-test-${process.pid}-${++names}`;
}

export const TCP4: Kind = {
  name: "TCP over IPv4",
  address: () => ({ hostname: "127.0.0.1", port: 0 }),
};

export const TCP6: Kind = {
  name: "TCP over IPv6",
  address: () => ({ hostname: "::1", port: 0 }),
  missing: await hasIpv6() ? undefined : "This machine has no ::1",
};

export const UNIX: Kind = { name: "a unix socket", address: () => ({ path: freshPath() }) };

export const ABSTRACT: Kind = {
  name: "an abstract unix socket",
  address: () => ({ path: freshAbstractPath() }),
  missing: process.platform === "linux" ? undefined : "Abstract names are of Linux",
};

export const KINDS: readonly Kind[] = [TCP4, TCP6, UNIX, ABSTRACT];

function hasIpv6(): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(0, "::1", () => server.close(() => resolve(true)));
  });
}

const ATTEMPT = { noDelay: true, keepAliveMs: 0 };
const LISTEN = { backlog: 16, maxPending: 16, noDelay: true };

/**
 * Two ends in this process; the first is the one that connected, or that was
 * accepted. `listener` is another driver to accept with.
 */
export function pairs(
  driver: Driver,
  kind: Kind,
  under: "connecting" | "accepted",
  listener: Driver = driver,
): MakePair {
  let listening: Promise<Acceptor> | undefined;
  return async () => {
    const acceptor = await (listening ??= listen(listener, kind.address()));
    const [accepted, connected] = await Promise.all([
      accept(acceptor),
      driver.connect(acceptor.address, ATTEMPT).opened,
    ]);
    return under === "connecting" ? [connected, accepted] : [accepted, connected];
  };
}

/** The same with the other end in another process. */
export function remotePairs(
  driver: Driver,
  kind: Kind,
  under: "connecting" | "accepted",
): MakeRemote {
  let listening: Promise<Acceptor> | undefined;
  let address: Address | undefined;
  if (under === "accepted") {
    return async () => {
      const acceptor = await (listening ??= listen(driver, kind.address()));
      const far = remotePeer().connect(acceptor.address);
      return [await accept(acceptor), far];
    };
  }
  return async () => {
    const at = address ??= remotePeer().listen(kind.address());
    const near = await driver.connect(at, ATTEMPT).opened;
    return [near, remotePeer().accept()];
  };
}

// The listener lives as long as the test file, and keeps nobody from ending.
async function listen(driver: Driver, at: Address): Promise<Acceptor> {
  const acceptor = await driver.listen(at, LISTEN);
  acceptor.unref();
  return acceptor;
}

async function accept(acceptor: Acceptor): Promise<Transport> {
  acceptor.ref();
  const transport = await acceptor.accept();
  acceptor.unref();
  return transport!;
}
