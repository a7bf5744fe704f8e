/**
 * The loops of contestants that are awaited call by call.
 *
 * @module
 */
import type { Prepare } from "../contest.ts";
import { PONG } from "../wire.ts";

/** Connects. */
export type Dial<Sock> = (port: number) => Promise<Sock>;

const FRAMES_A_LOOK = 64;

/** Receives frames of one size, one after another. */
export function frames<Sock, Frame>(
  dial: Dial<Sock>,
  { size, wireSize = size }: { size: number; wireSize?: number },
  next: (sock: Sock) => Promise<Frame>,
  sizeOf: (frame: Frame) => number,
): Prepare {
  return async (port) => {
    const sock = await dial(port);
    return async (slice) => {
      let operations = 0;
      for (; !slice.over; operations += FRAMES_A_LOOK) {
        for (let k = 0; k < FRAMES_A_LOOK; k++) {
          const seen = sizeOf(await next(sock));
          if (seen !== size) throw new Error(`A frame has ${seen} bytes, not ${size}`);
        }
      }
      return { operations, bytes: operations * wireSize };
    };
  };
}

/** Receives what there is, again and again. */
export function amounts<Sock>(
  dial: Dial<Sock>,
  next: (sock: Sock) => Promise<number>,
): Prepare {
  return async (port) => {
    const sock = await dial(port);
    return async (slice) => {
      let operations = 0;
      let bytes = 0;
      for (; !slice.over; operations++) bytes += await next(sock);
      return { operations, bytes };
    };
  };
}

/** Asks and waits for the answer, on so many connections side by side. */
export function pings<Sock>(
  dial: Dial<Sock>,
  connections: number,
  ask: (sock: Sock) => Promise<void>,
): Prepare {
  return async (port) => {
    const socks = await Promise.all(Array.from({ length: connections }, () => dial(port)));
    return async (slice) => {
      let operations = 0;
      const play = async (sock: Sock) => {
        for (; !slice.over; operations++) await ask(sock);
      };
      await Promise.all(socks.map(play));
      return { operations, bytes: operations * PONG.length };
    };
  };
}

/** Does the same thing again and again. */
export function cycles(cycle: (port: number) => Promise<void>): Prepare {
  return (port) =>
    Promise.resolve(async (slice) => {
      let operations = 0;
      for (; !slice.over; operations++) await cycle(port);
      return { operations, bytes: 0 };
    });
}

/** Refuses a wrong answer. */
export function checkAnswer(answer: string | null): void {
  if (answer !== PONG.slice(0, -2)) throw new Error(`Wrong answer: ${answer}`);
}
