/** `node:net` with callbacks: `onread` where bytes are many, events where they are few. */

import net from "node:net";
import tls from "node:tls";
import type { Slice } from "../contest.ts";
import { HOST, PING, PONG } from "../wire.ts";
import { contestRaw, type Sink } from "./raw.ts";

interface Run {
  readonly slice: Slice;
  finish(): void;
}

/** `ca` is there for TLS. */
function dial(port: number, ca: string | undefined, onread: net.OnReadOpts): net.Socket {
  const options = { host: HOST, port, noDelay: true, onread };
  return ca === undefined ? net.connect(options) : tls.connect({ ...options, ca });
}

function connected(socket: net.Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(socket instanceof tls.TLSSocket ? "secureConnect" : "connect", resolve);
    socket.once("error", reject);
  });
}

// All answers go to one place: nobody looks at them.
const answer = new Uint8Array(4096);

/** Asks again with each answer, until `again` says no. */
class Asker {
  readonly socket: net.Socket;
  #got = 0;
  again: () => boolean = () => false;

  constructor(port: number, ca?: string) {
    this.socket = dial(port, ca, {
      buffer: answer,
      callback: (count) => {
        this.#got += count;
        if (this.#got < PONG.length) return true;
        this.#got = 0;
        if (this.again()) this.ask();
        return true;
      },
    });
  }

  ask(): void {
    this.socket.write(PING, "latin1");
  }
}

await contestRaw({
  async read(port, sink: Sink, ca) {
    let run: Run | undefined;
    const socket = dial(port, ca, {
      buffer: () => sink.room(),
      callback: (count, memory) => {
        sink.took(memory.subarray(0, count));
        if (run === undefined) return false;
        if (!run.slice.over) return true;
        run.finish();
        return false;
      },
    });
    // Bytes that come before the first slice would be nobody's.
    if (ca === undefined) socket.pause();
    await connected(socket);
    return (slice) =>
      new Promise((finish) => {
        run = { slice, finish };
        socket.resume();
      });
  },

  async ping(port, ca) {
    const asker = new Asker(port, ca);
    await connected(asker.socket);
    return (slice) =>
      new Promise((resolve) => {
        let operations = 0;
        asker.again = () => {
          operations++;
          if (!slice.over) return true;
          resolve(operations);
          return false;
        };
        asker.ask();
      });
  },

  async idle(port) {
    const asker = new Asker(port);
    await connected(asker.socket);
    await new Promise<void>((resolve) => {
      asker.again = () => {
        resolve();
        return false;
      };
      asker.ask();
    });
    return asker;
  },
});
