/**
 * What a check may know of a TypeScript file without parsing it: its text with comments, or
 * comments and strings, blanked out, and the names it imports.
 *
 * Blanking keeps every position, so that what is found in the blanked text can be read in the
 * original. A template literal counts as one string with all its `${}`, and a regular expression
 * is known by what stands before it; both are good enough for text that `deno fmt` has formatted.
 *
 * @module
 */

/** The text with its comments turned into spaces. */
export function withoutComments(text: string): string {
  return text.replace(TOKEN, (token) => isComment(token) ? spaces(token) : token);
}

/** The text with comments and the insides of strings and regular expressions turned to spaces. */
export function codeOnly(text: string): string {
  return text.replace(
    TOKEN,
    (token) => isComment(token) ? spaces(token) : token[0] + spaces(token.slice(1, -1)) + token[0],
  );
}

/**
 * The specifiers that a file imports in any form (`import`, `import type`, `export ... from`,
 * `import()`, `import("...").Type`), in order; `null` for one that is computed.
 */
export function importsOf(text: string): (string | null)[] {
  return [...codeOnly(text).matchAll(IMPORT)].map((found) => {
    const quoted = found[1] ?? found[2];
    if (quoted === undefined) return null;
    const end = found.index + found[0].length - 1;
    return text.slice(end - quoted.length + 2, end);
  });
}

const TOKEN = new RegExp(
  [
    String.raw`\/\/[^\n]*`,
    String.raw`\/\*[\s\S]*?\*\/`,
    String.raw`"(?:\\.|[^"\\\n])*"`,
    String.raw`'(?:\\.|[^'\\\n])*'`,
    "`(?:\\\\[\\s\\S]|[^`\\\\])*`",
    String
      .raw`(?<=(?:[(,=:[!&|?{};+]|\breturn)[ \n]*)\/(?![*\/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^\/\\\n[])+\/`,
  ].join("|"),
  "g",
);

// Two groups, not one name twice: Node 22 does not know that syntax.
const IMPORT =
  /(?<![.\w$#])(?:(?:from|import)\s*("[^"]*"|'[^']*')|import\s*\(\s*("[^"]*"|'[^']*')?)/g;

function isComment(token: string): boolean {
  return token.startsWith("//") || token.startsWith("/*");
}

function spaces(text: string): string {
  return text.replace(/[^\n]/g, " ");
}
