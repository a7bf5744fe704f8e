/**
 * The loops of contestants that are awaited call by call.
 *
 * @module
 */
import type { Case } from "../cases.ts";
import type { Prepare, Work } from "../contest.ts";
import { delimiterOf, PONG } from "../wire.ts";

/** Connects. */
export type Dial<Sock> = (port: number, it: Case) => Promise<Sock>;

const FRAMES_A_LOOK = 64;
const BYTES_A_LOOK = 1024 * 1024;

/** Receives frames of one size, one after another. */
export function frames<Sock, Frame>(
  dial: Dial<Sock>,
  next: (sock: Sock, size: number) => Promise<Frame>,
  sizeOf: (frame: Frame) => number,
): Prepare {
  return async (port, it) => {
    const sock = await dial(port, it);
    const { size, wireSize } = frameSizes(it);
    const look = Math.min(Math.max(Math.floor(BYTES_A_LOOK / size), 1), FRAMES_A_LOOK);
    return async (slice) => {
      let operations = 0;
      for (; !slice.over; operations += look) {
        for (let k = 0; k < look; k++) {
          const seen = sizeOf(await next(sock, size));
          if (seen !== size) throw new Error(`A frame has ${seen} bytes, not ${size}`);
        }
      }
      return { operations, bytes: operations * wireSize };
    };
  };
}

/** The bytes of a frame as it is received, and of what it is on the wire. */
export function frameSizes(it: Case): { size: number; wireSize: number } {
  const { work, size = 0 } = it;
  if (work === "lines") return { size: size - 2, wireSize: size };
  return { size, wireSize: work === "until" ? size + delimiterOf(it).length : size };
}

/** Receives what there is, again and again. */
export function amounts<Sock>(
  dial: Dial<Sock>,
  next: (sock: Sock, size: number) => Promise<number>,
): Prepare {
  return async (port, it) => {
    const sock = await dial(port, it);
    const { size = 0 } = it;
    return async (slice) => {
      let operations = 0;
      let bytes = 0;
      for (; !slice.over; operations++) bytes += await next(sock, size);
      return { operations, bytes };
    };
  };
}

/** Asks, and waits for the answers, on so many connections side by side. */
export function asks<Sock>(
  dial: Dial<Sock>,
  ask: (sock: Sock, batch: number) => Promise<void>,
): Prepare {
  return async (port, it) => {
    const { connections = 1, batch = 1 } = it;
    const socks: Sock[] = [];
    for (let k = 0; k < connections; k++) socks.push(await dial(port, it));
    return async (slice) => {
      let operations = 0;
      const play = async (sock: Sock) => {
        for (; !slice.over; operations += batch) await ask(sock, batch);
      };
      await Promise.all(socks.map(play));
      return { operations, bytes: operations * PONG.length };
    };
  };
}

/** Does the same thing again and again. */
export function cycles(cycle: () => Promise<unknown>): Work {
  return async (slice) => {
    let operations = 0;
    for (; !slice.over; operations++) await cycle();
    return { operations, bytes: 0 };
  };
}

/** The same, where something is opened first. */
export function cyclesOn<Sock>(
  dial: Dial<Sock>,
  cycle: (sock: Sock, it: Case) => Promise<unknown>,
): Prepare {
  return async (port, it) => {
    const sock = await dial(port, it);
    return cycles(() => cycle(sock, it));
  };
}

/** The same, for those cases alone. */
export function where(may: (it: Case) => boolean | undefined, prepare: Prepare): Prepare {
  return async (port, it) => may(it) ? await prepare(port, it) : undefined;
}

/** Refuses a wrong answer. */
export function checkAnswer(answer: string | null | undefined): void {
  if (answer !== PONG.slice(0, -2)) throw new Error(`Wrong answer: ${answer}`);
}
