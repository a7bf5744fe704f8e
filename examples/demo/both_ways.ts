/** Two connections joined by a relay, with much data going both ways at the same time. */

import { connect, type Cosocket, listen } from "../../mod.ts";
import { relay } from "../relay.ts";
import { expect } from "./print.ts";
import type { Stage } from "./stage.ts";

const RELAYED_BYTES = 8 * 1024 * 1024;

export async function relayBothWays({ screen, target }: Stage): Promise<void> {
  const door = await listen("127.0.0.1:0");
  const sock = await connect(door.address, { readTimeoutMs: 5000 });
  const [guest, server] = [await door.accept(), await connect(target)];
  await door.close();
  expect(guest !== null, "nobody came");
  screen.note("sock -- guest, relay(guest, server), server -- an echo");
  screen.note("sock sends and receives at the same time, and so does the relay, both ways.");
  const relayed = relay(guest, server);
  try {
    await screen.call(
      "await Promise.all([sendMuch(sock), receiveMuch(sock)])",
      () => Promise.all([sendMuch(sock), receiveMuch(sock)]),
      ([, received]) => `${mebibytes(received)} came back, each byte as it was, and then the end`,
    );
    await screen.call(
      "await relayed",
      () => relayed,
      ({ there, back }) => `there ${mebibytes(there)}, back ${mebibytes(back)}, both ends closed`,
    );
  } finally {
    sock.close();
    await relayed.catch(() => {}); // told already
  }
}

/** Bytes that differ from place to place, so that none can be lost or doubled unseen. */
const byteAt = (at: number) => (at * 31 + (at >> 10)) & 0xff;

async function sendMuch(sock: Cosocket): Promise<void> {
  await sock.send("ECHO\r\n");
  const bytes = new Uint8Array(64 * 1024);
  for (let at = 0; at < RELAYED_BYTES; at += bytes.length) {
    for (let n = 0; n < bytes.length; n++) bytes[n] = byteAt(at + n);
    await sock.send(bytes);
  }
  await sock.closeWrite();
}

async function receiveMuch(sock: Cosocket): Promise<number> {
  let at = 0;
  for (;;) {
    const bytes = await sock.receiveAny(64 * 1024);
    if (bytes === null) break;
    const isSame = bytes.every((byte, n) => byte === byteAt(at + n));
    expect(isSame, `something is wrong between byte ${at} and ${at + bytes.length}`);
    at += bytes.length;
  }
  expect(at === RELAYED_BYTES, `only ${at} bytes came back`);
  return at;
}

function mebibytes(count: number): string {
  return `${(count / 1024 / 1024).toFixed(1)} MiB`;
}
