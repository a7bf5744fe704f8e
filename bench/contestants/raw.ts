/**
 * What somebody would write who has only the runtime: bytes straight off the socket, and the frames
 * cut out of them by hand, without errors, timeouts, limits or an answer to a peer that ends early.
 * How bytes come is the runtime's business (`raw_deno.ts`, `raw_bun.ts`, `raw_node.ts`).
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { certificates } from "../../tests/helpers/certificates.ts";
import type { Case } from "../cases.ts";
import { contest, type Done, type Prepare, type Slice } from "../contest.ts";
import { delimiterOf, joined } from "../wire.ts";
import { cycles, cyclesOn, frameSizes } from "./awaited.ts";

const CHUNK_BYTES = 65536;

/** Where bytes go: into the memory it offers, or into any other if the runtime has its own. */
export interface Sink {
  room(): Uint8Array;
  took(bytes: Uint8Array): void;
  /** All that was done so far. */
  operations: number;
  bytes: number;
}

/** A connection to send on. */
export interface Opened {
  /** Resolves when the system has all bytes. */
  send(bytes: Uint8Array): Promise<unknown>;
  close(): void;
}

/** What a runtime must be able to do; with TLS where there is a certificate to trust. */
export interface Raw {
  /** Connects, and answers what fills the sink until a slice is over. */
  read(port: number, sink: Sink, ca?: string): Promise<(slice: Slice) => Promise<void>>;
  /** Connects, and answers what asks and waits for the answers until a slice is over. */
  ask(port: number, batch: number, ca?: string): Promise<(slice: Slice) => Promise<number>>;
  /** One connection that has asked and got its answer. */
  idle(port: number): Promise<unknown>;
  /** Connects. */
  open(port: number): Promise<Opened>;
  /** Answers what sends a datagram and waits for one. */
  udp?(port: number): Promise<() => Promise<void>>;
}

/** Runs this process as a contestant without a library. */
export async function contestRaw(raw: Raw): Promise<void> {
  const trusted = async ({ secure }: Case) => secure ? (await certificates()).ca.cert : undefined;
  const reads = (make: (it: Case) => Sink | undefined): Prepare => async (port, it) => {
    const sink = make(it);
    const read = sink && await raw.read(port, sink, await trusted(it));
    return read && (async (slice): Promise<Done> => {
      const { operations, bytes } = sink;
      await read(slice);
      return { operations: sink.operations - operations, bytes: sink.bytes - bytes };
    });
  };
  const asks: Prepare = async (port, it) => {
    const { connections = 1, batch = 1 } = it;
    const ca = await trusted(it);
    const all: ((slice: Slice) => Promise<number>)[] = [];
    for (let k = 0; k < connections; k++) all.push(await raw.ask(port, batch, ca));
    return async (slice): Promise<Done> => {
      const counts = await Promise.all(all.map((ask) => ask(slice)));
      return { operations: counts.reduce((sum, count) => sum + count, 0), bytes: 0 };
    };
  };
  const { udp } = raw;
  await contest({
    works: {
      ask: asks,
      // A stack of connections is nothing beside the exchange, and all there is without one.
      pool: async (port, it) => it.exchange && await asks(port, it),
      lines: reads((it) => new Lines(frameSizes(it).size)),
      exact: reads(({ size = 0 }) => size < CHUNK_BYTES ? new Frames(size) : new LargeFrames(size)),
      // To join what has come and look through all of it again is quick to write, and quadratic.
      until: reads((it) =>
        it.size! < CHUNK_BYTES ? new Parts(it.size!, delimiterOf(it)) : undefined
      ),
      any: reads(() => new Chunks(() => new Uint8Array(CHUNK_BYTES))),
      into: reads(({ size = 0 }) => {
        const memory = new Uint8Array(size);
        return new Chunks(() => memory);
      }),
      send: cyclesOn(
        async (port, { message }) => ({ sock: await raw.open(port), bytes: joined(message!) }),
        ({ sock, bytes }) => sock.send(bytes),
      ),
      connect: async (port) => cycles(async () => (await raw.open(port)).close()),
      ...(udp && { udp: async (port) => cycles(await udp(port)) }),
    },
    async hold(port, connections) {
      const all: unknown[] = [];
      for (let k = 0; k < connections; k++) all.push(await raw.idle(port));
      return all;
    },
  });
}

const chunk = new Uint8Array(CHUNK_BYTES);

