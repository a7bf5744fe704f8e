import assert from "node:assert/strict";
import { connect, type Cosocket } from "../../src/cosocket.ts";
import { listen } from "../../src/listener.ts";
import { socketPair } from "../../testing.ts";

/** Two connected sockets, in memory and over the system. */
export const socketPairs: Readonly<Record<string, () => Promise<[Cosocket, Cosocket]>>> = {
  "in memory": async () => socketPair(),
  "over TCP": loopbackPair,
};

/** Two sockets over TCP; the first is the one that connected. */
export async function loopbackPair(): Promise<[Cosocket, Cosocket]> {
  const listener = await listen("127.0.0.1:0");
  const { address } = listener;
  const [client, server] = await Promise.all([connect(address), listener.accept()]);
  assert.ok(server);
  await listener.close();
  return [client, server];
}
