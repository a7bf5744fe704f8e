/**
 * The other runtimes, from the npm registry, each in a folder of its own below `.tools/`.
 *
 * @module
 */
import { run, top } from "./run.ts";

const BUN = "1.4.4";
const WORKERD = "1.20261117.1";
const ESBUILD = "0.28.2";

/** The path of the newest Node of a major version. */
export function nodeProgram(major: string): Promise<string> {
  return installed({ folder: `node-${major}`, name: "node", version: major });
}

/** The path of Bun: the one on PATH if it is the version that we test, or our own. */
export async function bunProgram(): Promise<string> {
  if (await versionOf("bun") === BUN) return "bun";
  return installed({ folder: "bun", name: "bun", version: BUN });
}

/** The path of workerd, which runs Cloudflare's Workers. */
export function workerdProgram(): Promise<string> {
  return installed({ folder: "workerd", name: "workerd", version: WORKERD });
}

/** The path of esbuild, which bundles what workerd runs. */
export function esbuildProgram(): Promise<string> {
  return installed({ folder: "esbuild", name: "esbuild", version: ESBUILD });
}

async function installed(
  { folder, name, version }: { folder: string; name: string; version: string },
): Promise<string> {
  const home = new URL(`.tools/${folder}/`, top);
  const program = new URL(`node_modules/.bin/${name}`, home).pathname;
  if (await versionOf(program) !== undefined) return program;
  await npmInstall(home, { [name]: version });
  if (await versionOf(program) === undefined) {
    throw new Error(`Cannot run "${name}@${version}": npm installed it, but it does not start`);
  }
  return program;
}

/** Installs packages, by their names and versions, in a folder. */
export async function npmInstall(home: URL, packages: Record<string, string>): Promise<void> {
  const wanted = Object.entries(packages).map(([name, version]) => `${name}@${version}`);
  // A package.json of its own keeps npm from looking for one further up, and lets the packages
  // put their programs in place, which newer versions of npm do only when told to.
  const allowScripts = Object.fromEntries(Object.keys(packages).map((name) => [name, true]));
  const manifest = JSON.stringify({ private: true, allowScripts });
  console.log(`Installing ${wanted.join(", ")} in ${home.pathname.slice(top.pathname.length)}`);
  await Deno.mkdir(home, { recursive: true });
  await Deno.writeTextFile(new URL("package.json", home), manifest);
  const flags = ["--no-audit", "--no-fund", "--no-package-lock"];
  const { code } = await npm(["install", ...flags, ...wanted], home);
  if (code !== 0) throw new Error(`Cannot install ${wanted.join(", ")}: npm ended with ${code}`);
}

async function npm(args: readonly string[], cwd: URL): Promise<{ code: number }> {
  try {
    return await run(["npm", ...args], { cwd });
  } catch (cause) {
    throw new Error("Cannot install other runtimes: npm, which brings them, is not on PATH", {
      cause,
    });
  }
}

/** What the program says of its version; `undefined` if it does not run. */
async function versionOf(program: string): Promise<string | undefined> {
  try {
    const { code, output } = await run([program, "--version"], { quiet: true });
    return code === 0 ? output.trim() : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined; // not installed yet
    throw error;
  }
}
