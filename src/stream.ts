// Transport, buffer, one pull and one alarm: what every handle stands on.
//
// A stream refers to no handle, and a handle is one lend of it. It reads nothing
// that nobody asked for. A pull is never cancelled, only left behind: who gave
// up on it is detached, and its bytes are for whoever asks next. So a timeout
// loses nothing.

import { ByteBuffer } from "./buffer.ts";
import { channelOf, nextConnection, tellTimeout } from "./diagnostics.ts";
import { Alarm, type Clock, systemClock } from "./drivers/clock.ts";
import { mapError } from "./drivers/map_error.ts";
import { cannotStartTls } from "./drivers/secure.ts";
import { SocketError, type SocketErrorCode, type SocketOperation } from "./errors.ts";
import type { Framer } from "./framing.ts";
import { addressText, TAKEN, type Transport } from "./transport.ts";

/** What bounds one call. */
export interface Limits {
  /** Milliseconds without a byte; 0 for no limit. Looked at anew with each arrival. */
  readonly timeoutMs: number;
  /** Milliseconds for the whole call. */
  readonly deadlineMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

// A send that gives up leaves at most this much in the runtime's queue. Less would
// be no send of the original's: it gives the system all at once, and what that takes
// counts as sent, even if the peer has gone.
const SLICE_BYTES = 256 * 1024;
// One that counts what it got rid of cannot tell within a slice.
const PATIENT_SLICE_BYTES = 64 * 1024;

// Memory that drivers bring is a multiple of the one, and at most the other; what they
// had early is joined, and may be more.
const MEMORY_UNIT_BYTES = 512;
const MOST_OWN_BYTES = 64 * 1024;

const sends = channelOf("cosocket:send");
const arrivals = channelOf("cosocket:receive");
const closes = channelOf("cosocket:close");

/**
 * One who waits for a direction to move on. Where it moves on, it is served there
 * and then: neither an arrival nor a departure costs a promise of its own.
 */
interface Waiter {
  readonly limits: Limits;
  /** Its handle: nobody forgets a socket that somebody waits for. */
  readonly holder: object | undefined;
  /** When the call as a whole is over. */
  readonly endMs: number;
  /** When it has waited too long. */
  untilMs: number;
  /** Called by its signal. */
  giveUp: (() => void) | undefined;
  reject(error: unknown): void;
}

interface Reader extends Waiter {
  readonly frame: Framer<unknown>;
  resolve(value: unknown): void;
}

interface Writer extends Waiter {
  readonly bytes: Uint8Array;
  /** How much of them was handed to the system. */
  at: number;
  /** Whether a limit that passes is no failure. */
  readonly isPatient: boolean;
  resolve(count: number): void;
}

/** Which end of the connection this is, and what the other one was called. */
export type Role =
  | { readonly side: "client"; readonly hostname: string | undefined }
  | { readonly side: "server" };

const CLIENT: Role = { side: "client", hostname: undefined };

/** A connection that can be read frame by frame. */
export class Stream {
  readonly role: Role;
  /** Its number in this process, by which diagnostics call it. */
  readonly connection: number;
  readonly buffer: ByteBuffer = new ByteBuffer();
  readonly openedAtMs: number;
  readonly #clock: Clock;
  readonly #alarm: Alarm;
  #transport: Transport;
  #reader: Reader | undefined;
  #writer: Writer | undefined;
  // Another transport is being put in place: nobody reads or writes.
  #upgrading = false;
  #pulling = false;
  // The pull in flight.
  #pending: Promise<Uint8Array | null> | undefined;
  // Another has the pull that is in flight: its bytes are not for us.
  #pullIsGiven = false;
  // Whether a pending pull keeps the program alive: only while somebody waits.
  #referenced = true;
  // Why nothing more comes, or goes. Once set they stay; `close` sets both.
  #readEnd: "end" | SocketError | undefined;
  #writeEnd: SocketError | undefined;
  #writeClose: Promise<void> | undefined;
  #endingWrite = false;
  /** Whether the last pull may have left something behind, for it filled its memory. */
  pulledFull = false;
  // How much room a pull is offered, as far as one chunk of a driver's can fill it.
  #offeredBytes = 0;
  // The slice that is on its way to the system, whether its writer still waits or not.
  #departure: Promise<void> | undefined;
  #departingBytes = 0;
  // A send has no writer: the system takes it at once, and who sent it is told in this turn.
  #takenAtOnce = false;
  #closed = false;
  #failed = false;
  // What it failed with, if somebody wants to know.
  #failure: unknown;
  #bytesRead = 0;
  #bytesWritten = 0;
  /** Called once, when the connection is closes. */
  onClose: (() => void) | undefined;
  /** Called when something comes, or ends: a parked stream is no longer fit for use then. */
  onStir: (() => void) | undefined;

