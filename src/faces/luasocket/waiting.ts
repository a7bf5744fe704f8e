// Waiting for something that is not a frame: a connection, a datagram, one of many.

const LONGEST_MS = 2 ** 31 - 1;

let askedForNews: (() => Promise<void>) | undefined;

/** Resolves when the system has been asked, after now, and what it had been told. */
export async function settled(): Promise<void> {
  askedForNews ??= (await import("../../drivers/turns.ts")).askedForNews;
  await askedForNews();
}

/** Calls `wake` at each change from now on; the answer ends that. */
export type Watch = (wake: () => void) => () => void;

/**
 * Waits until something holds, `ms` milliseconds at most, and as long as the system
 * then takes to tell what it has. Keeps the program alive meanwhile.
 */
export async function waitUntil(holds: () => boolean, watch: Watch, ms: number): Promise<boolean> {
  if (holds()) return true;
  if (ms > 0 && await held(holds, watch, ms)) return true;
  // A busy program hears of the time before it hears of what came in time.
  await settled();
  return holds();
}

function held(holds: () => boolean, watch: Watch, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (is: boolean) => {
      clearTimeout(timer);
      unwatch();
      resolve(is);
    };
    const ring = () => {
      if (ms <= LONGEST_MS) end(holds());
      else timer = setTimeout(ring, LONGEST_MS);
    };
    const unwatch = watch(() => {
      if (holds()) end(true);
    });
    let timer = setTimeout(ring, Math.min(ms, LONGEST_MS));
  });
}
