// What stands for a stream socket of the system's: made, bound, listening,
// connecting, connected, or left by an attempt that failed. The objects that
// programs hold come and go around it, and change their class; this is what a
// descriptor's number means.

import { openListener, openStream } from "../../connect.ts";
import { mapError } from "../../drivers/map_error.ts";
import type { Framer } from "../../framing.ts";
import type { Stream } from "../../stream.ts";
import type { Address } from "../../transport.ts";
import { Arrivals } from "./arrivals.ts";
import { Connection, type Received } from "./connection.ts";
import { Descriptor } from "./descriptor.ts";
import { Settings } from "./settings.ts";
import { longestWaitMs, type Waits } from "./timeouts.ts";
import { settled, waitUntil } from "./waiting.ts";
import { BAD_DESCRIPTOR, IN_PROGRESS, INVALID, NOT_CONNECTED, wordFor } from "./words.ts";

/** Which addresses a socket has. */
export type Family = "inet" | "inet6" | "unix";

type State =
  | { readonly is: "fresh" }
  /** The port is held by listening on it: no runtime holds one otherwise. */
  | { readonly is: "bound"; readonly arrivals: Arrivals }
  | { readonly is: "listening"; readonly arrivals: Arrivals }
  | { readonly is: "connecting"; readonly giveUp: AbortController }
  | { readonly is: "connected"; readonly connection: Connection }
  /** `error` is what the system has to tell once. */
  | { readonly is: "failed"; readonly error: string | undefined; readonly isEarly: boolean }
  | { readonly is: "closed" };

// More are closed by runtimes that accept before they are asked.
const MOST_WAITING = 511;

// What the system knows before it has sent anything.
const KNOWN_AT_ONCE = ["unreachable", "address not available", "denied", "unsupported"];

/** A stream socket of the system's. */
export class Endpoint extends Descriptor {
  readonly family: Family;
  readonly settings: Settings;
  #state: State = { is: "fresh" };
  #local: Address | undefined;
  #shut = { send: false, receive: false };
  // Linux has an answer for who connects, and one more for who asks how that ended.
  #owesAnswer = false;

  constructor(family: Family, settings: Settings = new Settings()) {
    super();
    this.family = family;
    this.settings = settings;
  }

  /** A connection that came to a listening one. */
  static accepted(family: Family, stream: Stream, at: Address): Endpoint {
    const endpoint = new Endpoint(family);
    if (family === "unix") endpoint.#local = at;
    endpoint.#connected(stream);
    return endpoint;
  }

  get connection(): Connection | undefined {
    return this.#state.is === "connected" ? this.#state.connection : undefined;
  }

  /** Whether nothing was done with it yet. */
  get isFresh(): boolean {
    return this.#state.is === "fresh";
  }

  get isClosed(): boolean {
    return this.#state.is === "closed";
  }

  override get readable(): boolean {
    const state = this.#state;
    switch (state.is) {
      case "connected":
        return state.connection.readable;
      case "listening":
        return state.arrivals.ready;
      case "connecting":
        return false;
      default:
        return true;
    }
  }

  override get writable(): boolean {
    const state = this.#state;
    if (state.is === "connected") return state.connection.writable;
    return state.is !== "listening" && state.is !== "connecting";
  }

  override attend(): void {
    const state = this.#state;
    if (state.is === "listening") state.arrivals.attend();
    if (state.is !== "connected") return;
    const { stream } = state.connection;
    stream.attend();
    stream.departure?.then(() => this.changed());
  }

