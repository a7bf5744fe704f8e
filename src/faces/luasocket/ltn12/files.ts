// Files as the runtimes have them: what `Deno.open` gives, and what `open` of
// `node:fs/promises` gives. Both put bytes into memory that they are handed.

import { bytesOf, byteString } from "../../../bytes.ts";
import { LuaError } from "../../lua.ts";
import { dataText } from "../calls.ts";
import type { Chunk, SinkResult, SourceResult } from "./types.ts";

/**
 * A file that can be read.
 *
 * @example
 * ```ts
 * import { ltn12, type ReadableFile } from "@cosocket/cosocket/luasocket";
 *
 * // What `Deno.open` and `open` of "node:fs/promises" give is one; here is a small one.
 * const pieces = ["one, ", "two"];
 * const file: ReadableFile = {
 *   read: async (into) => new TextEncoder().encodeInto(pieces.shift() ?? "", into).written,
 *   close: () => console.log("closed"),
 * };
 * const [sink, chunks] = ltn12.sink.table();
 * await ltn12.pump.all(ltn12.source.file(file), sink); // closed
 * console.log(chunks); // [ "one, ", "two" ]
 * ```
 */
export interface ReadableFile {
  /** Puts bytes into `into`, at most `length`; says how many, `null` or 0 at the end. */
  read(
    into: Uint8Array,
    offset: number,
    length: number,
  ): Promise<number | null | { readonly bytesRead: number }>;
  /** Closes it. */
  close(): unknown;
}

/**
 * A file that can be written.
 *
 * @example
 * ```ts
 * import { ltn12, type WritableFile } from "@cosocket/cosocket/luasocket";
 *
 * let size = 0;
 * const file: WritableFile = {
 *   write: async (bytes) => (size += bytes.length, bytes.length),
 *   close: () => console.log(`${size} bytes`), // 9 bytes
 * };
 * await ltn12.pump.all(ltn12.source.string("some text"), ltn12.sink.file(file));
 * ```
 */
export interface WritableFile {
  /** Writes bytes; says how many it took. */
  write(bytes: Uint8Array): Promise<number | { readonly bytesWritten: number }>;
  /** Closes it. */
  close(): unknown;
}

const CLOSED = "attempt to use a closed file";

/** Reads a file block by block, and closes it at its end. */
export function readFrom(handle: ReadableFile): {
  read(size: number): Promise<SourceResult>;
  close(): Promise<void>;
} {
  const { use, close } = oneClose(handle);
  return {
    close,
    read: (size) =>
      use(async () => {
        const block = new Uint8Array(size);
        const result = await handle.read(block, 0, size);
        const count = typeof result === "object" ? result?.bytesRead : result;
        if (count) return [byteString(block, 0, count)];
        await close();
        return [null];
      }),
  };
}

/** Writes a file chunk by chunk, and closes it at their end. */
export function writeTo(handle: WritableFile): (chunk: Chunk) => Promise<SinkResult> {
  const { use, close } = oneClose(handle);
  return (chunk) =>
    use(async () => {
      if (chunk === null) {
        await close();
        return [1];
      }
      let bytes = bytesOf(dataText(chunk, "write"));
      while (bytes.length > 0) {
        const result = await handle.write(bytes);
        bytes = bytes.subarray(typeof result === "object" ? result.bytesWritten : result);
      }
      return [true];
    });
}

/** A file is closed once; what is done with it afterwards is a mistake. */
function oneClose(handle: { close(): unknown }) {
  let closed = false;
  return {
    async use<T>(work: () => Promise<T>): Promise<T | [null, string]> {
      if (closed) throw new LuaError(CLOSED);
      try {
        return await work();
      } catch (error) {
        // The system's refusals are values; the caller's mistakes are not.
        if (error instanceof LuaError || error instanceof TypeError) throw error;
        return [null, error instanceof Error ? error.message : String(error)];
      }
    },
    async close(): Promise<void> {
      if (closed) return;
      closed = true;
      await handle.close();
    },
  };
}
