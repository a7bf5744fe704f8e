/**
 * HTTP/1.1 over connections that are kept alive.
 *
 *     deno run --allow-net examples/http_client.ts example.com:80 /
 *
 * @module
 */

import process from "node:process";
// In a program of your own: from "@cosocket/cosocket".
import { type Cosocket, Pool, type PoolOptions, SocketError, type Target } from "../mod.ts";

/** What a server answered. */
export interface HttpResponse {
  readonly status: number;
  readonly reason: string;
  /** By lower-case name; several of one name are joined by `", "`. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
  /** How often its connection had been used before. */
  readonly reusedTimes: number;
}

/** What to send besides method and path. */
export interface HttpRequest {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** How a client is to behave. */
export interface HttpClientOptions extends PoolOptions {
  /** What the `Host` header says; otherwise the target's host and port. */
  host?: string;
  /** Milliseconds without a byte before a request gives up. Default 60,000. */
  timeoutMs?: number;
}

const MAX_HEADER_LINES = 200;
const MAX_LINE_BYTES = 16 * 1024;
const MAX_BODY_BYTES = 64 * 1024 * 1024;
// To send these twice does no more than to send them once (RFC 9110, section 9.2.2).
const REPEATABLE = new Set(["GET", "HEAD", "PUT", "DELETE", "OPTIONS"]);

/** The answers of one server. */
export class HttpClient {
  readonly #target: Target;
  readonly #host: string;
  readonly #timeoutMs: number;
  readonly #pool: Pool;

  constructor(target: Target, options: HttpClientOptions = {}) {
    this.#target = target;
    this.#host = options.host ?? hostOf(target);
    this.#timeoutMs = options.timeoutMs ?? 60_000;
    this.#pool = new Pool(options);
  }

  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<HttpResponse> {
    return this.request("GET", path, { headers });
  }

  /** Sends a request and receives all of its answer. */
  async request(method: string, path: string, request: HttpRequest = {}): Promise<HttpResponse> {
    const message = requestText(method, path, this.#host, request);
    const limits = { timeoutMs: this.#timeoutMs, readTimeoutMs: this.#timeoutMs };
    for (;;) {
      let mayBeStale = false;
      try {
        return await this.#pool.use(this.#target, async (sock) => {
          mayBeStale = sock.reusedTimes > 0 && REPEATABLE.has(method);
          await sock.send(message);
          const start = await sock.receiveLine({ maxBytes: MAX_LINE_BYTES });
          mayBeStale = false;
          return await receiveResponse(sock, method, start);
        }, limits);
      } catch (error) {
        // A server may close a connection at the very moment we take it out of the pool, which
        // nobody can know before using it. It answered nothing, so asking again is safe.
        const isGone = error instanceof SocketError &&
          (error.code === "closed" || error.code === "reset");
        if (!mayBeStale || !isGone) throw error;
      }
    }
  }

  stats(): ReturnType<Pool["stats"]> {
    return this.#pool.stats();
  }

