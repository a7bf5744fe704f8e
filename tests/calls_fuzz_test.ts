/**
 * Random calls on a socket whose peer speaks in random pieces, and the same calls on a
 * string: whatever was asked for in whatever order, no byte is lost, invented or taken
 * twice.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesOf, byteString } from "../src/bytes.ts";
import type { Cosocket } from "../src/cosocket.ts";
import { SocketError, type SocketErrorCode } from "../src/errors.ts";
import { Random } from "./helpers/random.ts";
import { socketPairs } from "./helpers/socket_pairs.ts";

const ROUNDS = { "in memory": 400, "over TCP": 60 };
const WORDS = ["a", "b", "ab", "\n", "\r\n", "\r", "--", "aab", "\r\n--", "x".repeat(40)];
const DELIMITERS = ["\r\n", "a", "--", "aab", "\r\n--b", "abab", "ba"];

for (const [where, pair] of Object.entries(socketPairs)) {
  const rounds = ROUNDS[where as keyof typeof ROUNDS];
  test(`random calls read what a string would give, ${where} (seeds 1 to ${rounds})`, async () => {
    for (let seed = 1; seed <= rounds; seed++) {
      const [sock, peer] = await pair();
      const talk = new Talk(new Random(seed), sock);
      try {
        await Promise.all([talk.say(peer), talk.listen()]);
      } catch (error) {
        throw new Error(`seed ${seed}: ${talk.story.slice(-5).join(", ")}`, { cause: error });
      }
      sock.close();
      peer.close();
    }
  });
}

/** What a call must give: a value and how much it takes, or an error. */
type Judgement =
  | { readonly value: string; readonly taken: number }
  | { readonly code: SocketErrorCode };

class Talk {
  readonly story: string[] = [];
  readonly #random: Random;
  readonly #sock: Cosocket;
  readonly #said: string;
  #at = 0;

  constructor(random: Random, sock: Cosocket) {
    this.#random = random;
    this.#sock = sock;
    this.#said = Array.from({ length: random.below(60) }, () => random.of(WORDS)).join("");
  }

  /** The peer's part, in pieces. */
  async say(peer: Cosocket): Promise<void> {
    const random = new Random(this.#said.length);
    for (let at = 0; at < this.#said.length;) {
      const size = random.between(1, random.of([2, 10, 200]));
      await peer.send(bytesOf(this.#said.slice(at, at + size)));
      at += size;
      if (random.onceIn(3)) await new Promise((resolve) => setTimeout(resolve, 0));
    }
    await peer.closeWrite();
  }

  /** Ours: call after call, up to the end and a little further. */
  async listen(): Promise<void> {
    const moves = [
      this.#line,
      this.#exactly,
      this.#until,
      this.#any,
      this.#into,
      this.#look,
      this.#skip,
      this.#parts,
      this.#abandoned,
    ];
    for (let extra = 3; extra > 0;) {
      if (this.#rest === "") extra--;
      const move = this.#random.of(moves);
      this.story.push(`${move.name} at ${this.#at}`);
      await move.call(this);
    }
    assert.equal(byteString(await this.#sock.receiveAll()), "");
  }

  get #rest(): string {
    return this.#said.slice(this.#at);
  }

  async #line(): Promise<void> {
    const maxBytes = this.#max();
    const end = this.#rest.indexOf("\n");
    const size = end < 0 ? this.#rest.length : end;
    const line = this.#rest.slice(0, size).replace(/\r$/, "");
    await this.#check(
      this.#random.onceIn(2)
        ? this.#sock.receiveLine({ maxBytes })
        : this.#sock.receiveLine({ maxBytes, as: "bytes" }),
      size > maxBytes
        ? { code: "too large" }
        : end < 0
        ? { code: "closed" }
        : { value: line, taken: end + 1 },
    );
  }

  async #exactly(): Promise<void> {
    const size = this.#random.below(80);
    await this.#check(this.#sock.receiveExactly(size), this.#sized(size));
  }

  async #until(): Promise<void> {
    const delimiter = this.#random.of(DELIMITERS);
    const inclusive = this.#random.onceIn(2);
    const maxBytes = this.#max();
    const call = this.#sock.receiveUntil(delimiter, { inclusive, maxBytes });
    const end = this.#rest.indexOf(delimiter);
    if (end < 0) {
      const certain = this.#rest.length - held(this.#rest, delimiter);
      return await this.#check(call, { code: certain > maxBytes ? "too large" : "closed" });
    }
    const size = inclusive ? end + delimiter.length : end;
    const value = this.#rest.slice(0, size);
    const taken = end + delimiter.length;
    await this.#check(call, size > maxBytes ? { code: "too large" } : { value, taken });
  }

  async #any(): Promise<void> {
    const most = this.#random.between(1, 50);
    this.#flowed(await this.#sock.receiveAny(most), most);
  }