  /** Binds it; says why not. */
  async bind(at: Address): Promise<string | undefined> {
    if (this.#state.is !== "fresh" || this.#local !== undefined) return INVALID;
    return await this.#hold(at, "bound");
  }

  /** Listens; says why not. */
  async listen(): Promise<string | undefined> {
    const state = this.#state;
    if (state.is === "bound") {
      this.#state = { is: "listening", arrivals: state.arrivals };
    } else if (state.is === "fresh" && this.family !== "unix") {
      return await this.#hold({ hostname: anyAddress(this.family), port: 0 }, "listening");
    } else if (state.is !== "listening") {
      return INVALID;
    }
    return undefined;
  }

  /** The next connection, or why there is none. */
  async accept(waits: Waits): Promise<Endpoint | string> {
    const state = this.#state;
    if (state.is !== "listening") return INVALID;
    const got = await state.arrivals.take(longestWaitMs(waits));
    return typeof got === "string"
      ? got
      : Endpoint.accepted(this.family, got, state.arrivals.address);
  }

  /**
   * Connects; says why not. An attempt that takes too long goes on.
   *
   * @param isHasty Whether the answer is not waited for.
   */
  async connect(to: Address, waits: Waits, isHasty: boolean): Promise<string | undefined> {
    const state = this.#state;
    switch (state.is) {
      case "connecting":
        return IN_PROGRESS;
      case "listening":
        return "already connected";
      case "connected":
        if (!this.#owesAnswer) return "already connected";
        this.#owesAnswer = false;
        if (!state.connection.wasReset) return undefined;
        this.#state = { is: "fresh" };
        return state.connection.takeError() ?? "closed";
      case "failed":
        // Linux: the next attempt ends the one that failed.
        this.#state = { is: "fresh" };
        return state.error ?? "closed";
      case "closed":
        return BAD_DESCRIPTOR;
      case "bound":
        this.#local = state.arrivals.address;
        state.arrivals.close();
        await settled();
        break;
    }
    this.#attempt(to);
    return await this.#outcome(waits, isHasty);
  }

  /** Reads by a framer; see `Connection`. */
  async receive(
    frame: Framer<string>,
    waits: Waits,
    opens: boolean,
    holder: object,
  ): Promise<Received> {
    await this.#decided(waits);
    const state = this.#state;
    const failed = (error: string) => ({ text: "", error });
    switch (state.is) {
      case "connected":
        return await state.connection.receive(frame, waits, opens, holder);
      case "connecting":
        return failed("timeout");
      case "failed":
        return failed(this.takeError() ?? "closed");
      case "closed":
        return failed("closed");
      default:
        return failed(this.#shut.receive ? "closed" : NOT_CONNECTED);
    }
  }

  /** Sends; says how much, and what went wrong. */
  async send(
    bytes: Uint8Array,
    waits: Waits,
    holder: object,
  ): Promise<readonly [number, string | undefined]> {
    await this.#decided(waits);
    const state = this.#state;
    switch (state.is) {
      case "connected":
        return await state.connection.send(bytes, waits, holder);
      case "connecting":
        return [0, "timeout"];
      default:
        return [0, this.takeError() ?? "closed"];
    }
  }

  /** What the system has to tell of the socket; it tells it once. */
  takeError(): string | undefined {
    const state = this.#state;
    if (state.is === "connected") return state.connection.takeError();
    if (state.is !== "failed") return undefined;
    this.#state = { ...state, error: undefined };
    return state.error;
  }

  /** Ends one direction, or both; what is not connected has none, and says nothing. */
  shutdown(how: "both" | "send" | "receive"): void {
    const { connection } = this;
    this.#owesAnswer = false;
    const state = this.#state;
    // What listens, or connects, Linux gives up by that, and nothing is shut.
    if (state.is === "connecting" || (state.is === "listening" && how !== "send")) {
      this.#state = { is: "fresh" };
      if (state.is === "connecting") return state.giveUp.abort();
      this.#local = state.arrivals.address;
      return state.arrivals.close();
    }
    if (how !== "receive") {
      this.#shut.send = true;
      connection?.stream.closeWrite().catch(ignore);
    }
    if (how !== "send") {
      this.#shut.receive = true;
      if (connection) connection.shutReceive = true;
    }
    this.changed();
  }

  /** Our end, or why there is none. */
  get localAddress(): Address | string {
    const state = this.#state;
    if (state.is === "closed") return BAD_DESCRIPTOR;
    if (state.is === "bound" || state.is === "listening") return state.arrivals.address;
    return this.connection?.stream.transport.localAddress ?? this.#local ?? this.#unnamed();
  }

  /** The other end, or why there is none. */
  get remoteAddress(): Address | string {
    if (this.isClosed) return BAD_DESCRIPTOR;
    const { connection } = this;
    if (connection === undefined || connection.isOver) return NOT_CONNECTED;
    return connection.stream.transport.remoteAddress ?? this.#unnamed();
  }

  /** Sets a switch of the connection, now and when there is one. */
  set(name: "keepAlive" | "noDelay", on: boolean): void {
    this.settings[name] = on;
    this.connection?.stream.transport.setOption(name, on);
  }

  /** Releases it, and resolves when the system has its name and port back. */
  async close(): Promise<void> {
    const state = this.#state;
    if (state.is === "closed") return;
    this.#state = { is: "closed" };
    this.discard();
    if (state.is === "connecting") state.giveUp.abort();
    if (state.is === "bound" || state.is === "listening") {
      state.arrivals.close();
      await settled();
    }
    if (state.is === "connected") await this.#part(state.connection);
  }

  async #hold(at: Address, is: "bound" | "listening"): Promise<string | undefined> {
    try {
      // The number is for the system's queue; what it cannot hold waits outside.
      const acceptor = await openListener(at, {
        backlog: MOST_WAITING,
        maxPending: MOST_WAITING,
        noDelay: false,
        ipv6Only: this.family === "inet6" && this.settings.ipv6Only,
      });
      const changed = () => this.changed();
      const arrivals = new Arrivals(acceptor, (wake) => this.watch(wake), changed);
      this.#state = { is, arrivals };
      return undefined;
    } catch (error) {
      return wordFor(error);
    }
  }

  #attempt(to: Address): void {
    const giveUp = new AbortController();
    this.#state = { is: "connecting", giveUp };
    this.#owesAnswer = true;
    const local = this.#local && "port" in this.#local ? this.#local : undefined;
    openStream(to, {
      timeoutMs: 0,
      signal: giveUp.signal,
      noDelay: this.settings.noDelay,
      ...(local && { localAddress: local.hostname }),
      ...(local && local.port > 0 && { localPort: local.port }),
    }).then((stream) => {
      if (this.#state.is === "connecting") this.#connected(stream);
      else stream.close();
    }, (error) => {
      if (this.#state.is !== "connecting") return;
      const mapped = mapError(error, "connect", "Cannot connect");
      const isEarly = KNOWN_AT_ONCE.includes(mapped.code);
      this.#state = { is: "failed", error: wordFor(mapped), isEarly };
      this.changed();
    });
  }

  async #outcome(waits: Waits, isHasty: boolean): Promise<string | undefined> {
    if (isHasty) {
      await settled();
      return this.#state.is === "failed" && this.#state.isEarly ? this.takeError() : "timeout";
    }
    await this.#decided(waits);
    switch (this.#state.is) {
      case "connected":
        return undefined;
      case "connecting":
        return "timeout";
      default:
        return this.takeError() ?? "closed";
    }
  }

  /** Waits for how an attempt ends, if one is under way. */
  async #decided(waits: Waits): Promise<void> {
    if (this.#state.is !== "connecting") return;
    const isDecided = () => this.#state.is !== "connecting";
    await waitUntil(isDecided, (wake) => this.watch(wake), longestWaitMs(waits));
  }

  #connected(stream: Stream): void {
    const connection = new Connection(stream, () => this.changed());
    this.#state = { is: "connected", connection };
    if (this.settings.keepAlive) stream.transport.setOption("keepAlive", true);
    this.changed();
  }

  /** What was handed over goes out; nobody waits for that, unless they asked to. */
  async #part({ stream }: Connection): Promise<void> {
    const { linger } = this.settings;
    // As the system does it where something lies unread.
    if (stream.buffer.length > 0 || (linger.on && linger.timeout === 0)) return stream.abort();
    const { departure } = stream;
    if (departure === undefined) return stream.close();
    const gone = departure.then(() => stream.close());
    if (!linger.on) return;
    const timer = setTimeout(() => stream.close(), linger.timeout * 1000);
    await gone;
    clearTimeout(timer);
  }

  #unnamed(): Address {
    return this.family === "unix" ? { path: "" } : { hostname: anyAddress(this.family), port: 0 };
  }
}

/** The address that stands for all of the machine. */
export function anyAddress(family: Family): string {
  return family === "inet6" ? "::" : "0.0.0.0";
}

function ignore(): void {}