  constructor(
    transport: Transport,
    clock: Clock = systemClock,
    role: Role = CLIENT,
    connection: number = nextConnection(),
  ) {
    this.#transport = transport;
    this.role = role;
    this.connection = connection;
    this.#clock = clock;
    this.openedAtMs = clock.now();
    this.#alarm = new Alarm(clock, (nowMs) => this.#ring(nowMs));
  }

  get transport(): Transport {
    return this.#transport;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get reading(): boolean {
    return this.#reader !== undefined || this.#upgrading;
  }

  get writing(): boolean {
    return this.#writer !== undefined || this.#takenAtOnce || this.#upgrading;
  }

  /** Whether the peer has ended or cut off what it sends, as far as we were told. */
  get readEnded(): boolean {
    return this.#readEnd !== undefined;
  }

  /** Why nothing more comes, if that is not the peer's own end. */
  get readFailure(): SocketError | undefined {
    return this.#readEnd instanceof SocketError ? this.#readEnd : undefined;
  }

  get writeEnded(): boolean {
    return this.#writeEnd !== undefined;
  }

  /** Whether any call failed, which leaves the dialogue at an unknown point. */
  get failed(): boolean {
    return this.#failed;
  }

  get bytesRead(): number {
    return this.#bytesRead;
  }

  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  /** How long it has been open. */
  get ageMs(): number {
    return this.#clock.now() - this.openedAtMs;
  }

