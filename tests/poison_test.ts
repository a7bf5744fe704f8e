// What the peer does while our thread stands still is in the system when the
// thread goes on, and nobody has told us of it yet. A pool that lends or keeps a
// connection then must ask first. The peer is a process of its own: one that
// shared the thread would stand still with it.

import assert from "node:assert/strict";
import { readFile } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { setImmediate } from "node:timers";
import { Pool } from "../src/connection_pool.ts";
import { connect, type Cosocket } from "../src/cosocket.ts";
import { createNgx, type TcpSocket } from "../src/faces/ngx/mod.ts";
import { type RemoteEnd, remotePeer, standStill } from "./helpers/remote_peer.ts";

const BLOCKED_MS = 100;

const at = remotePeer().listen({ hostname: "127.0.0.1", port: 0 }) as {
  hostname: string;
  port: number;
};

/** What a peer does that makes its connection unfit for another user. */
const stirs: Readonly<Record<string, (far: RemoteEnd) => void>> = {
  "ends": (far) => far.end(),
  "sends a byte": (far) => far.send("?"),
  "resets": (far) => far.reset(),
  "sends a byte and resets": (far) => {
    far.send("?");
    far.reset();
  },
};

/** Where in the event loop a program may stand; each runs `go` right there. */
const phases: Readonly<Record<string, (go: () => void) => void>> = {
  "in a microtask": (go) => queueMicrotask(go),
  "in a tick": (go) => process.nextTick(go),
  "in a timer": (go) => void setTimeout(go, 1),
  "in an immediate": (go) => void setImmediate(go),
  "behind a file that was read": (go) => readFile(new URL(import.meta.url), go),
  "behind an answer of another connection": (go) => void behindAnswer(go),
};

/** A pool, as its users see it. */
interface Kind {
  readonly name: string;
  open(): Lender;
}

interface Lender {
  /** Gets a connection, and how often it was used before. */
  get(): Promise<{ reusedTimes: number; user: User }>;
  end(): void;
}

interface User {
  receiveLine(): Promise<unknown>;
  /** Gives the connection back; whether it was taken. */
  giveBack(): Promise<boolean>;
}

const kinds: readonly Kind[] = [
  {
    name: "Pool",
    open: () => {
      const pool = new Pool();
      const socks: Cosocket[] = [];
      const get = async () => {
        const sock = await pool.connect(at);
        socks.push(sock);
        return { reusedTimes: sock.reusedTimes, user: userOf(sock) };
      };
      const end = () => {
        for (const sock of socks) sock.close();
        pool.close();
      };
      return { get, end };
    },
  },
  {
    name: "ngx",
    open: () => {
      const ngx = createNgx({}, { log: () => {} });
      const socks: TcpSocket[] = [];
      const get = async () => {
        const sock = ngx.socket.tcp();
        socks.push(sock);
        const [ok, error] = await sock.connect(at.hostname, at.port);
        assert.equal(ok, 1, error);
        const user: User = {
          receiveLine: async () => (await sock.receive())[0],
          giveBack: async () => (await sock.setkeepalive())[0] === 1,
        };
        return { reusedTimes: sock.getreusedtimes()[0] as number, user };
      };
      const end = () => {
        for (const sock of socks) sock.close();
      };
      return { get, end };
    },
  },
];

for (const { name, open } of kinds) {
  for (const [phase, enter] of Object.entries(phases)) {
    for (const [stir, make] of Object.entries(stirs)) {
      test(`${name} lends no connection whose peer ${stir} while we are blocked ${phase}`, async () => {
        const { lender, far } = await parked(open);
        const next = await inPhase(enter, () => {
          blocked(() => make(far));
          return lender.get();
        });
        assert.equal(next.reusedTimes, 0);
        await converse(next.user);
        lender.end();
      });

      test(`${name} keeps no connection whose peer ${stir} while we are blocked ${phase}`, async () => {
        const { lender, user, far } = await lent(open);
        const isKept = await inPhase(enter, () => {
          blocked(() => make(far));
          return user.giveBack();
        });
        assert.equal(isKept, false);
        const next = await lender.get();
        assert.equal(next.reusedTimes, 0);
        await converse(next.user);
        lender.end();
      });
    }

    test(`${name} keeps and lends a connection of a quiet peer though we are blocked ${phase}`, async () => {
      const { lender, user } = await lent(open);
      const isKept = await inPhase(enter, () => {
        blocked(() => {});
        return user.giveBack();
      });
      assert.equal(isKept, true);
      const next = await inPhase(enter, () => {
        blocked(() => {});
        return lender.get();
      });
      assert.equal(next.reusedTimes, 1);
      lender.end();
    });
  }

  for (const [stir, make] of Object.entries(stirs)) {
    test(`${name} lends no connection whose peer ${stir} between the call that gives it back and its end`, async () => {
      const { lender, user, far } = await lent(open);
      const giving = user.giveBack();
      blocked(() => make(far));
      await giving;
      const next = await lender.get();
      assert.equal(next.reusedTimes, 0);
      await converse(next.user);
      lender.end();
    });
  }
}

for (const [stir, make] of Object.entries(stirs)) {
  test(`who waits for a place gets no connection whose peer ${stir} while we are blocked`, async () => {
    const pool = new Pool({ maxConnections: 1 });
    const sock = await pool.connect(at);
    const far = await converse(userOf(sock));
    const waiting = pool.connect(at);
    blocked(() => make(far));
    assert.equal(await sock.release(), false);
    const next = await waiting;
    assert.equal(next.reusedTimes, 0);
    await converse(userOf(next));
    next.close();
    pool.close();
  });
}

/** Runs `act` in a phase, and gives what it promises. */
function inPhase<T>(enter: (go: () => void) => void, act: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => enter(() => void act().then(resolve, reject)));
}

/** Holds our thread up while the peer acts. */
function blocked(act: () => void): void {
  act();
  standStill(BLOCKED_MS);
}

async function behindAnswer(go: () => void): Promise<void> {
  const sock = await connect(at);
  remotePeer().accept().send("hello\n");
  await sock.receiveLine();
  go();
  sock.close();
}

/** A connection that was used and is not back yet. */
async function lent(open: () => Lender) {
  const lender = open();
  const { reusedTimes, user } = await lender.get();
  assert.equal(reusedTimes, 0);
  return { lender, user, far: await converse(user) };
}

/** A connection that is idle in its pool. */
async function parked(open: () => Lender) {
  const { lender, user, far } = await lent(open);
  assert.equal(await user.giveBack(), true);
  return { lender, far };
}

/** A new connection works; gives its far end. */
async function converse(user: User): Promise<RemoteEnd> {
  const far = remotePeer().accept();
  far.send("yours\n");
  assert.equal(await user.receiveLine(), "yours");
  return far;
}

function userOf(sock: Cosocket): User {
  return { receiveLine: () => sock.receiveLine(), giveBack: () => sock.release() };
}
