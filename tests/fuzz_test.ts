/** The fuzzer of `ngx`: what it makes, what it leaves out, and how it makes a failure smaller. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createNgx } from "../src/faces/ngx/mod.ts";
import { generate } from "./conformance/fuzz/generate.ts";
import { isKeptAfterFailure } from "./conformance/fuzz/kept_after_failure.ts";
import { shrink, sizeOf, smaller } from "./conformance/fuzz/shrink.ts";
import { tellsOfRefusal } from "./conformance/fuzz/tells_of_refusal.ts";
import { undetermined, World } from "./conformance/fuzz/world_model.ts";
import { Peers } from "./conformance/peers.ts";
import { fillIn } from "./conformance/placeholders.ts";
import { play, type PlayedNgx } from "./conformance/play.ts";
import { type Op, parseHead, type Result, type Scenario } from "./conformance/scenario.ts";
import type { UdpScript } from "./conformance/scripted_udp.ts";

const SEEDS = Array.from({ length: 200 }, (_, at) => at + 1);
const CONVERSATIONS = SEEDS.map(generate);

test("a seed gives the same conversation each time, and no other seed does", () => {
  const some = SEEDS.slice(0, 50);
  assert.deepEqual(some.map(generate), CONVERSATIONS.slice(0, 50));
  assert.equal(new Set(CONVERSATIONS.map((it) => JSON.stringify(it))).size, SEEDS.length);
});

test("conversations are determined, and hold nothing that a scenario cannot", () => {
  for (const scenario of CONVERSATIONS) {
    assert.equal(undetermined(scenario), undefined, scenario.id);
    assert.deepEqual(JSON.parse(JSON.stringify(scenario)), scenario);
    assert.ok(scenario.client.length > 0);
    assert.ok((scenario.udp ?? scenario.server).length > 0);
  }
});

test("conversations have ops of all kinds, on objects, threads and pools of all kinds", () => {
  const counts = new Map<string, number>();
  const count = (what: string) => counts.set(what, (counts.get(what) ?? 0) + 1);
  for (const scenario of CONVERSATIONS) {
    for (const op of allOps(scenario.client)) {
      const { name } = parseHead(op[0]);
      count(name);
      for (const value of op.slice(1)) {
        if (value === null || typeof value !== "object") continue;
        for (const key of Object.keys(value)) if (!/^\d+$/.test(key)) count(`${name} ${key}`);
      }
      if (name === "receive" || name === "receiveany") count(`size ${op[1]}`);
      if (name === "send" && Array.isArray(op[1])) count("send a table");
      if (op[1] === "$UNIX") count("unix");
      if (scenario.udp !== undefined) count(`datagrams: ${name} ${op[2] ?? ""}`.trim());
    }
    for (const item of (scenario.udp ?? []).flat()) {
      const name = typeof item === "object" && !Array.isArray(item) && Object.keys(item)[0];
      count(`datagrams: peer ${name || "send"}`);
    }
    for (const step of (scenario.server as readonly (readonly object[])[]).flat()) {
      for (const name of Object.keys(step)) count(`peer: ${name}`);
    }
    const bytes = scenario.conf?.["lua_socket_buffer_size"];
    if (bytes !== undefined) count(`buffer ${bytes}`);
  }
  const missing = WANTED.filter((what) => (counts.get(what) ?? 0) < 1);
  assert.deepEqual(missing, []);
});

const WANTED = [
  ...["tcp", "connect", "bind", "send", "receive", "receiveany", "receiveuntil", "iter", "close"],
  ...["settimeout", "settimeouts", "setoption", "getoption", "setkeepalive", "getreusedtimes"],
  ...["spawn", "wait", "kill", "sleep", "connect pool", "connect pool_size", "connect backlog"],
  ...["receiveuntil inclusive", "send a table", "send rep", "unix"],
  ...["size 0", "size 1", "size 4095", "size 4096", "size 4097", "size *a", "size *l"],
  ...["buffer 1", "buffer 4095", "buffer 4097", "buffer 8192"],
  ...["send", "sleep", "read_until", "shutdown", "close", "reset", "echo", "pause", "resume"]
    .map((step) => `peer: ${step}`),
  ...["udp", "setpeername $UDPPORT", "setpeername $CLOSED", "send", "receive", "settimeout"]
    .map((it) => `datagrams: ${it}`),
  ...["close", "spawn", "wait", "kill", "peer send", "peer echo", "peer stranger", "peer sleep"]
    .map((it) => `datagrams: ${it}`),
];

const undeterminedCases: { name: string; server: object[]; client: Op[]; why: RegExp }[] = [
  {
    name: "receiveany while the second of two pieces is on its way",
    server: [{ read_until: "#" }, { send: "a" }, { sleep: 10 }, { send: "b" }],
    client: [["connect", "127.0.0.1", "$PORT"], ["send", "#"], ["receiveany", 9]],
    why: /what one fetch brings/,
  },
  {
    name: "a read whose time is up when its bytes come",
    server: [{ read_until: "#" }, { sleep: 30 }, { send: "a" }],
    client: [["settimeout", 50], ["connect", "127.0.0.1", "$PORT"], ["send", "#"], ["receive", 1]],
    why: /when the time is up/,
  },
  {
    name: "setkeepalive while something is on its way",
    server: [{ read_until: "#" }, { send: "a" }],
    client: [["connect", "127.0.0.1", "$PORT"], ["send", "#"], ["setkeepalive"]],
    why: /about to come/,
  },
  {
    name: "a send while the peer is about to close",
    server: [{ read_until: "#" }, { close: true }],
    client: [["connect", "127.0.0.1", "$PORT"], ["send", "#"], ["send", "a"]],
    why: /about to go/,
  },
  {
    name: "another reader of what an iterator holds",
    server: [{ send: "ab" }],
    client: [
      ["settimeout", 40],
      ["connect", "127.0.0.1", "$PORT"],
      ["sleep", 60],
      ["receiveuntil", "bc"],
      ["iter"],
      ["receive", 1],
    ],
    why: /0\.10\.23/,
  },
  {
    name: "setkeepalive after a read that timed out",
    server: [],
    client: [["settimeout", 40], ["connect", "127.0.0.1", "$PORT"], ["receive"], ["setkeepalive"]],
    why: /deviation \(c\)/,
  },
  {
    name: "another connect after the thread of an object was killed",
    server: [],
    client: [
      ["connect", "127.0.0.1", "$PORT"],
      ["spawn", [["receive"]]],
      ["kill"],
      ["connect", "127.0.0.1", "$PORT"],
    ],
    why: /deviation \(f\)/,
  },
  {
    name: "a thread that nobody waits for",
    server: [],
    client: [["connect", "127.0.0.1", "$PORT"], ["spawn", [["receive"]]]],
    why: /a thread is left/,
  },
  {
    name: "an idle connection on which something comes soon after a thread got one",
    server: [{ read_until: "#" }, { sleep: 70 }, { send: "late" }],
    client: [
      ["connect", "127.0.0.1", "$PORT", { pool: "p", pool_size: 1 }],
      ["a:connect", "127.0.0.1", "$PORT", { pool: "q", pool_size: 1, backlog: 1 }],
      ["send", "#"],
      ["setkeepalive"],
      ["spawn", [["b:connect", "127.0.0.1", "$PORT", { pool: "q", pool_size: 1, backlog: 1 }]]],
      ["a:close"],
      ["wait"],
      ["sleep", 70],
      ["connect", "127.0.0.1", "$PORT", { pool: "p" }],
    ],
    why: /about to go/,
  },
  {
    name: "another object in the place of one whose setkeepalive throws",
    server: [],
    client: [["connect", "127.0.0.1", "$PORT"], ["setkeepalive", 1, 2, 3], ["tcp"]],
    why: /left to the collector/,
  },
  {
    name: "a place in a pool behind a send after a reset that was told",
    server: [{ sleep: 30 }, { reset: true }],
    client: [
      ["connect", "127.0.0.1", "$PORT", { pool: "p", pool_size: 1, backlog: 0 }],
      ["sleep", 132],
      ["receive", "*a"],
      ["send", "b"],
      ["close"],
    ],
    why: /deviation \(e\)/,
  },
  {
    name: "an option behind a close with both halves dead",
    server: [{ read_until: "#" }, { reset: true }],
    client: [
      ["connect", "127.0.0.1", "$PORT"],
      ["send", "#"],
      ["sleep", 60],
      ["receive"],
      ["send", "a"],
      ["close"],
      ["setoption", "keepalive", 1],
    ],
    why: /deviation \(e\)/,
  },
  {
    name: "a read whose time settimeout has not changed, for it throws,",
    server: [{ read_until: "#" }, { sleep: 30 }, { send: "a" }],
    client: [
      ["settimeout", 50],
      ["connect", "127.0.0.1", "$PORT"],
      ["settimeout", 5000, 1],
      ["send", "#"],
      ["receive", 1],
    ],
    why: /when the time is up/,
  },
];

for (const { name, server, client, why } of undeterminedCases) {
  test(`${name} is not determined`, () => {
    assert.match(undetermined({ id: "case", server: [server] as never, client }) ?? "", why);
  });
}

const datagramCases: { name: string; udp: UdpScript; client: Op[]; why: RegExp }[] = [
  {
    name: "a receive whose time is up when its datagram comes",
    udp: [[{ sleep: 30 }, "a"]],
    client: [["u:settimeout", 50], ["u:send", "x"], ["u:receive"]],
    why: /when the time is up/,
  },
  {
    name: "what a peer answers that is asked again before it has answered",
    udp: [["a", { sleep: 30 }, "b"], ["c"]],
    client: [["u:send", "x"], ["u:send", "y"]],
    why: /two answers at a time/,
  },
  {
    name: "what a socket keeps that is sent too much",
    udp: [[{ rep: ["x", 40_000] }, { rep: ["x", 40_000] }]],
    client: [["u:send", "x"]],
    why: /too much to keep/,
  },
  {
    name: "a call beside a receive that may be over",
    udp: [["a"]],
    client: [["u:send", "x"], ["spawn", [["u:receive"]]], ["u:close"]],
    why: /does not wait/,
  },
];

for (const { name, udp, client, why } of datagramCases) {
  test(`${name} is not determined`, () => {
    const begin: Op[] = [["u:udp"], ["u:setpeername", "127.0.0.1", "$UDPPORT"]];
    const scenario = { id: "case", server: [], udp, client: [...begin, ...client] };
    assert.match(undetermined(scenario) ?? "", why);
  });
}

test("what Deno cannot tell is known by the original's answers", () => {
  const client: Op[] = [["u:send", "a"]];
  const refused: Scenario = { id: "", server: [], udp: [], client, expect: [[null, REFUSED]] };
  assert.equal(tellsOfRefusal(refused), true);
  assert.equal(tellsOfRefusal({ ...refused, expect: [[1]] }), false);
  const { udp: _, ...stream } = refused;
  assert.equal(tellsOfRefusal(stream), false);
});

const REFUSED = "connection refused";

test("shrink keeps what makes a conversation fail, and drops the rest", async () => {
  const isSecondLineAfterBytes = ({ client }: Scenario) =>
    client.filter(([head]) => /(^|:)receive$/.test(head)).length > 1 &&
    client.some(([head]) => head.endsWith("receiveany"));
  for (const large of CONVERSATIONS.filter(isSecondLineAfterBytes).slice(0, 2)) {
    const small = await shrink(large, (all) => Promise.resolve(all.map(isSecondLineAfterBytes)));
    assert.ok(isSecondLineAfterBytes(small), large.id);
    assert.equal(undetermined(small), undefined);
    assert.ok(sizeOf(small) < sizeOf(large) / 5, JSON.stringify(small));
    assert.equal(small.client.length, 3);
  }
});

test("what is one step smaller is determined, and smaller", () => {
  for (const large of CONVERSATIONS.slice(0, 10)) {
    const ids = new Set<string>();
    const all = smaller(large);
    for (const small of all) {
      assert.equal(undetermined(small), undefined);
      assert.ok(sizeOf(small) < sizeOf(large));
      ids.add(small.id);
    }
    assert.equal(ids.size, all.length);
  }
});

test("a conversation over datagrams is made smaller, too", async () => {
  const hasSecondDatagram = ({ client, udp = [] }: Scenario) =>
    udp.flat().filter((it) => typeof it === "string").length > 1 &&
    client.some(([head]) => head.endsWith(":receive"));
  const large = CONVERSATIONS.find(hasSecondDatagram);
  assert.ok(large !== undefined);
  const small = await shrink(large, (all) => Promise.resolve(all.map(hasSecondDatagram)));
  assert.equal(undetermined(small), undefined);
  assert.ok(hasSecondDatagram(small));
  assert.equal(small.udp!.flat().length, 2);
  assert.equal(small.client.length, 2);
});

test("an answer that is not the original's is found, and made small", async () => {
  // Lines that keep what stands before their end.
  const isFalse = async (all: readonly Scenario[]) =>
    await Promise.resolve(all.map((scenario) => {
      const world = new World(scenario);
      return scenario.client.some((op) => {
        const { connection } = world.socket(parseHead(op[0]).socket);
        const text = `${connection?.model.buffer}${connection?.model.kernel}`;
        const values = world.step(op);
        return /(^|:)receive$/.test(op[0]) && /^[^\n]*\r+\n/.test(text) && values?.[0] !== null;
      });
    }));
  const streams = CONVERSATIONS.filter(({ udp }) => udp === undefined);
  const found = await isFalse(streams);
  const large = streams[found.indexOf(true)];
  assert.ok(large !== undefined, "nothing was found");
  const small = await shrink(large, isFalse);
  assert.deepEqual(await isFalse([small]), [true]);
  assert.ok(small.client.length <= 6, JSON.stringify(small));
});

test("a fault in a copy of the face is found", { timeout: 60_000 }, async () => {
  const peers = new Peers();
  try {
    const scenarios = CONVERSATIONS.filter(({ client }) => countsReuse(client)).slice(0, 8);
    const differ = await Promise.all(scenarios.map(async (scenario) => {
      const [right, wrong] = await Promise.all([
        played(scenario, peers, (ngx) => ngx),
        played(scenario, peers, withFault),
      ]);
      return JSON.stringify(right) !== JSON.stringify(wrong);
    }));
    assert.ok(differ.includes(true));
  } finally {
    await peers.stop();
  }
});

/** An `ngx` whose connections are always new, as far as they say. */
function withFault(ngx: PlayedNgx): PlayedNgx {
  const tcp = () => {
    const socket = ngx.socket.tcp() as Record<string, (...values: unknown[]) => unknown[]>;
    const counted = socket["getreusedtimes"]!.bind(socket);
    socket["getreusedtimes"] = (...values) => {
      const result = counted(...values);
      return typeof result[0] === "number" ? [0] : result;
    };
    return socket;
  };
  return { ...ngx, socket: { ...ngx.socket, tcp }, thread: ngx.thread, sleep: (s) => ngx.sleep(s) };
}

