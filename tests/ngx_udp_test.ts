// What of UDP sockets no scenario can say: whom datagrams come from, bytes of JavaScript, the
// collector, the end of a handler, and the log. All else is compared with the original in
// `conformance/`.

import assert from "node:assert/strict";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mkdtempSync, rmSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { byteString } from "../src/bytes.ts";
import { type Datagram, datagram } from "../src/datagram.ts";
import { DeadEnd } from "../src/faces/ngx/dead_end.ts";
import type { Ngx, UdpSocket } from "../src/faces/ngx/mod.ts";
import { Mailbox } from "../src/mailbox.ts";
import { collectGarbage } from "./conformance/collect_garbage.ts";
import { failureOf } from "./helpers/failure_of.ts";
import { FakeClock } from "./helpers/fake_clock.ts";
import { quietNgx, raises } from "./helpers/ngx_peer.ts";
import { leftOver, snapshot } from "./helpers/resources.ts";

const LOCAL = { localAddress: "127.0.0.1" };
const noRefusals = "Deno" in globalThis && "Deno does not tell of refusals";

/** Runs with a peer that does nothing by itself. */
async function withPeer(work: (peer: Datagram, port: number) => Promise<void>): Promise<void> {
  const peer = await datagram(LOCAL);
  try {
    await work(peer, peer.localAddress!.port);
  } finally {
    peer.close();
  }
}

/** A socket whose peer is set. */
async function socketFor(ngx: Ngx, port: number): Promise<UdpSocket> {
  const sock = ngx.socket.udp();
  assert.deepEqual(await sock.setpeername("127.0.0.1", port), [1]);
  return sock;
}

test("udp() takes no arguments", () => {
  raises(() => quietNgx().ngx.socket.udp(1), "expecting zero arguments, but got 1");
});

test("a datagram comes from the address that bind() has set", () =>
  withPeer(async (peer, port) => {
    const sock = quietNgx().ngx.socket.udp();
    assert.deepEqual(sock.bind("127.0.0.5"), [1]);
    for (const address of ["127.0.0.5", "127.0.0.6"]) {
      assert.deepEqual(await sock.setpeername("127.0.0.1", port), [1]);
      // For the next one.
      assert.deepEqual(sock.bind("127.0.0.6"), [1]);
      await sock.send("x");
      assert.equal((await peer.receiveFrom()).from.hostname, address);
    }
    sock.close();
  }));

test("bytes are sent as they are; what is no byte string is refused", () =>
  withPeer(async (peer, port) => {
    const sock = await socketFor(quietNgx().ngx, port);
    const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    assert.deepEqual(await sock.send(bytes), [1]);
    const { data, from } = await peer.receiveFrom();
    assert.deepEqual(data, bytes);
    await peer.sendTo(bytes, from);
    assert.deepEqual(await sock.receive(), [byteString(bytes)]);
    await assert.rejects(sock.send("\u20ac"), /TextEncoder/);
    sock.close();
  }));

test("the end of a handler closes its sockets, and ends what waits on them", () =>
  withPeer(async (_peer, port) => {
    const before = snapshot();
    const left: UdpSocket[] = [];
    const waiting = await quietNgx().ngx.run(async (ngx) => {
      left.push(await socketFor(ngx, port), await socketFor(ngx, port));
      return [left[0]!.receive(), ngx.socket.udp().setpeername("127.0.0.1", port)];
    });
    assert.deepEqual(await Promise.all(waiting), [[null, "closed"], [null, "closed"]]);
    for (const sock of left) {
      assert.deepEqual(await sock.send("x"), [null, "closed"]);
      assert.deepEqual(sock.close(), [null, "closed"]);
    }
    assert.deepEqual(await leftOver(before), {});
  }));

test("forgotten sockets are closed", () =>
  withPeer(async (peer, port) => {
    const before = snapshot();
    const ngx = quietNgx().ngx;
    const live = async () => {
      const sock = await socketFor(ngx, port);
      await sock.send("x");
      await peer.receiveFrom({ timeoutMs: 0 });
    };
    for (let made = 0; made < 5; made++) await live();
    for (let round = 0; round < 3; round++) await collectGarbage();
    assert.deepEqual(await leftOver(before), {});
  }));

