/**
 * What OpenResty's manual and an introduction to cosockets say of methods, directives and defaults,
 * sentence by sentence, and that it holds here.
 *
 * Elsewhere: the programs of both, with all that those show of `settimeouts`, `receiveany`,
 * `receiveuntil`, `setkeepalive`, tables to send, unix sockets, full duplex, read timeouts and the
 * end of a handler, in seeds_ngx_test.ts; what is collected, in ngx_socket_test.ts;
 * `lua_socket_log_errors`, in ngx_worker_test.ts; `lua_socket_send_lowat`, which has no effect, in
 * ngx_directives_test.ts; seconds for `sleep`, in ngx_thread_test.ts; the defaults of all
 * directives, in ngx_api_test.ts.
 */

import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { datagram } from "../mod.ts";
import { DEFAULTS } from "../src/faces/ngx/directives.ts";
import { createNgx, type Ngx } from "../src/faces/ngx/mod.ts";
import { connected, echo, Peer, quietNgx, silent, until } from "./helpers/ngx_peer.ts";
import { remotePeer } from "./helpers/remote_peer.ts";

/** More than any system takes for a peer that does not read. */
const TOO_MUCH = new Uint8Array(32 * 1024 * 1024);

const paused: Socket[] = [];
const deaf = (socket: Socket) => void paused.push(socket.pause());
const saysThenDeaf = (socket: Socket) => {
  socket.write("before\n");
  deaf(socket);
};
const hearAgain = () => paused.splice(0).forEach((it) => it.resume());

/** A server, and an `ngx` to talk to it. */
function against(
  serve: (socket: Socket) => void,
  work: (ngx: Ngx, peer: Peer, logged: [number, string][]) => Promise<void>,
): () => Promise<void> {
  return () =>
    Peer.with(serve, async (peer) => {
      const { ngx, logged } = quietNgx();
      await work(ngx, peer, logged);
    });
}

/** How many connections are open, as the server sees it. */
const openAt = ({ connections }: Peer) => connections.filter((it) => !it.ended).length;

const MANUAL_TCP: Record<string, () => Promise<void>> = {
  "The following methods are supported: connect, sslhandshake, send, receive, close, settimeout, setoption, receiveuntil, setkeepalive, getreusedtimes":
    async () =>
      hasMethods(
        "connect sslhandshake send receive close settimeout setoption receiveuntil setkeepalive getreusedtimes",
      ),

  'If you call close on a closed connection, you will get the "closed" error': against(
    silent,
    async (ngx, peer) => {
      assert.deepEqual(ngx.socket.tcp().close(), [null, "closed"]);
      const sock = await connected(ngx, peer.port);
      assert.deepEqual(sock.close(), [1]);
      assert.deepEqual(sock.close(), [null, "closed"]);
    },
  ),

  "You cannot have two light threads both writing the same cosocket": against(
    deaf,
    async (ngx, peer) => {
      const sock = await connected(ngx, peer.port);
      const sending = sock.send(TOO_MUCH);
      assert.deepEqual(await sock.send("x"), [null, "socket busy writing"]);
      assert.deepEqual(sock.close(), [null, "socket busy writing"]);
      hearAgain();
      await sending;
      sock.close();
    },
  ),

  "You cannot have two light threads both connecting the same cosocket": against(
    silent,
    async (ngx, peer) => {
      const sock = ngx.socket.tcp();
      const connecting = sock.connect("127.0.0.1", peer.port);
      assert.deepEqual(await sock.connect("127.0.0.1", peer.port), [
        null,
        "socket busy connecting",
      ]);
      assert.deepEqual(await connecting, [1]);
      sock.close();
    },
  ),
};

const MANUAL_SEND: Record<string, () => Promise<void>> = {
  "It will not return until all the data has been flushed into the system socket send buffer":
    against(deaf, async (ngx, peer) => {
      const sock = await connected(ngx, peer.port);
      let isOver = false;
      const sending = sock.send(TOO_MUCH).finally(() => isOver = true);
      await ngx.sleep(0.1);
      assert.equal(isOver, false);
      hearAgain();
      assert.deepEqual(await sending, [TOO_MUCH.length]);
      sock.close();
    }),

  "In case of success, it returns the total number of bytes that have been sent. Otherwise, it returns nil and a string describing the error":
    against(silent, async (ngx, peer) => {
      const sock = await connected(ngx, peer.port);
      assert.deepEqual(await sock.send(["he", ["llo"]]), [5]);
      sock.close();
      assert.deepEqual(await sock.send("hello"), [null, "closed"]);
    }),

  "The timeout is controlled by the lua_socket_send_timeout config directive": against(
    deaf,
    async (ngx, peer) => {
      assert.equal(DEFAULTS.sendTimeoutMs, 60_000);
      const sock = await connected(ngx.with({ lua_socket_send_timeout: "50ms" }), peer.port);
      assert.deepEqual(await sock.send(TOO_MUCH), [null, "timeout"]);
      sock.close();
      hearAgain();
    },
  ),

  "... and the settimeout method. And the latter takes priority": against(
    deaf,
    async (ngx, peer) => {
      const sock = await connected(ngx.with({ lua_socket_send_timeout: "1h" }), peer.port);
      sock.settimeout(50);
      assert.deepEqual(await sock.send(TOO_MUCH), [null, "timeout"]);
      sock.close();
      hearAgain();
    },
  ),

  // The manual says more than it does: what had come can still be received.
  "In case of any connection errors, this method always automatically closes the connection":
    against(saysThenDeaf, async (ngx, peer) => {
      const sock = await connected(ngx, peer.port);
      sock.settimeout(50);
      assert.deepEqual(await sock.send(TOO_MUCH), [null, "timeout"]);
      assert.deepEqual(await sock.send("more"), [null, "closed"]);
      assert.deepEqual(await sock.receive(), ["before"]);
      assert.deepEqual(sock.close(), [1]);
      hearAgain();
    }),
};

