/**
 * Datagrams there and back. The server says everything again to whom it came from; the client asks,
 * and since datagrams get lost, asks again if no answer comes.
 *
 *     deno run --allow-net examples/udp_echo.ts serve 127.0.0.1:7007
 *     deno run --allow-net examples/udp_echo.ts ask 127.0.0.1:7007 "Is anybody there?"
 *
 * @module
 */

import process from "node:process";
// In a program of your own: from "@cosocket/cosocket".
import { type Datagram, datagram, SocketError } from "../mod.ts";

/**
 * Opens a server; close the socket to end it. Whoever answers strangers with more than they sent
 * lends them a weapon: the source of a datagram is easy to forge.
 */
export async function echoServer(localAddress: string, localPort = 0): Promise<Datagram> {
  const sock = await datagram({ localAddress, localPort });
  const run = async () => {
    for await (const { data, from } of sock) {
      // One who cannot be reached is no reason to stop.
      await sock.sendTo(data, from).catch(report);
    }
  };
  run().catch(report);
  return sock;
}

/** How often, and how long, to wait for an answer. */
export interface Patience {
  readonly tries: number;
  /** Milliseconds for the first try; each one more has twice of the last. */
  readonly timeoutMs: number;
}

const PATIENCE: Patience = { tries: 4, timeoutMs: 250 };

/**
 * Asks the peer of a connected socket. Each question has a number, and answers to others are not
 * taken: they may be late, or come twice.
 */
export async function ask(
  sock: Datagram,
  number: number,
  text: string,
  { tries, timeoutMs }: Patience = PATIENCE,
): Promise<string> {
  const prefix = `${number} `;
  for (let left = tries; left > 0; left--, timeoutMs *= 2) {
    try {
      await sock.send(prefix + text);
      const endMs = performance.now() + timeoutMs;
      for (;;) {
        const deadlineMs = Math.max(0, endMs - performance.now());
        const answer = new TextDecoder().decode(await sock.receive({ deadlineMs }));
        if (answer.startsWith(prefix)) return answer.slice(prefix.length);
      }
    } catch (error) {
      if (!(error instanceof SocketError) || error.code !== "timeout" || left === 1) throw error;
    }
  }
  throw new RangeError("tries must be at least 1");
}

async function main([what, target, text = "Hello"]: string[]): Promise<void> {
  if (what === "serve" && target) {
    const at = /^(.+):(\d+)$/.exec(target);
    if (at === null) throw new TypeError(`"${target}" must be like 127.0.0.1:7007`);
    const sock = await echoServer(at[1]!.replace(/^\[(.*)\]$/, "$1"), Number(at[2]));
    console.log(`Listening at port ${sock.localAddress!.port}`);
  } else if (what === "ask" && target) {
    const sock = await datagram({ remote: target });
    console.log(await ask(sock, 1, text));
    sock.close();
  } else {
    console.error("Usage: udp_echo.ts serve|ask host:port [text]");
    process.exitCode = 2;
  }
}

function report(error: unknown): void {
  console.error(String(error));
}

if (import.meta.main) await main(process.argv.slice(2));
