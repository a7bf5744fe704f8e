/**
 * A chat room on a port: lines come in, and go out to everybody else. Most of it is limits, since
 * whoever can connect can also send a line without an end, say nothing for ever, or never read.
 *
 *     deno run --allow-net examples/line_server.ts 127.0.0.1:7000
 *     nc 127.0.0.1 7000
 *
 * @module
 */

import process from "node:process";
// In a program of your own: from "@cosocket/cosocket".
import { type Cosocket, listen, type Listener, SocketError, type Target } from "../mod.ts";

/** What a guest may do. */
export interface ChatLimits {
  /** Guests at a time. */
  readonly maxGuests: number;
  /** Bytes of a line. */
  readonly maxLineBytes: number;
  /** Milliseconds of silence. */
  readonly maxIdleMs: number;
  /** Lines that wait until a guest reads them. */
  readonly maxUnreadLines: number;
}

const LIMITS: ChatLimits = {
  maxGuests: 100,
  maxLineBytes: 1000,
  maxIdleMs: 10 * 60_000,
  maxUnreadLines: 100,
};

/** Opens a chat room; close the listener to end it. */
export async function chat(at: Target, limits: Partial<ChatLimits> = {}): Promise<Listener> {
  const all = { ...LIMITS, ...limits };
  // A guest that takes nothing for ten seconds is gone.
  const listener = await listen(at, { sendTimeoutMs: 10_000 });
  const room = new Set<Guest>();
  const run = async () => {
    for await (const sock of listener) host(sock, room, all).catch(report);
  };
  run().catch(report);
  return listener;
}

/** One guest, from the first line to the last. */
async function host(sock: Cosocket, room: Set<Guest>, limits: ChatLimits): Promise<void> {
  if (room.size >= limits.maxGuests) return await dismiss(sock, "The room is full.");
  const guest = new Guest(sock, limits);
  room.add(guest);
  const tellOthers = (line: string) => {
    for (const other of room) if (other !== guest) other.tell(line);
  };
  try {
    guest.tell("Welcome! What is your name?");
    const line = { maxBytes: limits.maxLineBytes, timeoutMs: limits.maxIdleMs };
    guest.name = nameOf(await sock.receiveLine(line));
    tellOthers(`* ${guest.name} comes in`);
    for await (const said of sock.lines(line)) {
      if (said === "/quit") break;
      if (said === "/who") guest.tell([...room].map((it) => it.name).join(", "));
      else tellOthers(`${guest.name}: ${said}`);
    }
    await guest.dismiss("Good bye.");
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
    if (error.code === "too large") await guest.dismiss("Your line is too long.");
    if (error.code === "timeout") await guest.dismiss("You were silent for too long.");
  } finally {
    room.delete(guest);
    sock.close();
    tellOthers(`* ${guest.name} is gone`);
  }
}

class Guest {
  readonly #sock: Cosocket;
  readonly #limits: ChatLimits;
  readonly #unread: string[] = [];
  #sending: Promise<void> | undefined;
  name = "Somebody";

  constructor(sock: Cosocket, limits: ChatLimits) {
    this.#sock = sock;
    this.#limits = limits;
  }

  /** Says a line to the guest; nobody waits for one who reads slowly. */
  tell(line: string): void {
    if (this.#unread.length >= this.#limits.maxUnreadLines) {
      this.#sock.abort(); // its own loop sees that, and cleans up
      return;
    }
    this.#unread.push(`${line}\r\n`);
    this.#sending ??= this.#send();
  }

  async dismiss(why: string): Promise<void> {
    this.tell(why);
    await this.#sending;
    await dismiss(this.#sock, "");
  }

  // One send at a time: a socket has one writer.
  async #send(): Promise<void> {
    try {
      while (this.#unread.length > 0) await this.#sock.send(this.#unread.splice(0));
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
      this.#sock.close();
    } finally {
      this.#sending = undefined;
    }
  }
}

/**
 * Says why, ends, and reads on until the guest has ended, too: to close while something lies
 * unread tells the peer "reset", and a reset may overtake the last words.
 */
async function dismiss(sock: Cosocket, why: string): Promise<void> {
  try {
    if (why !== "") await sock.send(`${why}\r\n`);
    await sock.closeWrite();
    const endMs = performance.now() + 1000;
    while (performance.now() < endMs) {
      if (await sock.receiveAny(65_536, { deadlineMs: 1000 }) === null) break;
    }
  } catch (error) {
    if (!(error instanceof SocketError)) throw error; // the guest did not wait for it
  } finally {
    sock.close();
  }
}

function nameOf(line: string): string {
  return line.replace(/[^\p{L}\p{N} _-]/gu, "").trim().slice(0, 20) || "Somebody";
}

function report(error: unknown): void {
  console.error(String(error));
}

if (import.meta.main) {
  const at = process.argv[2] ?? "127.0.0.1:7000";
  await chat(at);
  console.log(`The room is open: nc ${at.replace(":", " ")}`);
}
