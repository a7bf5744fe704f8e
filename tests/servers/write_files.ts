import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** Writes files that nobody else may read, and gives the path of each. */
export function writeFiles(
  folder: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(files).map(([name, content]) => {
      const path = join(folder, name);
      writeFileSync(path, content, { mode: 0o600 });
      return [name, path];
    }),
  );
}
