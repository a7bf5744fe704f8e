/**
 * A chat room as LuaSocket programs are written: one loop, and in it one `select` for all the
 * sockets there are. Every socket has a limit of zero: of a line that has not come whole yet, what
 * came is handed to the next `receive` as its prefix, and what a guest does not take now is kept
 * until `select` says that it takes more, up to a bound.
 *
 *     deno run --allow-net examples/lua_chat.ts 127.0.0.1 7000
 *     nc 127.0.0.1 7000
 *
 * The first line is the name; `/who` tells who is there, and `/quit` leaves.
 *
 * @module
 */

import process from "node:process";
// In a program of your own: from "@cosocket/cosocket/luasocket".
import { socket, type TcpSocket } from "../src/faces/luasocket/mod.ts";

/** What a guest may do. */
export interface ChatLimits {
  /** Bytes of a line. */
  readonly maxLineBytes: number;
  /** Bytes that wait until a guest reads them, besides what the system holds. */
  readonly maxOwedBytes: number;
}

const LIMITS: ChatLimits = { maxLineBytes: 1000, maxOwedBytes: 65_536 };

interface Guest {
  readonly sock: TcpSocket;
  /** None until the first line. */
  name: string | undefined;
  /** The beginning of a line. */
  begun: string;
  /** What the guest has to be told yet. */
  owed: string;
}

/** A room, and all that happens in it. */
class Room {
  readonly #limits: ChatLimits;
  readonly #guests = new Map<unknown, Guest>();

  constructor(limits: ChatLimits) {
    this.#limits = limits;
  }

  /** Those to be read, and those to be written. */
  get members(): [readers: TcpSocket[], writers: TcpSocket[]] {
    const guests = [...this.#guests.values()];
    return [guests.map((it) => it.sock), guests.filter((it) => it.owed).map((it) => it.sock)];
  }

  async enter(sock: TcpSocket): Promise<void> {
    // One too many for `select`.
    if (sock.getfd()[0] >= socket._SETSIZE) return void await sock.close();
    sock.settimeout(0);
    this.#guests.set(sock, { sock, name: undefined, begun: "", owed: "* your name?\n" });
  }

  /** Something came, or the guest has ended. */
  async read(sock: unknown): Promise<void> {
    const guest = this.#guests.get(sock)!;
    const [line, err, partial] = await guest.sock.receive("*l", guest.begun);
    guest.begun = partial ?? "";
    if ((line ?? guest.begun).length > this.#limits.maxLineBytes) {
      await this.#leave(guest, "talks too much");
    } else if (line !== null) {
      await this.#hear(guest, line);
    } else if (err !== "timeout") {
      await this.#leave(guest, "leaves");
    }
  }

  /** The guest takes some of what it is owed. */
  async write(sock: unknown): Promise<void> {
    const guest = this.#guests.get(sock);
    if (guest === undefined) return; // has left since
    const [last, err, partial] = await guest.sock.send(guest.owed);
    guest.owed = guest.owed.slice(last ?? partial);
    if (last === null && err !== "timeout") await this.#leave(guest, "leaves");
  }

  /** Nobody waits for those who read slowly. */
  async dropSlow(): Promise<void> {
    for (const guest of this.#guests.values()) {
      if (guest.owed.length > this.#limits.maxOwedBytes) await this.#leave(guest, "is too slow");
    }
  }

  async close(): Promise<void> {
    this.#tellAll("* the room closes");
    for (const guest of this.#guests.values()) {
      guest.name = undefined; // so that nobody is told
      await this.#leave(guest, "");
    }
  }

  async #hear(guest: Guest, line: string): Promise<void> {
    if (guest.name === undefined) this.#name(guest, line);
    else if (line === "/quit") await this.#leave(guest, "leaves");
    else if (line === "/who") tell(guest, `* here: ${this.#names.join(" ")}`);
    else if (line.startsWith("/")) tell(guest, "* /who or /quit");
    else this.#tellAll(`${guest.name}: ${line}`, guest);
  }

  #name(guest: Guest, name: string): void {
    if (!/^[\w\x80-\xff-]{1,20}$/.test(name)) return tell(guest, "* no such name, another?");
    if (this.#names.includes(name)) return tell(guest, `* ${name} is here, another?`);
    guest.name = name;
    this.#tellAll(`* ${name} joins`);
  }

  get #names(): string[] {
    return [...this.#guests.values()].flatMap((it) => it.name ?? []);
  }

  #tellAll(line: string, from?: Guest): void {
    for (const it of this.#guests.values()) {
      if (it.name !== undefined && it !== from) tell(it, line);
    }
  }

  async #leave(guest: Guest, how: string): Promise<void> {
    this.#guests.delete(guest.sock);
    if (guest.name !== undefined) this.#tellAll(`* ${guest.name} ${how}`);
    tell(guest, "* bye");
    const [sent] = await guest.sock.send(guest.owed);
    // Who does not take it now is not waited for: the connection ends at once.
    if (sent === null) guest.sock.setoption("linger", { on: true, timeout: 0 });
    await guest.sock.close();
  }
}

function tell(guest: Guest, line: string): void {
  guest.owed += `${line}\n`;
}

/** Holds a chat room until the listening socket is closed. */
export async function chat(listener: TcpSocket, limits: Partial<ChatLimits> = {}): Promise<void> {
  const room = new Room({ ...LIMITS, ...limits });
  listener.settimeout(0);
  while (listener.getfd()[0] !== socket._SOCKETINVALID) {
    const [readers, writers] = room.members;
    const [readable, writable] = await socket.select([listener, ...readers], writers);
    for (const sock of readable) {
      if (sock !== listener) {
        await room.read(sock);
        continue;
      }
      const [guest] = await listener.accept();
      if (guest) await room.enter(guest);
    }
    for (const sock of writable) await room.write(sock);
    await room.dropSlow();
  }
  await room.close();
}

if (import.meta.main) {
  const [host = "127.0.0.1", port = "7000"] = process.argv.slice(2);
  const [listener, err] = await socket.bind(host, port);
  if (listener === null) throw new Error(`Cannot listen: ${err}`);
  console.log(`The room is open at port ${listener.getsockname()[1]}`);
  process.once("SIGINT", () => void listener.close());
  await chat(listener);
}
