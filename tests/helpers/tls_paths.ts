/**
 * The ways on which a connection can come to TLS: at our end a socket, at the other one a
 * transport that the test holds, and can do anything with.
 */

import { Pool } from "../../src/connection_pool.ts";
import { connect, type ConnectOptions, Cosocket, cosocketOn } from "../../src/cosocket.ts";
import { memoryPair } from "../../src/drivers/memory.ts";
import { secureClient, secureServer } from "../../src/drivers/secure.ts";
import { type WebDuplex, WebStreamsTransport } from "../../src/drivers/web_streams.ts";
import { listen } from "../../src/listener.ts";
import { Stream } from "../../src/stream.ts";
import { clientTls, serverTls, type TlsOptions, type TlsServerOptions } from "../../src/tls.ts";
import type { Address, Transport } from "../../src/transport.ts";
import { failureOf } from "./failure_of.ts";
import { type Kind, nativeDriver, TCP4, UNIX } from "./native_pairs.ts";
import { CLIENT, SERVER } from "./tls_pairs.ts";

/** Our socket, and the other end. */
export interface Ends {
  readonly sock: Cosocket;
  readonly far: Transport;
}

/** A way to a connection, without TLS as yet. */
export interface Path {
  readonly name: string;
  readonly side: "client" | "server";
  open(): Promise<Ends>;
}

const driver = await nativeDriver();

/** Ways of a client. */
export const CLIENT_PATHS: readonly Path[] = [
  client("connect() over TCP", TCP4, (at) => connect(at)),
  client("connect() from a local address", TCP4, (at) => connect(at, LOCAL)),
  client("connect() over a unix socket", UNIX, (at) => connect(at)),
  client("a new connection of a Pool", TCP4, (at) => pool.connect(at, KEY)),
  client("a connection that was in a Pool", TCP4, async (at) => {
    const sock = await pool.connect(at, KEY);
    await sock.release();
    return pool.connect(at, KEY);
  }),
  client("connect(), after a read that timed out", TCP4, async (at) => timedOut(await connect(at))),
  client(
    "connect() from a local address, after a read that timed out",
    TCP4,
    async (at) => timedOut(await connect(at, LOCAL)),
  ),
  { name: "memory", side: "client", open: () => inMemory("client") },
  { name: "Web Streams", side: "client", open: overWebStreams },
];

/** Ways of a server. */
export const SERVER_PATHS: readonly Path[] = [
  { name: "accept() over TCP", side: "server", open: () => accepted(TCP4) },
  { name: "accept() over a unix socket", side: "server", open: () => accepted(UNIX) },
  {
    name: "accept() over TCP, after a read that timed out",
    side: "server",
    open: async () => {
      const { sock, far } = await accepted(TCP4);
      return { sock: await timedOut(sock), far };
    },
  },
  { name: "memory, at the server's end", side: "server", open: () => inMemory("server") },
];

export const PATHS: readonly Path[] = [...CLIENT_PATHS, ...SERVER_PATHS];

/** TLS at the far end of a path. */
export async function farTls(
  { side }: Pick<Path, "side">,
  far: Transport,
  options?: TlsOptions | TlsServerOptions,
): Promise<Transport> {
  const secure = side === "client"
    ? await secureServer(serverTls((options ?? SERVER) as TlsServerOptions))
    : await secureClient(clientTls((options ?? CLIENT) as TlsOptions, undefined));
  return await secure(far).opened;
}

/** What our end is told by default. */
export function ourOptions({ side }: Pick<Path, "side">): TlsOptions & TlsServerOptions {
  return (side === "client" ? CLIENT : SERVER) as TlsOptions & TlsServerOptions;
}

/** A connection with TLS at both ends. */
export async function openTls(path: Path): Promise<Ends & { peer: Transport }> {
  const { sock, far } = await path.open();
  const [peer] = await Promise.all([farTls(path, far), sock.startTls(ourOptions(path))]);
  return { sock, far, peer };
}

const LOCAL: ConnectOptions = { localAddress: "127.0.0.1" };
const KEY = { key: "upgraded" };
const LISTEN = { backlog: 16, maxPending: 16, noDelay: true };

const pool = new Pool();

function client(name: string, kind: Kind, dial: (at: Address) => Promise<Cosocket>): Path {
  const open = async () => {
    const acceptor = await driver.listen(kind.address(), LISTEN);
    try {
      const [sock, far] = await Promise.all([dial(acceptor.address), acceptor.accept()]);
      return { sock, far: far! };
    } finally {
      acceptor.close();
    }
  };
  return { name, side: "client", open };
}

async function accepted(kind: Kind): Promise<Ends> {
  const listener = await listen(kind.address());
  try {
    const [sock, far] = await Promise.all([
      listener.accept(),
      driver.connect(listener.address, { noDelay: true, keepAliveMs: 0 }).opened,
    ]);
    return { sock: sock!, far };
  } finally {
    await listener.close();
  }
}

async function inMemory(side: "client" | "server"): Promise<Ends> {
  const [near, far] = memoryPair();
  const role = side === "client" ? { side, hostname: undefined } : { side };
  return { sock: cosocketOn(new Stream(near, undefined, role), {}), far };
}

async function overWebStreams(): Promise<Ends> {
  // With room, as between them and a network there is some.
  const room = new ByteLengthQueuingStrategy({ highWaterMark: 64 * 1024 });
  const there = new TransformStream<Uint8Array, Uint8Array>(undefined, room, room);
  const back = new TransformStream<Uint8Array, Uint8Array>(undefined, room, room);
  const sock = Cosocket.over({ readable: back.readable, writable: there.writable });
  const far = { readable: there.readable, writable: back.writable } as WebDuplex;
  return { sock, far: new WebStreamsTransport(far) };
}

async function timedOut(sock: Cosocket): Promise<Cosocket> {
  await failureOf(sock.receiveLine({ timeoutMs: 1 }), "timeout");
  return sock;
}