/** Reads as they come. */
class Chunks implements Sink {
  readonly room: () => Uint8Array;
  operations = 0;
  bytes = 0;
  last: Uint8Array | undefined;

  constructor(room: () => Uint8Array) {
    this.room = room;
  }

  took(bytes: Uint8Array): void {
    this.last = bytes;
    this.operations++;
    this.bytes += bytes.length;
  }
}

/** Lines, cut out of the text of each chunk. */
class Lines implements Sink {
  readonly #size: number;
  operations = 0;
  bytes = 0;
  last = "";
  #rest = "";

  constructor(size: number) {
    this.#size = size;
  }

  room(): Uint8Array {
    return chunk;
  }

  took(bytes: Uint8Array): void {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
    let at = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", at)) {
      const line = this.#rest === "" ? text.slice(at, end) : this.#rest + text.slice(0, end);
      this.#rest = "";
      this.last = line.endsWith("\r") ? line.slice(0, -1) : line;
      if (this.last.length !== this.#size) throw new Error("Wrong size");
      this.operations++;
      at = end + 1;
    }
    this.#rest += text.slice(at);
    this.bytes += bytes.length;
  }
}

/** Frames of one size, smaller than a chunk: views of chunks that are not read into again. */
class Frames implements Sink {
  readonly #size: number;
  operations = 0;
  bytes = 0;
  last: Uint8Array | undefined;
  #rest: Uint8Array | undefined;

  constructor(size: number) {
    this.#size = size;
  }

  room(): Uint8Array {
    return new Uint8Array(CHUNK_BYTES);
  }

  took(bytes: Uint8Array): void {
    const size = this.#size;
    let at = 0;
    if (this.#rest !== undefined) {
      at = Math.min(size - this.#rest.length, bytes.length);
      this.#rest = Buffer.concat([this.#rest, bytes.subarray(0, at)]);
      if (this.#rest.length === size) {
        this.last = this.#rest;
        this.#rest = undefined;
        this.operations++;
      }
    }
    for (; at + size <= bytes.length; at += size) {
      this.last = bytes.subarray(at, at + size);
      this.operations++;
    }
    if (at < bytes.length) this.#rest = bytes.subarray(at);
    this.bytes += bytes.length;
  }
}

/** Frames of one size, larger than a chunk: read in place where the runtime can. */
class LargeFrames implements Sink {
  operations = 0;
  bytes = 0;
  last: Uint8Array | undefined;
  #frame: Uint8Array;
  #at = 0;

  constructor(size: number) {
    this.#frame = new Uint8Array(size);
  }

  room(): Uint8Array {
    return this.#frame.subarray(this.#at);
  }

  took(bytes: Uint8Array): void {
    this.bytes += bytes.length;
    if (bytes.buffer === this.#frame.buffer) return this.#grow(bytes.length);
    for (let at = 0; at < bytes.length;) {
      const piece = bytes.subarray(at, at + this.#frame.length - this.#at);
      this.#frame.set(piece, this.#at);
      this.#grow(piece.length);
      at += piece.length;
    }
  }

  #grow(size: number): void {
    this.#at += size;
    if (this.#at < this.#frame.length) return;
    this.last = this.#frame;
    this.operations++;
    this.#frame = new Uint8Array(this.last.length);
    this.#at = 0;
  }
}

/** Parts up to a delimiter: views of chunks, as above. */
class Parts implements Sink {
  readonly #size: number;
  readonly #delimiter: Buffer;
  operations = 0;
  bytes = 0;
  last: Uint8Array | undefined;
  #rest: Uint8Array | undefined;

  constructor(size: number, delimiter: string) {
    this.#size = size;
    this.#delimiter = Buffer.from(delimiter);
  }

  room(): Uint8Array {
    return new Uint8Array(CHUNK_BYTES);
  }

  took(bytes: Uint8Array): void {
    const all = this.#rest ? Buffer.concat([this.#rest, bytes]) : bytes;
    const text = Buffer.from(all.buffer, all.byteOffset, all.length);
    let at = 0;
    for (let end = text.indexOf(this.#delimiter); end >= 0;) {
      this.last = all.subarray(at, end);
      if (this.last.length !== this.#size) throw new Error("Wrong size");
      this.operations++;
      at = end + this.#delimiter.length;
      end = text.indexOf(this.#delimiter, at);
    }
    this.#rest = at < all.length ? all.subarray(at) : undefined;
    this.bytes += bytes.length;
  }
}
