// What `send`, `say` and `print` make of their arguments.

import { byteString } from "../../bytes.ts";
import { badArgument, isTable, numberText, typeName } from "./lua.ts";

/** The byte string that `send` sends for a value. */
export function sendText(data: unknown): string {
  if (typeof data === "string") return data;
  switch (typeName(data)) {
    case "number":
      return sentNumber(data as number);
    case "string":
      return byteString(data as Uint8Array);
    case "nil":
      return "nil";
    case "boolean":
      return String(data);
    case "table":
      return tableText(data as unknown[], "send");
    default:
      throw badArgument(
        1,
        "send",
        `string, number, boolean, nil, or array table expected, got ${typeName(data)}`,
      );
  }
}

/** The text of a table of strings, numbers and such tables. */
export function tableText(table: Record<string, unknown> | unknown[], method: string): string {
  const items = itemsOf(table, method);
  let text = "";
  for (const item of items) {
    switch (typeName(item)) {
      case "string":
        text += typeof item === "string" ? item : byteString(item as Uint8Array);
        break;
      case "number":
        text += sentNumber(item as number);
        break;
      case "table":
        text += tableText(item as unknown[], method);
        break;
      default:
        throw badArgument(1, method, `bad data type ${typeName(item)} found`);
    }
  }
  return text;
}

/** The items 1 to n; nils at the end are not there, as in Lua. */
function itemsOf(table: Record<string, unknown> | unknown[], method: string): unknown[] {
  if (Array.isArray(table)) {
    let length = table.length;
    while (length > 0 && (table[length - 1] ?? null) === null) length--;
    // A hole reads as undefined, which the caller refuses as nil.
    return Array.from({ length }, (_, at) => table[at]);
  }
  const items: unknown[] = [];
  for (const [key, value] of Object.entries(table)) {
    if ((value ?? null) === null) continue;
    if (!isTable(table) || !/^[1-9]\d*$/.test(key)) {
      throw badArgument(1, method, "non-array table found");
    }
    items[Number(key) - 1] = value;
  }
  return Array.from({ length: items.length }, (_, at) => items[at]);
}

/** Whole numbers of 32 bits as such; all others as Lua prints them. */
function sentNumber(value: number): string {
  return value === (value | 0) ? String(value | 0) : numberText(value);
}
