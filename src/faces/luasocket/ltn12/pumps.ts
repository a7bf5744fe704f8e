// Pumps.

import { assertTrue, call, isTrue, orNil } from "../calls.ts";
import type { SinkLike, SourceLike, Step, StepLike } from "./types.ts";

/**
 * The pumps of LTN12.
 *
 * @example
 * ```ts
 * import { ltn12 } from "@cosocket/cosocket/luasocket";
 *
 * const source = ltn12.source.table(["a", "b"]);
 * const [sink, chunks] = ltn12.sink.table();
 * console.log(await ltn12.pump.step(source, sink), chunks); // [ 1 ] [ "a" ]
 * console.log(await ltn12.pump.all(source, sink), chunks); // [ 1 ] [ "a", "b" ]
 * ```
 */
export interface Pumps {
  /**
   * Moves one chunk. At the end of the source, and when the sink takes no more,
   * the answer is `null`, and the error if there was one.
   */
  step: Step;
  /** Moves all chunks, by `step` if another is not given. */
  all(
    source: SourceLike,
    sink: SinkLike,
    step?: StepLike | null,
  ): Promise<[ok: 1] | [null, unknown]>;
}

export const pump: Pumps = {
  async step(source, sink) {
    const [chunk, sourceErr] = await call(source);
    const [ok, sinkErr] = await call(sink, orNil(chunk), orNil(sourceErr));
    if (isTrue(chunk) && isTrue(ok)) return [1];
    return [null, orNil(isTrue(sourceErr) ? sourceErr : sinkErr)];
  },

  async all(source, sink, step) {
    assertTrue(isTrue(source) && isTrue(sink));
    const move = isTrue(step) ? step! : pump.step;
    for (;;) {
      const [ok, err] = await call(move, source, sink);
      if (!isTrue(ok)) return isTrue(err) ? [null, err] : [1];
    }
  },
};
