/** As much of HTTP/1.1 as the demonstration speaks; a fuller client is `../http_client.ts`. */

import type { Cosocket, Data } from "../../mod.ts";
import { expect, quoted } from "./print.ts";

/** What comes before a body. */
export interface Head {
  readonly status: string;
  readonly headers: ReadonlyMap<string, string>;
}

/** How the end of a body is found. */
export type Framing = { readonly size: number } | "chunked" | "to the end";

/** A request as a nested array: nobody needs to join the pieces. */
export function requestFor(host: string, path: string): Data {
  return ["GET ", path, " HTTP/1.1\r\n", [["Host: ", host, "\r\n"], "Accept: */*\r\n"], "\r\n"];
}

export function checkStatus(line: string): void {
  expect(/^HTTP\/1\.[01] \d{3}/.test(line), `this is no HTTP/1 server: it said ${quoted(line)}`);
}

export async function receiveHead(sock: Cosocket): Promise<Head> {
  const status = await sock.receiveLine();
  checkStatus(status);
  const lines: string[] = [];
  for (let line = await sock.receiveLine(); line !== ""; line = await sock.receiveLine()) {
    lines.push(line);
  }
  return { status, headers: headersOf(lines) };
}

export function headersOf(lines: readonly string[]): Map<string, string> {
  return new Map(lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  }));
}

export function framingOf({ status, headers }: Head): Framing {
  if (/ (?:204|304)\b/.test(status)) return { size: 0 };
  if (headers.get("transfer-encoding")?.toLowerCase() === "chunked") return "chunked";
  const length = headers.get("content-length");
  if (length === undefined) return "to the end";
  expect(/^\d+$/.test(length), `the server sent a Content-Length of ${quoted(length)}`);
  return { size: Number(length) };
}

/** Whether another request may follow on the same connection. */
export function staysOpen({ status, headers }: Head): boolean {
  return status.startsWith("HTTP/1.1") && !/\bclose\b/i.test(headers.get("connection") ?? "");
}

/** Receives a body, and says how many bytes it had. */
export async function receiveBody(sock: Cosocket, framing: Framing): Promise<number> {
  if (framing === "to the end") return (await sock.receiveAll()).length;
  if (framing !== "chunked") return (await sock.receiveExactly(framing.size)).length;
  let total = 0;
  for (;;) {
    const size = parseInt(await sock.receiveLine(), 16);
    expect(size >= 0, "the size of a chunk is no number");
    await sock.skip(size);
    total += size;
    // Behind each chunk an empty line; behind the last one headers, and an empty line.
    while (await sock.receiveLine() !== "") { /* those do not matter here */ }
    if (size === 0) return total;
  }
}