  async #into(): Promise<void> {
    const view = new Uint8Array(this.#random.between(1, 50));
    const count = await this.#sock.readInto(view);
    this.#flowed(count === 0 ? null : view.subarray(0, count), view.length);
  }

  async #look(): Promise<void> {
    const size = this.#random.between(1, 50);
    const value = this.#rest.slice(0, size);
    await this.#check(this.#sock.peek(size), { value, taken: 0 });
  }

  async #skip(): Promise<void> {
    const size = this.#random.below(50);
    const judgement = this.#sized(size);
    const call = this.#sock.skip(size).then(() => this.#rest.slice(0, size));
    // It has thrown away what it could, and has nothing to show.
    if (!("code" in judgement)) return await this.#check(call, judgement);
    await assert.rejects(call, { code: "closed" });
    this.#at = this.#said.length;
  }

  /** Some pieces of a part, or all of them; and then something else. */
  async #parts(): Promise<void> {
    const delimiter = this.#random.of(DELIMITERS);
    const inclusive = this.#random.onceIn(2);
    const part = this.#sock.parts(delimiter, { inclusive });
    const end = this.#rest.indexOf(delimiter);
    const whole = end < 0
      ? this.#rest
      : this.#rest.slice(0, inclusive ? end + delimiter.length : end);
    let had = "";
    for (let left = this.#random.between(1, 30); left > 0; left--) {
      const size = this.#random.onceIn(5) ? undefined : this.#random.between(1, 20);
      let piece: Uint8Array | null;
      try {
        piece = await part.read(size);
      } catch (error) {
        assert.ok(error instanceof SocketError && error.code === "closed" && end < 0);
        assert.equal(had + byteString(error.partial!), whole);
        this.#at = this.#said.length;
        return;
      }
      if (piece === null) {
        assert.equal(had, whole);
        this.#at += end + delimiter.length - had.length;
        return;
      }
      assert.ok(piece.length > 0 && piece.length <= (size ?? Infinity));
      had += byteString(piece);
      assert.ok(whole.startsWith(had), `${had} of ${whole}`);
      this.#at += piece.length;
      // Its last piece goes with the delimiter, before anybody is told that it was the last.
      if (end >= 0 && had === whole) {
        assert.equal(await part.read(), null);
        if (!inclusive) this.#at += delimiter.length;
        return;
      }
    }
  }

  /** A call that is given up: it has taken nothing, or all of what it was to give. */
  async #abandoned(): Promise<void> {
    const controller = new AbortController();
    const { signal } = controller;
    const judgement = this.#sized(40);
    const call = this.#sock.receiveExactly(40, { signal });
    if (this.#random.onceIn(2)) await Promise.resolve();
    controller.abort();
    try {
      await call;
    } catch (error) {
      if ((error as SocketError).code !== "aborted") return this.#failed(error, judgement);
      assert.ok(this.#rest.startsWith(byteString((error as SocketError).partial!)));
      return;
    }
    await this.#check(call, judgement);
  }

  #sized(size: number): Judgement {
    const value = this.#rest.slice(0, size);
    return value.length < size ? { code: "closed" } : { value, taken: size };
  }

  #flowed(bytes: Uint8Array | null, most: number): void {
    if (bytes === null) return assert.equal(this.#rest, "");
    assert.ok(bytes.length > 0 && bytes.length <= most);
    assert.equal(byteString(bytes), this.#rest.slice(0, bytes.length));
    this.#at += bytes.length;
  }

  async #check(call: Promise<string | Uint8Array>, judgement: Judgement): Promise<void> {
    let given: string | Uint8Array;
    try {
      given = await call;
    } catch (error) {
      return this.#failed(error, judgement);
    }
    assert.ok("value" in judgement, `It gave ${given}, and no ${JSON.stringify(judgement)}`);
    assert.equal(typeof given === "string" ? given : byteString(given), judgement.value);
    this.#at += judgement.taken;
  }

  #failed(error: unknown, judgement: Judgement): void {
    if (!(error instanceof SocketError) || !("code" in judgement)) throw error;
    assert.equal(error.code, judgement.code);
    if (error.code !== "closed") return;
    assert.equal(byteString(error.partial!), this.#rest);
    this.#at = this.#said.length;
  }

  #max(): number {
    return this.#random.onceIn(3) ? this.#random.between(1, 30) : 1000;
  }
}

/** How many bytes at the end may be the beginning of a delimiter. */
function held(text: string, delimiter: string): number {
  for (let size = Math.min(delimiter.length - 1, text.length); size > 0; size--) {
    if (text.endsWith(delimiter.slice(0, size))) return size;
  }
  return 0;
}
