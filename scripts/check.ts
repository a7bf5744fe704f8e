/**
 * All that can be checked without running the library. Each check is a command that can be run by
 * hand; all are run, and their faults summed up at the end.
 *
 * @module
 */
import { summary } from "./counts.ts";
import { run, top } from "./run.ts";

const config = JSON.parse(await Deno.readTextFile(new URL("deno.json", top)));
const entries = Object.values<string>(config.exports);

const CHECKS: Record<string, readonly string[]> = {
  format: ["fmt", "--check"],
  lint: ["lint"],
  // Also what the docstrings show; the README is checked when it is tested.
  types: ["check", "--doc"],
  layers: ["run", "--allow-read", "scripts/check_layers.ts"],
  links: ["run", "--allow-read", "scripts/check_links.ts"],
  documentation: ["doc", "--lint", ...entries],
  examples: ["run", "-A", "scripts/check_examples.ts"],
  reference: ["doc", "--html", "--name=cosocket", "--output=dist/reference/", ...entries],
  publish: ["publish", "--dry-run", "--allow-dirty"],
  pack: ["run", "-A", "scripts/pack.ts"],
};

const failed: string[] = [];
for (const [name, args] of Object.entries(CHECKS)) {
  console.log(`\n${name}: deno ${args.join(" ")}`);
  const { code } = await run([Deno.execPath(), ...args], { cwd: top });
  if (code !== 0) failed.push(name);
}
if (failed.length > 0) console.log(`\nFailed: ${failed.join(", ")}`);
console.log(
  "\n" + summary({
    passed: Object.keys(CHECKS).length - failed.length,
    failed: failed.length,
  }),
);
Deno.exit(failed.length > 0 ? 1 : 0);
