/**
 * A download as LuaSocket does it: a source receives the body, a filter looks at it, a sink writes
 * it to a file, and a pump moves it from one to the other.
 *
 *     deno run -A examples/lua_download.ts http://127.0.0.1:8000/file copy
 *
 * @module
 */

import { open } from "node:fs/promises";
import process from "node:process";
// In a program of your own: from "@cosocket/cosocket/luasocket".
import { ltn12, socket } from "../src/faces/luasocket/mod.ts";

/** What a source gives: a chunk, or `null`, and why if that is not the end. */
type Source = () => Promise<[chunk?: string | null, err?: unknown]>;

/** What a sink is given: a chunk, or `null` at the end. */
type Sink = (chunk: string | null, err?: unknown) => unknown;

/** What came. */
export interface Downloaded {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: number;
}

/**
 * Downloads a file into a sink. Gives what came, or `null` and why not; the socket is closed in any
 * case.
 */
export const download = socket.protect(async (url: string, sink: Sink): Promise<[Downloaded]> => {
  const { hostname, port, pathname, search } = new URL(url);
  const [sock] = socket.try(...await socket.connect(hostname, port || "80"));
  const attempt = socket.newtry(() => sock.close());
  sock.settimeout(10);

  attempt(...await sock.send(`GET ${pathname}${search} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`));
  const [statusLine] = attempt(...await sock.receive());
  const [, code] = /^HTTP\/1\.\d (\d{3})/.exec(`${statusLine}`) ?? [];
  attempt(code, "not an HTTP server");

  const headers: Record<string, string> = Object.create(null);
  for (;;) {
    const [line] = attempt(...await sock.receive());
    if (line === "") break;
    const [, name, value] = /^([^:]+):\s*(.*)/.exec(`${line}`) ?? [];
    attempt(name, "malformed response headers");
    headers[name!.toLowerCase()] = value!;
  }

  // A filter that counts, and changes nothing.
  let bytes = 0;
  const source = ltn12.source.chain(bodyOf(sock, headers), (chunk) => {
    bytes += chunk?.length ?? 0;
    return chunk;
  });
  attempt(...await ltn12.pump.all(source, sink));
  await sock.close();
  return [{ status: Number(code), headers, bytes }];
});

/** The body, which ends as the headers say. */
function bodyOf(sock: unknown, headers: Readonly<Record<string, string>>): Source {
  if (headers["transfer-encoding"] === "chunked") return socket.source("http-chunked", sock);
  const length = headers["content-length"];
  if (length === undefined) return socket.source("until-closed", sock);
  return socket.source("by-length", sock, Number(length));
}

if (import.meta.main) {
  const [url, path] = process.argv.slice(2);
  if (url === undefined || path === undefined) {
    console.error("usage: lua_download.ts URL FILE");
    process.exit(2);
  }
  const [downloaded, err] = await download(url, ltn12.sink.file(await open(path, "w")));
  if (downloaded === null) {
    console.error(`Cannot download ${url}: ${err}`);
    process.exit(1);
  }
  console.log(`${downloaded.status}, ${downloaded.bytes} bytes`);
}
