/**
 * Builds the npm package in `dist/`: the tarball, and the same unpacked in `dist/package/`.
 *
 * `deno pack` does the work. What it leaves out is done here: the rest of package.json, the libraries
 * that declarations need, and declarations also of modules that are reached only by `import()`. It
 * emits those for what the entry points export, so it packs a copy in which every module is an entry
 * point.
 *
 * @module
 */
import { create, extract } from "npm:tar@7.5.23";
import { readdirSync } from "node:fs";
import { cp, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { run, top } from "./run.ts";
import { codeOnly, importsOf } from "./source_text.ts";

const FIELDS = {
  description: "Sockets that are awaited in straight lines, for Deno, Bun and Node: " +
    "framed reads, timeouts, TLS, UDP, connection pools, and the API of OpenResty's cosockets",
  keywords: ["socket", "tcp", "udp", "tls", "starttls", "cosocket", "openresty", "pool"],
  repository: { type: "git", url: "git+https://github.com/cosocket/cosocket.git" },
  engines: { node: ">=22.18" },
  sideEffects: false,
  publishConfig: { access: "public" },
};

/** What is in the package. */
export interface Packed {
  /** The path of the tarball. */
  readonly tarball: string;
  /** All files, by their paths in the package. */
  readonly files: readonly string[];
  /** What users may import. */
  readonly entries: readonly string[];
}

/** Builds the package, and throws if there is something wrong with it. */
export async function pack(): Promise<Packed> {
  const scratch = await Deno.realPath(await Deno.makeTempDir());
  try {
    const config: Config = JSON.parse(await Deno.readTextFile(new URL("deno.json", top)));
    const folder = `${scratch}/package`;
    await packWithTypes(config, scratch);
    await finishManifest(config, folder);
    await nameDisposable(folder);
    const problems = [
      ...await placesIn(folder, [scratch, fileURLToPath(top)]),
      ...await declarationProblems(folder),
    ];
    if (problems.length > 0) throw new Error(`Cannot pack:\n  ${problems.join("\n  ")}`);
    return await intoDist(config, scratch);
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}

/** Runs `deno pack` on a copy in which each module is an entry point; into `scratch/package/`. */
async function packWithTypes(config: Config, scratch: string): Promise<void> {
  const source = `${scratch}/source`;
  for (const pattern of config.publish.include) {
    const name = pattern.replace(/\/.*/, "");
    await cp(new URL(name, top), `${source}/${name}`, { recursive: true });
  }
  const modules = filesBelow(source).filter((path) => path.endsWith(".ts"));
  const every = Object.fromEntries(modules.map((path) => [`./${path}`, `./${path}`]));
  const { tasks: _tasks, exclude: _exclude, ...rest } = config;
  const exports = { ...every, ...config.exports };
  await Deno.writeTextFile(`${source}/deno.json`, JSON.stringify({ ...rest, exports }));
  // Source maps would hold the path of this folder.
  const flags = ["--quiet", "--allow-dirty", "--no-source-maps", "--output", `${scratch}/raw.tgz`];
  const { code } = await run([Deno.execPath(), "pack", ...flags], { cwd: source });
  if (code !== 0) throw new Error(`Cannot pack: "deno pack" ended with ${code}`);
  await extract({ file: `${scratch}/raw.tgz`, cwd: scratch });
  if (filesBelow(`${scratch}/package`).some((path) => path.endsWith(".d.ts"))) return;
  // One export without an explicit type, and all declarations are left out. This one says which.
  await run([Deno.execPath(), "publish", "--quiet", "--dry-run", "--allow-dirty"], { cwd: source });
  throw new Error("Cannot pack: What a module exports has no explicit type");
}

/** Takes the entry points that are none out of package.json, and adds what it lacks. */
async function finishManifest(config: Config, folder: string): Promise<void> {
  const path = `${folder}/package.json`;
  const { name, version, license, exports, main: _, types: __, ...rest } = JSON.parse(
    await Deno.readTextFile(path),
  );
  const ours = Object.keys(config.exports).map((entry) => [entry, exports[entry]]);
  const manifest = {
    name,
    version,
    license,
    ...FIELDS,
    ...rest,
    main: exports["."].default,
    types: exports["."].types,
    exports: { ...Object.fromEntries(ours), "./package.json": "./package.json" },
  };
  await Deno.writeTextFile(path, JSON.stringify(manifest, null, 2) + "\n");
}

/**
 * Lets declarations say that they know `AsyncDisposable`, which a project's `lib` may lack. (Sources
 * may not: JSR takes no directive that changes what is global.)
 */
async function nameDisposable(folder: string): Promise<void> {
  for (const path of filesBelow(folder).filter((path) => path.endsWith(".d.ts"))) {
    const text = await Deno.readTextFile(`${folder}/${path}`);
    if (!/\b(?:AsyncDisposable|Disposable|asyncDispose|dispose)\b/.test(codeOnly(text))) continue;
    await Deno.writeTextFile(
      `${folder}/${path}`,
      `/// <reference lib="esnext.disposable" />\n${text}`,
    );
  }
}

/** Files that tell where they were built. */
async function placesIn(folder: string, places: readonly string[]): Promise<string[]> {
  const problems: string[] = [];
  for (const path of filesBelow(folder)) {
    const text = await Deno.readTextFile(`${folder}/${path}`);
    if (places.some((place) => text.includes(place))) problems.push(`${path} names its folder`);
  }
  return problems;
}

/** Modules without declarations, and declarations that need the types of a runtime. */
async function declarationProblems(folder: string): Promise<string[]> {
  const problems: string[] = [];
  const files = filesBelow(folder);
  for (const path of files.filter((path) => path.endsWith(".js"))) {
    if (!files.includes(path.replace(/\.js$/, ".d.ts"))) {
      problems.push(`${path} has no declarations`);
    }
  }
  const { exports } = JSON.parse(await Deno.readTextFile(`${folder}/package.json`));
  const open = Object.values<{ types?: string }>(exports).flatMap(({ types }) => types ?? []);
  const seen = new Set<string>();
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const url = new URL(path, pathToFileURL(`${folder}/`));
    if (seen.has(url.href)) continue;
    seen.add(url.href);
    const text = await Deno.readTextFile(url);
    const imports = importsOf(text).filter((it) => it !== null);
    const name = RUNTIME_TYPE.exec(codeOnly(text))?.[0] ?? imports.find((it) => it[0] !== ".");
    if (name !== undefined) problems.push(`${path} needs ${name}, which not every user has`);
    for (const it of imports.filter((it) => it[0] === ".")) {
      open.push(new URL(it.replace(/\.js$/, ".d.ts"), url).href);
    }
  }
  return problems;
}

const RUNTIME_TYPE = /(?<![.\w$])(?:Deno|Bun|NodeJS|Buffer)(?![\w$])/;

/** Makes the tarball, and unpacks just that: what is tested is what is in it. */
async function intoDist(config: Config, scratch: string): Promise<Packed> {
  const dist = fileURLToPath(new URL("dist/", top));
  const tarball = `${dist}${config.name.replace("@", "").replace("/", "-")}-${config.version}.tgz`;
  await rm(`${dist}package`, { recursive: true, force: true });
  await Deno.mkdir(dist, { recursive: true });
  // With times of their own, no two tarballs of the same files would be the same.
  const mtime = new Date("2026-01-01T00:00:00Z");
  await create({ gzip: true, portable: true, mtime, file: tarball, cwd: scratch }, ["package"]);
  await extract({ file: tarball, cwd: dist });
  const entries = Object.keys(config.exports).map((entry) => config.name + entry.slice(1));
  return { tarball, files: filesBelow(`${dist}package`), entries };
}

/** The paths of all files below a folder, from there. */
function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

interface Config {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly publish: { readonly include: readonly string[] };
  readonly tasks?: unknown;
  readonly exclude?: unknown;
}

if (import.meta.main) {
  const { tarball, files } = await pack();
  console.log(files.join("\n"));
  console.log(`${files.length} files in ${relative(fileURLToPath(top), tarball)}`);
}
