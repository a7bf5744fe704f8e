/**
 * Checks that the links of the Markdown files lead somewhere: to a file or a folder of the
 * repository, and where they name a heading, to one that is there. Links to other hosts are not
 * followed.
 *
 * @module
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import process from "node:process";

/** What of the repository can be linked to. */
export interface Repository {
  /** The text of each Markdown file, by its path from the top. */
  readonly pages: Readonly<Record<string, string>>;
  /** Whether there is a file or a folder at a path. */
  exists(path: string): boolean;
}

/** What is wrong with the links of all pages, a sentence each; nothing when all is well. */
export function linkProblems({ pages, exists }: Repository): string[] {
  const headings = Object.fromEntries(
    Object.entries(pages).map(([path, text]) => [path, anchorsOf(text)]),
  );
  const problemOf = (path: string, link: string): string | undefined => {
    if (/^[a-z][a-z\d+.-]*:/i.test(link)) return undefined;
    const [place = "", anchor] = link.split("#");
    const target = place === "" ? path : resolved(path, place);
    if (target === undefined) return `${path} links to ${link}, which is outside of the repository`;
    if (headings[target] === undefined && !exists(target)) {
      return `${path} links to ${link}: No such file`;
    }
    if (anchor === undefined || headings[target]?.has(anchor)) return undefined;
    return `${path} links to ${link}: No such heading`;
  };
  return Object.entries(pages).flatMap(([path, text]) =>
    linksOf(text).flatMap((link) => problemOf(path, link) ?? [])
  );
}

/** Where the links and the images of a page lead to, as they are written there. */
export function linksOf(text: string): string[] {
  const prose = withoutCode(text);
  const found = [
    ...prose.matchAll(/\]\(\s*<?([^\s()<>]+)>?(?:\s+"[^"]*")?\s*\)/g),
    ...prose.matchAll(/^ {0,3}\[[^\]]+\]:\s*<?([^\s<>]+)/gm),
    ...prose.matchAll(/<[^>]*\s(?:href|src)\s*=\s*"([^"]*)"/g),
  ];
  return found.map((match) => match[1]!);
}

/** What links may name on a page: its headings, in the form that forges give them. */
export function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading] of withoutBlocks(text).matchAll(/^ {0,3}#{1,6}[ \t]+(.*?)[ \t#]*$/gm)) {
    const shown = heading!.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").replace(/[`*]/g, "");
    const anchor = shown.toLowerCase().replace(/[^\p{L}\p{N}\p{M}_ -]/gu, "").replaceAll(" ", "-");
    // Of headings with the same words the later ones have numbers.
    let unique = anchor;
    for (let count = 1; anchors.has(unique); count++) unique = `${anchor}-${count}`;
    anchors.add(unique);
  }
  return anchors;
}

function withoutBlocks(text: string): string {
  return text.replace(/^ *(`{3,}|~{3,})[^\n]*\n[^]*?^ *\1[`~]*[ \t]*$/gm, "")
    .replace(/<!--[^]*?-->/g, "");
}

function withoutCode(text: string): string {
  return withoutBlocks(text).replace(/(`+)(?!`)[^]*?[^`]\1(?!`)/g, "");
}

/** The path that a link means; `undefined` if that is above the top. */
function resolved(path: string, place: string): string | undefined {
  const parts = path.split("/").slice(0, -1);
  for (const part of decodeURIComponent(place).split("/")) {
    if (part === "..") {
      if (parts.pop() === undefined) return undefined;
    } else if (part !== "." && part !== "") {
      parts.push(part);
    }
  }
  return parts.join("/");
}

/** All Markdown files, but those of tools and of what was built. */
function pagesBelow(top: URL, folder = ""): string[] {
  return readdirSync(new URL(folder, top), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}${entry.name}`;
    if (!entry.isDirectory()) return path.endsWith(".md") ? [path] : [];
    const isOurs = !entry.name.startsWith(".") && !["dist", "node_modules"].includes(entry.name);
    return isOurs ? pagesBelow(top, `${path}/`) : [];
  });
}

if (import.meta.main) {
  const top = new URL("../", import.meta.url);
  const pages = Object.fromEntries(
    pagesBelow(top).map((path) => [path, readFileSync(new URL(path, top), "utf8")]),
  );
  const exists = (path: string) => existsSync(new URL(encodeURI(path), top));
  const found = linkProblems({ pages, exists });
  for (const problem of found) console.error(problem);
  const links = Object.values(pages).flatMap(linksOf);
  console.log(`${links.length} links of ${Object.keys(pages).length} pages, ${found.length} wrong`);
  process.exitCode = found.length > 0 ? 1 : 0;
}
