// The tables of docs/openresty.md: what they name is there, and what is there they name.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { DEFAULTS, settingsOf } from "../src/faces/ngx/directives.ts";
import { createNgx } from "../src/faces/ngx/mod.ts";
import { OPTION_NAMES } from "../src/faces/ngx/options.ts";
import { SSL_DIRECTIVES } from "../src/faces/ngx/ssl_directives.ts";

const text = readFileSync(new URL("../docs/openresty.md", import.meta.url), "utf8");

/** The rows of the tables below a heading, cell by cell. */
function rowsOf(heading: string): string[][] {
  const section = text.split(/^##+ /m).find((it) => it.startsWith(`${heading}\n`));
  assert.ok(section, `no such heading: ${heading}`);
  return section.split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
}

/** What stands in backticks at the front of the rows; of a call, its name. */
function namesOf(heading: string, row = /`(?:await )?([\w.-]+)/g): string[] {
  return rowsOf(heading).flatMap(([cell]) => [...cell!.matchAll(row)].map((it) => it[1]!));
}

function methodsOf(object: object): string[] {
  const { constructor: _, ...methods } = Object.getOwnPropertyDescriptors(
    Object.getPrototypeOf(object),
  );
  return Object.keys(methods);
}

test("the tables name the methods of the sockets, and no others", () => {
  const { socket } = createNgx();
  const named = (heading: string) =>
    namesOf(heading).filter((it) => it.startsWith("sock.")).map((it) => it.slice(5)).sort();
  assert.deepEqual(named("TCP and unix sockets"), methodsOf(socket.tcp()).sort());
  assert.deepEqual(named("UDP"), methodsOf(socket.udp()).sort());
});

test("the tables name what else `ngx` has, and nothing else", () => {
  const ngx: object = createNgx();
  const below = (it: object, path: string): string[] =>
    [...Object.keys(it), ...methodsOf(it)].flatMap((name) => {
      const value = (it as Record<string, unknown>)[name];
      const isGroup = ["socket", "thread", "timer", "ssl"].includes(name) && it === ngx;
      return isGroup ? Object.keys(value as object).map((of) => `${path}${name}.${of}`) : [
        `${path}${name}`,
      ];
    });
  const named = [...namesOf("Sockets"), ...namesOf("Around sockets")];
  assert.deepEqual(named.sort(), below(ngx, "ngx.").sort());
});

test("the tables name the options of a connection", () => {
  assert.deepEqual(namesOf("Options").sort(), [...OPTION_NAMES, "ip-transparent"].sort());
});

for (const [name, value] of rowsOf("Directives")) {
  const directive = name!.slice(1, -1);
  const given = value === "none" ? "" : value!.slice(1, -1);
  test(`${directive} is a directive whose default is ${value}`, () => {
    const isUnset = value === "none" && !Object.hasOwn(SSL_DIRECTIVES, directive);
    if (isUnset) {
      assert.throws(() => settingsOf({ [directive]: "" }, DEFAULTS), /invalid value/);
    } else if (directive === "lua_ssl_conf_command") {
      assert.throws(() => settingsOf({ [directive]: "Options" }, DEFAULTS), /not supported/);
    } else {
      assert.deepEqual(settingsOf({ [directive]: given }, DEFAULTS), DEFAULTS);
    }
  });
}

test("no directive of TLS is missing in the table", () => {
  const named = namesOf("Directives").filter((it) => it.startsWith("lua_ssl_"));
  assert.deepEqual(named.sort(), Object.keys(SSL_DIRECTIVES).sort());
});

test("each letter in a table stands in the list of what differs", () => {
  const [tables, list] = text.split("## What differs");
  const listed = [...list!.matchAll(/^- \(([a-z])\)/gm)].map((it) => it[1]);
  assert.deepEqual(listed, [..."abcdefgh"]);
  const used = [...tables!.matchAll(/\(([a-z])\)/g)].map((it) => it[1]!);
  assert.deepEqual([...new Set(used)].sort(), listed);
});
