/**
 * Ways to cut bytes into pieces: the wire may cut anywhere.
 *
 * @module
 */

/** Every way to cut `whole`: 2^(n-1) of them, so for short ones only. */
export function* everyCut(whole: Uint8Array): Generator<Uint8Array[]> {
  const places = Math.max(whole.length - 1, 0);
  for (let mask = 0; mask < 2 ** places; mask++) {
    const at: number[] = [];
    for (let place = 0; place < places; place++) if (mask & (1 << place)) at.push(place + 1);
    yield cutAt(whole, at);
  }
}

/** Whole, byte by byte, and with one or two cuts anywhere. */
export function* fewCuts(whole: Uint8Array): Generator<Uint8Array[]> {
  yield [whole];
  yield cutAt(whole, Array.from({ length: Math.max(whole.length - 1, 0) }, (_, at) => at + 1));
  for (let first = 1; first < whole.length; first++) {
    yield cutAt(whole, [first]);
    for (let second = first + 1; second < whole.length; second++) {
      yield cutAt(whole, [first, second]);
    }
  }
}

/** Every cut of what is short, few cuts of what is not. */
export function cuts(whole: Uint8Array): Generator<Uint8Array[]> {
  return whole.length <= 10 ? everyCut(whole) : fewCuts(whole);
}

/** The pieces between positions. */
export function cutAt(whole: Uint8Array, positions: readonly number[]): Uint8Array[] {
  const ends = [...positions, whole.length];
  const starts = [0, ...positions];
  return starts.map((start, at) => whole.subarray(start, ends[at])).filter((it) => it.length > 0);
}
