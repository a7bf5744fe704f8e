/**
 * A DNS server on this machine, over UDP and TCP, whose names say how it answers; and
 * some of its names are answered as no honest server would.
 */

import dgram from "node:dgram";
import net from "node:net";
import { bytesOf, byteString } from "../../src/bytes.ts";
import {
  FLAG,
  ipv4,
  message,
  type MessageParts,
  pointer,
  question,
  readQuery,
  record,
  soa,
  TYPE,
  wire,
} from "./dns_messages.ts";

/** A query as it came. */
export interface Query {
  id: number;
  /** As it was written. */
  name: string;
  type: number;
  overTcp: boolean;
  /** Where it came from. */
  port: number;
}

/** Sends one message; over TCP it may be said to have another size than it has. */
type Reply = (bytes: Uint8Array, size?: number) => void;

/** What to do with a query. */
export type Script = (query: Query, reply: Reply, server: TinyDns) => void;

const FORGED = "10.6.6.6";

/** A server at `127.0.0.1`, or at the address it is given. */
export class TinyDns {
  readonly queries: Query[] = [];
  readonly #scripts: Record<string, Script>;
  readonly #udp: dgram.Socket;
  readonly #tcp: net.Server;
  readonly #liar: dgram.Socket;
  readonly #guests = new Set<net.Socket>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #port = 0;

  /** @param scripts More names, and what to do with them. */
  constructor(scripts: Record<string, Script> = {}, family: 4 | 6 = 4) {
    this.#scripts = { ...SCRIPTS, ...scripts };
    this.#udp = dgram.createSocket(family === 4 ? "udp4" : "udp6");
    this.#liar = dgram.createSocket("udp4");
    this.#tcp = net.createServer((guest) => this.#serve(guest));
  }

  /** Starts one, with the same port for UDP and for TCP. */
  static async start(scripts?: Record<string, Script>, address = "127.0.0.1"): Promise<TinyDns> {
    for (;;) {
      const server = new TinyDns(scripts, address.includes(":") ? 6 : 4);
      if (await server.#listen(address)) return server;
    }
  }

  /** As `servers` takes it. */
  get at(): string {
    const { address } = this.#udp.address();
    return address.includes(":") ? `[${address}]:${this.#port}` : `${address}:${this.#port}`;
  }

  /** How often a name was asked for, over UDP and TCP together. */
  times(name: string): number {
    return this.queries.filter((it) => it.name === name).length;
  }

  /** Sends a datagram from another port, and from another address. */
  lie(bytes: Uint8Array, port: number): void {
    this.#liar.send(bytes, port, "127.0.0.1");
  }

  /** Does something later, unless it is over by then. */
  after(ms: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, ms);
    this.#timers.add(timer);
  }

