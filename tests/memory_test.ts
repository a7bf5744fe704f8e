// What somebody keeps of what was read must not pin much more than itself.

import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { bytesOf, byteString } from "../src/bytes.ts";
import type { Cosocket } from "../src/cosocket.ts";
import { socketPair } from "../testing.ts";
import { collectGarbage } from "./conformance/collect_garbage.ts";

const KEPT = 3000;
const MIB = 1024 * 1024;
const MOST_BYTES = 40 * MIB;

const LINE = `${"a line of 256 bytes, its end among them ".padEnd(255, ".")}\n`;
const LINES_PER_PIECE = 256;
const PIECE = LINE.repeat(LINES_PER_PIECE);

test("the measure sees what is held", async () => {
  const before = await heldBytes();
  const bytes = bytesOf(PIECE);
  const kept = Array.from({ length: 1000 }, () => byteString(bytes).slice(100, 164));
  assert.ok(await heldBytes() - before > 50 * MIB);
  assert.equal(kept.length, 1000);
});

/** One result to keep out of each 64 KiB; the rest is read and forgotten. */
const kinds: { name: string; read: (sock: Cosocket) => Promise<unknown> }[] = [
  {
    name: "lines",
    read: async (sock) => {
      let line = "";
      for (let read = 0; read < LINES_PER_PIECE; read++) line = await sock.receiveLine();
      return line;
    },
  },
  {
    name: "lines as bytes",
    read: async (sock) => {
      const line = await sock.receiveLine({ as: "bytes" });
      await sock.skip(PIECE.length - LINE.length);
      return line;
    },
  },
  {
    name: "results of 400 bytes, one of many",
    read: async (sock) => {
      let bytes: Uint8Array | undefined;
      for (let read = 0; read < 160; read++) bytes = await sock.receiveExactly(400);
      await sock.skip(PIECE.length - 160 * 400);
      return bytes;
    },
  },
  {
    name: "results of 5 KB",
    read: async (sock) => {
      const bytes = await sock.receiveExactly(5000);
      await sock.skip(PIECE.length - 5000);
      return bytes;
    },
  },
  {
    name: "pieces of a part",
    read: async (sock) => {
      const piece = await sock.parts("\n").read(50);
      await sock.skip(PIECE.length - 50);
      return piece;
    },
  },
];

for (const { name, read } of kinds) {
  test(`${KEPT} kept ${name} hold less than 40 MiB`, async () => {
    const [client, server] = socketPair();
    const before = await heldBytes();
    const kept: unknown[] = [];
    for (let piece = 0; piece < KEPT; piece++) {
      await server.send(PIECE);
      kept.push(await read(client));
    }
    const held = await heldBytes() - before;
    assert.ok(held < MOST_BYTES, `${(held / MIB).toFixed(1)} MiB`);
    assert.equal(kept.length, KEPT);
  });
}

/** All that the program holds, in strings, objects and buffers. */
async function heldBytes(): Promise<number> {
  await collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  // Bun counts buffers and strings with the heap.
  return "Bun" in globalThis ? heapUsed : heapUsed + external;
}
