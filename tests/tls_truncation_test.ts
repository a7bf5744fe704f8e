// A TLS stream that ends without TLS's own end was cut off, by whoever can cut a
// wire: that is never taken for its end, on any way, by any call.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Cosocket } from "../src/cosocket.ts";
import { SocketError } from "../src/errors.ts";
import { type Ends, openTls, type Path, PATHS } from "./helpers/tls_paths.ts";

const AT_ONCE = 25;
// On every way it is the same TLS: what differs is what is below it.
const REPETITIONS: Readonly<Record<string, number>> = {
  "connect() over TCP": 500,
  "accept() over TCP": 500,
};
const FEWER_REPETITIONS = 50;

type Peers = Ends & Awaited<ReturnType<typeof openTls>>;

/** A way that the peer goes; `far` is below TLS, `peer` above it. */
interface Ending {
  go(peers: Peers): unknown;
  readonly isEnd: boolean;
  /** It may be a reset to the system, which may outrun what was sent before. */
  readonly mayReset?: boolean;
}

const endings: Readonly<Record<string, Ending>> = {
  "ends": { go: ({ peer }) => peer.closeWrite(), isEnd: true },
  "closes": { go: ({ peer }) => peer.close(), isEnd: true },
  "is cut off by an end": { go: ({ far }) => far.closeWrite(), isEnd: false },
  // If something lies unread there: a session, say, that nobody has asked for.
  "is cut off by a close": { go: ({ far }) => far.close(), isEnd: false, mayReset: true },
  "is cut off by a reset": { go: ({ far }) => far.abort(), isEnd: false, mayReset: true },
};

/** What a call gives, if the peer sends "abc" and goes; where it fails, `partial`. */
interface Call {
  read(sock: Cosocket): Promise<unknown>;
  /** What it gives at an end; absent where it fails by that, too. */
  readonly atEnd?: unknown;
  /** What has come until it failed. */
  readonly partial: string;
}

const calls: Readonly<Record<string, Call>> = {
  "receiveExactly()": { read: (sock) => sock.receiveExactly(10), partial: "abc" },
  "receiveLine()": { read: (sock) => sock.receiveLine(), partial: "abc" },
  "receiveUntil()": { read: (sock) => sock.receiveUntil("--"), partial: "abc" },
  "receiveAll()": {
    read: async (sock) => text(await sock.receiveAll()),
    atEnd: "abc",
    partial: "abc",
  },
  "receiveAny()": {
    read: async (sock) => {
      assert.equal(text(await sock.receiveExactly(3)), "abc");
      return await sock.receiveAny(10);
    },
    atEnd: null,
    partial: "",
  },
  "readInto()": {
    read: async (sock) => {
      assert.equal(text(await sock.receiveExactly(3)), "abc");
      return await sock.readInto(new Uint8Array(10));
    },
    atEnd: 0,
    partial: "",
  },
  "peek()": { read: async (sock) => text(await sock.peek(10)), atEnd: "abc", partial: "abc" },
  "lines()": {
    read: async (sock) => {
      const lines: string[] = [];
      for await (const line of sock.lines()) lines.push(line);
      return lines.join();
    },
    atEnd: "abc",
    partial: "abc",
  },
  "readable": {
    read: async (sock) => {
      let all = "";
      for await (const bytes of sock.readable) all += text(bytes);
      return all;
    },
    atEnd: "abc",
    partial: "",
  },
};

for (const path of PATHS) {
  const count = REPETITIONS[path.name] ?? FEWER_REPETITIONS;

  for (const [ending, { go, isEnd, mayReset }] of Object.entries(endings)) {
    for (const [name, { read, atEnd, partial }] of Object.entries(calls)) {
      const outcome = isEnd && atEnd !== undefined ? "is over" : "fails";
      test(`${path.name}: ${name} ${outcome} where the peer ${ending}`, async () => {
        const peers = await openTls(path);
        const { sock, peer, far } = peers;
        const { tls } = sock;
        assert.equal(tls!.closeNotify, null);
        await peer.write(new TextEncoder().encode("abc"));
        if (mayReset) await sock.peek(3);
        const reading = settled(read(sock));
        await go(peers);
        const result = await reading;
        if (isEnd && atEnd !== undefined) {
          assert.deepEqual(result, { is: atEnd });
        } else {
          const { failed } = result;
          assert.ok(failed instanceof SocketError, String(failed ?? result.is));
          const codes = mayReset ? ["reset", "closed"] : ["closed"];
          assert.ok(codes.includes(failed.code), failed.message);
          assert.equal(text(failed.partial ?? new Uint8Array()), partial);
        }
        assert.equal(tls!.closeNotify, isEnd);
        sock.close();
        peer.close();
        far.close();
      });
    }
  }

  test(`${path.name}: an end right behind the last bytes is an end, ${count} times`, async () => {
    await many(path, count, async (peers, index) => {
      const { sock, peer } = peers;
      const reading = index % 2 === 0 ? sock.receiveAll() : undefined;
      // All of it at once, to arrive as one as often as can be.
      const written = peer.write(new Uint8Array(index % 7 + 1));
      written.catch(() => {});
      if (index % 3 === 0) await written;
      if (index % 5 === 0) peer.close();
      else void peer.closeWrite();
      // A write that is under way is not waited for by `close`.
      const isCut = index % 5 === 0 && index % 3 !== 0;
      const all = await settled(reading ?? sock.receiveAll());
      if (!isCut) {
        assert.deepEqual((all.is as Uint8Array)?.length, index % 7 + 1, String(all.failed));
      }
    });
  });

  test(`${path.name}: what came right before a cut is not lost, ${count} times`, async () => {
    await many(path, count, async ({ sock, peer, far }, index) => {
      const size = index * 100 + 1;
      const reading = index % 2 === 0 ? sock.receiveAll() : undefined;
      await peer.write(new Uint8Array(size));
      await far.closeWrite();
      const { failed } = await settled(reading ?? sock.receiveAll());
      assert.equal((failed as SocketError).code, "closed", String(failed));
      assert.equal((failed as SocketError).partial?.length, size);
    });
  });

  for (const [how, tells] of Object.entries({ close: true, closeWrite: true, abort: false })) {
    test(
      `${path.name}: ${how}() ${tells ? "tells" : "does not tell"} the peer that this is the end`,
      async () => {
        const { sock, peer } = await openTls(path);
        await sock.send("abc");
        const first = await peer.pull();
        assert.equal(text(first!), "abc");
        void sock[how as "close" | "closeWrite" | "abort"]();
        const { is, failed } = await settled(peer.pull());
        if (tells) assert.equal(is, null, String(failed));
        else assert.ok(failed instanceof Error, "an end");
        assert.equal(peer.tls!.closeNotify, tells);
        sock.close();
        peer.close();
      },
    );
  }
}

async function many(
  path: Path,
  count: number,
  go: (peers: Peers, index: number) => Promise<void>,
): Promise<void> {
  for (let from = 0; from < count; from += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, async (_, at) => {
      const peers = await openTls(path);
      await go(peers, from + at);
      peers.sock.close();
      peers.peer.close();
      peers.far.close();
    }));
  }
}

function settled(promise: Promise<unknown>): Promise<{ is?: unknown; failed?: unknown }> {
  return promise.then((is) => ({ is }), (failed) => ({ failed }));
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
