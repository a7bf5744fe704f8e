/** `node:readline` over a socket, as its manual shows it. */

import net from "node:net";
import { createInterface } from "node:readline";
import { contest } from "../contest.ts";
import { HOST, PING } from "../wire.ts";
import { asks, checkAnswer, frames } from "./awaited.ts";

async function dial(port: number) {
  const socket = net.connect({ host: HOST, port, noDelay: true });
  await new Promise((resolve) => socket.once("connect", resolve));
  return { socket, lines: createInterface({ input: socket })[Symbol.asyncIterator]() };
}

await contest({
  works: {
    ask: asks(dial, async ({ socket, lines }, batch) => {
      socket.write(PING.repeat(batch));
      for (let k = 0; k < batch; k++) checkAnswer((await lines.next()).value);
    }),
    lines: frames(dial, ({ lines }) => lines.next(), ({ value }) => value!.length),
  },
});
