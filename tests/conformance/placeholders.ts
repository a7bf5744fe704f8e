/**
 * `$PORT`, `$UNIX`, `$CERTS`, `$ID` and the like: what a script can name before a run has
 * picked its ports and paths.
 */

export type Placeholders = Readonly<Record<string, string | number>>;

/** Fills in: a string that is nothing but a placeholder becomes its value. */
export function fillIn<T>(value: T, placeholders: Placeholders): T {
  return eachString(value, (text) => {
    if (Object.hasOwn(placeholders, text)) return placeholders[text];
    for (const name of longestFirst(placeholders)) {
      text = text.replaceAll(name, String(placeholders[name]));
    }
    return text;
  }) as T;
}

/** Puts the names back, so that messages with a port in them can be compared. */
export function takeOut<T>(value: T, placeholders: Placeholders): T {
  return eachString(value, (text) => {
    for (const name of longestFirst(placeholders)) {
      const actual = String(placeholders[name]);
      // A shorter number is as likely to be data as to be this port.
      if (actual.length >= 4) text = text.replaceAll(actual, name);
    }
    return text;
  }) as T;
}

/** `$PORT2` must be looked for before `$PORT`. */
function longestFirst(placeholders: Placeholders): string[] {
  return Object.keys(placeholders).sort((a, b) => b.length - a.length);
}

function eachString(value: unknown, change: (text: string) => unknown): unknown {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((item) => eachString(item, change));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, eachString(item, change)]),
  );
}
