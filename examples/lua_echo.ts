/**
 * An echo server as LuaSocket programs are written: one loop, and in it one `select` for all the
 * sockets there are. The client does the same with many connections at once, and checks what comes
 * back. Nobody is waited for: every socket has a limit of zero, and what one of them does not take
 * now is kept until `select` says that it takes more.
 *
 *     deno run --allow-net examples/lua_echo.ts serve 127.0.0.1 7007
 *     deno run --allow-net examples/lua_echo.ts visit 127.0.0.1 7007 300
 *
 * @module
 */

import process from "node:process";
// In a program of your own: from "@cosocket/cosocket/luasocket".
import { socket, type TcpSocket } from "../src/faces/luasocket/mod.ts";

const BLOCK_BYTES = 8192;
// Who lets more than this lie is not read until it has taken some.
const MAX_OWED_BYTES = 262_144;

/** What a guest is owed, and whether it has said all it wants to. */
interface Guest {
  owed: string;
  ended: boolean;
}

/** Echoes until the listening socket is closed; then it closes the others. */
export async function serve(listener: TcpSocket): Promise<void> {
  const guests = new Map<TcpSocket, Guest>();
  const drop = async (sock: TcpSocket) => {
    guests.delete(sock);
    await sock.close();
  };
  listener.settimeout(0);

  while (isOpen(listener)) {
    const readers = [listener];
    const writers: TcpSocket[] = [];
    for (const [sock, { owed, ended }] of guests) {
      if (!ended && owed.length < MAX_OWED_BYTES) readers.push(sock);
      if (owed !== "") writers.push(sock);
    }
    const [readable, writable] = await socket.select(readers, writers);

    for (const sock of readable as TcpSocket[]) {
      if (sock === listener) {
        const guest = await acceptFrom(listener);
        if (guest) guests.set(guest, { owed: "", ended: false });
        continue;
      }
      const guest = guests.get(sock)!;
      const [block, err, partial] = await sock.receive(BLOCK_BYTES);
      guest.owed += block ?? partial;
      guest.ended = err !== null && err !== "timeout";
      if (guest.ended && guest.owed === "") await drop(sock);
    }

    for (const sock of writable as TcpSocket[]) {
      const guest = guests.get(sock)!;
      const [last, err, partial] = await sock.send(guest.owed);
      guest.owed = guest.owed.slice(last ?? partial);
      const isGone = last === null && err !== "timeout";
      if (isGone || (guest.ended && guest.owed === "")) await drop(sock);
    }
  }

  for (const [sock, { owed }] of guests) {
    // A connection that is to end now, whatever its peer has not read.
    if (owed !== "") sock.setoption("linger", { on: true, timeout: 0 });
    await drop(sock);
  }
}

/** A guest that is never waited for; none if it has gone again, or is one too many for `select`. */
async function acceptFrom(listener: TcpSocket): Promise<TcpSocket | undefined> {
  const [sock] = await listener.accept();
  if (sock === null) return undefined;
  sock.settimeout(0);
  if (sock.getfd()[0] < socket._SETSIZE) return sock;
  await sock.close();
  return undefined;
}

function isOpen(sock: TcpSocket): boolean {
  return sock.getfd()[0] !== socket._SOCKETINVALID;
}

/** One connection of the client's. */
interface Visit {
  readonly text: string;
  sent: number;
  isSaid: boolean;
  came: string;
  /** Why it failed, once it is over; `null` if it did not. */
  failure: string | null;
}

/**
 * Says each text to an echo server, on a connection of its own, all at once.
 *
 * @returns For each text `null`, or why it did not come back.
 */
export async function visit(
  host: string,
  port: number | string,
  texts: readonly string[],
  seconds = 10,
): Promise<(string | null)[]> {
  const open = new Map<TcpSocket, Visit>();
  const end = async (sock: TcpSocket, failure: string | null) => {
    open.get(sock)!.failure = failure;
    open.delete(sock);
    await sock.close();
  };

  const visits = texts.map((text): Visit => (
    { text, sent: 0, isSaid: false, came: "", failure: null }
  ));
  for (const it of visits) {
    const sock = socket.tcp();
    open.set(sock, it);
    sock.settimeout(0);
    // The answer is "timeout": it goes on, and the socket can be written when it is decided.
    const [done, err] = await sock.connect(host, port);
    if (done === null && err !== "timeout") await end(sock, err!);
  }

  while (open.size > 0) {
    const writers = [...open.keys()].filter((sock) => !open.get(sock)!.isSaid);
    const [readable, writable, late] = await socket.select([...open.keys()], writers, seconds);
    if (late) { for (const sock of open.keys()) await end(sock, late); }

    for (const sock of writable as TcpSocket[]) {
      const it = open.get(sock)!;
      const [last, err, partial] = await sock.send(it.text, it.sent + 1);
      it.sent = last ?? partial;
      it.isSaid = last !== null;
      if (it.isSaid) sock.shutdown("send");
      else if (err !== "timeout") await end(sock, err);
    }

    for (const sock of readable as TcpSocket[]) {
      const it = open.get(sock);
      if (it === undefined) continue; // sending has failed
      const [all, err, partial] = await sock.receive("*a", it.came);
      it.came = all ?? partial;
      if (err === "timeout") continue;
      const isEnd = err === null || err === "closed";
      const isSame = isEnd && it.came === it.text;
      await end(sock, isSame ? null : err ?? "another text");
    }
  }
  return visits.map((it) => it.failure);
}

if (import.meta.main) {
  const [what, host, port, count = "100"] = process.argv.slice(2);
  if (what === "serve" && port !== undefined) {
    const [listener, err] = await socket.bind(host, port);
    if (listener === null) throw new Error(`Cannot listen: ${err}`);
    console.log(`Listening at port ${listener.getsockname()[1]}`);
    process.once("SIGINT", () => void listener.close());
    await serve(listener);
  } else if (what === "visit" && port !== undefined) {
    const texts = Array.from({ length: Number(count) }, (_, at) => `${at} says hello\n`.repeat(at));
    const failures = (await visit(host!, port, texts)).filter((it) => it !== null);
    console.log(`${texts.length - failures.length} came back, ${failures.length} failed`);
    for (const why of new Set(failures)) console.log(why);
    process.exit(failures.length > 0 ? 1 : 0);
  } else {
    console.error("usage: lua_echo.ts serve HOST PORT | visit HOST PORT [CONNECTIONS]");
    process.exit(2);
  }
}
