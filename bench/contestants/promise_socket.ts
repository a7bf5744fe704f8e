/** promise-socket: what has come is awaited, and lines are cut out of it by hand. */

import net from "node:net";
import { contest } from "../contest.ts";
import { fromNpm } from "../packages.ts";
import { HOST, PING } from "../wire.ts";
import { asks, checkAnswer, frames } from "./awaited.ts";

/** The little of it that is used here. */
interface PromiseSocket {
  connect(port: number, host: string): Promise<void>;
  setEncoding(encoding: string): PromiseSocket;
  read(): Promise<string | undefined>;
  write(data: string): Promise<number>;
}

type Module = { PromiseSocket: new (socket: net.Socket) => PromiseSocket };

const { PromiseSocket } = await fromNpm<Module>("promise-socket");

/** A socket, and what came behind the last line. */
class LineSocket {
  readonly sock: PromiseSocket = new PromiseSocket(new net.Socket()).setEncoding("latin1");
  #rest = "";

  async receiveLine(): Promise<string> {
    let end = this.#rest.indexOf("\n");
    while (end < 0) {
      const from = this.#rest.length;
      const came = await this.sock.read();
      if (came === undefined) throw new Error("It has ended");
      this.#rest += came;
      end = this.#rest.indexOf("\n", from);
    }
    const line = this.#rest.slice(0, end > 0 && this.#rest[end - 1] === "\r" ? end - 1 : end);
    this.#rest = this.#rest.slice(end + 1);
    return line;
  }
}

async function dial(port: number): Promise<LineSocket> {
  const it = new LineSocket();
  await it.sock.connect(port, HOST);
  return it;
}

await contest({
  works: {
    ask: asks(dial, async (it, batch) => {
      await it.sock.write(PING.repeat(batch));
      for (let k = 0; k < batch; k++) checkAnswer(await it.receiveLine());
    }),
    lines: frames(dial, (it) => it.receiveLine(), (line) => line.length),
  },
});
