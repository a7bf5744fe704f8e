/**
 * Runs the tests on Bun; takes files and folders.
 *
 * @module
 */
import { run, top } from "./run.ts";
import { testFiles } from "./test_files.ts";
import { bunProgram } from "./tools.ts";

// Bun alone gives up on a test after five seconds.
const flags = ["--timeout", "120000"];
const files = testFiles(Deno.args).map((path) => `./${path}`);
// Deno makes the certificates.
const env = { DENO: Deno.execPath() };
const { code } = await run([await bunProgram(), "test", ...flags, ...files], { cwd: top, env });
Deno.exit(code);