  close(): void {
    this.#pool.close();
  }
}

function requestText(
  method: string,
  path: string,
  host: string,
  { headers = {}, body }: HttpRequest,
): (string | Uint8Array)[] {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const lines = [`${method} ${path} HTTP/1.1`, `Host: ${host}`];
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  if (bytes !== undefined) lines.push(`Content-Length: ${bytes.length}`);
  // Whoever could smuggle a line end in here would write requests of his own.
  if (lines.some((line) => /[\r\n]/.test(line)) || /\s/.test(method + path)) {
    throw new TypeError("A request must have no line ends, and no spaces in method and path");
  }
  // An array goes out as one: no need to join the parts first.
  return [lines.join("\r\n"), "\r\n\r\n", bytes ?? ""];
}

async function receiveResponse(
  sock: Cosocket,
  method: string,
  start: string,
): Promise<HttpResponse> {
  let [version, status, reason] = statusOf(start);
  let headers = await receiveHeaders(sock);
  while (status >= 100 && status < 200) { // "100 Continue" and the like: the answer comes behind it
    [version, status, reason] = statusOf(await sock.receiveLine({ maxBytes: MAX_LINE_BYTES }));
    headers = await receiveHeaders(sock);
  }
  const { reusedTimes } = sock;
  const { body, untilEnd } = await receiveBody(sock, method, status, headers);
  const connection = (headers.get("connection") ?? "").toLowerCase().split(/\s*,\s*/);
  const staysOpen = version === "1.1" ? !connection.includes("close") : false;
  // What we close ourselves here, the pool does not keep.
  if (untilEnd || !staysOpen) sock.close();
  return { status, reason, headers, body, reusedTimes };
}

function statusOf(line: string): [version: string, status: number, reason: string] {
  const match = /^HTTP\/(1\.[01]) (\d{3})(?: (.*))?$/.exec(line);
  if (match === null) throw new Error(`Not an HTTP/1 server: it said ${JSON.stringify(line)}`);
  return [match[1]!, Number(match[2]), match[3] ?? ""];
}

async function receiveHeaders(sock: Cosocket): Promise<Map<string, string>> {
  const headers = new Map<string, string>();
  for (let count = 0; count < MAX_HEADER_LINES; count++) {
    const line = await sock.receiveLine({ maxBytes: MAX_LINE_BYTES });
    if (line === "") return headers;
    const match = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*(.*?)[ \t]*$/.exec(line);
    if (match === null) throw new Error(`Not a header: ${JSON.stringify(line)}`);
    const name = match[1]!.toLowerCase();
    const before = headers.get(name);
    headers.set(name, before === undefined ? match[2]! : `${before}, ${match[2]}`);
  }
  throw new Error(`More than ${MAX_HEADER_LINES} headers`);
}

/** The body ends where RFC 9112, section 6.3, says. */
async function receiveBody(
  sock: Cosocket,
  method: string,
  status: number,
  headers: ReadonlyMap<string, string>,
): Promise<{ body: Uint8Array; untilEnd: boolean }> {
  if (method === "HEAD" || status === 204 || status === 304) {
    return { body: new Uint8Array(), untilEnd: false };
  }
  const coding = headers.get("transfer-encoding");
  if (coding !== undefined) {
    if (coding.toLowerCase() !== "chunked") throw new Error(`Unknown coding: ${coding}`);
    return { body: await receiveChunks(sock), untilEnd: false };
  }
  const length = headers.get("content-length");
  if (length !== undefined) {
    return { body: await sock.receiveExactly(sizeOf(length, 10)), untilEnd: false };
  }
  return { body: await sock.receiveAll({ maxBytes: MAX_BODY_BYTES }), untilEnd: true };
}

async function receiveChunks(sock: Cosocket): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for (;;) {
    const line = await sock.receiveLine({ maxBytes: MAX_LINE_BYTES });
    const size = sizeOf(line.replace(/[ \t]*;.*/, ""), 16);
    if (size === 0) break;
    if ((total += size) > MAX_BODY_BYTES) throw new Error("The body is too large");
    chunks.push(await sock.receiveExactly(size));
    if (await sock.receiveLine({ maxBytes: 1 }) !== "") throw new Error("A chunk is too long");
  }
  await receiveHeaders(sock); // those behind the body
  const body = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}

/** Two readers of one message must agree where it ends: digits, and nothing but digits. */
function sizeOf(text: string, radix: 10 | 16): number {
  const size = (radix === 10 ? /^\d+$/ : /^[\da-f]+$/i).test(text) ? parseInt(text, radix) : NaN;
  if (!(size <= MAX_BODY_BYTES)) throw new Error(`Not a size we take: ${JSON.stringify(text)}`);
  return size;
}

function hostOf(target: Target): string {
  if (typeof target === "string") return target.startsWith("unix:") ? "localhost" : target;
  return "path" in target ? "localhost" : `${target.hostname}:${target.port}`;
}

if (import.meta.main) {
  const [target = "example.com:80", path = "/"] = process.argv.slice(2);
  const client = new HttpClient(target, { host: target.replace(/:80$/, "") });
  const { status, reason, headers, body } = await client.get(path);
  console.log(status, reason);
  for (const [name, value] of headers) console.log(`${name}: ${value}`);
  console.log(`\n${new TextDecoder().decode(body)}`);
  client.close();
}
