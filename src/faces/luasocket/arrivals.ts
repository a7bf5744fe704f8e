// Connections that came to a listening socket, until somebody accepts them. An
// accept is never cancelled, only left behind: whom it brings is for the next one.

import { tellAccepted } from "../../diagnostics.ts";
import { mapError } from "../../drivers/map_error.ts";
import { Stream } from "../../stream.ts";
import type { Acceptor, Transport } from "../../transport.ts";
import type { Watch } from "./waiting.ts";
import { waitUntil } from "./waiting.ts";
import { wordFor } from "./words.ts";

/** The queue of a listening socket. */
export class Arrivals {
  readonly #acceptor: Acceptor;
  readonly #watch: Watch;
  readonly #onChange: () => void;
  readonly #waiting: Stream[] = [];
  #failure: unknown;
  #accepting = false;
  #closed = false;

  constructor(acceptor: Acceptor, watch: Watch, onChange: () => void) {
    this.#acceptor = acceptor;
    this.#watch = watch;
    this.#onChange = onChange;
    acceptor.unref();
  }

  get address(): Acceptor["address"] {
    return this.#acceptor.address;
  }

  /** Whether an accept would be answered at once. */
  get ready(): boolean {
    return this.#waiting.length > 0 || this.#failure !== undefined || this.#closed;
  }

  /** Has an accept in flight. */
  attend(): void {
    if (this.#accepting || this.ready) return;
    this.#accepting = true;
    this.#acceptor.accept().then((transport) => {
      if (this.#closed || transport === null) transport?.close();
      else this.#waiting.push(accepted(transport));
      this.#told();
    }, (error) => {
      this.#failure = mapError(error, "accept", "Cannot accept");
      this.#told();
    });
  }

  /** The next connection, or why there is none. */
  async take(ms: number): Promise<Stream | string> {
    for (;;) {
      this.attend();
      if (!await waitUntil(() => this.ready, this.#watch, ms)) return "timeout";
      const stream = this.#waiting.shift();
      if (stream !== undefined) return stream;
      if (this.#closed) return "closed";
      const failure = this.#failure;
      this.#failure = undefined;
      if (failure !== undefined) return wordFor(failure);
    }
  }

  /** Stops listening; who was not accepted is dropped. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#acceptor.close();
    for (const stream of this.#waiting.splice(0)) stream.abort();
    this.#onChange();
  }

  #told(): void {
    this.#accepting = false;
    this.#onChange();
  }
}

function accepted(transport: Transport): Stream {
  const stream = new Stream(transport, undefined, { side: "server" });
  tellAccepted(stream.connection, transport.remoteAddress);
  return stream;
}
