/**
 * A mail client as LuaSocket's own is written: every call is tried, nothing is checked, and whatever
 * fails closes the connection and is the answer of the one function that is protected.
 *
 *     deno run -A examples/lua_protect.ts 127.0.0.1 25 ann@example.org bob@example.org "Hello, Bob"
 *
 * @module
 */

import process from "node:process";
// In a program of your own: from "@cosocket/cosocket/luasocket".
import { socket } from "../src/faces/luasocket/mod.ts";

/** A letter, and where to. */
export interface Mail {
  readonly host: string;
  readonly port: number | string;
  readonly from: string;
  readonly to: string;
  readonly body: string;
}

/**
 * Sends a letter by SMTP.
 *
 * @returns The server's last word; or `null` and why not, which is the server's refusal or the
 *   network's.
 */
export const sendMail = socket.protect(
  async ({ host, port, from, to, body }: Mail): Promise<[string]> => {
    const [sock] = socket.try(...await socket.connect(host, port));
    sock.settimeout(10);
    // Whatever goes wrong from here on closes the connection first.
    const attempt = socket.newtry(() => sock.close());

    /** A reply of any number of lines, the last of which has a blank behind its code. */
    const expect = async (wanted: string): Promise<string> => {
      for (;;) {
        const [line] = attempt(...await sock.receive());
        const [code, separator, text] = socket.skip(1, .../^(\d{3})(.?)(.*)/.exec(`${line}`) ?? []);
        if (separator === "-") continue;
        attempt(code === wanted, `${line}`);
        return `${text}`;
      }
    };
    const say = async (command: string, wanted: string): Promise<string> => {
      attempt(...await sock.send(`${command}\r\n`));
      return await expect(wanted);
    };

    await expect("220");
    await say("EHLO localhost", "250");
    await say(`MAIL FROM:<${from}>`, "250");
    await say(`RCPT TO:<${to}>`, "250");
    await say("DATA", "354");
    // A line that begins with a dot would be the end.
    const text = body.replace(/\r?\n/g, "\r\n").replace(/^\./gm, "..");
    const last = await say(`${text}\r\n.`, "250");
    await say("QUIT", "221");
    await sock.close();
    return [last];
  },
);

if (import.meta.main) {
  const [host, port, from, to, body] = process.argv.slice(2);
  if (body === undefined) {
    console.error("usage: lua_protect.ts HOST PORT FROM TO TEXT");
    process.exit(2);
  }
  const [answer, err] = await sendMail({ host: host!, port: port!, from: from!, to: to!, body });
  if (answer === null) {
    console.error(`Cannot send the letter: ${err}`);
    process.exit(1);
  }
  console.log(answer);
}
