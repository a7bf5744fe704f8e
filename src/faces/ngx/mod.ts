/**
 * OpenResty's cosocket API to the letter, for programs that come from there.
 * What the original returns as several values, a call here gives as an array of
 * exactly those values, `null` for nil; what it raises is thrown. Strings are
 * byte strings: one character per byte.
 *
 * Where this differs from the original (the letters are used throughout):
 *
 * - (c) After a read that failed or timed out `setkeepalive` answers as the
 *   original does, but the connection is closed behind it.
 * - (e) `close` always releases the connection and its place in the pool, also
 *   when both halves are dead; its answer is the original's.
 * - (f) An operation whose thread was killed leaves the object usable.
 * - (g) There is no ambient request, so nothing says `bad request`: a socket whose
 *   handler ended says `closed`.
 * - (h) Names go to the system's resolver.
 *
 * (a), (b) and (d) concern TLS, which is not here yet. The options `reuseaddr`,
 * `sndbuf`, `rcvbuf`, `keepintvl` and `keepcnt` answer `Operation not supported`:
 * no runtime sets the first three, and the others are for Node alone.
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
export type { Failure } from "./link.ts";
export { LuaError } from "./lua.ts";
export { Ngx, type NgxSockets, type NgxThreads, type NgxTimers } from "./ngx.ts";
export type { Sinks } from "./scope.ts";
export type { TcpSocket, UntilIterator } from "./tcp.ts";
export type { LightThread } from "./thread.ts";

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
