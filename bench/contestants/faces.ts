/**
 * What is common to our faces: what they give are arrays of values, and a failure is one of them.
 *
 * @module
 */
import { PING } from "../wire.ts";
import { checkAnswer } from "./awaited.ts";

/** What a call gives; null first if it has failed. */
type Values<T> = readonly [T, ...unknown[]] | readonly [null, ...unknown[]];

/** The first of the values; of a failure, its words are thrown. */
export function first<T>(values: readonly [T, ...unknown[]]): NonNullable<T> {
  const [value, error] = values;
  if (value === null || value === undefined) throw new Error(String(error));
  return value;
}

/** The length of what was received. */
export function lengthOf(received: Values<string>): number {
  return first(received).length;
}

/** The little that an exchange needs. */
interface Speaking {
  send(data: string): Promise<Values<number>>;
  receive(): Promise<Values<string>>;
}

/** Asks so many times at once, and receives the answers. */
export async function ask(sock: Speaking, batch = 1): Promise<void> {
  first(await sock.send(batch === 1 ? PING : PING.repeat(batch)));
  for (let k = 0; k < batch; k++) checkAnswer(first(await sock.receive()));
}