  /** What is in the buffer already costs no timer, no closure, no turn. */
  take<T>(frame: Framer<T>): T | undefined {
    if (this.reading) throw this.#error("busy", "receive", "another call is reading");
    return frame(this.buffer, this.#readEnd === "end");
  }

  /**
   * Every read that `take` could not serve: tries the frame with each arrival.
   *
   * @param holder The handle, which lives as long as the call.
   */
  read<T>(frame: Framer<T>, limits: Limits, holder?: object): Promise<T> {
    return new Promise<unknown>((resolve, reject) => {
      if (this.reading) throw this.#error("busy", "receive", "another call is reading");
      const { signal } = limits;
      if (signal?.aborted) throw this.#aborted("receive", signal);
      const endMs = this.#deadline(limits);
      const untilMs = endMs;
      const giveUp = signal && (() => this.#failRead(this.#aborted("receive", signal)));
      if (giveUp) signal.addEventListener("abort", giveUp);
      this.#reader = { frame, limits, holder, endMs, untilMs, giveUp, resolve, reject };
      this.#reference(true);
      this.#serve(this.#reader);
    }) as Promise<T>;
  }

  /** The reader gets its frame, or its failure, or waits for the next arrival. */
  #serve(reader: Reader): void {
    let ready: unknown;
    try {
      ready = reader.frame(this.buffer, this.#readEnd === "end");
      if (ready === undefined && this.#readEnd !== undefined) throw this.#endedEarly();
    } catch (error) {
      return this.#failRead(error);
    }
    if (ready === undefined) {
      reader.untilMs = this.#until(reader);
      this.#pull();
    } else {
      this.#leave(reader);
      reader.resolve(ready);
    }
  }

  #failRead(error: unknown): void {
    const reader = this.#reader;
    if (reader === undefined) return;
    this.#fail(error);
    this.#leave(reader);
    reader.reject(error);
  }

  /**
   * Resolves with the number of bytes once the system has all of them. A failure
   * leaves nobody knowing how many it took, so it ends the write side.
   *
   * @param holder The handle, which lives as long as the call.
   */
  write(bytes: Uint8Array, limits: Limits, holder?: object): Promise<number> {
    const { length } = bytes;
    const isSimple = length > 0 && length <= SLICE_BYTES && limits.signal === undefined;
    if (!isSimple || this.writing || this.#writeEnd !== undefined || this.#departure) {
      return this.#write(bytes, limits, holder, false);
    }
    // What the system takes at once, as it does most, needs nobody who waits for it.
    this.#takenAtOnce = true;
    const departure = this.#handOver(bytes);
    if (departure === TAKEN) return departure.then(this.#taken);
    this.#takenAtOnce = false;
    this.#departure = departure.then(this.#departed, this.#departFailed);
    return this.#write(bytes, limits, holder, false, length);
  }

  #taken = (): number => {
    const count = this.#departingBytes;
    this.#takenAtOnce = false;
    this.#departingBytes = 0;
    this.#bytesWritten += count;
    this.#leaveBehind();
    if (this.#closed) throw this.#writeEnd;
    return count;
  };

  /**
   * Hands over as much as the system takes within the limits, a deadline of 0 as
   * much as it takes at once; resolves with how many bytes, fewer than all if a limit
   * passed or the connection broke under way. A slice that is on its way when a limit
   * passes counts: it goes before all that is written later.
   */
  writeSome(bytes: Uint8Array, limits: Limits, holder?: object): Promise<number> {
    return this.#write(bytes, limits, holder, true);
  }

  /** Resolves when what was handed over is with the system; `undefined` if it is. */
  get departure(): Promise<void> | undefined {
    return this.#departure;
  }

  #write(
    bytes: Uint8Array,
    limits: Limits,
    holder: object | undefined,
    isPatient: boolean,
    at = 0,
  ): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.writing) throw this.#error("busy", "send", "another call is sending");
      const { signal } = limits;
      if (signal?.aborted) throw this.#aborted("send", signal);
      if (this.#writeEnd !== undefined) throw this.#writeEnd;
      if (bytes.length === 0) return resolve(0);
      const endMs = this.#deadline(limits);
      const untilMs = endMs;
      const giveUp = signal && (() => this.#failWrite(this.#aborted("send", signal)));
      if (giveUp) signal.addEventListener("abort", giveUp);
      const what = { bytes, at, isPatient };
      const writer = { ...what, limits, holder, endMs, untilMs, giveUp, resolve, reject };
      this.#writer = writer;
      this.#reference(true);
      if (this.#departure === undefined) this.#depart(writer);
      else this.#await(writer);
    });
  }

  /** The next slice goes to the system. */
  #depart(writer: Writer): void {
    const { bytes, at } = writer;
    const most = writer.isPatient ? PATIENT_SLICE_BYTES : SLICE_BYTES;
    const slice = bytes.length <= most ? bytes : bytes.subarray(at, at + most);
    writer.at += slice.length;
    const departure = this.#handOver(slice);
    this.#departure = departure.then(this.#departed, this.#departFailed);
    // What the system has already is told of before any alarm could ring.
    if (departure !== TAKEN) this.#await(writer);
  }

  #handOver(slice: Uint8Array): Promise<void> {
    this.#departingBytes = slice.length;
    if (sends.hasSubscribers) sends.publish({ connection: this.connection, bytes: slice });
    return this.transport.write(slice);
  }

  /** The writer waits for the slice on its way: its own, or one left by another. */
  #await(writer: Writer): void {
    if (!writer.isPatient || writer.limits.deadlineMs !== 0) {
      writer.untilMs = this.#until(writer);
      return;
    }
    const { at } = writer;
    this.transport.settle().then(() => {
      if (this.#writer === writer && writer.at === at) this.#stopWrite(writer, at);
    });
  }

