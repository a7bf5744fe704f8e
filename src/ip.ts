/** 4 or 6 for an address literal, 0 for a name. */
export function ipFamily(hostname: string): 0 | 4 | 6 {
  if (hostname.includes(":")) return 6;
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(hostname) ? 4 : 0;
}

/** The text of an address of 4 or of 16 bytes, as RFC 5952 writes it. */
export function ipText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from(
    { length: 8 },
    (_, at) => (bytes[2 * at]! << 8 | bytes[2 * at + 1]!).toString(16),
  );
  const isMapped = groups.slice(0, 6).join() === "0,0,0,0,0,ffff";
  if (isMapped) return `::ffff:${ipText(bytes.subarray(12))}`;
  // The longest run of at least two zeros is left out; the first, if two are as long.
  const text = groups.join(":");
  const runs = text.match(/\b0(?::0)+\b/g) ?? [];
  const longest = runs.reduce((most, it) => it.length > most.length ? it : most, "");
  if (longest === "") return text;
  const from = new RegExp(`(^|:)${longest}(:|$)`);
  return text.replace(from, "::");
}
