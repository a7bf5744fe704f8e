import assert from "node:assert/strict";
import { test } from "node:test";
import { countsOf } from "../scripts/counts.ts";

const cases = [
  { of: "Deno", output: "\nok | 4 passed (1 step) | 0 failed (199ms)\n", counts: [4, 0] },
  {
    of: "Deno in colours, with a failure",
    output: "\x1b[0m\x1b[31mFAILED\x1b[0m | 20 passed | 3 failed | 1 ignored \x1b[0m(2s)\x1b[0m\n",
    counts: [20, 3],
  },
  { of: "Bun", output: "\n 23 pass\n 0 fail\nRan 23 tests\n", counts: [23, 0] },
  { of: "Bun that skipped", output: " 5 pass\n 2 skip\n 1 todo\n 1 fail\n", counts: [5, 1] },
  { of: "Node", output: "# suites 0\n# pass 23\n# fail 1\n# cancelled 0\n", counts: [23, 1] },
  { of: "Node in its other words", output: "ℹ pass 7\nℹ fail 0\n", counts: [7, 0] },
  { of: "a plain line", output: "9 passed, 1 failed, 2 skipped\n", counts: [9, 1] },
  { of: "the last of several", output: "1 passed, 0 failed\n 2 pass\n 3 fail\n", counts: [2, 3] },
];

for (const { of, output, counts: [passed, failed] } of cases) {
  test(`countsOf() reads the closing line of ${of}`, () => {
    assert.deepEqual(countsOf(output), { passed, failed });
  });
}

test("countsOf() says nothing of an output without a closing line", () => {
  assert.equal(countsOf("it was 4 passed, 0 failed\n"), undefined);
});
