/**
 * Checks that a tag may be released: it is the version of the package, and CHANGELOG.md has that
 * version with a date.
 *
 *     GITHUB_REF_NAME=v0.1.0 deno task check:release
 *
 * @module
 */
import { top } from "./run.ts";

/** What keeps a tag from being released, a sentence each; nothing when it may be. */
export function releaseProblems(
  tag: string,
  { version, changes }: { readonly version: string; readonly changes: string },
): string[] {
  const problems: string[] = [];
  if (tag !== `v${version}`) {
    problems.push(`The tag is "${tag}", but deno.json says that this is "v${version}"`);
  }
  const head = changes.split("\n").find((line) => line.startsWith(`## ${version} `));
  if (head === undefined) {
    problems.push(`CHANGELOG.md does not say what is new in ${version}`);
  } else if (!/\(\d{4}-\d{2}-\d{2}\)$/.test(head)) {
    problems.push(`CHANGELOG.md has no date for it: "${head}"`);
  }
  return problems;
}

if (import.meta.main) {
  const { version } = JSON.parse(await Deno.readTextFile(new URL("deno.json", top)));
  const changes = await Deno.readTextFile(new URL("CHANGELOG.md", top));
  const problems = releaseProblems(Deno.env.get("GITHUB_REF_NAME") ?? "", { version, changes });
  for (const problem of problems) console.error(problem);
  Deno.exit(problems.length > 0 ? 1 : 0);
}
