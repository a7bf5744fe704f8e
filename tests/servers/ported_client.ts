/** What the tests of clients that were ported from OpenResty have in common. */

import { test } from "node:test";
import { createNgx, type Ngx } from "../../src/faces/ngx/mod.ts";
import { type End, type Place, type Recipe, withServer } from "./start_server.ts";

/** Directives that keep errors, of which these tests make many, out of the output. */
export const QUIET = { lua_socket_log_errors: "off" };

/** Where to connect to, as arguments. */
export type ConnectArguments = [string, ...string[]];

/** The target of a server as arguments of `connect`. */
export function argumentsOf(target: string): ConnectArguments {
  return target.startsWith("unix:") ? [target] : target.split(":") as ConnectArguments;
}

/** What is done with a running server; `end` ends it. */
export type Work = (ngx: Ngx, at: ConnectArguments, end: End) => Promise<void>;

/** Makes tests that run in a handler of `ngx`, against a server that is started for each. */
export function serverTests(
  place: Place,
  recipe: Recipe,
  skip: string | false,
): (name: string, work: Work) => void {
  return (name, work) => {
    test(
      `${name} (${place})`,
      { skip },
      () =>
        withServer(
          place,
          recipe,
          (target, end) => createNgx(QUIET).run((ngx) => work(ngx, argumentsOf(target), end)),
        ),
    );
  };
}
