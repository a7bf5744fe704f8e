/**
 * The process behind `attackers.ts`: many clients that mean no good. It says so when all
 * of them have begun, and ends with its standard input.
 */

import { connect, type Socket } from "node:net";
import process from "node:process";

/** What each of the clients does. */
export type Attack =
  /** Connects, and says nothing. */
  | "silence"
  /** Says a byte now and then, and never ends its line. */
  | "dribble"
  /** Says a line without an end, as fast as it can. */
  | "endless line"
  /** Asks and asks, and never reads an answer. */
  | "deaf"
  /** Says what no TLS begins with. */
  | "rubbish"
  /** Connects and is gone, again and again. */
  | "knocking";

/** How to start the process. */
export interface Attackers {
  readonly port: number;
  readonly count: number;
  readonly attack: Attack;
}

const DRIBBLE_MS = 20;
const AT_ONCE = 50;

const { port, count, attack } = JSON.parse(process.argv[2]!) as Attackers;
// The system holds some megabytes of answers for who does not read them.
const question = `${"x".repeat(900)}\n`;
const block = new Uint8Array(64 * 1024).fill(120);

const acts: Readonly<Record<Attack, (socket: Socket) => void>> = {
  silence: () => {},
  dribble: (socket) => {
    const timer = setInterval(() => socket.write("x"), DRIBBLE_MS);
    socket.on("close", () => clearInterval(timer));
  },
  "endless line": (socket) => {
    const more = () => {
      while (!socket.destroyed && socket.write(block)) { /* until it waits */ }
    };
    socket.on("drain", more);
    more();
  },
  deaf: (socket) => {
    socket.pause();
    const more = () => {
      while (!socket.destroyed && socket.write(question)) { /* as above */ }
    };
    socket.on("drain", more);
    more();
  },
  rubbish: (socket) => void socket.write(block.subarray(0, 1000)),
  knocking: (socket) => {
    socket.destroy();
    setTimeout(begin, DRIBBLE_MS);
  },
};

/** One client; whether it was let in or not, that is its beginning. */
function begin(): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.on("error", () => resolve());
    socket.on("connect", () => {
      acts[attack](socket);
      resolve();
    });
    // The system may let it wait.
    setTimeout(resolve, 1000);
  });
}

process.stdin.on("end", () => process.exit());
process.stdin.resume();
for (let left = count; left > 0; left -= AT_ONCE) {
  await Promise.all(Array.from({ length: Math.min(left, AT_ONCE) }, begin));
}
console.log("begun");
