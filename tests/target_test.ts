import assert from "node:assert/strict";
import { test } from "node:test";
import { quote } from "../src/bytes.ts";
import { ipFamily } from "../src/ip.ts";
import { parseTarget, type Target } from "../src/target.ts";
import { addressText } from "../src/transport.ts";

const good: { target: Target; address: object; text: string }[] = [
  { target: "db:5432", address: { hostname: "db", port: 5432 }, text: "db:5432" },
  { target: "DB.Example:1", address: { hostname: "db.example", port: 1 }, text: "db.example:1" },
  { target: "127.0.0.1:0", address: { hostname: "127.0.0.1", port: 0 }, text: "127.0.0.1:0" },
  { target: "[::1]:80", address: { hostname: "::1", port: 80 }, text: "[::1]:80" },
  { target: "[FE80::1%eth0]:80", address: host("fe80::1%eth0", 80), text: "[fe80::1%eth0]:80" },
  // The name of a network interface knows its case.
  { target: "[FE80::1%vEth0]:80", address: host("fe80::1%vEth0", 80), text: "[fe80::1%vEth0]:80" },
  { target: "a:65535", address: { hostname: "a", port: 65535 }, text: "a:65535" },
  { target: "a:007", address: { hostname: "a", port: 7 }, text: "a:7" },
  { target: "unix:/run/x.sock", address: { path: "/run/x.sock" }, text: "unix:/run/x.sock" },
  { target: "unix:a:1", address: { path: "a:1" }, text: "unix:a:1" },
  { target: "unix:\0name", address: { path: "\0name" }, text: "unix:@name" },
  { target: { hostname: "::1", port: 80 }, address: host("::1", 80), text: "[::1]:80" },
  { target: { hostname: "[::1]", port: 80 }, address: host("::1", 80), text: "[::1]:80" },
  { target: { hostname: "Db", port: 0 }, address: host("db", 0), text: "db:0" },
  { target: { path: "\0name" }, address: { path: "\0name" }, text: "unix:@name" },
];

for (const { target, address, text } of good) {
  test(`parseTarget() understands ${shown(target)}`, () => {
    assert.deepEqual(parseTarget(target), address);
    assert.equal(addressText(parseTarget(target)), text);
  });
}

const bad: { target: unknown; error: RegExp }[] = [
  { target: "db", error: /^TypeError: target must be like/ },
  { target: "", error: /^TypeError: target must be like/ },
  { target: ":80", error: /^TypeError: target must be like/ },
  { target: "::1:80", error: /^TypeError: target must be like/ },
  { target: "db:", error: /^TypeError: target must be like/ },
  { target: "db:http", error: /^TypeError: target must be like/ },
  { target: "db:-1", error: /^TypeError: target must be like/ },
  { target: "db:123456", error: /^TypeError: target must be like/ },
  { target: "db:80\n", error: /^TypeError: target must be like/ },
  { target: "db:65536", error: /^RangeError: the port of target must be at most 65535/ },
  { target: "unix:", error: /^RangeError: target must not be empty/ },
  { target: "http://db:80", error: /^TypeError: (target|hostname) must be/ },
  { target: "user@db:80", error: /^TypeError: hostname must be/ },
  { target: "a b:80", error: /^TypeError: hostname must be/ },
  { target: "a\0b:80", error: /^TypeError: hostname must be/ },
  { target: "[]:80", error: /^TypeError: (target|hostname) must be/ },
  { target: { hostname: "", port: 1 }, error: /^RangeError: target.hostname must not be empty/ },
  { target: { hostname: "[]", port: 1 }, error: /^TypeError: hostname must be/ },
  { target: { hostname: "[::1", port: 1 }, error: /^TypeError: hostname must be/ },
  { target: { hostname: "::1]", port: 1 }, error: /^TypeError: hostname must be/ },
  { target: { hostname: "a/b", port: 1 }, error: /^TypeError: hostname must be/ },
  { target: { hostname: "a\x7f", port: 1 }, error: /^TypeError: hostname must be/ },
  { target: { hostname: 1, port: 1 }, error: /^TypeError: target.hostname must be a string/ },
  { target: { hostname: "a" }, error: /^TypeError: target.port must be a number/ },
  { target: { hostname: "a", port: "1" }, error: /^TypeError: target.port must be a number/ },
  { target: { hostname: "a", port: 1.5 }, error: /^RangeError: target.port must be/ },
  { target: { hostname: "a", port: 65536 }, error: /^RangeError: target.port must be/ },
  { target: {}, error: /^TypeError: target.hostname must be a string/ },
  { target: { path: "" }, error: /^RangeError: target.path must not be empty/ },
  { target: { path: 1 }, error: /^TypeError: target.path must be a string/ },
  { target: "unix:/run/x\0y", error: /^TypeError: target must hold no NUL/ },
  { target: { path: "/run/x\0" }, error: /^TypeError: target.path must hold no NUL/ },
  { target: { path: "\0x\0y" }, error: /^TypeError: target.path must hold no NUL/ },
  { target: null, error: /^TypeError: target must be a string or an object/ },
  { target: undefined, error: /^TypeError: target must be a string or an object/ },
  { target: 80, error: /^TypeError: target must be a string or an object/ },
];

for (const { target, error } of bad) {
  test(`parseTarget() refuses ${shown(target)}`, () => {
    assert.throws(() => parseTarget(target as Target), error);
  });
}

const families = [
  { hostname: "127.0.0.1", family: 4 },
  { hostname: "::1", family: 6 },
  { hostname: "fe80::1%eth0", family: 6 },
  { hostname: "db", family: 0 },
  { hostname: "1.2.3", family: 0 },
  { hostname: "1.2.3.4.example", family: 0 },
];

for (const { hostname, family } of families) {
  test(`ipFamily() of ${hostname} is ${family}`, () => assert.equal(ipFamily(hostname), family));
}

function host(hostname: string, port: number) {
  return { hostname, port };
}

function shown(target: unknown): string {
  return typeof target === "object" ? JSON.stringify(target) : quote(target);
}