/** What the ops of a scenario returned, by an `ngx` as it is, or changed. */
async function played(
  scenario: Scenario,
  peers: Peers,
  change: (ngx: PlayedNgx) => PlayedNgx,
): Promise<Result[]> {
  const served = await peers.ask("serve", scenario.server);
  const places = {
    $PORT: served.port,
    $UNIX: `unix:${served.path}`,
    $ID: `id${served.peer}`,
    $CLOSED: await peers.ask("closedPort"),
    $HOLE: await peers.ask("blackHole"),
  };
  const results: Result[] = [];
  const worker = createNgx({ ...scenario.conf, lua_socket_log_errors: "off" });
  const client = fillIn(scenario.client, places);
  await worker.run((ngx) => play(change(ngx as unknown as PlayedNgx), client, results, ""));
  await peers.ask("close", served.peer);
  return results;
}

function countsReuse(client: readonly Op[]): boolean {
  return client.some(([head]) => head.endsWith("getreusedtimes")) &&
    client.some(([head]) => head.endsWith("setkeepalive"));
}

function allOps(ops: readonly Op[]): Op[] {
  return ops.flatMap((op) =>
    op[0].startsWith("spawn") ? [op, ...allOps(op[1] as readonly Op[])] : [op]
  );
}

const kept: { what: string; client: Op[]; expect: Result[]; is: boolean }[] = [
  {
    what: "a read that timed out",
    client: [["a:receive"], ["a:setkeepalive"]],
    expect: [[null, "timeout", ""], [1]],
    is: true,
  },
  {
    what: "a piece that timed out",
    client: [["a:receiveuntil@p", "x"], ["iter@p", 3], ["a:setkeepalive", 5]],
    expect: [[{ type: "function" }], [null, "timeout", ""], [1]],
    is: true,
  },
  {
    what: "another object's read that timed out",
    client: [["a:receive"], ["setkeepalive"]],
    expect: [[null, "timeout", ""], [1]],
    is: false,
  },
  {
    what: "a read that timed out on a connection before",
    client: [["receive"], ["connect", "127.0.0.1", 1], ["setkeepalive"]],
    expect: [[null, "timeout", ""], [1], [1]],
    is: false,
  },
  {
    what: "a read that timed out, where it is not kept",
    client: [["receive"], ["setkeepalive"]],
    expect: [[null, "timeout", ""], [null, "unread data in buffer"]],
    is: false,
  },
];

for (const { what, client, expect, is } of kept) {
  test(`a connection after ${what} is ${is ? "" : "not "}one that we would not keep`, () => {
    assert.equal(isKeptAfterFailure({ id: "", server: [], client, expect }), is);
  });
}
