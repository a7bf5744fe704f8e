/**
 * `node:net` with callbacks, in both its forms: `onread`, into memory of one's own, and events.
 *
 * @module
 */

import net from "node:net";
import tls from "node:tls";
import type { Slice } from "../contest.ts";
import { HOST, PING, PONG } from "../wire.ts";
import { contestRaw, type Sink } from "./raw.ts";
import { askDatagrams } from "./raw_udp.ts";

interface Run {
  readonly slice: Slice;
  finish(): void;
}

/** Connects, with TLS where there is a `ca`; whoever takes bytes says whether more may come. */
type Dial = (port: number, ca: string | undefined, onread: net.OnReadOpts) => net.Socket;

const dialPlain = (port: number, ca: string | undefined, more: object) => {
  const options = { host: HOST, port, noDelay: true, ...more };
  return ca === undefined ? net.connect(options) : tls.connect({ ...options, ca });
};

const DIALS: Readonly<Record<"onread" | "events", Dial>> = {
  onread: (port, ca, onread) => dialPlain(port, ca, { onread }),
  events(port, ca, { callback }) {
    const socket = dialPlain(port, ca, {});
    socket.on("data", (bytes) => {
      if (!callback(bytes.length, bytes)) socket.pause();
    });
    return socket;
  },
};

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
  readonly #questions: string;
  #got = 0;
  again: () => boolean = () => false;

  constructor(dial: Dial, port: number, batch = 1, ca?: string) {
    this.#questions = PING.repeat(batch);
    this.socket = dial(port, ca, {
      buffer: answer,
      callback: (count) => {
        this.#got += count;
        if (this.#got < PONG.length * batch) return true;
        this.#got = 0;
        if (this.again()) this.ask();
        return true;
      },
    });
  }

  ask(): void {
    this.socket.write(this.#questions, "latin1");
  }
}

/** Runs this process as a contestant that reads in that form. */
export async function contestNode(form: keyof typeof DIALS): Promise<void> {
  const dial = DIALS[form];
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

    async ask(port, batch, ca) {
      const asker = new Asker(dial, port, batch, ca);
      await connected(asker.socket);
      return (slice) =>
        new Promise((resolve) => {
          let operations = 0;
          asker.again = () => {
            operations += batch;
            if (!slice.over) return true;
            resolve(operations);
            return false;
          };
          asker.ask();
        });
    },

    async idle(port) {
      const asker = new Asker(dial, port);
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

    async open(port) {
      const socket = dial(port, undefined, { buffer: answer, callback: () => true });
      await connected(socket);
      return {
        send: (bytes) => new Promise((resolve) => socket.write(bytes, resolve)),
        close: () => socket.destroy(),
      };
    },

    udp: askDatagrams,
  });
}
