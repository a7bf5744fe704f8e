/**
 * Runs the tests on Node, with the packed package in place of the sources: what users of npm get is
 * what is tested.
 *
 *     deno task test:node [version...] [file or folder...]
 *     deno task test:node [version...] --run program.ts [file...] [-- argument...]
 *
 * @module
 */
import { parseArgs } from "node:util";
import { countsOf, summary } from "./counts.ts";
import { pack, type Packed } from "./pack.ts";
import { run, top } from "./run.ts";
import { testFiles } from "./test_files.ts";
import { nodeProgram } from "./tools.ts";

const VERSIONS = ["22", "24", "26"];

// What stands behind "--" is for the program that is run.
const end = Deno.args.includes("--") ? Deno.args.indexOf("--") : Deno.args.length;
const { values, positionals } = parseArgs({
  args: Deno.args.slice(0, end),
  options: { run: { type: "string" } },
  allowPositionals: true,
});
const given = positionals.filter((it) => /^\d+$/.test(it));
const versions = given.length > 0 ? given : VERSIONS;
const rest = positionals.filter((it) => !/^\d+$/.test(it));
const packed = await pack();

if (values.run !== undefined) {
  for (const version of versions) {
    const ran = await onPackage(await nodeProgram(version), [
      values.run,
      ...rest,
      ...Deno.args.slice(end + 1),
    ]);
    if (ran.code !== 0) Deno.exit(ran.code);
  }
} else {
  const files = testFiles(rest);
  const total = { passed: 0, failed: 0 };
  const reports: string[] = [];
  for (const version of versions) {
    const { passed, failed, report } = await test(version, files);
    total.passed += passed;
    total.failed += failed;
    reports.push(report);
  }
  console.log(["", ...reports, summary(total)].join("\n"));
  if (total.failed > 0) Deno.exit(1);
}

/** The tests, and the package by its entry points, on one version. */
async function test(version: string, files: readonly string[]) {
  const node = await nodeProgram(version);
  console.log(`\nNode ${version}: ${files.length} files`);
  const ran = await onPackage(node, ["--test", "--test-reporter=spec", ...files]);
  const counts = countsOf(ran.output) ?? { passed: 0, failed: 1 };
  const problems = [
    ...packageProblems(ran.loaded, packed),
    ...await requireProblems(node, packed.entries),
  ];
  if (counts.passed === 0) problems.push("No test passed");
  if (ran.code !== 0 && counts.failed === 0) problems.push(`Node ended with ${ran.code}`);
  const passed = counts.passed;
  const failed = counts.failed + problems.length;
  const modules = packed.files.filter((file) => file.endsWith(".js"));
  const unused = modules.filter((file) => !ran.loaded.has(file));
  const report = [
    `Node ${version}: ${summary({ passed, failed })}`,
    ...problems.map((problem) => `  ${problem}`),
    `  ${modules.length - unused.length} of ${modules.length} modules of the package were loaded` +
    (unused.length > 0 ? `, not ${unused.join(" ")}` : ""),
  ].join("\n");
  return { passed, failed, report };
}

/** Runs Node where what is imported of the project comes from the package. */
async function onPackage(node: string, args: readonly string[]) {
  const record = await Deno.makeTempFile();
  try {
    const hook = new URL("package_hook.ts", import.meta.url).href;
    const options = ["--expose-gc", "--disable-warning=ExperimentalWarning", `--import=${hook}`];
    const env = {
      NODE_OPTIONS: options.join(" "),
      LOADED_MODULES: record,
      // It makes the certificates.
      DENO: Deno.execPath(),
    };
    const ran = await run([node, ...args], { cwd: top, env });
    const loaded = new Set((await Deno.readTextFile(record)).split("\n").filter(Boolean));
    return { ...ran, loaded };
  } finally {
    await Deno.remove(record);
  }
}

/** A test may have swallowed the error of a module that the package lacks: the record has it. */
function packageProblems(loaded: ReadonlySet<string>, { files }: Packed): string[] {
  if (loaded.size === 0 && rest.length === 0) return ["No module of the package was loaded"];
  return [...loaded].filter((path) => !files.includes(path))
    .map((path) => `A test loaded ${path}, which is not in the package`);
}

/** `require` of a module works only while none of what it imports awaits at the top level. */
async function requireProblems(node: string, entries: readonly string[]): Promise<string[]> {
  const cwd = new URL("dist/package/", top);
  const script = entries.map((entry) => `require(${JSON.stringify(entry)});`).join("");
  const flags = ["--disable-warning=ExperimentalWarning", "--input-type=commonjs"];
  const { code } = await run([node, ...flags, "--eval", script], { cwd });
  return code === 0 ? [] : ["The package cannot be loaded by require()"];
}
