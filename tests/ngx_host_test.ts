// How nginx reads hosts and addresses; its own answers stand in the scenarios.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ipAddressOf, isUnix, type ParsedHost, parseHost } from "../src/faces/ngx/host.ts";

const PORT = 80;

const bad = (why: string): ParsedHost => ({ kind: "bad", why });
const at = (hostname: string, port = PORT): ParsedHost => ({
  kind: "address",
  address: { hostname, port },
});
const name = (text: string, port = PORT): ParsedHost => ({ kind: "name", name: text, port });
const path = (text: string): ParsedHost => ({ kind: "address", address: { path: text } });

const hosts: [string, ParsedHost][] = [
  ["127.0.0.1", at("127.0.0.1")],
  ["127.0.0.1:8080", at("127.0.0.1", 8080)],
  ["127.0.0.1:65535", at("127.0.0.1", 65535)],
  ["127.0.0.010", at("127.0.0.10")],
  ["127..0.1", at("127.0.0.1")],
  ["[::1]", at("0:0:0:0:0:0:0:1")],
  ["[::1]:8080", at("0:0:0:0:0:0:0:1", 8080)],
  ["[fe80::1:2]", at("fe80:0:0:0:0:0:1:2")],
  ["localhost", name("localhost")],
  ["localhost:8080", name("localhost:8080", 8080)],
  ["127.1", name("127.1")],
  ["1.2.3.4.5", name("1.2.3.4.5")],
  ["256.1.1.1", name("256.1.1.1")],
  ["255.255.255.255", name("255.255.255.255")],
  ["", bad("no host")],
  [":80", bad("no host")],
  ["a:", bad("invalid port")],
  ["a:0", bad("invalid port")],
  ["a:65536", bad("invalid port")],
  ["a:8o", bad("invalid port")],
  ["::1", bad("invalid port")],
  ["a/b", bad("invalid host")],
  ["http://a", bad("invalid host")],
  ["a?b", bad("invalid host")],
  ["[::1", bad("invalid host")],
  ["[::1]x", bad("invalid host")],
  ["[]", bad("no host")],
  ["[::1]:", bad("invalid port")],
  ["[x]", bad("invalid IPv6 address")],
  ["unix:/run/x", path("/run/x")],
  ["UNIX:/run/x", path("/run/x")],
  ["unix:x:5", path("x:5")],
  ["unix:", bad("no path in the unix domain socket")],
  [`unix:${"x".repeat(107)}`, path("x".repeat(107))],
  [`unix:${"x".repeat(108)}`, bad("too long path in the unix domain socket")],
];

for (const [text, parsed] of hosts) {
  test(`parseHost reads ${JSON.stringify(text.slice(0, 30))} as nginx does`, () => {
    assert.deepEqual(parseHost(text, PORT), parsed);
  });
}

test("a path of bytes that are UTF-8 is the path they spell", () => {
  assert.deepEqual(parseHost("unix:/run/\xc3\xa4", PORT), path("/run/\u00e4"));
  assert.deepEqual(parseHost("unix:/run/\u00e4", PORT), path("/run/\u00e4"));
  assert.deepEqual(parseHost("unix:/run/\u65e5", PORT), path("/run/\u65e5"));
});

test("isUnix looks at the prefix, in any case", () => {
  assert.ok(isUnix("unix:"));
  assert.ok(isUnix("Unix:/x"));
  assert.ok(!isUnix("unix"));
  assert.ok(!isUnix(" unix:"));
});

/** The addresses that nginx takes for `bind`, each as the system will understand it. */
const addresses: [string, string | undefined][] = [
  ["127.0.0.1", "127.0.0.1"],
  ["0127.0.0.1", "127.0.0.1"],
  ["...", "0.0.0.0"],
  ["255.255.255.254", "255.255.255.254"],
  ["255.255.255.255", undefined],
  ["127.0.0", undefined],
  ["127.0.0.1.", undefined],
  ["127.0.0.1 ", undefined],
  ["127.0.0.256", undefined],
  ["0x7f.0.0.1", undefined],
  ["localhost", undefined],
  ["", undefined],
  ["::", "0:0:0:0:0:0:0:0"],
  ["::1", "0:0:0:0:0:0:0:1"],
  ["::1:", "0:0:0:0:0:0:1:0"],
  ["1::", "1:0:0:0:0:0:0:0"],
  ["1::8", "1:0:0:0:0:0:0:8"],
  ["1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"],
  ["ABCD:ef01::", "abcd:ef01:0:0:0:0:0:0"],
  ["::ffff:127.0.0.1", "0:0:0:0:0:ffff:7f00:1"],
  ["1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"],
  ["::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"],
  [":", undefined],
  [":::", undefined],
  ["1::2::3", undefined],
  ["1:2:3:4:5:6:7", undefined],
  ["1:2:3:4:5:6:7::", undefined],
  ["1:2:3:4:5:6:7:8:9", undefined],
  ["1:2:3:4:5:6:7:1.2.3.4", undefined],
  ["::1.2.3", undefined],
  ["::1.2.3.4:5", undefined],
  ["::255.255.255.255", undefined],
  ["12345::", undefined],
  ["g::", undefined],
  ["::1%lo", undefined],
  ["[::1]", undefined],
];

for (const [text, address] of addresses) {
  test(`ipAddressOf reads ${JSON.stringify(text)} as nginx does`, () => {
    assert.equal(ipAddressOf(text), address);
  });
}
