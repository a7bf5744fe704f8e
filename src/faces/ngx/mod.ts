/**
 * OpenResty's cosocket API to the letter, for programs that come from there.
 * What the original returns as several values, a call here gives as an array of
 * exactly those values, `null` for nil; what it raises is thrown. Strings are
 * byte strings: one character per byte.
 *
 * Where this differs from the original (the letters are used throughout):
 *
 * - (a) `sslhandshake` verifies where the call does not say whether to; an explicit
 *   `false` turns that off. Where the call has no name it is the host given to
 *   `connect`, which is asked for if it is a name; a path is none. A name that is an
 *   address is sought among the addresses of the certificate, and its common name is
 *   no name. Without `lua_ssl_trusted_certificate` the runtime's roots are trusted,
 *   and without `lua_ssl_protocols` TLS 1.2 and 1.3 are spoken.
 * - (b) What came in plain and lies unread fails the handshake: `handshake failed`.
 * - (c) After a read that failed or timed out `setkeepalive` answers as the
 *   original does, but the connection is closed behind it.
 * - (d) A connection is not passed off as verified for a name, or by somebody, that
 *   it was not verified for. If a call of `sslhandshake` asks for more, one that came
 *   out of a pool and was not used since gives way to a new one, which makes a
 *   handshake of its own; any other fails with `certificate host mismatch` or
 *   `27: certificate not trusted`, and is closed. After the first handshake under its
 *   name a pool has no plain connections: idle ones are dropped, and later ones are
 *   closed behind `setkeepalive`'s answer, until the pool is forgotten.
 * - (e) `close` always releases the connection and its place in the pool, also
 *   when both halves are dead; its answer is the original's.
 * - (f) An operation whose thread was killed leaves the object usable.
 * - (g) There is no ambient request, so nothing says `bad request`: a socket whose
 *   handler ended says `closed`. What the original keeps for a whole worker of the
 *   last certificate that was refused, its number, is kept for a handler.
 * - (h) Names go to the system's resolver where the directive `resolver` names none.
 *
 * What no runtime can do, or not this one: The options `reuseaddr`, `sndbuf`,
 * `rcvbuf`, `keepintvl` and `keepcnt` answer `Operation not supported`, and `getfd` what
 * the original says of a connection without a descriptor, `faked connection`. There are
 * no datagrams over unix sockets: what `setpeername` finds at a path is of a wrong type,
 * as a socket for streams is to the original. Deno does not tell that a datagram was
 * refused, and Bun not why a peer cannot be chosen. The state of a
 * certificate (OCSP) is not asked for, whatever the call says. On Deno there are no
 * sessions, so each handshake is a full one; `lua_ssl_ciphers`, `lua_ssl_crl` and
 * versions before TLS 1.2 are refused there, as are everywhere `lua_ssl_conf_command`,
 * SSL 2 and 3, and protocols with a gap between them. On Bun nothing can be sent once
 * the peer has ended its side of TLS.
 *
 * Certificates and keys for `setclientcert` are parsed by `ngx.ssl.parse_pem_cert` and
 * `ngx.ssl.parse_pem_priv_key`, as there. For `settrustedstore`, whose argument the
 * original takes from another library, there is `ngx.ssl.parse_pem_store`.
 *
 * @example A program of OpenResty's, line by line
 * ```ts
 * import { listen } from "@cosocket/cosocket";
 * import { createNgx } from "@cosocket/cosocket/ngx";
 *
 * await using server = await listen("127.0.0.1:0");
 * const { port } = server.address as { port: number };
 * server.accept().then((guest) => guest?.send("VERSION 1.6.38\r\n"));
 *
 * await createNgx({ lua_socket_read_timeout: "5s" }).run(async (ngx) => {
 *   const sock = ngx.socket.tcp();
 *   sock.settimeout(1000);
 *   const [ok, err] = await sock.connect("127.0.0.1", port);
 *   if (!ok) throw new Error(`failed to connect: ${err}`);
 *   await sock.send("version\r\n");
 *   const [line] = await sock.receive();
 *   ngx.say(line); // VERSION 1.6.38
 *   sock.close();
 * });
 * ```
 *
 * @module
 */

import { DEFAULTS, type Directives, settingsOf } from "./directives.ts";
import { Ngx } from "./ngx.ts";
import { newWorker, type Sinks } from "./scope.ts";

export type { Directives } from "./directives.ts";
export { LuaError, type Null } from "../lua.ts";
export { Ngx, type NgxSockets, type NgxThreads, type NgxTimers } from "./ngx.ts";
export type { Sinks } from "./scope.ts";
export type { NgxSsl } from "./ssl.ts";
export type { TcpSocket, UntilIterator } from "./tcp.ts";
export type { LightThread } from "./thread.ts";
export type { UdpSocket } from "./udp.ts";
export type { Failure } from "./words.ts";

/**
 * Makes an `ngx` with pools of its own: a worker.
 *
 * @param directives Those of nginx.conf that concern sockets, in its notation:
 *   `{ lua_socket_connect_timeout: "3s", lua_socket_buffer_size: "4k" }`.
 * @param sinks Where `say`, `print` and `log` go; otherwise to the console.
 * @throws {LuaError} If a directive is unknown, or its value is no good.
 *
 * @example
 * ```ts
 * import { createNgx } from "@cosocket/cosocket/ngx";
 *
 * let text = "";
 * const ngx = createNgx({}, { out: (some) => text += some });
 * ngx.say("hello ", 42, " ", null);
 * if (text !== "hello 42 nil\n") throw new Error(text);
 * ```
 */
export function createNgx(directives: Directives = {}, sinks: Sinks = {}): Ngx {
  return new Ngx(newWorker(settingsOf(directives, DEFAULTS), { ...consoleSinks(), ...sinks }));
}

const LEVELS = ["stderr", "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"];

/** The console knows whole lines only: what lacks its end waits for it. */
function consoleSinks(): Required<Sinks> {
  let rest = "";
  return {
    out: (text) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) console.log(line);
    },
    log: (level, message) => console.error(`[${LEVELS[level]}] ${message}`),
  };
}
