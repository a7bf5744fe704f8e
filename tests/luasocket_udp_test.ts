/** The UDP object where scenarios do not reach. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { socket } from "../src/faces/luasocket/mod.ts";
import type { UdpSocket } from "../src/faces/luasocket/udp.ts";

test("datagrams go to and fro, in bytes", async () => {
  await withReceiver(async (receiver, port) => {
    const sender = socket.udp();
    assert.deepEqual(await sender.sendto("a\xff\0", "127.0.0.1", port), [3]);
    const [data, ip, from] = await receiver.receivefrom();
    assert.deepEqual([data, ip], ["a\xff\0", "127.0.0.1"]);
    assert.deepEqual(await receiver.sendto(new Uint8Array([1, 2]), ip, from), [2]);
    assert.deepEqual(await sender.receive(), ["\x01\x02"]);
    assert.deepEqual(await sender.close(), [1]);
  });
});

test("what came before a receive waits, in its order", async () => {
  await withReceiver(async (receiver, port) => {
    const sender = socket.udp();
    for (let at = 0; at < 100; at++) await sender.sendto(String(at), "127.0.0.1", port);
    await sleep(50);
    receiver.settimeout(0);
    for (let at = 0; at < 100; at++) assert.deepEqual(await receiver.receive(), [String(at)]);
    assert.deepEqual(await receiver.receive(), [null, "timeout"]);
    await sender.close();
  });
});

test("select wakes for a datagram", async () => {
  await withReceiver(async (receiver, port) => {
    const sender = socket.udp();
    setTimeout(() => sender.sendto("x", "127.0.0.1", port), 20);
    const [readers, , why] = await socket.select([receiver], null, 5);
    assert.deepEqual([[...readers], why], [[receiver], undefined]);
    assert.deepEqual(await receiver.receive(), ["x"]);
    await sender.close();
  });
});

test("a receive under way ends when the object is closed", async () => {
  await withReceiver(async (receiver) => {
    const receiving = receiver.receive();
    await sleep(5);
    await receiver.close();
    assert.deepEqual(await receiving, [""]);
  });
});

test("options that are set before there is a socket are set when there is one", async () => {
  const sender = socket.udp4();
  assert.deepEqual(sender.setoption("ip-multicast-ttl", 3), [1]);
  assert.deepEqual(sender.setoption("broadcast", true), [1]);
  assert.deepEqual(await sender.sendto("x", "127.0.0.1", 9), [1]);
  assert.deepEqual(sender.getoption("broadcast"), [true]);
  assert.deepEqual(sender.setoption("reuseaddr", true), [null, "setsockopt failed"]);
  await sender.close();
  assert.deepEqual(sender.getoption("broadcast"), [null, "getsockopt failed"]);
});

test("a group is joined and left", async () => {
  await withReceiver(async (receiver) => {
    const group = { multiaddr: "239.255.77.77", interface: "127.0.0.1" };
    assert.deepEqual(receiver.setoption("ip-add-membership", group), [1]);
    assert.deepEqual(receiver.setoption("ip-drop-membership", group), [1]);
    await Promise.resolve();
  });
});

async function withReceiver(
  work: (receiver: UdpSocket, port: number) => Promise<void>,
): Promise<void> {
  const receiver = socket.udp();
  await receiver.setsockname("127.0.0.1", 0);
  receiver.settimeout(5);
  try {
    await work(receiver, receiver.getsockname()[1] as number);
  } finally {
    await receiver.close();
  }
}
