// nginx's notation of directive values; what it takes was asked of `nginx -t`.

import assert from "node:assert/strict";
import { test } from "node:test";
import { AT_ONCE_MS, DEFAULTS, type Settings, settingsOf } from "../src/faces/ngx/directives.ts";
import { LuaError } from "../src/faces/lua.ts";
import { createNgx } from "../src/faces/ngx/mod.ts";

function settingOf(name: string, value: string | number | boolean): Settings {
  return settingsOf({ [name]: value }, DEFAULTS);
}

function refuses(name: string, value: string | number | boolean): void {
  assert.throws(() => settingOf(name, value), LuaError, `${name} ${JSON.stringify(value)}`);
}

const times: [string | number, number][] = [
  ["60s", 60_000],
  ["60", 60_000],
  [60, 60_000],
  ["250ms", 250],
  ["1m", 60_000],
  ["1m 30s", 90_000],
  ["1m30s", 90_000],
  ["1s 500ms", 1500],
  ["5m 10", 310_000],
  ["10ms 5", 5010],
  ["1h", 3_600_000],
  ["1d", 86_400_000],
  ["1w 2d", 777_600_000],
  ["024", 24_000],
  ["2147483648ms", 2_147_483_648],
];

test("times are written as in nginx.conf", () => {
  for (const [text, ms] of times) {
    assert.equal(settingOf("lua_socket_read_timeout", text).readTimeoutMs, ms, String(text));
    assert.equal(settingOf("lua_socket_keepalive_timeout", text).keepaliveTimeoutMs, ms);
  }
});

test("times that nginx refuses are refused", () => {
  const others = ["", "s", "ms", "abc", "1M", "1y", "1S", "1.5s", "-1", "1e3", "30s 1m", "1m 1m"];
  for (const text of [...others, "500ms 1s", "1 s"]) refuses("lua_socket_read_timeout", text);
});

test("a time of nothing is over at once for who waits, and for ever for who is idle", () => {
  assert.equal(settingOf("lua_socket_connect_timeout", "0").connectTimeoutMs, AT_ONCE_MS);
  assert.equal(settingOf("lua_socket_send_timeout", 0).sendTimeoutMs, AT_ONCE_MS);
  assert.equal(settingOf("lua_socket_read_timeout", "0s").readTimeoutMs, AT_ONCE_MS);
  assert.equal(settingOf("lua_socket_keepalive_timeout", "0").keepaliveTimeoutMs, 0);
});

test("sizes are written as in nginx.conf", () => {
  const sizes: [string | number, number][] = [
    ["4096", 4096],
    [4096, 4096],
    ["4k", 4096],
    ["4K", 4096],
    ["1m", 1_048_576],
    ["1M", 1_048_576],
    ["04", 4],
    ["0", 1],
  ];
  for (const [text, bytes] of sizes) {
    assert.equal(settingOf("lua_socket_buffer_size", text).bufferBytes, bytes, String(text));
  }
  for (const text of ["", "-1", "1g", "4kb", "4 k", "1.5k"]) {
    refuses("lua_socket_buffer_size", text);
  }
});

test("counts are whole numbers", () => {
  assert.equal(settingOf("lua_socket_pool_size", "30").poolSize, 30);
  assert.equal(settingOf("lua_socket_pool_size", 30).poolSize, 30);
  assert.equal(settingOf("lua_socket_pool_size", "030").poolSize, 30);
  assert.equal(settingOf("lua_socket_pool_size", "0").poolSize, 0);
  for (const text of ["", "-1", "1k", "1.5", "9".repeat(20)]) refuses("lua_socket_pool_size", text);
});

test("flags are on or off, in any case, or true and false in code", () => {
  assert.equal(settingOf("tcp_nodelay", "OFF").noDelay, false);
  assert.equal(settingOf("tcp_nodelay", "on").noDelay, true);
  assert.equal(settingOf("lua_socket_log_errors", false).logErrors, false);
  assert.equal(settingOf("lua_socket_log_errors", true).logErrors, true);
  for (const text of ["", "true", "yes", "1"]) refuses("lua_socket_log_errors", text);
});

test("lua_socket_send_lowat is taken and has no effect", () => {
  assert.deepEqual(settingOf("lua_socket_send_lowat", "1k"), DEFAULTS);
  refuses("lua_socket_send_lowat", "x");
});

test("an unknown directive is refused, by its name", () => {
  for (const name of ["lua_socket_nothing", "toString", ""]) {
    assert.throws(() => settingOf(name, "1"), { message: `unknown directive "${name}"` });
  }
  assert.throws(() => createNgx({ lua_package_path: "x" }), LuaError);
});

test("what says nothing leaves the outer settings", () => {
  const outer = settingOf("lua_socket_pool_size", "5");
  const inner = settingsOf({ lua_socket_read_timeout: "1s" }, outer);
  assert.deepEqual(inner, { ...DEFAULTS, poolSize: 5, readTimeoutMs: 1000 });
});

test("the defaults are the original's", () => {
  assert.deepEqual(DEFAULTS, {
    connectTimeoutMs: 60_000,
    sendTimeoutMs: 60_000,
    readTimeoutMs: 60_000,
    bufferBytes: 4096,
    poolSize: 30,
    keepaliveTimeoutMs: 60_000,
    logErrors: true,
    resolver: null,
    resolverTimeoutMs: 30_000,
    noDelay: true,
    // But for what TLS trusts and speaks.
    ssl: {
      trusted: undefined,
      verifyDepth: 1,
      versions: { oldest: "TLSv1.2", newest: "TLSv1.3" },
      ciphers: undefined,
      crl: undefined,
      certificate: undefined,
      key: undefined,
    },
  });
});
