/**
 * Checks the package as its users get it: what linters of packages say, and that it installs and
 * works in empty projects on each runtime, with each way to import, type-check and bundle it.
 *
 *     deno task check:package [word of a check's name]
 *
 * @module
 */
import { cp } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { summary } from "./counts.ts";
import { serveRegistry } from "./local_registry.ts";
import { pack } from "./pack.ts";
import { run, top } from "./run.ts";
import { bunProgram, nodeProgram } from "./tools.ts";

const PUBLINT = "publint@0.3.25";
const ATTW = "@arethetypeswrong/cli@0.18.5";
const TYPESCRIPT = "typescript@7.0.2";
const NODE_TYPES = "@types/node@24";
const ESBUILD = "esbuild@0.28.2";

const TSC = ["--strict", "--noEmit", "--target", "es2022"];
const ESBUILD_FLAGS = ["--bundle", "--format=esm", "--platform=node"];

/** What a program prints that got to its end. */
const WORKS = "The package works";

/** A project of a user: what is done in a folder of its own, in which the programs lie. */
interface Project {
  readonly name: string;
  /** Files beside the programs. */
  readonly files?: Readonly<Record<string, string>>;
  readonly commands: readonly (readonly string[])[];
}

const { tarball } = await pack();
const registry = await serveRegistry(
  tarball,
  JSON.parse(await Deno.readTextFile(new URL("dist/package/package.json", top))),
);
const scratch = await Deno.makeTempDir();
const failed: string[] = [];
const passed: string[] = [];
try {
  for (
    const project of (await projects()).filter(({ name }) => name.includes(Deno.args[0] ?? ""))
  ) {
    console.log(`\n${project.name}`);
    (await succeeds(project) ? passed : failed).push(project.name);
  }
} finally {
  registry.close();
  await Deno.remove(scratch, { recursive: true });
}
if (failed.length > 0) console.log(`\nFailed: ${failed.join(", ")}`);
console.log("\n" + summary({ passed: passed.length, failed: failed.length }));
Deno.exit(failed.length > 0 || passed.length === 0 ? 1 : 0);

async function projects(): Promise<Project[]> {
  const deno = Deno.execPath();
  const bun = await bunProgram();
  const nodes = await Promise.all(["22", "24", "26"].map(nodeProgram));
  const npm = (...packages: string[]) => [
    ["npm", "install", "--no-audit", "--no-fund", "@cosocket/cosocket", ...packages],
  ];
  const tsc = (...flags: string[]) => ["npx", "--no", "--", "tsc", ...TSC, ...flags, "program.ts"];
  return [
    { name: "publint", commands: [["npx", "-y", PUBLINT, tarball, "--strict"]] },
    {
      // A CommonJS program gets an ESM module by require(), which Node 22 and later know.
      name: "are the types wrong?",
      commands: [["npx", "-y", ATTW, tarball, "--profile", "esm-only"]],
    },
    ...nodes.map((node): Project => ({
      name: `npm install, ${node.match(/node-\d+/)}: import, require, TypeScript as it is`,
      commands: [
        ...npm(),
        ...["program.mjs", "program.cjs", "program.ts"].map((program) => [node, program]),
      ],
    })),
    {
      name: "bun add: import, require, TypeScript as it is",
      commands: [
        [bun, "add", "@cosocket/cosocket"],
        ...["program.mjs", "program.cjs", "program.ts"].map((program) => [bun, program]),
      ],
    },
    {
      name: "deno add npm: with types",
      files: { "deno.json": "{}" },
      commands: [
        [deno, "add", "npm:@cosocket/cosocket"],
        [deno, "run", "--check", "--allow-net", "program.ts"],
        [deno, "run", "--allow-net", "program.mjs"],
      ],
    },
    {
      name: "TypeScript: nodenext, with the types of Node",
      commands: [
        ...npm(TYPESCRIPT, NODE_TYPES),
        tsc("--module", "nodenext", "--types", "node", "--lib", "es2022"),
      ],
    },
    {
      name: "TypeScript: bundler, with the types of the Web and no others",
      commands: [
        ...npm(TYPESCRIPT),
        tsc("--module", "esnext", "--moduleResolution", "bundler", "--lib", "es2022,dom"),
      ],
    },
    {
      name: "esbuild: one file for Node",
      commands: [
        ...npm(ESBUILD),
        [
          "npx",
          "--no",
          "--",
          "esbuild",
          "program.ts",
          ...ESBUILD_FLAGS,
          "--outfile=bundle/program.mjs",
        ],
        // Nothing but the bundle: the package must not be needed any more.
        ["rm", "-r", "node_modules"],
        [nodes[0]!, "bundle/program.mjs"],
        [bun, "bundle/program.mjs"],
        [deno, "run", "--allow-net", "--no-config", "bundle/program.mjs"],
      ],
    },
  ];
}

/** Does all of it in a new folder; a program must also say that it works. */
async function succeeds({ name, files = {}, commands }: Project): Promise<boolean> {
  const folder = `${scratch}/${name.replace(/\W+/g, "-")}`;
  await cp(fileURLToPath(new URL("tests/package/", top)), folder, { recursive: true });
  const manifest = JSON.stringify({ name: "a-user", private: true, type: "module" });
  const all = { "package.json": manifest, ".npmrc": registry.npmrc, ...files };
  for (const [path, text] of Object.entries(all)) {
    await Deno.writeTextFile(`${folder}/${path}`, text);
  }
  for (const command of commands) {
    const { code, output } = await run(command, {
      cwd: folder,
      // Caches of their own: an earlier package had the same version.
      env: { npm_config_cache: `${scratch}/npm`, DENO_DIR: `${scratch}/deno` },
    });
    const isProgram = command.at(-1)!.includes("program.") && command[0] !== "npx";
    if (code !== 0 || isProgram && !output.includes(WORKS)) return false;
  }
  return true;
}
