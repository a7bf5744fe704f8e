/**
 * LuaSocket 3.1's modules `socket`, `ltn12` and `headers` to the letter, for programs
 * that come from there. What the original returns as several values, a call here
 * gives as an array of exactly those values, `null` for nil; what it raises is
 * thrown. A constructor gives the object itself. Strings are byte strings: one
 * character per byte.
 *
 * These give a promise: `connect`, `bind`, `select`, `sleep` and `dns.*` (not
 * `gethostname`) of the module; `connect`, `bind`, `listen`, `accept`, `receive`,
 * `send`, `sendto`, `receivefrom`, `setpeername`, `setsockname` and `close` of
 * objects; every source, sink, pump and protected function. All else is at once.
 *
 * Where this differs from the original:
 *
 * - (a) The port of `getsockname` is a number, as in releases after 3.1.0, and
 *   `_VERSION` is theirs.
 * - (b) Options that no runtime has answer as if the system refused: `tcp-keepidle`,
 *   `tcp-keepcnt`, `tcp-keepintvl`, `tcp-defer-accept`, `tcp-fastopen`,
 *   `tcp-fastopen-connect`, the buffer sizes of TCP, `dontroute`; the buffer sizes of
 *   UDP can be got once they are set. `reuseaddr` and `reuseport` of TCP are
 *   remembered, and nothing else. `linger` makes `close` wait for what the runtime
 *   has not handed to the system yet; with a timeout of 0 it resets the connection,
 *   but not on Deno. A server at `::` takes IPv4, too, on Deno.
 * - (c) `unix.dgram` gives `null, "Address family not supported by protocol"`.
 * - (d) `bind` listens: who connects before `listen` has to wait, and is not refused.
 *   How many may wait is the runtime's to say, not the backlog's.
 * - (e) `getfd` gives numbers of this module, which `setfd` and `select` understand;
 *   `setfd` of others is not supported. An object that nobody holds is closed when
 *   the collector comes to it.
 * - (f) What comes and is not received yet lies with the runtime, not with the system:
 *   up to 192 KiB of it. Where something lies unread `close` resets the connection, as
 *   the system does it, but not on Deno. A send whose limit passes counts what it
 *   handed to the runtime: up to 64 KiB more than the system has taken; until that
 *   has taken them, the program may not end.
 * - (g) Calls that are no promise know of the network what the event loop has told:
 *   `getoption("error")` and `getpeername` may be a turn behind.
 * - (h) Nobody tells the port of an attempt to connect that goes on, or has failed:
 *   `getsockname` gives 0. A connection that the peer resets at once may end in
 *   `connect` already, with `closed`, and what the peer had sent is lost.
 * - (i) `dns` knows no aliases, and of a name nothing but its addresses.
 * - (j) Ports above 65535 are refused, as is `receive` of infinitely many bytes, and
 *   `skip` of a negative number.
 * - (k) The modes `"http-chunked"` are there without `socket.http`.
 * - (l) The file of a unix socket is removed when its server is closed.
 *
 * @example A program of LuaSocket's, line by line
 * ```ts
 * import { socket } from "@cosocket/cosocket/luasocket";
 *
 * const [server] = await socket.bind("127.0.0.1", 0);
 * const [, port] = server!.getsockname();
 * const [client] = await socket.connect("127.0.0.1", port);
 * const [guest] = await server!.accept();
 * await client!.send("hello\r\n");
 * client!.settimeout(10);
 * const [line, err] = await guest!.receive();
 * if (err) throw new Error(err);
 * console.log(line); // hello
 * for (const it of [client, guest, server]) await it!.close();
 * ```
 *
 * @module
 */

export { LuaError } from "../lua.ts";
export type { Dns, HostEntry } from "./dns.ts";
export {
  type Choice,
  type Choose,
  type Passed,
  type Protected,
  type Try,
  TryError,
} from "./except.ts";
export { type Headers, headers } from "./headers.ts";
export { type Ltn12, ltn12 } from "./ltn12.ts";
export type { ReadableFile, WritableFile } from "./ltn12/files.ts";
export type { Filters, LowFilter } from "./ltn12/filters.ts";
export type { Pumps } from "./ltn12/pumps.ts";
export type { Sinks } from "./ltn12/sinks.ts";
export type { Sources } from "./ltn12/sources.ts";
export type {
  Block,
  Chunk,
  Filter,
  FilterLike,
  Sink,
  SinkLike,
  SinkResult,
  Source,
  SourceLike,
  SourceResult,
  Step,
  StepLike,
} from "./ltn12/types.ts";
export { fromReadable, fromWritable, toReadable, toWritable } from "./ltn12/web_streams.ts";
export type { OptionFailure } from "./options.ts";
export type { Found, IpFamily } from "./resolve.ts";
export type { Carrier, Selectable } from "./selectable.ts";
export type { Ready, Selected } from "./select.ts";
export type { SocketSink, SocketSource, SocketStreams } from "./sinks.ts";
export { socket, type SocketModule } from "./socket.ts";
export type { Failure, Received, Sent } from "./results.ts";
export type { StreamSocket } from "./stream_socket.ts";
export type { SocketName, TcpSocket } from "./tcp.ts";
export type { UdpSocket } from "./udp.ts";
export type { Unix, UnixSocket } from "./unix.ts";
