/**
 * Random scenarios whose results do not depend on who is faster: each receive has a
 * limit of zero, and comes behind a meeting with the server, so that it is known what
 * lies with the system.
 */

import type { Random } from "../../helpers/random.ts";
import type { Call } from "./play.ts";
import type { PeerStep } from "./scripted_peer.ts";

export interface RandomScenario {
  /** The server's steps; none where there is no connection. */
  readonly server: readonly PeerStep[] | undefined;
  readonly client: readonly Call[];
}

const PIECES = ["a", "\r", "\n", "\r\n", "\0", "\xff", "line\n", "dos\r\n", " ", "7"];
const SIZES = [0, 1, 2, 7, 100, 511, 512, 2048, 4096, 8191, 8192, 8193, 16384, 20000, 70000];
const COUNTS = [0, 1, 2, 5, 9, 0.5, 1.9, "3", " 4 ", "0x5", "1e1", ...SIZES];
const PREFIXES = ["", "p", "12345678", "\r\n", 5, -12.5, "\0\xff", null];
const INDICES = [null, 0, 1, 2, 3, 5, 6, 100, -1, -2, -5, -6, -100, "2", 1.5, -1.5];
const ODD = [null, true, false, -1, 0, 2.5, "", "x", "*l", "*x", "12", "b", "t", [], { a: 1 }];

/** A scenario of one of the kinds. */
export function randomScenario(random: Random): RandomScenario {
  return random.of([received, received, received, sent, datagrams, odd])(random);
}

function received(random: Random): RandomScenario {
  const server: PeerStep[] = [];
  const client: Call[] = [["settimeout", 0]];
  const rounds = random.between(1, 4);
  for (let round = 1; round <= rounds; round++) {
    for (let sends = random.below(4); sends > 0; sends--) server.push(["send", data(random)]);
    if (round === rounds && random.onceIn(2)) server.push([random.of(["close", "shutdown"])]);
    server.push(["sync", `there ${round}`], ["sync", `back ${round}`]);
    client.push(["@sync", `there ${round}`]);
    for (let calls = random.between(1, 6); calls > 0; calls--) client.push(look(random));
    client.push(["@sync", `back ${round}`]);
  }
  if (random.onceIn(3)) {
    const rest = Array.from({ length: 3 }, () => receive(random));
    client.push(["close"], ...rest, ["dirty"], ["getfd"]);
  }
  return { server, client };
}

function look(random: Random): Call {
  if (!random.onceIn(4)) return receive(random);
  return random.of<Call>([
    ["dirty"],
    ["@stats"],
    ["gettimeout"],
    ["socket.select", [{ $: "c" }], null, 0],
    ["socket.select", [{ $: "c" }], [{ $: "c" }], 0],
  ]);
}

function receive(random: Random): Call {
  const pattern = random.of([null, "*l", "*line", "*a", "*a", ...COUNTS]);
  return random.onceIn(3)
    ? ["receive", pattern, random.of(PREFIXES)]
    : pattern === null
    ? ["receive"]
    : ["receive", pattern];
}

function sent(random: Random): RandomScenario {
  const client: Call[] = [];
  const texts = ["hello", "", "x", "a\0b\xff", 123, -4.5, { rep: ["z", random.of(SIZES)] }];
  const index = () => random.of(INDICES);
  for (let calls = random.between(2, 8); calls > 0; calls--) {
    const ranges = [[], [index()], [index(), index()]];
    client.push(["send", random.of<unknown>(texts), ...random.of<unknown[]>(ranges)]);
  }
  client.push(["@stats"], random.of<Call>([["shutdown", "send"], ["close"], ["shutdown"]]));
  client.push(["send", "abc", index(), index()], ["send", "", index()]);
  return { server: [["recvall"]], client };
}

function datagrams(random: Random): RandomScenario {
  const client: Call[] = [
    ["r=socket.udp"],
    ["r:setsockname", "127.0.0.1", 0],
    ["_,p=@quiet", "r:getsockname"],
    ["r:settimeout", 0],
    ["w=socket.udp"],
  ];
  for (let calls = random.between(3, 9); calls > 0; calls--) {
    const text = random.of<unknown>(["", "a", "hello\r\n", { rep: ["u", random.below(20000)] }]);
    const size = random.onceIn(2) ? [] : [random.of<unknown>([1, 2, 100, 8192, 10000, "4", 2.7])];
    client.push(random.of<Call>([
      ["w:sendto", text, "127.0.0.1", { $: "p" }],
      ["r:receive", ...size],
      ["@from", "r", ...size],
    ]));
  }
  return { server: undefined, client };
}

/** Arguments that nobody means. */
function odd(random: Random): RandomScenario {
  const client: Call[] = [
    ["m=socket.tcp"],
    ["u=socket.udp"],
    ["s=socket.bind", "127.0.0.1", 0],
    ["s:settimeout", 0],
    ["settimeout", 0],
  ];
  const calls = ["receive", "send", "shutdown", "setoption", "getoption", "setstats", "m:receive"]
    .concat(["m:send", "s:accept", "s:bind", "u:send", "u:getpeername", "m:settimeout"]);
  for (let left = random.between(3, 8); left > 0; left--) {
    const args = Array.from({ length: random.below(4) }, () => random.of<unknown>(ODD));
    client.push([random.of(calls), ...args]);
  }
  return { server: [], client };
}

function data(random: Random): string | { cat: unknown[] } {
  const text = () => Array.from({ length: random.below(12) }, () => random.of(PIECES)).join("");
  if (!random.onceIn(6)) return text();
  return { cat: [text(), { rep: [random.of(["x", "y"]), random.of(SIZES)] }, text()] };
}
