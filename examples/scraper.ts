/**
 * Collects metrics as Prometheus does: asks each target for them over HTTP/1.1, on a connection
 * that is kept alive, gives it so long and no longer, and tells who is up and how long it took.
 *
 *     deno run --allow-net examples/scraper.ts 127.0.0.1:9100 https://app.example/metrics
 *     deno run --allow-net examples/scraper.ts --every 15 --timeout 10 127.0.0.1:9100
 *
 * @module
 */

import process from "node:process";
import { parseArgs } from "node:util";
// In a program of your own: from "@cosocket/cosocket".
import { type Cosocket, Pool, SocketError } from "../mod.ts";

/** What came of one look at a target. */
export interface Scrape {
  /** The target, as it was given. */
  readonly target: string;
  readonly seconds: number;
  /** How many values it gave. */
  readonly samples: number;
  /** Whether its connection had been used before. */
  readonly reused: boolean;
  /** Why it is not up; absent if it is. */
  readonly failure?: string;
}

/** How to look. */
export interface ScraperOptions {
  /** Milliseconds for a scrape as a whole, from the queue to the last byte. Default 10,000. */
  readonly timeoutMs?: number;
  /** Milliseconds that connections are kept between two scrapes. Default: two minutes. */
  readonly idleMs?: number;
}

const MAX_HEADER_LINES = 200;
const MAX_LINE_BYTES = 16 * 1024;
const MAX_BODY_BYTES = 64 * 1024 * 1024;

/** Looks at targets, again and again, over connections of its own. */
export class Scraper {
  readonly #timeoutMs: number;
  readonly #pool: Pool;

  constructor({ timeoutMs = 10_000, idleMs = 120_000 }: ScraperOptions = {}) {
    this.#timeoutMs = timeoutMs;
    // A target that is slow gets no second scrape beside the first one.
    this.#pool = new Pool({ maxConnections: 1, idleMs });
  }

  /** Scrapes all targets side by side. */
  scrapeAll(targets: readonly string[]): Promise<Scrape[]> {
    return Promise.all(targets.map((it) => this.scrape(it)));
  }

  /** Scrapes one; that it fails is a result, too. */
  async scrape(target: string): Promise<Scrape> {
    const { url, place } = parse(target);
    const startMs = performance.now();
    const seconds = () => (performance.now() - startMs) / 1000;
    try {
      const found = await this.#ask(url, place);
      return { target, seconds: seconds(), ...found };
    } catch (error) {
      if (!(error instanceof SocketError || error instanceof ScrapeError)) throw error;
      const failure = error.message;
      return { target, seconds: seconds(), samples: 0, reused: false, failure };
    }
  }

  close(): void {
    this.#pool.close();
  }

  async #ask(url: URL, place: string): Promise<{ samples: number; reused: boolean }> {
    // One signal bounds it all: the wait for a connection, the look-up, the handshake, and each
    // call. A timeout of each alone would let a target that trickles have as long as it likes.
    const signal = AbortSignal.timeout(this.#timeoutMs);
    for (;;) {
      let mayBeStale = false;
      try {
        return await this.#pool.use(place, async (sock) => {
          mayBeStale = sock.reusedTimes > 0;
          await sock.send(requestTo(url), { signal });
          const status = await sock.receiveLine({ signal, maxBytes: MAX_LINE_BYTES });
          mayBeStale = false;
          const samples = samplesIn(await receiveMetrics(sock, status, signal));
          return { samples, reused: sock.reusedTimes > 0 };
        }, { signal, tls: url.protocol === "https:" });
      } catch (error) {
        if (!(error instanceof SocketError)) throw error;
        if (error.code === "aborted") {
          throw new ScrapeError(`It took more than ${this.#timeoutMs} ms`);
        }
        // The server may have closed it at the moment we took it: that says nothing of the target.
        const isGone = error.code === "closed" || error.code === "reset";
        if (!mayBeStale || !isGone) throw error;
      }
    }
  }
}

/** What was scraped, as metrics of our own. */
export function metricsOf(scrapes: readonly Scrape[]): string {
  const lines = scrapes.flatMap(({ target, seconds, samples, failure }) => {
    const labels = `{instance=${JSON.stringify(target)}}`;
    return [
      ...(failure === undefined ? [] : [`# ${target}: ${failure.replace(/\s+/g, " ")}`]),
      `up${labels} ${failure === undefined ? 1 : 0}`,
      `scrape_duration_seconds${labels} ${seconds.toFixed(6)}`,
      `scrape_samples_scraped${labels} ${samples}`,
    ];
  });
  return `${lines.join("\n")}\n`;
}