const INTRODUCTION: Record<string, () => Promise<void>> = {
  "The API for TCP: settimeout and settimeouts; connect; send; receive, receiveany and receiveuntil; setkeepalive; close":
    async () =>
      hasMethods(
        "settimeout settimeouts connect send receive receiveany receiveuntil setkeepalive close",
      ),

  "Cosockets support TCP, UDP and Unix domain sockets": async () => {
    const server = await datagram({ localAddress: "127.0.0.1" });
    const echoing = server.receiveFrom().then(({ data, from }) => server.sendTo(data, from));
    await createNgx().run(async (ngx) => {
      const sock = ngx.socket.udp();
      const { port } = server.localAddress as { port: number };
      assert.deepEqual(await sock.setpeername("127.0.0.1", port), [1]);
      assert.deepEqual(await sock.send("hello"), [1]);
      assert.deepEqual(await sock.receive(), ["hello"]);
    });
    await echoing;
    server.close();
  },

  "lua_socket_connect_timeout: connect timeout, 60 seconds by default": async () => {
    assert.equal(DEFAULTS.connectTimeoutMs, 60_000);
    const hasty = quietNgx().ngx.with({ lua_socket_connect_timeout: "50ms" });
    const port = remotePeer().blackHole();
    assert.deepEqual(await hasty.socket.connect("127.0.0.1", port), [null, "timeout"]);
  },

  "lua_socket_read_timeout: read timeout, 60 seconds by default": against(
    silent,
    async (ngx, peer) => {
      assert.equal(DEFAULTS.readTimeoutMs, 60_000);
      const sock = await connected(ngx.with({ lua_socket_read_timeout: "20ms" }), peer.port);
      assert.deepEqual(await sock.receive(), [null, "timeout", ""]);
      sock.close();
    },
  ),

  "lua_socket_buffer_size: the size of the buffer that is read into, 4k or 8k by default": against(
    (socket) => void socket.write("x".repeat(20_000)),
    async (ngx, peer) => {
      assert.equal(DEFAULTS.bufferBytes, 4096);
      for (
        const [setting, most] of [[{}, 4096], [{ lua_socket_buffer_size: "1k" }, 1024]] as const
      ) {
        const sock = await connected(ngx.with(setting), peer.port);
        assert.equal((await sock.receive(1))[0], "x"); // takes a buffer full, and gives one byte
        assert.equal((await sock.receiveany(10_240))[0]!.length, most - 1);
        sock.close();
      }
    },
  ),

  "lua_socket_pool_size: the size of the pool, 30 by default": against(
    silent,
    async (ngx, peer) => {
      assert.equal(DEFAULTS.poolSize, 30);
      await keepMany(31, ngx, peer);
      await until(() => openAt(peer) === 30);
      await keepMany(3, ngx.with({ lua_socket_pool_size: 2 }), peer, { pool: "small" });
      await until(() => openAt(peer) === 32);
    },
  ),

  "lua_socket_keepalive_timeout: how long a cosocket may lie idle in the pool, 60 seconds by default":
    against(silent, async (ngx, peer) => {
      assert.equal(DEFAULTS.keepaliveTimeoutMs, 60_000);
      await keepMany(1, ngx.with({ lua_socket_keepalive_timeout: "20ms" }), peer);
      await until(() => openAt(peer) === 0);
    }),

  "If both conflict, the API has priority over the directive: the time to read": against(
    silent,
    async (ngx, peer) => {
      const sock = await connected(ngx.with({ lua_socket_read_timeout: "1h" }), peer.port);
      sock.settimeout(20);
      assert.deepEqual(await sock.receive(), [null, "timeout", ""]);
      sock.close();
    },
  ),

  "If both conflict, the API has priority over the directive: the size of the pool": against(
    silent,
    async (ngx, peer) => {
      const location = ngx.with({ lua_socket_pool_size: 1 });
      const socks = await Promise.all([1, 2, 3].map(() => connected(location, peer.port)));
      for (const sock of socks) assert.deepEqual(await sock.setkeepalive(60_000, 2), [1]);
      await until(() => openAt(peer) === 2);
    },
  ),

  "If both conflict, the API has priority over the directive: the idle time": against(
    silent,
    async (ngx, peer) => {
      const sock = await connected(ngx.with({ lua_socket_keepalive_timeout: "1h" }), peer.port);
      assert.deepEqual(await sock.setkeepalive(20), [1]);
      await until(() => openAt(peer) === 0);
    },
  ),

  "settimeout() does not tell connect and receive apart": async () => {
    const sock = quietNgx().ngx.socket.tcp();
    sock.settimeout(50);
    assert.deepEqual(await sock.connect("127.0.0.1", remotePeer().blackHole()), [null, "timeout"]);
    await against(silent, async (_ngx, peer) => {
      assert.deepEqual(await sock.connect("127.0.0.1", peer.port), [1]);
      assert.deepEqual(await sock.receive(), [null, "timeout", ""]);
      sock.close();
    })();
  },

  "The default of receive() is *l, which gives the first line only": against(
    (socket) => void socket.end("HTTP/1.1 200 OK\r\nServer: it\r\n\r\n"),
    async (ngx, peer) => {
      for (const pattern of [[], ["*l"]]) {
        const sock = await connected(ngx, peer.port);
        assert.deepEqual(await sock.receive(...pattern), ["HTTP/1.1 200 OK"]);
        sock.close();
      }
    },
  ),

  "With *a data is received until the connection is closed": against(
    (socket) => void socket.end("HTTP/1.1 200 OK\r\nServer: it\r\n\r\n"),
    async (ngx, peer) => {
      const sock = await connected(ngx, peer.port);
      assert.deepEqual(await sock.receive("*a"), ["HTTP/1.1 200 OK\r\nServer: it\r\n\r\n"]);
      sock.close();
    },
  ),

  "connect() takes a connection of the pool first": against(echo, async (ngx, peer) => {
    await keepMany(1, ngx, peer);
    const sock = await connected(ngx, peer.port);
    assert.deepEqual(sock.getreusedtimes(), [1]);
    assert.equal(peer.connections.length, 1);
    sock.close();
  }),

  "A connection on which an error has occurred must not be put into the pool": against(
    (socket) => void socket.end("half a line"),
    async (ngx, peer) => {
      const sock = await connected(ngx, peer.port);
      assert.deepEqual(await sock.receive(), [null, "closed", "half a line"]);
      assert.deepEqual(await sock.setkeepalive(), [null, "closed"]);
      const next = await connected(ngx, peer.port);
      assert.deepEqual(next.getreusedtimes(), [0]);
      next.close();
      sock.close();
    },
  ),

  // With a tenth of that.
  "Each worker has its own pool: with 10 workers and a pool of 30 the server has 300 connections":
    against(silent, async (_ngx, peer) => {
      const workers = Array.from({ length: 10 }, () => createNgx({ lua_socket_pool_size: 3 }));
      for (const worker of workers) await keepMany(4, worker, peer);
      assert.equal(peer.connections.length, 40);
      await until(() => openAt(peer) === 30);
    }),

  "[error] attempt to send data on a closed socket": against(silent, async (ngx, peer, logged) => {
    const sock = await connected(ngx, peer.port);
    assert.deepEqual(await sock.setkeepalive(), [1]);
    assert.deepEqual(await sock.send("too late"), [null, "closed"]);
    assert.deepEqual(logged, [[ngx.ERR, "attempt to send data on a closed socket"]]);
  }),

  "How does a client bind() the address of a local network card?": async () => {
    const seen: (string | undefined)[] = [];
    await against((socket) => void seen.push(socket.remoteAddress), async (ngx, peer) => {
      const sock = ngx.socket.tcp();
      assert.deepEqual(sock.bind("127.0.0.2"), [true]);
      assert.deepEqual(await sock.connect("127.0.0.1", peer.port), [1]);
      await until(() => seen.length > 0);
      assert.deepEqual(seen, ["127.0.0.2"]);
      sock.close();
    })();
  },
};

for (const [says, holds] of Object.entries({ ...MANUAL_TCP, ...MANUAL_SEND, ...INTRODUCTION })) {
  test(`"${says}"`, holds);
}

function hasMethods(names: string): void {
  const sock = createNgx().socket.tcp() as unknown as Record<string, unknown>;
  for (const name of names.split(" ")) assert.equal(typeof sock[name], "function", name);
}

/** Connects so many sockets, and gives them all to their pool. */
async function keepMany(
  count: number,
  ngx: Ngx,
  peer: Peer,
  ...options: unknown[]
): Promise<void> {
  const socks = await Promise.all(
    Array.from({ length: count }, () => connected(ngx, peer.port, ...options)),
  );
  for (const sock of socks) assert.deepEqual(await sock.setkeepalive(), [1]);
}
