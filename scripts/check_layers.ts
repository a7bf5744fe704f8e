/**
 * Checks that imports point down.
 *
 * A file imports from its own layer or a lower one; `import type`, `export ... from` and `import()`
 * count. Beside that: no circle of imports, no name of one runtime outside the places that are
 * allowed one, and none of the few things that would break a runtime or a registry.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { codeOnly, importsOf, withoutComments } from "./source_text.ts";

/** From the bottom up. A name that ends in a slash is a folder, with all that is below it. */
export const LAYERS: readonly (readonly string[])[] = [
  [
    "src/errors.ts",
    "src/bytes.ts",
    "src/bytes_text.ts",
    "src/check.ts",
    "src/held.ts",
    "src/ip.ts",
    "src/matcher.ts",
    "src/slab.ts",
  ],
  [
    "src/target.ts",
    "src/tls.ts",
    "src/transport.ts",
    "src/buffer.ts",
    "src/outgoing.ts",
    "src/dns/message.ts",
    "src/dns/random.ts",
    "src/dns/servers.ts",
  ],
  ["src/framing.ts", "src/parts.ts", "src/race.ts", "src/drivers/"],
  ["src/diagnostics.ts", "src/stream.ts", "src/shelf.ts", "src/mailbox.ts"],
  ["src/dns/"],
  [
    "src/call_options.ts",
    "src/line_iterator.ts",
    "src/course.ts",
    "src/tls_acceptor.ts",
    "src/connect.ts",
    "src/pool.ts",
    "src/web_streams.ts",
  ],
  [
    "src/cosocket.ts",
    "src/listener.ts",
    "src/connection_pool.ts",
    "src/datagram.ts",
    "src/datagram_options.ts",
    "src/name_lookup.ts",
  ],
  ["src/faces/", "src/trace.ts"],
  ["mod.ts", "testing.ts"],
];

/** Imports a computed name, for bundlers must not look for what only one runtime has. */
const COMPUTED_ALLOWED = ["src/drivers/workers.ts"];

/** The places that may name a runtime. */
const RUNTIMES_ALLOWED = ["src/drivers/", "src/connect.ts"];

/**
 * What is wrong with these files, a sentence each; nothing when all is well.
 *
 * @param files Text by path, the path as from the top of the repository.
 */
export function problems(
  files: Readonly<Record<string, string>>,
  layers: readonly (readonly string[])[] = LAYERS,
): string[] {
  const found: string[] = [];
  const graph = new Map<string, string[]>();
  for (const [path, text] of Object.entries(files)) {
    found.push(...textProblems(path, text));
    if (!isShipped(path)) continue;
    const layer = layerOf(path, layers);
    if (layer === -1) found.push(`${path} has no layer: name it in scripts/check_layers.ts`);
    const targets: string[] = [];
    for (const specifier of importsOf(text)) {
      if (specifier === null) {
        if (!isIn(path, COMPUTED_ALLOWED)) found.push(`${path} imports a computed name`);
      } else if (specifier.startsWith(".")) {
        const target = resolved(path, specifier);
        targets.push(target);
        const above = layerOf(target, layers) > layer;
        if (files[target] === undefined) found.push(`${path} imports ${target}: No such file`);
        else if (!isShipped(target)) found.push(`${path} imports ${target}, which is not shipped`);
        else if (above && layer !== -1) found.push(`${path} imports ${target}, a layer above it`);
      } else if (!specifier.startsWith("node:")) {
        found.push(`${path} imports "${specifier}": There are no dependencies`);
      }
    }
    graph.set(path, targets);
  }
  return [...found, ...circles(graph)];
}

/** What one text alone shows. */
function textProblems(path: string, text: string): string[] {
  const found: string[] = [];
  const code = codeOnly(text);
  const uncommented = withoutComments(text);
  for (const specifier of importsOf(text)) {
    // The registry it names cannot be reached from where this is built and tested.
    if (specifier?.startsWith("jsr:")) found.push(`${path} imports "${specifier}"`);
  }
  for (const { index } of code.matchAll(/TextDecoder\s*\(\s*["'`]/g)) {
    // All of these labels mean windows-1252, which is not one character per byte.
    if (WINDOWS_1252.test(uncommented.slice(index))) {
      found.push(
        `${path} decodes windows-1252 under another name: Bytes 0x80 to 0x9F would change`,
      );
    }
  }
  // Node 22 cannot parse it, and stripping types leaves it as it is.
  if (!path.startsWith("scripts/") && USING.test(code)) {
    found.push(`${path} has a using declaration`);
  }
  if (isShipped(path) && !isIn(path, RUNTIMES_ALLOWED)) {
    const names = [...code.matchAll(RUNTIME_NAME), ...uncommented.matchAll(RUNTIME_STRING)];
    for (const name of new Set(names.map((match) => match[1]))) {
      found.push(`${path} names ${name}: Runtimes are named in ${RUNTIMES_ALLOWED.join(" and ")}`);
    }
  }
  return found;
}

const WINDOWS_1252 =
  /^TextDecoder\s*\(\s*["'`](?:latin-?1|l1|iso-?8859-?1|iso_8859-1|(?:us-)?ascii|(?:windows|x-cp|cp)-?1252|cp819|ibm819)["'`]/i;
const USING = /(?<![.\w$#])using\s+[A-Za-z_$][\w$]*\s*(?:=|:|of\b)/;
const RUNTIME_NAME = /(?<![.\w$#]|\.\.\.)(?:globalThis\s*\??\.\s*)?(Deno|Bun|process)(?![\w$])/g;
const RUNTIME_STRING = /["'`](node:|(?:Deno|Bun|process)(?=["'`] in ))/g;

/** Each circle once, as the path around it. */
function circles(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start !== -1) {
      found.push(`${[...trail.slice(start), path].join(" -> ")} is a circle`);
    } else if (!done.has(path)) {
      for (const target of graph.get(path) ?? []) visit(target, [...trail, path]);
      done.add(path);
    }
  };
  for (const path of graph.keys()) visit(path, []);
  return found;
}

function layerOf(path: string, layers: readonly (readonly string[])[]): number {
  return layers.findIndex((layer) => isIn(path, layer));
}

function isIn(path: string, places: readonly string[]): boolean {
  return places.some((place) => place.endsWith("/") ? path.startsWith(place) : path === place);
}

function isShipped(path: string): boolean {
  return isIn(path, ["mod.ts", "testing.ts", "src/"]);
}

function resolved(path: string, specifier: string): string {
  return new URL(specifier, `file:///${path}`).pathname.slice(1);
}

/** Every TypeScript file of the project, by its path from the top. */
function projectFiles(): Record<string, string> {
  const top = new URL("../", import.meta.url);
  const paths = ["mod.ts", "testing.ts"];
  for (const folder of ["src", "tests", "scripts", "examples", "bench"]) {
    for (const path of readdirSync(new URL(folder, top), { recursive: true, encoding: "utf8" })) {
      if (path.endsWith(".ts")) paths.push(`${folder}/${path.replaceAll("\\", "/")}`);
    }
  }
  return Object.fromEntries(paths.map((path) => [path, readFileSync(new URL(path, top), "utf8")]));
}

if (import.meta.main) {
  const files = projectFiles();
  const found = problems(files);
  for (const problem of found) console.error(problem);
  console.log(`${Object.keys(files).length} files, ${found.length} problems`);
  process.exitCode = found.length > 0 ? 1 : 0;
}
