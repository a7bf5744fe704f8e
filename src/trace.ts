/**
 * Shows dialogues as a person reads them: who said what when, on each connection of the process,
 * whichever interface it is used by.
 *
 * @example
 * ```ts
 * import { connect, listen } from "@cosocket/cosocket";
 * import { trace } from "@cosocket/cosocket/trace";
 *
 * const stop = trace({ print: console.log });
 * await using server = await listen("127.0.0.1:0");
 * server.accept().then((guest) => guest?.send("+PONG\r\n"));
 *
 * const sock = await connect(server.address);
 * await sock.send("PING\r\n"); //     0.8 ms  #1 > "PING\r\n"
 * await sock.receiveLine(); //        1.2 ms  #1 < "+PONG\r\n"
 * sock.close(); //                    1.3 ms  #1 closed by us; 6 bytes sent, 7 received
 * stop();
 * ```
 *
 * @module
 */
import { quote } from "./bytes.ts";
import { bytesCount, bytesText } from "./bytes_text.ts";
import { checkFunction, checkOptions, checkWhole } from "./check.ts";
import type { DiagnosticEvents } from "./diagnostics.ts";
import { listenTo } from "./drivers/channel.ts";
import { SocketError } from "./errors.ts";
import { type Address, addressText } from "./transport.ts";

/**
 * What is shown, and where.
 *
 * @example
 * ```ts
 * import { trace } from "@cosocket/cosocket/trace";
 *
 * const stop = trace({ print: (line) => console.log(`net: ${line}`), maxBytes: 80 });
 * stop();
 * ```
 */
export interface TraceOptions {
  /** Takes each line, without a line end. Default: `console.error`. */
  print?: (line: string) => void;
  /** How many bytes are shown of what was sent or received at once. Default 256. */
  maxBytes?: number;
}

/**
 * Begins to show what all connections of this process do.
 *
 * @returns What ends it.
 * @throws {SocketError} `unsupported` where there is no `node:diagnostics_channel`.
 *
 * @example
 * ```ts
 * import { trace } from "@cosocket/cosocket/trace";
 *
 * const lines: string[] = [];
 * const stop = trace({ print: (line) => lines.push(line), maxBytes: 1000 });
 * stop();
 * ```
 */
export function trace(options: TraceOptions = {}): () => void {
  checkOptions("options", options);
  checkFunction("print", options.print);
  const { print = console.error } = options;
  const maxBytes = checkWhole("maxBytes", options.maxBytes ?? 256);
  const startMs = performance.now();
  const stops = NAMES.map((name) => {
    const show = SHOWN[name] as (message: unknown, maxBytes: number) => string | undefined;
    return listenTo(name, (message) => {
      const what = show(message, maxBytes);
      if (what !== undefined) print(`${elapsed(performance.now() - startMs)}  ${what}`);
    });
  });
  if (stops.includes(undefined)) {
    const why = "this platform has no node:diagnostics_channel";
    throw new SocketError("unsupported", `Cannot trace: ${why}`);
  }
  return () => stops.forEach((stop) => stop!());
}

/** How each event reads, behind its time. */
const SHOWN: {
  readonly [Name in keyof DiagnosticEvents]: (
    message: DiagnosticEvents[Name],
    maxBytes: number,
  ) => string;
} = {
  "cosocket:connect:start": (it) => `#${it.connection} connects to ${place(it.address)}`,
  "cosocket:connect:end": (it) => `#${it.connection} ${ended("connected", it)}`,
  "cosocket:accept": (it) => `#${it.connection} accepted from ${place(it.address)}`,
  "cosocket:tls:start": (it) => `#${it.connection} starts TLS`,
  "cosocket:tls:end": (it) =>
    `#${it.connection} ${ended(`speaks ${it.tls?.protocol ?? "TLS"}`, it)}`,
  "cosocket:send": (it, maxBytes) => `#${it.connection} > ${bytesText(it.bytes, maxBytes)}`,
  "cosocket:receive": (it, maxBytes) => `#${it.connection} < ${bytesText(it.bytes, maxBytes)}`,
  "cosocket:timeout": (it) => `${numberOf(it.connection)}timed out: ${it.error.message}`,
  "cosocket:close": (it) => {
    const sums = `${bytesCount(it.bytesWritten)} sent, ${it.bytesRead} received`;
    return `#${it.connection} ${WHY_CLOSED[it.reason]}; ${sums}`;
  },
  "cosocket:pool:lend": (it) =>
    `#${it.connection} lent by its pool (reused ${it.reusedTimes} times)`,
  "cosocket:pool:keep": (it) => `#${it.connection} kept by its pool`,
  "cosocket:pool:evict": (it) => `#${it.connection} not kept by its pool: ${it.reason}`,
  "cosocket:pool:wait": (it) => `waits for a connection, as number ${it.waiting}: ${it.key}`,
};

const NAMES = Object.keys(SHOWN) as (keyof DiagnosticEvents)[];

const WHY_CLOSED = {
  "closed": "closed by us",
  "aborted": "cut off by us",
  "peer ended": "closed, after the peer had ended",
  "failed": "closed after a failure",
};

function place(address: Address | null): string {
  return address === null ? "an unknown place" : addressText(address);
}

function ended(what: string, { durationMs, error }: { durationMs: number; error?: unknown }) {
  const duration = `${durationMs.toFixed(1)} ms`;
  if (error === undefined) return `${what} in ${duration}`;
  return `failed after ${duration}: ${error instanceof Error ? error.message : quote(error)}`;
}

function numberOf(connection: number | undefined): string {
  return connection === undefined ? "" : `#${connection} `;
}

function elapsed(ms: number): string {
  return `${ms.toFixed(1)} ms`.padStart(11);
}
