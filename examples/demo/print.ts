/** The demonstration on the screen: what is called, what came back, how long it took. */

import process from "node:process";
import { SocketError } from "../../mod.ts";

/** What a step found is not what it should be. */
export class NotSo extends Error {
  override name = "NotSo";
}

/** Fails the step unless this is so. */
export function expect(isSo: boolean, otherwise: string): asserts isSo {
  if (!isSo) throw new NotSo(otherwise);
}

/** Text in quotes, on one line, cut where it gets long. */
export function quoted(data: string | Uint8Array, maxLength = 60): string {
  const text = typeof data === "string" ? data : new TextDecoder().decode(data);
  const whole = JSON.stringify(text);
  return whole.length <= maxLength
    ? whole
    : `${JSON.stringify(text.slice(0, maxLength))} and ${text.length - maxLength} more`;
}

/** A title, then its calls, each with what came back. */
export class Screen {
  #steps = 0;

  say(text: string): void {
    console.log(text);
  }

  step(title: string): void {
    console.log(`\n${bold(`${String(++this.#steps).padStart(2)}. ${title}`)}`);
  }

  leftOut(title: string, why: string): void {
    this.step(`${title}: left out, ${why}`);
  }

  note(text: string): void {
    console.log(`      ${text}`);
  }

  /** Shows a call before it is made, and then what came of it. */
  async call<T>(text: string, make: () => Promise<T> | T, say: (result: T) => string): Promise<T> {
    console.log(`    ${cyan(text)}`);
    const startMs = performance.now();
    try {
      const result = await make();
      this.#cameBack(say(result), startMs);
      return result;
    } catch (error) {
      this.#cameBack(String(error), startMs);
      throw error;
    }
  }

  /** Shows a call that is to be refused, with that code. */
  async refused(
    text: string,
    make: () => Promise<unknown>,
    code: SocketError["code"],
  ): Promise<SocketError> {
    console.log(`    ${cyan(text)}`);
    const startMs = performance.now();
    const outcome = await make().then(() => undefined, (error: unknown) => error);
    if (outcome instanceof SocketError && outcome.code === code) {
      const { partial } = outcome;
      const look = partial === undefined ? "" : `, with partial ${quoted(partial)}`;
      this.#cameBack(`SocketError of code "${code}"${look}`, startMs);
      return outcome;
    }
    if (outcome !== undefined) throw outcome;
    throw new NotSo(`it should have been refused with "${code}"`);
  }

  wrong(error: unknown): void {
    const why = error instanceof NotSo ? error.message : String(error);
    console.log(`      ${red(`Not as it should be: ${why}`)}`);
  }

  verdict(isGood: boolean, text: string): void {
    console.log(`\n${isGood ? green(text) : red(text)}`);
  }

  #cameBack(text: string, startMs: number): void {
    const tookMs = performance.now() - startMs;
    console.log(`      -> ${text} ${dim(`(${tookMs.toFixed(1)} ms)`)}`);
  }
}

// Deno looks into the environment for us; by ourselves we would need a permission for that.
const { Deno: deno } = globalThis as { Deno?: { noColor: boolean } };
const noColour = deno ? deno.noColor : Boolean(process.env.NO_COLOR);
const inColour = Boolean(process.stdout.isTTY) && !noColour;

const paint = (code: number) => (text: string) => inColour ? `\x1b[${code}m${text}\x1b[0m` : text;
const bold = paint(1);
const dim = paint(2);
const red = paint(31);
const green = paint(32);
const cyan = paint(36);
