/**
 * Checks that each exported symbol shows how it is used. That the examples run is the test's part:
 * `deno test --doc`.
 *
 * @module
 */
import { run, top } from "./run.ts";

interface Declaration {
  readonly kind: string;
  readonly location: { readonly filename: string; readonly line: number };
  readonly jsDoc?: unknown;
}

interface Documented {
  readonly nodes: Readonly<
    Record<string, { readonly symbols: readonly SymbolDoc[] }>
  >;
}

interface SymbolDoc {
  readonly name: string;
  readonly declarations: readonly Declaration[];
}

const { exports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", top)));
const lacking = new Set<string>();
for (const entry of Object.values<string>(exports)) {
  const { code, output } = await run([Deno.execPath(), "doc", "--json", entry], {
    cwd: top,
    quiet: true,
  });
  if (code !== 0) throw new Error(`Cannot read the documentation of "${entry}": ${output}`);
  const { nodes }: Documented = JSON.parse(output);
  for (const { name, declarations } of Object.values(nodes).flatMap(({ symbols }) => symbols)) {
    if (declarations.some(({ jsDoc }) => JSON.stringify(jsDoc ?? "").includes("```"))) continue;
    const { filename, line } = declarations[0]!.location;
    lacking.add(`${filename.slice(top.href.length)}:${line}: ${name} has no example`);
  }
}
for (const it of [...lacking].sort()) console.log(it);
console.log(`${lacking.size} exported symbols without an example`);
Deno.exit(lacking.size > 0 ? 1 : 0);
