/** `Bun.connect`: its own callbacks, and its own memory. */

import type { Slice } from "../contest.ts";
import { HOST, PING, PONG } from "../wire.ts";
import { contestRaw } from "./raw.ts";

/** The little of Bun that is used here. */
interface BunSocket {
  write(data: string): number;
  pause(): void;
  resume(): void;
  setNoDelay(on: boolean): void;
}

declare const Bun: {
  connect(options: {
    hostname: string;
    port: number;
    tls?: { ca: string; serverName: string };
    socket: { data(socket: BunSocket, bytes: Uint8Array): void };
  }): Promise<BunSocket>;
};

interface Run {
  readonly slice: Slice;
  finish(): void;
}

const secured = (ca: string | undefined) =>
  ca === undefined ? {} : { tls: { ca, serverName: HOST } };

async function asker(port: number, ca?: string) {
  let got = 0;
  const self = { ask: () => {}, again: () => false };
  const socket = await Bun.connect({
    hostname: HOST,
    port,
    ...secured(ca),
    socket: {
      data(socket, bytes) {
        got += bytes.length;
        if (got < PONG.length) return;
        got = 0;
        if (self.again()) socket.write(PING);
      },
    },
  });
  socket.setNoDelay(true);
  self.ask = () => void socket.write(PING);
  return self;
}

await contestRaw({
  async read(port, sink, ca) {
    let run: Run | undefined;
    const socket = await Bun.connect({
      hostname: HOST,
      port,
      ...secured(ca),
      socket: {
        data(socket, bytes) {
          sink.took(bytes);
          if (run === undefined) return void socket.pause();
          if (!run.slice.over) return;
          run.finish();
          run = undefined;
          socket.pause();
        },
      },
    });
    return (slice) =>
      new Promise((finish) => {
        run = { slice, finish };
        socket.resume();
      });
  },

  async ping(port, ca) {
    const self = await asker(port, ca);
    return (slice) =>
      new Promise((resolve) => {
        let operations = 0;
        self.again = () => {
          operations++;
          if (!slice.over) return true;
          resolve(operations);
          return false;
        };
        self.ask();
      });
  },

  async idle(port) {
    const self = await asker(port);
    await new Promise<void>((resolve) => {
      self.again = () => {
        resolve();
        return false;
      };
      self.ask();
    });
    return self;
  },
});
