import assert from "node:assert/strict";
import { test } from "node:test";
import { releaseProblems } from "../scripts/check_release.ts";

const cases = [
  { tag: "v1.2.3", changes: "# Changes\n\n## 1.2.3 (2026-11-20)\n", problems: [] },
  { tag: "v1.2.3", changes: "## 1.2.3 (unreleased)\n", problems: [/no date/] },
  { tag: "v1.2.3", changes: "## 1.2.30 (2026-11-20)\n", problems: [/what is new in 1\.2\.3/] },
  { tag: "1.2.3", changes: "## 1.2.3 (2026-11-20)\n", problems: [/"1\.2\.3".*"v1\.2\.3"/] },
  { tag: "", changes: "", problems: [/The tag is ""/, /what is new/] },
];
for (const { tag, changes, problems } of cases) {
  const quoted = `${JSON.stringify(tag)} with ${JSON.stringify(changes)}`;
  test(`${quoted} ${problems.length > 0 ? "is not released" : "may be released"}`, () => {
    const found = releaseProblems(tag, { version: "1.2.3", changes });
    assert.equal(found.length, problems.length, found.join("\n"));
    for (const [at, problem] of problems.entries()) assert.match(found[at]!, problem);
  });
}
