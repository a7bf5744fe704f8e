/** How many tests passed and failed, as their runner said. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
}

/**
 * Reads the closing lines of `deno test`, `bun test`, `node --test`, or a plain `1 passed, 0
 * failed`; the last of them counts. `undefined` if there is none.
 */
export function countsOf(output: string): Counts | undefined {
  // deno-lint-ignore no-control-regex -- colours are what we want to be rid of
  const plain = output.replace(/\x1b\[[0-9;]*m/g, "");
  const last = SUMMARIES.flatMap((summary) => [...plain.matchAll(summary)].slice(-1))
    .sort((a, b) => a.index - b.index)
    .at(-1);
  return last && { passed: Number(last[1]), failed: Number(last[2]) };
}

/** The line that counts in any language. */
export function summary({ passed, failed }: Counts): string {
  return `${passed} passed, ${failed} failed`;
}

const SUMMARIES = [
  /^(\d+) passed, (\d+) failed(?:, \d+ skipped)?$/gm,
  /^(?:ok|FAILED) \| (\d+) passed(?: \([^)]*\))? \| (\d+) failed/gm, // Deno
  /^ *(\d+) pass\n(?: *\d+ (?:skip|todo)\n)* *(\d+) fail$/gm, // Bun
  /^(?:#|ℹ) pass (\d+)\n(?:#|ℹ) fail (\d+)$/gm, // Node
];