test("a socket in the middle of a receive is not forgotten", () =>
  withPeer(async (peer, port) => {
    const receiving = (async () => {
      const sock = await socketFor(quietNgx().ngx, port);
      await sock.send("x");
      return await sock.receive();
    })();
    const { from } = await peer.receiveFrom();
    await collectGarbage();
    await peer.sendTo("hello", from);
    assert.deepEqual(await receiving, ["hello"]);
  }));

test("a thread that is killed while it sends never goes on, and its socket lives", () =>
  withPeer(async (peer, port) => {
    const ngx = quietNgx().ngx;
    const sock = await socketFor(ngx, port);
    let went = false;
    const thread = ngx.thread.spawn(async () => {
      await sock.send("x");
      went = true;
    });
    assert.deepEqual(ngx.thread.kill(thread), [1]);
    await peer.receiveFrom();
    await sleep(5);
    assert.equal(went, false);
    assert.deepEqual(await sock.send("y"), [1]);
    sock.close();
  }));

test("who names a peer while another call is about to, is busy; the first one gets it", () =>
  withPeer(async (_peer, port) => {
    const sock = quietNgx().ngx.socket.udp();
    const first = sock.setpeername("127.0.0.1", port);
    assert.deepEqual(await sock.setpeername("127.0.0.1", port), [null, "socket busy"]);
    assert.deepEqual(await first, [1]);
    assert.deepEqual(sock.close(), [1]);
  }));

test("a server of streams at a path sees a guest that leaves at once", async () => {
  const folder = mkdtempSync(join(tmpdir(), "cosocket-"));
  const path = join(folder, "stream");
  const gone: Promise<void>[] = [];
  const server = createServer((guest) => {
    guest.resume();
    gone.push(new Promise((resolve) => guest.on("close", resolve)));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const sock = quietNgx().ngx.socket.udp();
  const refused = [null, "protocol wrong type for socket"];
  assert.deepEqual(await sock.setpeername(`unix:${path}`), refused);
  sock.bind("127.0.0.1");
  assert.deepEqual(await sock.setpeername(`unix:${path}`), [null, "invalid argument"]);
  while (gone.length === 0) await sleep(1);
  assert.equal(gone.length, 1);
  await Promise.all(gone);
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

test("a dead end refuses to the next call, and tells a receive that waits", async () => {
  const mailbox = new Mailbox(new DeadEnd("ECONNREFUSED"), new FakeClock());
  const limits = { timeoutMs: 0 };
  await mailbox.send(new Uint8Array(1), limits);
  await failureOf(mailbox.send(new Uint8Array(1), limits), "refused");
  const receiving = mailbox.receive(limits);
  await mailbox.send(new Uint8Array(1), limits);
  await failureOf(receiving, "refused");
  const another = mailbox.receive(limits);
  mailbox.close();
  await failureOf(another, "closed");
});

test("a dead end keeps the program alive while somebody waits, and then no more", async () => {
  const before = snapshot();
  const clock = new FakeClock();
  const mailbox = new Mailbox(new DeadEnd("ENOTCONN"), clock);
  const receiving = mailbox.receive({ timeoutMs: 10 });
  assert.equal(snapshot().timers! - before.timers!, 1);
  await clock.pass(10);
  await failureOf(receiving, "timeout");
  assert.deepEqual(await leftOver(before), {});
  const another = mailbox.receive({ timeoutMs: 0 });
  assert.equal(snapshot().timers! - before.timers!, 1);
  mailbox.close();
  await failureOf(another, "closed");
  assert.deepEqual(await leftOver(before), {});
});

test(
  "errors are logged as the original does it",
  { skip: noRefusals },
  () =>
    withPeer(async (peer, port) => {
      const { ngx, logged } = quietNgx();
      const sock = await socketFor(ngx, port);
      sock.settimeout(5);
      await sock.receive();
      peer.close();
      await sock.send("x");
      await sock.receive();
      await sock.send("y".repeat(70_000));
      sock.close();
      await sock.send("x");
      await sock.receive();
      const upstream = `, upstream: 127.0.0.1:${port}(127.0.0.1)`;
      assert.deepEqual(logged, [
        [ngx.ERR, `lua udp socket read timed out${upstream}`],
        [ngx.ERR, `recv() failed (111: Connection refused)${upstream}`],
        [ngx.ERR, `send() failed (90: Message too long)${upstream}`],
        [ngx.ERR, "attempt to send data on a closed socket"],
        [ngx.ERR, "attempt to receive data on a closed socket"],
      ]);
    }),
);
