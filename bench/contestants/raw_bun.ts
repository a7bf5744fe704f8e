/** `Bun.connect`: its own callbacks, and its own memory. */

import type { Slice } from "../contest.ts";
import { DATAGRAM, HOST, PING, PONG } from "../wire.ts";
import { contestRaw } from "./raw.ts";

/** The little of Bun that is used here. */
interface BunSocket {
  write(data: string | Uint8Array): number;
  end(): void;
  pause(): void;
  resume(): void;
  setNoDelay(on: boolean): void;
}

declare const Bun: {
  connect(options: {
    hostname: string;
    port: number;
    tls?: { ca: string; serverName: string };
    socket: {
      data(socket: BunSocket, bytes: Uint8Array): void;
      drain?(socket: BunSocket): void;
    };
  }): Promise<BunSocket>;
  udpSocket(options: {
    connect: { hostname: string; port: number };
    socket: { data(socket: unknown, bytes: Uint8Array): void };
  }): Promise<{ send(data: string): boolean }>;
};

interface Run {
  readonly slice: Slice;
  finish(): void;
}

const secured = (ca: string | undefined) =>
  ca === undefined ? {} : { tls: { ca, serverName: HOST } };

async function asker(port: number, batch = 1, ca?: string) {
  const questions = PING.repeat(batch);
  let got = 0;
  const self = { ask: () => {}, again: () => false };
  const socket = await Bun.connect({
    hostname: HOST,
    port,
    ...secured(ca),
    socket: {
      data(socket, bytes) {
        got += bytes.length;
        if (got < PONG.length * batch) return;
        got = 0;
        if (self.again()) socket.write(questions);
      },
    },
  });
  socket.setNoDelay(true);
  self.ask = () => void socket.write(questions);
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

  async ask(port, batch, ca) {
    const self = await asker(port, batch, ca);
    return (slice) =>
      new Promise((resolve) => {
        let operations = 0;
        self.again = () => {
          operations += batch;
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

  async open(port) {
    let drained = () => {};
    const socket = await Bun.connect({
      hostname: HOST,
      port,
      socket: { data() {}, drain: () => drained() },
    });
    socket.setNoDelay(true);
    return {
      async send(bytes) {
        for (let sent = socket.write(bytes); sent < bytes.length;) {
          await new Promise<void>((resolve) => drained = resolve);
          sent += socket.write(bytes.subarray(sent));
        }
      },
      close: () => socket.end(),
    };
  },

  async udp(port) {
    let came = () => {};
    const socket = await Bun.udpSocket({
      connect: { hostname: HOST, port },
      socket: { data: () => came() },
    });
    return () =>
      new Promise((resolve) => {
        came = resolve;
        socket.send(DATAGRAM);
      });
  },
});
