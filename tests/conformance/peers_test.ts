/** What the far ends of the conformance runs do, seen by a plain client. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createSocket } from "node:dgram";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { lookup } from "../../src/connect.ts";
import { Peers } from "./peers.ts";
import type { Step } from "./scenario.ts";

/** The script, what the client sends (then FIN), how it ends for each of them. */
const cases: {
  name: string;
  script: Step[];
  sends?: string;
  client: { received: string; end: string };
  peer: { in: string; end: string };
}[] = [
  {
    name: "sends in pieces, then closes",
    script: [{ send: "ab" }, { sleep: 20 }, { send: ["c", { rep: ["d", 3] }] }, { close: true }],
    client: { received: "abcddd", end: "end" },
    peer: { in: "", end: "server" },
  },
  {
    name: "reads on after its FIN",
    script: [{ shutdown: true }],
    sends: "late",
    client: { received: "", end: "end" },
    peer: { in: "late", end: "fin" },
  },
  {
    name: "sends on after the client's FIN",
    script: [{ read_all: true }, { send: "bye" }, { shutdown: true }],
    sends: "x",
    client: { received: "bye", end: "end" },
    peer: { in: "x", end: "fin" },
  },
  {
    name: "echoes until the client's FIN",
    script: [{ echo: true }, { close: true }],
    sends: "one\ntwo",
    client: { received: "one\ntwo", end: "end" },
    peer: { in: "one\ntwo", end: "fin" },
  },
  {
    name: "waits for a size and for a mark",
    script: [{ read: 2 }, { send: "1" }, { read_until: "cd" }, { send: "2" }, { shutdown: true }],
    sends: "abcd",
    client: { received: "12", end: "end" },
    peer: { in: "abcd", end: "fin" },
  },
  {
    name: "resets, with nothing sent before",
    script: [{ sleep: 20 }, { reset: true }],
    client: { received: "", end: "ECONNRESET" },
    peer: { in: "", end: "server" },
  },
  {
    name: "delivers what was sent before a reset",
    script: [{ send: "abc" }, { sleep: 20 }, { reset: true }],
    client: { received: "abc", end: "ECONNRESET" },
    peer: { in: "", end: "server" },
  },
];

for (const { name, script, sends, client, peer } of cases) {
  test(`A scripted peer ${name}`, () =>
    withPeers(async (peers) => {
      const { peer: id, port } = await peers.ask("serve", script);
      assert.deepEqual(await converse(connectTo({ port }), sends), client);
      await sleep(30);
      assert.deepEqual(await peers.ask("report", id), [peer]);
    }));
}

test("A scripted peer follows one script for each connection, on TCP and on its path", () =>
  withPeers(async (peers) => {
    const scripts = ["1", "2"].map((text): Step[] => [{ send: text }, { close: true }]);
    const { port, path } = await peers.ask("serve", scripts);
    const texts: string[] = [];
    for (const where of [{ port }, { path }, { port }]) {
      texts.push((await converse(connectTo(where))).received);
    }
    assert.deepEqual(texts, ["1", "2", "2"]);
  }));

test("A paused peer takes no more than the system buffers, and all of it later", () =>
  withPeers(async (peers) => {
    const script: Step[] = [{ pause: true }, { sleep: 400 }, { resume: true }, { read_all: true }];
    const { peer, port } = await peers.ask("serve", [...script, { close: true }]);
    const socket = connectTo({ port });
    let taken = false;
    socket.end(Buffer.alloc(20_000_000, "x"), () => taken = true);
    await sleep(200);
    assert.equal(taken, false);
    assert.equal((await converse(socket)).end, "end");
    assert.deepEqual(await peers.ask("report", peer), [
      { in: { len: 20_000_000, md5: "d52626322ee0b934ba699935cac991b2" }, end: "fin" },
    ]);
  }));

test("The closed port refuses, and the black hole lets a connect hang", () =>
  withPeers(async (peers) => {
    const closed = connectTo({ port: await peers.ask("closedPort") });
    assert.equal((await converse(closed)).end, "ECONNREFUSED");
    const hanging = connectTo({ port: await peers.ask("blackHole") });
    assert.equal(await Promise.race([converse(hanging), sleep(300, "hangs")]), "hangs");
    hanging.destroy();
  }));

test("A peer for datagrams answers the first, the second and all others by its script", () =>
  withPeers(async (peers) => {
    const { peer, port } = await peers.ask("serveUdp", [
      ["a", { rep: ["b", 3] }],
      [{ sleep: 20 }, { echo: true }, { stranger: "c" }],
    ]);
    const socket = createSocket("udp4");
    const received: { text: string; from: number }[] = [];
    let arrived = () => {};
    socket.on("message", (message, { port }) => {
      received.push({ text: message.toString("latin1"), from: port });
      arrived();
    });
    for (const text of ["1", "22", "333"]) {
      const enough = received.length + 2;
      socket.send(text, port, "127.0.0.1");
      while (received.length < enough) await new Promise<void>((resolve) => arrived = resolve);
    }
    socket.close();
    assert.deepEqual(received.map((it) => it.text), ["a", "bbb", "22", "c", "333", "c"]);
    assert.equal(received.filter((it) => it.from === port).length, 4);
    assert.deepEqual(await peers.ask("reportUdp", peer), ["1", "22", "333"]);
    await peers.ask("closeUdp", peer);
    await assert.rejects(peers.ask("reportUdp", peer), /No such peer/);
  }));

test("The name server knows the names of the scenarios", () =>
  withPeers(async (peers) => {
    const servers = [await peers.ask("nameServer")];
    const addresses = async (name: string) => await lookup(name, { servers });
    assert.deepEqual(await addresses("one.test"), [{ address: "127.0.0.1", family: 4 }]);
    assert.deepEqual(await addresses("refused.test"), [{ address: "127.0.0.2", family: 4 }]);
    for (const [name, rcode] of [["empty.test", 0], ["nx.test", 3], ["denied.test", 5]] as const) {
      await assert.rejects(addresses(name), ({ cause }) => cause.rcode === rcode, name);
    }
  }));

test("stop() ends the process and its connections, and later questions are refused", () =>
  withPeers(async (peers) => {
    const { port } = await peers.ask("serve", []);
    const socket = connectTo({ port });
    await new Promise((resolve) => socket.once("connect", resolve));
    const ended = converse(socket);
    await peers.stop();
    await ended;
    await assert.rejects(peers.ask("closedPort"), /Cannot ask the peers/);
  }));

async function withPeers(work: (peers: Peers) => Promise<void>): Promise<void> {
  const peers = new Peers();
  try {
    await work(peers);
  } finally {
    await peers.stop();
  }
}

function connectTo(where: { port: number } | { path: string }): Socket {
  return connect({ ...where, allowHalfOpen: true });
}

/** Sends if there is something to send, and reads to the end. */
function converse(socket: Socket, sends?: string): Promise<{ received: string; end: string }> {
  const pieces: Buffer[] = [];
  if (sends !== undefined) socket.end(sends);
  return new Promise((resolve) => {
    const ended = (end: string) => {
      socket.destroy();
      resolve({ received: Buffer.concat(pieces).toString("latin1"), end });
    };
    socket.on("data", (piece: Buffer) => pieces.push(piece));
    socket.on("end", () => ended("end"));
    socket.on("error", (error: NodeJS.ErrnoException) => ended(error.code ?? error.message));
  });
}
