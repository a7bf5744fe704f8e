/**
 * Datagrams are dropped, repeated and swapped on their way. Each answer belongs to its
 * question all the same, since whoever asks marks his questions and asks again.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, echoServer } from "../../examples/udp_echo.ts";
import { createLookup, type Datagram, datagram } from "../../mod.ts";
import { leftOver, snapshot } from "../helpers/resources.ts";
import { has, type Script, TinyDns } from "../helpers/tiny_dns.ts";
import { DatagramRelay } from "./datagram_relay.ts";

for (const seed of [1, 2, 3]) {
  test(`questions get their own answers over a bad network (seed ${seed})`, async () => {
    await withEcho(seed, async (sock, relay) => {
      for (let number = 1; number <= 200; number++) {
        const patience = { tries: 20, timeoutMs: 20 };
        assert.equal(await ask(sock, number, `question ${number}`, patience), `question ${number}`);
      }
      assert.ok(Object.values(relay.faults).every((count) => count > 0), "Nothing happened");
    });
  });

  test(`datagrams come whole, or not at all (seed ${seed})`, async () => {
    await withEcho(seed, async (sock, relay) => {
      const sent = Array.from({ length: 300 }, (_, at) => `${at}:${"x".repeat(at * 4)}`);
      for (const text of sent) await sock.send(text);
      const came: string[] = [];
      await assert.rejects(async () => {
        for (;;) came.push(new TextDecoder().decode(await sock.receive({ timeoutMs: 300 })));
      }, { code: "timeout" });
      const all = new Set(sent);
      for (const text of came) assert.ok(all.has(text), text.slice(0, 20));
      assert.ok(new Set(came).size < came.length, "None came twice");
      assert.ok(new Set(came).size < sent.length, "None was dropped");
      const numbers = came.map((text) => parseInt(text));
      assert.ok(numbers.some((it, at) => it < numbers[at - 1]!), "None was overtaken");
      assert.ok(relay.faults.late > 0);
    });
  });

  test(`names are found over a bad network (seed ${seed})`, async () => {
    const names = Array.from({ length: 40 }, (_, at) => [`n${at}.test`, `127.1.0.${at}`] as const);
    const scripts = Object.fromEntries(
      names.map(([name, at]): [string, Script] => [name, has([at])]),
    );
    const before = snapshot();
    const server = await TinyDns.start(scripts);
    const relay = await DatagramRelay.start(Number(server.at.split(":")[1]), seed);
    const find = createLookup({ servers: [`127.0.0.1:${relay.port}`], tryMs: 30, tries: 10 });
    for (const [name, address] of names) {
      assert.deepEqual(await find(name, {}), [address]);
    }
    assert.ok(Object.values(relay.faults).every((count) => count > 0), "Nothing happened");
    await relay.close();
    await server.close();
    assert.deepEqual(await leftOver(before), {});
  });
}

async function withEcho(
  seed: number,
  work: (sock: Datagram, relay: DatagramRelay) => Promise<void>,
): Promise<void> {
  const before = snapshot();
  const echo = await echoServer("127.0.0.1", 0);
  const relay = await DatagramRelay.start(echo.localAddress!.port, seed);
  const sock = await datagram({ remote: { hostname: "127.0.0.1", port: relay.port } });
  await work(sock, relay);
  sock.close();
  await relay.close();
  echo.close();
  assert.deepEqual(await leftOver(before), {});
}