/** A target that answers, but not as it should. */
class ScrapeError extends Error {
  override name = "ScrapeError";
}

/** `host:port`, with a path or `/metrics`, or all of a URL. */
function parse(target: string): { url: URL; place: string } {
  const url = new URL(/^https?:\/\//.test(target) ? target : `http://${target}`);
  if (url.pathname === "/") url.pathname = "/metrics";
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  return { url, place: `${url.hostname}:${port}` };
}

function requestTo({ pathname, search, host }: URL): string {
  return [
    `GET ${pathname}${search} HTTP/1.1`,
    `Host: ${host}`,
    "Accept: text/plain",
    "\r\n",
  ].join("\r\n");
}

async function receiveMetrics(sock: Cosocket, status: string, signal: AbortSignal) {
  if (!/^HTTP\/1\.[01] 200\b/.test(status)) {
    throw new ScrapeError(`It answered ${JSON.stringify(status)}`);
  }
  const line = { signal, maxBytes: MAX_LINE_BYTES };
  const headers = await receiveHeaders(sock, line);
  const body = await receiveBody(sock, headers, line);
  // What we close ourselves here, the pool does not keep.
  if (!status.startsWith("HTTP/1.1 ") || headers.get("connection") === "close") sock.close();
  return new TextDecoder().decode(body);
}

interface Line {
  readonly signal: AbortSignal;
  readonly maxBytes: number;
}

async function receiveHeaders(sock: Cosocket, line: Line): Promise<Map<string, string>> {
  const headers = new Map<string, string>();
  for (let count = 0; count < MAX_HEADER_LINES; count++) {
    const text = await sock.receiveLine(line);
    if (text === "") return headers;
    const colon = text.indexOf(":");
    headers.set(text.slice(0, colon).toLowerCase(), text.slice(colon + 1).trim().toLowerCase());
  }
  throw new ScrapeError(`More than ${MAX_HEADER_LINES} headers`);
}

async function receiveBody(
  sock: Cosocket,
  headers: ReadonlyMap<string, string>,
  line: Line,
): Promise<Uint8Array> {
  const { signal } = line;
  if (headers.has("content-length")) {
    return await sock.receiveExactly(sizeOf(headers.get("content-length")!, 10), { signal });
  }
  if (headers.get("transfer-encoding") !== "chunked") {
    const body = await sock.receiveAll({ signal, maxBytes: MAX_BODY_BYTES });
    sock.close();
    return body;
  }
  const chunks: Uint8Array[] = [];
  for (let total = 0;;) {
    const size = sizeOf((await sock.receiveLine(line)).replace(/;.*/, "").trim(), 16);
    if (size === 0) break;
    if ((total += size) > MAX_BODY_BYTES) throw new ScrapeError("The metrics are too large");
    chunks.push(await sock.receiveExactly(size, { signal }));
    if (await sock.receiveLine(line) !== "") throw new ScrapeError("A chunk is too long");
  }
  await receiveHeaders(sock, line); // those behind the body
  return new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer());
}

function sizeOf(text: string, radix: 10 | 16): number {
  const size = (radix === 10 ? /^\d+$/ : /^[\da-f]+$/).test(text) ? parseInt(text, radix) : NaN;
  if (!(size <= MAX_BODY_BYTES)) throw new ScrapeError(`Not a size: ${JSON.stringify(text)}`);
  return size;
}

/** Values stand on lines of their own; comments begin with `#`. */
function samplesIn(metrics: string): number {
  return metrics.split("\n").filter((it) => it.trim() !== "" && !it.startsWith("#")).length;
}

async function main(args: string[]): Promise<void> {
  const { values, positionals: targets } = parseArgs({
    args,
    options: { every: { type: "string" }, timeout: { type: "string", default: "10" } },
    allowPositionals: true,
  });
  if (targets.length === 0) {
    console.error("Usage: scraper.ts [--every seconds] [--timeout seconds] target...");
    process.exitCode = 2;
    return;
  }
  const everyMs = Number(values.every ?? 0) * 1000;
  const scraper = new Scraper({ timeoutMs: Number(values.timeout) * 1000, idleMs: 2 * everyMs });
  for (;;) {
    console.log(metricsOf(await scraper.scrapeAll(targets)));
    if (everyMs === 0) break;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  scraper.close();
}

if (import.meta.main) await main(process.argv.slice(2));
