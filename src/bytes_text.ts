// Bytes as a person reads them.

/** Bytes as text in quotes if they are text without control characters, or else as hex. */
export function bytesText(bytes: Uint8Array, maxBytes: number): string {
  const shown = bytes.subarray(0, maxBytes);
  const rest = bytes.length > maxBytes ? ` ... ${bytesCount(bytes.length)} in all` : "";
  return (textOf(shown, rest !== "") ?? hexOf(shown)) + rest;
}

function textOf(bytes: Uint8Array, isCut: boolean): string | undefined {
  try {
    // What is cut may end in the middle of a character.
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
      .decode(bytes, { stream: isCut });
    return CONTROL.test(text) ? undefined : JSON.stringify(text);
  } catch {
    return undefined; // not UTF-8
  }
}

// All but tab, line feed and carriage return.
// deno-lint-ignore no-control-regex
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/;

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

/** `1 byte`, `2 bytes`. */
export function bytesCount(count: number): string {
  return count === 1 ? "1 byte" : `${count} bytes`;
}