  /** Releases all of it. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const guest of this.#guests) guest.destroy();
    await Promise.all([
      new Promise<void>((resolve) => this.#udp.close(() => resolve())),
      new Promise<void>((resolve) => this.#liar.close(() => resolve())),
      new Promise<void>((resolve) => this.#tcp.close(() => resolve())),
    ]);
  }

  async #listen(address: string): Promise<boolean> {
    const bound = (socket: dgram.Socket, port: number, address: string) =>
      new Promise<number>((resolve, reject) => {
        socket.once("error", reject);
        socket.bind(port, address, () => resolve(socket.address().port));
      });
    await bound(this.#liar, 0, "127.0.0.2");
    this.#port = await bound(this.#udp, 0, address);
    this.#udp.on("message", (bytes, from) => {
      const reply = (bytes: Uint8Array) => this.#udp.send(bytes, from.port, from.address);
      this.#answer({ ...readQuery(bytes), overTcp: false, port: from.port }, reply);
    });
    const taken = await new Promise<boolean>((resolve) => {
      this.#tcp.once("error", () => resolve(true));
      this.#tcp.listen(this.#port, address, () => resolve(false));
    });
    if (taken) await this.close().catch(() => {});
    return !taken;
  }

  #serve(guest: net.Socket): void {
    this.#guests.add(guest);
    let held = "";
    guest.on("error", () => {});
    guest.on("close", () => this.#guests.delete(guest));
    guest.on("data", (some) => {
      held += byteString(some as Uint8Array);
      const size = held.length < 2 ? Infinity : held.charCodeAt(0) << 8 | held.charCodeAt(1);
      if (held.length < 2 + size) return;
      const query = readQuery(bytesOf(held.slice(2, 2 + size)));
      held = held.slice(2 + size);
      const reply: Reply = (bytes, size = bytes.length) => {
        guest.write(Uint8Array.of(size >> 8, size & 0xff));
        guest.write(bytes);
      };
      this.#answer({ ...query, overTcp: true, port: guest.remotePort! }, reply);
    });
  }

  #answer(query: Query, reply: Reply): void {
    this.queries.push(query);
    const name = query.name.toLowerCase();
    const script = Object.hasOwn(this.#scripts, name) ? this.#scripts[name]! : says({ rcode: 3 });
    script(query, reply, this);
  }
}

/** The answer to a query, of these parts. */
export function answerTo(query: Query, parts: Partial<MessageParts> = {}): Uint8Array {
  return message({ id: query.id, questions: [question(query.name, query.type)], ...parts });
}

/** Answers with these parts. */
export function says(parts: Partial<MessageParts>): Script {
  return (query, reply) => reply(answerTo(query, parts));
}

/** Answers with these addresses, and with none of the other family. */
export function has(addresses: readonly string[], ttlSeconds = 60): Script {
  return (query, reply) => {
    const answers = query.type === TYPE.A ? recordsOf(addresses, ttlSeconds) : [];
    reply(answerTo(query, { answers }));
  };
}

/** Answers with these addresses of IPv6, eight groups each, and with these of IPv4. */
export function hasBoth(six: readonly string[], four: readonly string[]): Script {
  return (query, reply) => {
    const data = (address: string) =>
      address.split(":").map((it) => parseInt(it, 16)).map((it) =>
        String.fromCharCode(it >> 8, it & 0xff)
      ).join("");
    const answers = query.type === TYPE.A
      ? recordsOf(four, 60)
      : six.map((it) => record({ name: pointer(12), type: TYPE.AAAA, data: data(it) }));
    reply(answerTo(query, { answers }));
  };
}

/** The A records of the name that was asked for. */
export function recordsOf(addresses: readonly string[], ttlSeconds = 60): string[] {
  return addresses.map((it) =>
    record({ name: pointer(12), type: TYPE.A, data: ipv4(it), ttlSeconds })
  );
}

const cname = (name: string, target: string) =>
  record({ name: wire(name), type: TYPE.CNAME, data: wire(target), ttlSeconds: 30 });
const address = (name: string, address: string) =>
  record({ name: wire(name), type: TYPE.A, data: ipv4(address) });
const one = has(["127.0.0.1"]);

/** Answers truly, after somebody else, or a mistake, was quicker. */
function behind(first: (query: Query, reply: Reply, server: TinyDns) => void): Script {
  return (query, reply, server) => {
    if (!query.overTcp) first(query, reply, server);
    server.after(20, () => one(query, reply, server));
  };
}

const forged = (query: Query, parts: Partial<MessageParts> = {}) =>
  answerTo(query, { answers: recordsOf([FORGED]), ...parts });

const SCRIPTS: Record<string, Script> = {
  "one.test": one,
  "three.test": has(["127.0.0.1", "127.0.0.2", "127.0.0.3"]),
  "both.test": hasBoth(["0:0:0:0:0:0:0:1"], ["127.0.0.1"]),
  "empty.test": says({}),
  "drop.test": () => {},
  "format.test": (query, reply) => reply(message({ id: query.id, rcode: 1 })),
  "failure.test": says({ rcode: 2 }),
  "refused.test": says({ rcode: 5 }),
  "nx.test": says({
    rcode: 3,
    authorities: [record({ name: wire("test"), type: TYPE.SOA, data: soa(10) })],
  }),
  "slow.test": (query, reply, server) => server.after(100, () => one(query, reply, server)),
  // More than a datagram of 512 bytes.
  "large.test": (query, reply) => {
    const addresses = Array.from({ length: 100 }, (_, at) => `127.0.1.${at}`);
    if (query.overTcp) reply(answerTo(query, { answers: recordsOf(addresses) }));
    else reply(answerTo(query, { flags: FLAG.answer | FLAG.truncated }));
  },
  // Also over TCP.
  "always-truncated.test": says({ flags: FLAG.answer | FLAG.truncated }),
  "chain.test": (query, reply) =>
    reply(answerTo(query, {
      answers: [
        cname("chain.test", "b.test"),
        cname("b.test", "c.test"),
        ...query.type === TYPE.A ? [address("c.test", "127.0.0.1")] : [],
      ],
      authorities: query.type === TYPE.A ? [] : [
        record({ name: wire("test"), type: TYPE.SOA, data: soa(10) }),
      ],
    })),
  // What it is an alias of, has to be asked for.
  "alias.test": says({ answers: [cname("alias.test", "one.test")] }),
  "circle.test": says({ answers: [cname("circle.test", "round.test")] }),
  "round.test": says({ answers: [cname("round.test", "circle.test")] }),
  "twice.test": (query, reply, server) => {
    for (let times = 0; times < 3; times++) one(query, reply, server);
  },
  "wrong-id.test": behind((query, reply) => {
    for (let more = 1; more < 50; more++) {
      reply(forged({ ...query, id: (query.id + more) % 65536 }));
    }
  }),
  "wrong-source.test": behind((query, _reply, server) => server.lie(forged(query), query.port)),
  "wrong-question.test": behind((query, reply) => reply(forged({ ...query, name: "two.test" }))),
  "wrong-type.test": behind((query, reply) => {
    const type = query.type === TYPE.A ? TYPE.AAAA : TYPE.A;
    reply(forged({ ...query, type }));
  }),
  "echo.test": behind((query, reply) => reply(forged(query, { flags: FLAG.recursion }))),
  "malformed.test": behind((query, reply) => {
    const whole = forged(query);
    for (let size = 0; size < whole.length; size++) reply(whole.subarray(0, size));
    reply(forged(query, { counts: [1, 0xffff, 0, 0] }));
  }),
  "poison.test": says({
    answers: [address("other.test", FORGED), address("127.0.0.1", FORGED)],
    additional: [address("poison.test", FORGED)],
  }),
};
