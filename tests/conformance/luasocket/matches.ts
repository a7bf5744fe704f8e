/** Comparing what was wanted with what was got, where the wanted side may hold matchers. */

/** Deep equality; nils at the end of a call's results are not told apart from none. */
export function sameResults(wanted: readonly unknown[], got: readonly unknown[]): boolean {
  return matches(trimmed(wanted), trimmed(got));
}

/** Deep equality, in which the wanted side may hold `{"~num": 1}` and the like. */
export function matches(wanted: unknown, got: unknown): boolean {
  if (Array.isArray(wanted)) {
    return Array.isArray(got) && wanted.length === got.length &&
      wanted.every((it, at) => matches(it, got[at]));
  }
  if (wanted === null || typeof wanted !== "object") return wanted === got;
  const [matcher, ...more] = Object.entries(wanted);
  if (matcher !== undefined && more.length === 0 && matcher[0].startsWith("~")) {
    return MATCHERS[matcher[0]]!(got, matcher[1]);
  }
  if (got === null || typeof got !== "object" || Array.isArray(got)) return false;
  const names = Object.keys(wanted);
  return names.length === Object.keys(got).length &&
    names.every((name) =>
      Object.hasOwn(got, name) &&
      matches((wanted as Record<string, unknown>)[name], (got as Record<string, unknown>)[name])
    );
}

// deno-lint-ignore no-explicit-any -- each has an argument of its own
type Matcher = (got: unknown, argument: any) => boolean;

const MATCHERS: Readonly<Record<string, Matcher>> = {
  "~any": () => true,
  "~num": (got) => typeof got === "number",
  "~str": (got) => typeof got === "string",
  "~range": (got, [least, most]: [number, number]) => Number(got) >= least && Number(got) <= most,
  "~port": (got) => Number(got) > 0 && Number(got) < 65536,
  "~re": (got, pattern: string) => typeof got === "string" && new RegExp(pattern).test(got),
  "~oneof": (got, choices: unknown[]) => choices.some((it) => matches(it, got)),
};

function trimmed(results: readonly unknown[]): readonly unknown[] {
  let { length } = results;
  while (length > 0 && (results[length - 1] ?? null) === null) length--;
  return results.slice(0, length);
}
