/**
 * Runs the tests that need JSR: our streams and calls in the hands of the Deno standard library.
 * They have a configuration of their own, so that nothing else ever asks for JSR.
 *
 * The mirror that JSR_URL names is used; without one, and where JSR cannot be reached, they are
 * skipped.
 *
 * @module
 */
import { run, top } from "./run.ts";

const cwd = new URL("tests/jsr/", top);
const files = ["streams_test.ts", "async_test.ts"];

const cached = await run([Deno.execPath(), "cache", ...files], { cwd, quiet: true });
if (cached.code !== 0) {
  if (Deno.env.get("JSR_URL") === undefined && lacksStandardLibrary(cached.output)) {
    console.log("Skipped: JSR cannot be reached from here; JSR_URL may name a mirror");
    Deno.exit(0);
  }
  console.error(cached.output);
  Deno.exit(cached.code);
}
const tested = await run([Deno.execPath(), "test", "--check", "-A", ...files], { cwd });
Deno.exit(tested.code);

/** Whether the standard library could not be loaded, as against one of our own files. */
function lacksStandardLibrary(output: string): boolean {
  return output.includes("JSR package manifest for '@std/");
}
