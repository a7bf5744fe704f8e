/** `Deno.connect`, `read` and `write`. */

import type { Slice } from "../contest.ts";
import { HOST, PING, PONG } from "../wire.ts";
import { contestRaw } from "./raw.ts";
import { askDatagrams } from "./raw_udp.ts";

const answer = new Uint8Array(4096);

async function sendAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await conn.write(bytes.subarray(sent));
}

/** What asks; all answers go to one place: nobody looks at them. */
function asker(conn: Deno.Conn, batch = 1): () => Promise<void> {
  const questions = new TextEncoder().encode(PING.repeat(batch));
  return async () => {
    await sendAll(conn, questions);
    for (let got = 0; got < PONG.length * batch;) got += (await conn.read(answer))!;
  };
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

  async ask(port, batch, ca) {
    const ask = asker(await dial(port, ca), batch);
    return async (slice) => {
      let operations = 0;
      for (; !slice.over; operations += batch) await ask();
      return operations;
    };
  },

  async idle(port) {
    const conn = await dial(port);
    await asker(conn)();
    // Somebody must notice when its peer ends it.
    return [conn, conn.read(new Uint8Array(512))];
  },

  async open(port) {
    const conn = await dial(port);
    return { send: (bytes) => sendAll(conn, bytes), close: () => conn.close() };
  },

  udp: askDatagrams,
});
