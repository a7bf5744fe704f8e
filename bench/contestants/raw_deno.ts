/** `Deno.connect`, `read` and `write`. */

import type { Slice } from "../contest.ts";
import { HOST, PING, PONG } from "../wire.ts";
import { contestRaw } from "./raw.ts";

const question = new TextEncoder().encode(PING);
const answer = new Uint8Array(4096);

/** All answers go to one place: nobody looks at them. */
async function ask(conn: Deno.Conn): Promise<void> {
  for (let sent = 0; sent < question.length;) sent += await conn.write(question.subarray(sent));
  for (let got = 0; got < PONG.length;) got += (await conn.read(answer))!;
}

async function dial(port: number, ca?: string): Promise<Deno.Conn> {
  if (ca !== undefined) return await Deno.connectTls({ hostname: HOST, port, caCerts: [ca] });
  const conn = await Deno.connect({ hostname: HOST, port });
  conn.setNoDelay(true);
  return conn;
}

await contestRaw({
  async read(port, sink, ca) {
    const conn = await dial(port, ca);
    return async (slice: Slice) => {
      while (!slice.over) {
        const room = sink.room();
        const count = (await conn.read(room))!;
        sink.took(room.subarray(0, count));
      }
    };
  },

  async ping(port, ca) {
    const conn = await dial(port, ca);
    return async (slice) => {
      let operations = 0;
      for (; !slice.over; operations++) await ask(conn);
      return operations;
    };
  },

  async idle(port) {
    const conn = await dial(port);
    await ask(conn);
    // Somebody must notice when its peer ends it.
    return [conn, conn.read(new Uint8Array(512))];
  },
});
