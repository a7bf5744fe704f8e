/**
 * Lets Node run the tests on the unpacked package: whatever a test imports of the project comes
 * from `dist/package/`. Loaded by `--import`, also into the processes that tests start.
 *
 * Each module of the package that is loaded is written to the file that LOADED_MODULES names.
 *
 * @module
 */
import { appendFileSync, existsSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";

// Not by "node:process": importing it touches standard input, which does not block then, and a
// program that a test starts may want it to.
const { env } = (globalThis as unknown as { process: { env: Record<string, string> } }).process;
const top = new URL("../", import.meta.url).href;
const packed = new URL("dist/package/", top).href;
const OWN_NAME = /^@cosocket\/cosocket(?:\/|$)/;
const NOT_PACKED = /^(?:tests|examples|scripts|bench)\//;

registerHooks({
  resolve(specifier, context, nextResolve) {
    const parentURL = OWN_NAME.test(specifier) ? `${packed}package.json` : context.parentURL;
    const found = nextResolve(specifier, { ...context, parentURL });
    if (found.url.startsWith(packed)) return recorded(found);
    if (!found.url.startsWith(top) || !/\.ts(?:\?|$)/.test(found.url)) return found;
    const path = found.url.slice(top.length);
    // No package.json beside the tests says that they are modules.
    if (NOT_PACKED.test(path)) return { ...found, format: "module-typescript" };
    const url = packed + path.replace(/\.ts(?=\?|$)/, ".js");
    return recorded({ ...found, url, format: "module" });
  },
});

function recorded<T extends { url: string }>(found: T): T {
  const path = found.url.slice(packed.length).replace(/\?.*/, "");
  if (env.LOADED_MODULES) appendFileSync(env.LOADED_MODULES, `${path}\n`);
  if (!existsSync(fileURLToPath(found.url))) throw new Error(`The package lacks "${path}"`);
  return found;
}
