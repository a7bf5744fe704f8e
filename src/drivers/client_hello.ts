// The name that a client asks for, read off the first message it sends. We look
// ourselves: Bun's `node:tls` asks nobody when it runs over a Duplex, and what is
// thrown on Deno by whom it asks nobody can catch.

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const HOST_NAME = 0;
const MOST_BYTES = 64 * 1024;

/**
 * The name, `null` if there is none or this is no such message, `undefined` if
 * more bytes are needed to tell.
 */
export function serverNameOf(bytes: Uint8Array): string | null | undefined {
  const hello = helloOf(bytes);
  if (!(hello instanceof Uint8Array)) return hello;
  const reader = new Reader(hello);
  reader.skip(2 + 32); // version, random
  reader.skip(reader.number(1)); // session
  reader.skip(reader.number(2)); // ciphers
  reader.skip(reader.number(1)); // compressions
  const extensions = new Reader(reader.take(reader.number(2)));
  while (extensions.left > 0) {
    const type = extensions.number(2);
    const data = new Reader(extensions.take(extensions.number(2)));
    if (type === SERVER_NAME) return hostNameOf(data);
  }
  return null;
}

/** The body of the message, put together from its records. */
function helloOf(bytes: Uint8Array): Uint8Array | null | undefined {
  const message: number[] = [];
  let size = 4;
  for (let at = 0; message.length < size;) {
    if (at < bytes.length && bytes[at] !== HANDSHAKE) return null;
    if (at + 5 > bytes.length) return bytes.length > MOST_BYTES ? null : undefined;
    const length = bytes[at + 3]! * 256 + bytes[at + 4]!;
    if (length === 0) return null;
    for (const byte of bytes.subarray(at + 5, at + 5 + length)) message.push(byte);
    at += 5 + length;
    if (message.length >= 1 && message[0] !== CLIENT_HELLO) return null;
    if (message.length >= 4) {
      size = 4 + message[1]! * 65536 + message[2]! * 256 + message[3]!;
      if (size > MOST_BYTES) return null;
    }
  }
  return Uint8Array.from(message.slice(4, size));
}

function hostNameOf(list: Reader): string | null {
  const names = new Reader(list.take(list.number(2)));
  while (names.left > 0) {
    const type = names.number(1);
    const name = names.take(names.number(2));
    if (type === HOST_NAME) return String.fromCharCode(...name.subarray(0, 255));
  }
  return null;
}

/** Reads numbers and runs of bytes; behind the end there are none. */
class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  number(size: 1 | 2): number {
    return this.take(size).reduce((number, byte) => number * 256 + byte, 0);
  }

  skip(size: number): void {
    this.take(size);
  }

  take(size: number): Uint8Array {
    const end = Math.min(this.#at + size, this.#bytes.length);
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}
