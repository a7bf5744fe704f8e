/**
 * What the core is asked to do on Cloudflare's Workers. It runs in `workerd`, as a Worker: the path
 * of a request names a scenario, its body says where the peers are, and the answer is what came of
 * it. The judge is outside, in `workerd.ts`.
 */

import {
  type Address,
  connect,
  Cosocket,
  datagram,
  listen,
  lookup,
  Pool,
  SocketError,
} from "../../mod.ts";
import { connect as connectSocket } from "../../src/faces/sockets/mod.ts";

/** Where the peers are. */
export interface Peers {
  /** A peer that does what a line tells it; `host:port`, by a name. */
  readonly peer: string;
  /** The same by its address. */
  readonly address: string;
  /** One that has TLS from the first byte on. */
  readonly tlsPeer: string;
  /** One with a certificate for `test.example` that nobody trusts. */
  readonly untrustedPeer: string;
  /** Where nobody listens. */
  readonly closed: string;
  /** A Redis, if there is one. */
  readonly redis: string | null;
}

/** How a call failed. */
export interface Failure {
  readonly code: string;
  readonly op: string | undefined;
  readonly message: string;
  readonly partial: string | undefined;
}

// Of all requests, which is not how it should be.
const shared = new Pool();

const scenarios: Readonly<Record<string, (peers: Peers) => Promise<unknown>>> = {
  async lines({ peer }) {
    const sock = await connect(peer);
    await sock.send(["SAY one\\r\\ntw", "o\\nth\u00fcr\\n\n"]);
    const lines = [await sock.receiveLine(), await sock.receiveLine(), await sock.receiveLine()];
    sock.close();
    return [...lines, await failureOf(sock.receiveLine())];
  },

  async frames({ address }) {
    const sock = await connect(address);
    await sock.send("SAY 4abcd--bound|ary--|restpart1,part2,\n");
    const size = Number(text(await sock.receiveExactly(1)));
    const frames = [
      text(await sock.peek(2)),
      text(await sock.receiveExactly(size)),
      text(await sock.receiveUntil("ary--|")),
    ];
    await sock.skip(4);
    const into = new Uint8Array(3);
    await sock.readInto(into);
    const parts = sock.parts(",");
    frames.push(text(into), text((await parts.read())!), String(await parts.read()));
    frames.push(text((await parts.read(3))!), text((await parts.read())!));
    sock.close();
    return frames;
  },

  async ends({ peer }) {
    const told = await connect(peer);
    await told.send("SAY all of it\nEND\n");
    const all = text(await told.receiveAll());
    const any = await told.receiveAny(10);
    const early = await connect(peer);
    await early.send("SAY half a li\nEND\n");
    const failure = await failureOf(early.receiveLine());
    // Only one side has ended.
    await early.send("COUNT\n");
    const ours = await connect(peer);
    await ours.send("ECHO ALL\nto the end");
    await ours.closeWrite();
    const echoed = text(await ours.receiveAll());
    for (const sock of [told, early, ours]) sock.close();
    return { all, any, failure, echoed };
  },

  async timeouts({ peer }) {
    const sock = await connect(peer);
    await sock.send("SAY half\n");
    const waited = await failureOf(sock.receiveExactly(8, { timeoutMs: 30 }));
    const { signal } = aborted(20);
    const given = await failureOf(sock.receiveLine({ signal }));
    const over = await failureOf(sock.receiveLine({ deadlineMs: 20, timeoutMs: 0 }));
    // The read that was left behind gives its bytes to who asks next.
    await sock.send("SAY -done\n");
    const whole = text(await sock.receiveExactly(9));
    const busy = sock.receiveLine();
    const second = await failureOf(sock.receiveLine());
    sock.close();
    return { waited, given, over, whole, second, closed: await failureOf(busy) };
  },

  async duplex({ peer }) {
    const sock = await connect(peer);
    const size = 3_000_000;
    const bytes = new Uint8Array(size).map((_, at) => at * 7 + (at >> 8));
    await sock.send("ECHO ALL\n");
    const sending = sock.send(bytes).then(() => sock.closeWrite());
    const [back] = await Promise.all([sock.receiveAll(), sending]);
    const same = back.every((byte, at) => byte === bytes[at]);
    const counts = [sock.bytesWritten, sock.bytesRead];
    sock.close();
    return { same, counts };
  },

  async pool({ peer }) {
    const pool = new Pool({ maxConnections: 1 });
    const id = (sock: Cosocket) => sock.send("ID\n").then(() => sock.receiveLine());
    const first = await pool.use(peer, id);
    // Others wait for the one connection, each gets its own answer.
    const answers = await Promise.all(
      ["a", "b", "c"].map((mark) =>
        pool.use(peer, async (sock) => {
          await sock.send(`SAY ${mark}\\n\n`);
          return [await sock.receiveLine(), sock.reusedTimes];
        })
      ),
    );
    const again = await pool.use(peer, id);
    const failed = await failureOf(
      pool.use(peer, (sock) => sock.receiveLine({ timeoutMs: 20 })),
    );
    const other = await pool.use(peer, id);
    // What ended while it was idle is not lent.
    await pool.use(peer, async (sock) => {
      await sock.send("LEAVE SOON\n");
      return await sock.receiveLine();
    });
    while (pool.stats().idle > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    const fresh = await pool.use(peer, id);
    const stats = pool.stats();
    pool.close();
    return { first, answers, again, failed, other, fresh, stats };
  },

  async shared({ address }) {
    const asked = shared.use(address, async (sock) => {
      await sock.send("SAY shared\\n\n");
      return await sock.receiveLine();
    });
    const found = await asked.catch((error) => error.code);
    return [found, shared.stats().idle];
  },

  async streams({ peer }) {
    const sock = await connect(peer);
    await sock.send("SAY 5hello+rest\n");
    const size = Number(text(await sock.receiveExactly(1)));
    const body = await new Response(sock.body(size)).text();
    const next = text(await sock.receiveExactly(5));
    const writer = sock.writable.getWriter();
    await writer.write(new TextEncoder().encode("SAY by stream\nEND\n"));
    const rest = await new Response(sock.readable).text();
    sock.close();
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const loop = Cosocket.over({ readable, writable });
    const [line] = await Promise.all([loop.receiveLine(), loop.send("to myself\n")]);
    loop.close();
    return { body, next, rest, line };
  },

  async addresses({ address, closed }) {
    const sock = await connect(address);
    const { remoteAddress, localAddress, tls } = sock;
    sock.close();
    sock.close();
    return {
      remoteAddress,
      localAddress,
      tls,
      refused: await failureOf(connect(closed)),
      nameless: await failureOf(connect("nowhere.invalid:80")),
      abandoned: await failureOf(connect(address, { signal: aborted(0).signal })),
    };
  },

  async tls({ tlsPeer, address, untrustedPeer }) {
    const sock = await connect(tlsPeer, { tls: true });
    await sock.send("SAY under TLS\\n\n");
    const line = await sock.receiveLine();
    const { tls } = sock;
    sock.close();
    const { port } = place(tlsPeer);
    const byAddress = await connect(`127.0.0.1:${port}`, { tls: { serverName: "localhost" } });
    await byAddress.send("SAY by name\\n\n");
    const named = await byAddress.receiveLine();
    byAddress.close();
    return {
      line,
      tls,
      named,
      wrongName: await failureOf(connect(tlsPeer, { tls: { serverName: "other.example" } })),
      untrusted: await failureOf(connect(untrustedPeer, { tls: { serverName: "test.example" } })),
      plain: await failureOf(connect(address, { tls: true, timeoutMs: 100 })),
    };
  },

  async startTls({ peer }) {
    const sock = await connect(peer);
    await sock.send("STARTTLS\n");
    const answer = await sock.receiveLine();
    await sock.startTls();
    await sock.send("SAY protected\\n\n");
    const line = await sock.receiveLine();
    const twice = await failureOf(sock.startTls());
    await sock.send("SAY still there\\n\n");
    const still = await sock.receiveLine();
    sock.close();
    return { answer, line, twice, still };
  },

  async injection({ peer }) {
    const buffered = await connect(peer);
    await buffered.send("PLANT TOGETHER\n");
    const answers = [await buffered.receiveLine()];
    const early = await failureOf(buffered.startTls());
    // These nobody has read yet: TLS gets them, and wants none of them.
    const later = await connect(peer);
    await later.send("PLANT LATER\n");
    answers.push(await later.receiveLine());
    await later.send("PLANT NOW\n");
    const late = await failureOf(later.startTls());
    return { answers, early, late, closed: [buffered.closed, later.closed] };
  },

  async readUnderWay({ peer }) {
    const sock = await connect(peer);
    const waited = await failureOf(sock.receiveLine({ timeoutMs: 20 }));
    const refused = await failureOf(sock.startTls());
    await sock.send("SAY as it was\\n\n");
    const line = await sock.receiveLine();
    const reading = sock.receiveLine();
    const busy = await failureOf(sock.startTls());
    await sock.send("SAY and goes on\\n\n");
    const next = await reading;
    sock.close();
    return { waited, refused, line, busy, next };
  },

  async left({ peer }) {
    const pool = new Pool();
    const [one, other] = [await pool.connect(peer), await pool.connect(peer)];
    const isBack = await one.release();
    // Nobody waits for this one, and the request ends in the middle of it.
    other.release();
    return isBack;
  },

  async reused({ peer }) {
    const pool = new Pool();
    const ask = async (sock: Cosocket, mark: string) => {
      await sock.send(`SAY ${mark}\\n\n`);
      return await sock.receiveLine();
    };
    await pool.use(peer, (sock) => ask(sock, "new"));
    const sock = await pool.connect(peer);
    const { reusedTimes } = sock;
    const early = await failureOf(sock.startTls());
    const lines = [await ask(sock, "as it was")];
    // The read that was parked is answered, and none is under way.
    await sock.send("STARTTLS\n");
    lines.push(await sock.receiveLine());
    await sock.startTls();
    lines.push(await ask(sock, "protected"));
    sock.close();
    await pool.use(peer, (sock) => ask(sock, "new again"));
    const refused = await pool.connect(peer);
    const late = await failureOf(refused.startTls());
    const isBack = await refused.release();
    const again = await pool.use(peer, async (sock) => [sock.reusedTimes, await ask(sock, "lent")]);
    pool.close();
    return { reusedTimes, early, lines, late, isBack, again };
  },

  async unsupported({ peer, tlsPeer }) {
    const tls = (options: object) => failureOf(connect(tlsPeer, { tls: options }));
    const pem = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----";
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const over = Cosocket.over({ readable, writable });
    const failures = await Promise.all([
      failureOf(listen("127.0.0.1:0")),
      failureOf(datagram()),
      failureOf(lookup("localhost")),
      failureOf(lookup("localhost", { servers: ["127.0.0.1"] })),
      failureOf(connect("unix:/tmp/no.sock")),
      failureOf(connect(peer, { localAddress: "127.0.0.1" })),
      failureOf(connect(peer, { localPort: 1 })),
      failureOf(connect(peer, { keepAliveMs: 1000 })),
      failureOf(connect(peer, { noDelay: false })),
      failureOf(connect(peer, { family: 4 })),
      tls({ caCerts: pem }),
      failureOf(new Pool().connect(tlsPeer, { tls: { caCerts: pem } })),
      tls({ alpnProtocols: ["h2"] }),
      tls({ minVersion: "TLSv1.3" }),
      tls({ maxVersion: "TLSv1.2" }),
      tls({ ciphers: "ECDHE-RSA-AES128-GCM-SHA256" }),
      tls({ fingerprints: ["00".repeat(32)] }),
      tls({ dangerouslySkipChainVerification: true }),
      tls({ dangerouslySkipNameVerification: true }),
      failureOf(over.startTls({ serverName: "localhost" })),
    ]);
    return failures.map((it) => it.code);
  },

  async redis({ redis }) {
    const pool = new Pool();
    const ask = (...commands: string[]) =>
      pool.use(redis!, async (sock) => {
        await sock.send(commands.map((it) => `${it}\r\n`));
        const answers: string[] = [];
        for (const _ of commands) {
          const head = await sock.receiveLine();
          const size = head.startsWith("$") ? Number(head.slice(1)) : -1;
          answers.push(size < 0 ? head : text(await sock.receiveExactly(size)));
          if (size >= 0) await sock.skip(2);
        }
        return [...answers, sock.reusedTimes];
      });
    const first = await ask("PING", "SET greeting hello", "GET greeting", "GET nothing");
    const second = await ask("INCR visits", "INCR visits", "ECHO bye");
    pool.close();
    return [first, second];
  },

  async sockets({ peer }) {
    const socket = connectSocket(peer, { secureTransport: "starttls" });
    const { remoteAddress } = await socket.opened;
    const ask = async (of: typeof socket, line: string) => {
      const writer = of.writable.getWriter();
      await writer.write(new TextEncoder().encode(line));
      writer.releaseLock();
      const reader = of.readable.getReader();
      const { value } = await reader.read();
      reader.releaseLock();
      return text(value!);
    };
    const plain = await ask(socket, "STARTTLS\n");
    const secure = socket.startTls();
    await secure.opened;
    const answer = await ask(secure, "SAY by the Web's own interface\n");
    await secure.close();
    return { sameAddress: remoteAddress === peer, plain, answer };
  },
};

export default {
  async fetch(request: Request): Promise<Response> {
    const scenario = scenarios[new URL(request.url).pathname.slice(1)];
    if (scenario === undefined) return new Response("No such scenario", { status: 404 });
    try {
      const found = await scenario(await request.json());
      return Response.json({ found });
    } catch (error) {
      return Response.json({ thrown: String((error as Error).stack ?? error) });
    }
  },
};

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
    const { code, op, message, partial } = error;
    return { code, op, message, partial: partial && text(partial) };
  }
  throw new Error("It did not fail");
}

/** `AbortSignal.timeout`, but for the reason. */
function aborted(ms: number): AbortController {
  const controller = new AbortController();
  if (ms === 0) controller.abort("enough");
  else setTimeout(() => controller.abort("enough"), ms);
  return controller;
}

function place(target: string): { hostname: string; port: number } & Address {
  const [hostname = "", port] = target.split(":");
  return { hostname, port: Number(port) };
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