  #departed = (): void => {
    this.#departure = undefined;
    this.#bytesWritten += this.#departingBytes;
    this.#departingBytes = 0;
    const writer = this.#writer;
    // It may have given up meanwhile.
    if (writer === undefined) return;
    if (writer.at < writer.bytes.length) return this.#depart(writer);
    this.#leave(writer);
    writer.resolve(writer.bytes.length);
  };

  #departFailed = (error: unknown): void => {
    const sent = (this.#writer?.at ?? 0) - this.#departingBytes;
    this.#departure = undefined;
    this.#departingBytes = 0;
    const writer = this.#writer;
    if (this.#closed) return;
    const failure = this.#mapped(error, "send");
    if (writer?.isPatient && sent > 0) {
      this.#writeEnd ??= failure;
      return this.#stopWrite(writer, sent);
    }
    if (writer !== undefined) return this.#failWrite(failure);
    this.#fail(failure);
    this.#writeEnd ??= failure;
  };

  /** The writer goes with what it got rid of. */
  #stopWrite(writer: Writer, count: number): void {
    this.#failed = true;
    this.#leave(writer);
    writer.resolve(count);
  }

  #failWrite(error: unknown): void {
    const writer = this.#writer;
    if (writer === undefined) return;
    this.#fail(error);
    this.#writeEnd ??= this.#error("closed", "send", "an earlier send failed");
    this.#leave(writer);
    writer.reject(error);
  }

  #fail(error: unknown): void {
    this.#failed = true;
    // An error holds on to who called, who could not be forgotten then.
    if (closes.hasSubscribers) this.#failure ??= error;
  }

  #leave(waiter: Reader | Writer): void {
    if (waiter === this.#reader) this.#reader = undefined;
    else this.#writer = undefined;
    if (waiter.giveUp) waiter.limits.signal!.removeEventListener("abort", waiter.giveUp);
    this.#leaveBehind();
  }

  /** Ends the write side; a second call is the first. */
  async closeWrite(): Promise<void> {
    if (this.writing) throw this.#error("busy", "send", "another call is sending");
    if (this.#closed) throw this.#writeEnd;
    await (this.#writeClose ??= this.#closeWriteOnce());
  }

  async #closeWriteOnce(): Promise<void> {
    // After a send that failed the peer must not take what came for the whole.
    if (this.#writeEnd !== undefined) throw this.#writeEnd;
    this.#writeEnd = this.#error("closed", "send", "its write side was closed");
    this.#endingWrite = true;
    this.#reference(true);
    try {
      if (this.#departure !== undefined) await this.#departure;
      await this.transport.closeWrite();
    } catch (error) {
      throw this.#mapped(error, "send");
    } finally {
      this.#endingWrite = false;
      this.#leaveBehind();
    }
  }

  /** Releases the connection; whoever waits is told `closed`. Twice is fine. */
  close(): void {
    this.#release("closed", () => this.transport.close());
  }

  /** Releases the connection at once, with a reset where the runtime can. */
  abort(): void {
    this.#release("aborted", () => this.transport.abort());
  }

  /** Idle from now on: a parked pull tells when the peer stirs, and keeps nothing alive. */
  park(): void {
    this.#alarm.stop();
    // Lets go of the memory that a large frame was gathered in.
    if (this.buffer.length === 0) this.buffer.clear();
    this.#reference(false);
    this.#pull();
  }

  /** Has a pull in flight that keeps nothing alive: `onStir` tells what comes of it. */
  attend(): void {
    this.#pull();
    this.#leaveBehind();
  }

  /** In use again. Its pull keeps the program alive from when somebody waits for it. */
  unpark(): void {
    this.onStir = undefined;
  }

  /** Asks for what the system already holds, if anything, and takes it in. */
  async probe(): Promise<void> {
    if (this.#readEnd !== undefined) return;
    this.#pull();
    const settled = this.transport.settle();
    // What answered is told by the time that this is.
    await (this.#pending ? Promise.race([this.#pending.catch(ignore), settled]) : settled);
  }

  /**
   * Puts in the place of the transport what is made of it, such as one with TLS.
   * Nothing that came before may be read behind it: whoever can write on the wire
   * could plant it there. So what lies unread is an error, and ends the connection,
   * as does all else that goes wrong.
   *
   * A server is spoken to first: what it has already is the beginning of that, or
   * TLS will not take it.
   *
   * @param make Given the transport, and what stands for its first pulls.
   */
  async upgrade(
    make: (
      transport: Transport,
      pulls: readonly Promise<Uint8Array | null>[],
    ) => Promise<Transport>,
  ): Promise<void> {
    if (this.reading) throw this.#error("busy", "handshake", "another call is reading");
    if (this.writing || this.#departure !== undefined) {
      throw this.#error("busy", "handshake", "another call is sending");
    }
    if (this.#closed) throw this.#error("closed", "handshake", "it was closed");
    this.#upgrading = true;
    this.#reference(true);
    try {
      const isClient = this.role.side === "client";
      if (isClient) await this.probe();
      if (this.#closed) throw this.#error("closed", "handshake", "it was closed");
      if (isClient && this.buffer.length > 0) {
        throw this.#error("tls", "handshake", "plain bytes lie unread");
      }
      if (this.#readEnd instanceof SocketError) throw this.#readEnd;
      if (this.#readEnd !== undefined || this.#writeEnd !== undefined) {
        throw this.#error("closed", "handshake", "one side of it has ended");
      }
      const pulls: Promise<Uint8Array | null>[] = [];
      const { length } = this.buffer;
      if (length > 0) pulls.push(Promise.resolve(this.buffer.take(length)));
      if (this.#pulling) pulls.push(this.#pending!);
      this.#pullIsGiven = this.#pulling;
      this.#pulling = false;
      const made = await make(this.#transport, pulls);
      if (this.#closed) {
        made.close();
        throw this.#error("closed", "handshake", "it was closed");
      }
      this.#transport = made;
      // The pull that was given away may still have its memory.
      this.buffer.clear();
    } catch (error) {
      this.#fail(error);
      this.close();
      throw error;
    } finally {
      this.#upgrading = false;
    }
  }

  #reference(wanted: boolean): void {
    if (wanted === this.#referenced) return;
    this.#referenced = wanted;
    if (wanted) this.transport.ref();
    else this.transport.unref();
  }

  /** A pull that nobody waits for any more keeps nothing alive. */
  #leaveBehind(): void {
    const isBusy = this.reading || this.writing || this.#endingWrite;
    if (this.#pulling && !isBusy) this.#reference(false);
  }

  #pull(): void {
    if (this.#pulling || this.#readEnd !== undefined) return;
    this.#pulling = true;
    const room = this.buffer.room();
    this.#offeredBytes = Math.min(room?.length ?? MOST_OWN_BYTES, MOST_OWN_BYTES);
    this.#pending = this.transport.pull(room);
    this.#pending.then(this.#pulled, this.#pullFailed);
  }

  #pulled = (bytes: Uint8Array | null): void => {
    this.#pending = undefined;
    if (this.#tookAway()) return;
    this.#pulling = false;
    if (this.#closed) return;
    if (bytes === null) {
      this.#readEnd = "end";
    } else {
      this.#bytesRead += bytes.length;
      const { length } = bytes;
      this.pulledFull = length % MEMORY_UNIT_BYTES === 0 || length >= this.#offeredBytes;
      if (arrivals.hasSubscribers) arrivals.publish({ connection: this.connection, bytes });
      this.buffer.append(bytes);
    }
    if (this.#reader !== undefined) this.#serve(this.#reader);
    this.onStir?.();
  };

  #pullFailed = (error: unknown): void => {
    if (this.#tookAway()) return;
    this.#pulling = false;
    if (this.#closed) return;
    this.#readEnd = this.#mapped(error, "receive");
    if (this.#reader !== undefined) this.#serve(this.#reader);
    this.onStir?.();
  };

  #tookAway(): boolean {
    const wasGiven = this.#pullIsGiven;
    this.#pullIsGiven = false;
    return wasGiven;
  }

  #deadline({ deadlineMs }: Limits): number {
    return deadlineMs === undefined ? Infinity : this.#clock.now() + deadlineMs;
  }

  #until({ limits: { timeoutMs }, endMs }: Waiter): number {
    const untilMs = timeoutMs > 0 ? Math.min(endMs, this.#clock.now() + timeoutMs) : endMs;
    if (untilMs < Infinity) this.#alarm.setBy(untilMs);
    return untilMs;
  }

  #ring(nowMs: number): number {
    if ((this.#reader?.untilMs ?? Infinity) <= nowMs) {
      const error = this.#error("timeout", "receive", "no byte came in time", this.#look());
      this.#failRead(this.#late(error));
    }
    const writer = this.#writer;
    if (writer !== undefined && writer.untilMs <= nowMs) {
      if (writer.isPatient) {
        this.#stopWrite(writer, writer.at);
      } else {
        const error = this.#error("timeout", "send", "the peer took nothing in time");
        this.#failWrite(this.#late(error));
      }
    }
    return Math.min(this.#reader?.untilMs ?? Infinity, this.#writer?.untilMs ?? Infinity);
  }

  #late(error: SocketError): SocketError {
    tellTimeout(error, this.connection);
    return error;
  }

  /** The stream ended in the middle of a frame: its rest is taken, and told. */
  #endedEarly(): SocketError {
    const end = this.#readEnd;
    const partial = this.buffer.take(this.buffer.length);
    if (!(end instanceof SocketError)) {
      return this.#error("closed", "receive", "the peer has ended", partial);
    }
    const { code, message, op, address, cause } = end;
    return new SocketError(code, message, {
      ...(op && { op }),
      ...(address !== undefined && { address }),
      partial,
      cause,
    });
  }

  #release(how: "closed" | "aborted", letGo: () => void): void {
    if (this.#closed) return;
    if (closes.hasSubscribers) this.#tellRelease(how);
    this.#closed = true;
    this.#failed = true;
    this.#alarm.stop();
    this.#readEnd = this.#error("closed", "receive", "it was closed");
    this.#writeEnd = this.#error("closed", "send", "it was closed");
    this.buffer.clear();
    this.#failRead(this.#readEnd);
    this.#failWrite(this.#writeEnd);
    letGo();
    this.onClose?.();
  }

  #tellRelease(how: "closed" | "aborted"): void {
    const { connection, bytesRead, bytesWritten, ageMs } = this;
    const about = { connection, address: this.transport.remoteAddress };
    const sums = { bytesRead, bytesWritten, ageMs };
    const error = this.#failure ?? this.readFailure;
    if (how === "aborted") closes.publish({ ...about, reason: how, ...sums });
    else if (this.#readEnd === "end") closes.publish({ ...about, reason: "peer ended", ...sums });
    else if (error === undefined) closes.publish({ ...about, reason: how, ...sums });
    else closes.publish({ ...about, reason: "failed", error, ...sums });
  }

  #look(): Uint8Array {
    return this.buffer.peek().slice();
  }

  #aborted(op: SocketOperation, signal: AbortSignal): SocketError {
    const partial = op === "receive" ? this.#look() : undefined;
    return this.#error("aborted", op, "the signal was aborted", partial, signal.reason);
  }

  #mapped(error: unknown, op: SocketOperation): SocketError {
    return mapError(error, op, this.#what(op), this.#peer());
  }

  #error(
    code: SocketErrorCode,
    op: SocketOperation,
    why: string,
    partial?: Uint8Array,
    cause?: unknown,
  ): SocketError {
    const address = this.#peer();
    return new SocketError(code, `${this.#what(op)}: ${why}`, {
      op,
      ...(partial && { partial }),
      ...(address !== undefined && { address }),
      cause,
    });
  }

  #what(op: SocketOperation): string {
    const peer = this.#peer() ?? "the peer";
    if (op === "handshake") return cannotStartTls(this.transport.remoteAddress);
    return op === "send" ? `Cannot send to ${peer}` : `Cannot receive from ${peer}`;
  }

  #peer(): string | undefined {
    const { remoteAddress } = this.transport;
    return remoteAddress === null ? undefined : addressText(remoteAddress);
  }
}

function ignore(): void {}
