/**
 * Packages of npm that are measured beside ours, in `.tools/bench/`. They are installed when they
 * are first measured, and are no dependency of anything.
 *
 * @module
 */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { npmInstall } from "../scripts/tools.ts";

const VERSIONS = { "promise-socket": "8.0.0", "ioredis": "6.0.0", "redis": "6.3.1" };

const home = new URL("../.tools/bench/", import.meta.url);

/** Installs all of them, where that has not been done. */
export async function installPackages(): Promise<void> {
  if (Object.entries(VERSIONS).some(([name, version]) => installed(name) !== version)) {
    await npmInstall(home, VERSIONS);
  }
}

function installed(name: string): string | undefined {
  const manifest = new URL(`node_modules/${name}/package.json`, home);
  return existsSync(manifest) ? JSON.parse(readFileSync(manifest, "utf8")).version : undefined;
}

/** What one of them exports. */
export async function fromNpm<Module>(name: keyof typeof VERSIONS): Promise<Module> {
  // Deno has a store of its own.
  if ("Deno" in globalThis) return await import(`npm:${name}@${VERSIONS[name]}`) as Module;
  const found = createRequire(new URL("package.json", home)).resolve(name);
  return await import(pathToFileURL(found).href) as Module;
}
