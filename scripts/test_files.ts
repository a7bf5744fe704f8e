import { top } from "./run.ts";

/**
 * The test files to run on another runtime than Deno, as paths from the top: those below the given
 * files and folders, or all but those that need real servers.
 */
export function testFiles(given: readonly string[]): string[] {
  const all = filesBelow("tests").filter((path) => path.endsWith("_test.ts")).sort()
    // These are Deno's alone: its standard library, from where not everybody gets it.
    .filter((path) => !path.startsWith("tests/jsr/"));
  if (given.length === 0) return all.filter((path) => !/^tests\/(faults|servers)\//.test(path));
  const wanted = given.map((path) => path.replace(/^\.\//, "").replace(/\/$/, ""));
  const files = all.filter((path) =>
    wanted.some((place) => path === place || path.startsWith(`${place}/`))
  );
  if (files.length === 0) throw new Error(`Cannot find a test: none in ${given.join(" ")}`);
  return files;
}

function filesBelow(folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder, top))].flatMap((entry) =>
    entry.isDirectory ? filesBelow(`${folder}/${entry.name}`) : [`${folder}/${entry.name}`]
  );
}
