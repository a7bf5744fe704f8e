/** Comparing what was wanted with what was got. */

/**
 * Deep equality, in which the wanted side may hold `{"any": true}`,
 * `{"anyOf": [...]}` and `{"match": "regular expression"}` in place of values.
 */
export function same(wanted: unknown, got: unknown): boolean {
  if (Array.isArray(wanted)) return sameList(wanted, got);
  if (wanted === null || typeof wanted !== "object") return wanted === got;
  if ("any" in wanted) return true;
  if ("anyOf" in wanted) return (wanted.anyOf as unknown[]).some((one) => same(one, got));
  if ("match" in wanted) {
    return typeof got === "string" && new RegExp(wanted.match as string, "s").test(got);
  }
  return sameFields(wanted as Fields, got);
}

type Fields = Record<string, unknown>;

function sameList(wanted: readonly unknown[], got: unknown): boolean {
  return Array.isArray(got) && wanted.length === got.length &&
    wanted.every((item, at) => same(item, got[at]));
}

function sameFields(wanted: Fields, got: unknown): boolean {
  if (got === null || typeof got !== "object" || Array.isArray(got)) return false;
  const names = Object.keys(wanted);
  return names.length === Object.keys(got).length &&
    names.every((name) => Object.hasOwn(got, name) && same(wanted[name], (got as Fields)[name]));
}
