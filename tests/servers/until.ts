import assert from "node:assert/strict";

/** Waits for something that has no event. */
export async function until(isSo: () => boolean): Promise<void> {
  const endMs = performance.now() + 10_000;
  while (!isSo()) {
    assert.ok(performance.now() < endMs, `Not so after ten seconds: ${isSo}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
