// Times, in the notation of nginx.conf.

// From the largest unit to the smallest, each at most once; a bare number is seconds.
const TIME =
  /^(?:(\d*)w *)?(?:(\d*)d *)?(?:(\d*)h *)?(?:(\d*)m(?!s) *)?(?:(\d*)s *)?(?:(\d*)ms *)?(\d*)$/;
const UNITS_MS = [604_800_000, 86_400_000, 3_600_000, 60_000, 1000, 1, 1000];

/** `60s`, `1m 30s`, `250ms`; a bare number is seconds. */
export function parseTime(text: string): number | undefined {
  const match = TIME.exec(text);
  if (match === null || !/\d/.test(text)) return undefined;
  return UNITS_MS.reduce((ms, unitMs, at) => ms + Number(match[at + 1] ?? 0) * unitMs, 0);
}
