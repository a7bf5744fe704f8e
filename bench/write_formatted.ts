/** Writing what is kept in the repository, formatted as the rest of it is. */

import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import process from "node:process";

/** Writes a file, and has Deno, which must be what runs this, format it. */
export function writeFormatted(file: string, text: string): void {
  writeFileSync(file, text);
  const { status } = spawnSync(process.execPath, ["fmt", "--quiet", file]);
  if (status !== 0) throw new Error(`Cannot format "${file}"`);
}
