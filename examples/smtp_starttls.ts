/**
 * Sends mail by SMTP, and never in plain: a server that offers no STARTTLS gets none.
 *
 *     deno run --allow-net examples/smtp_starttls.ts mail.example:25 me@here.example you@mail.example
 *
 * @module
 */

import process from "node:process";
// In a program of your own: from "@cosocket/cosocket".
import {
  connect,
  type ConnectOptions,
  type Cosocket,
  type Data,
  type Target,
  type TlsInfo,
  type TlsOptions,
} from "../mod.ts";

/** What the server refused to do, in its words. */
export class SmtpError extends Error {
  override name = "SmtpError";
  /** The three digits of its answer: with 4.. it may be tried again later. */
  readonly code: number;

  constructor(code: number, text: string) {
    super(`${code} ${text}`);
    this.code = code;
  }
}

/** How to connect, and how to trust the server. */
export interface SmtpOptions extends Omit<ConnectOptions, "tls"> {
  /** For the handshake that STARTTLS begins. */
  tls?: TlsOptions;
  /** The name that we say hello with. Default: our address. */
  hello?: string;
}

/** What to send. */
export interface Mail {
  /** Who is told if it cannot be delivered. */
  readonly from: string;
  readonly to: readonly string[];
  /** Headers, an empty line, and the body; any line ends. */
  readonly text: string;
}

interface Reply {
  readonly code: number;
  readonly lines: readonly string[];
}

const MAX_LINE_BYTES = 4096;
const MAX_LINES = 100;

/** One connection to a server, by TLS. */
export class Smtp {
  readonly #sock: Cosocket;
  #extensions: ReadonlySet<string> = new Set();

  private constructor(sock: Cosocket) {
    this.#sock = sock;
  }

  /** Connects, and goes over to TLS before anything is said that matters. */
  static async connect(target: Target, options: SmtpOptions = {}): Promise<Smtp> {
    const { tls, hello, ...rest } = options;
    const smtp = new Smtp(await connect(target, rest));
    try {
      await smtp.#begin(hello ?? smtp.#ownAddress(), tls);
      return smtp;
    } catch (error) {
      smtp.close();
      throw error;
    }
  }

  /** What TLS the connection has. */
  get tls(): TlsInfo | null {
    return this.#sock.tls;
  }

  /** Whether the server has an extension, such as `"8BITMIME"`. */
  offers(extension: string): boolean {
    return this.#extensions.has(extension);
  }

  /** Sends a mail to all or to none; gives the server's words, which have its number for it. */
  async send({ from, to, text }: Mail): Promise<string> {
    const commands = [
      `MAIL FROM:<${checked(from)}>`,
      ...to.map((it) => `RCPT TO:<${checked(it)}>`),
    ];
    // deno-lint-ignore no-control-regex -- what is beyond ASCII is what is looked for
    if (/[^\x00-\x7f]/.test(text)) {
      if (!this.offers("8BITMIME")) throw new Error("The server takes only ASCII");
      commands[0] += " BODY=8BITMIME";
    }
    try {
      for (const command of commands) await this.#ask(command, 250);
      await this.#ask("DATA", 354);
    } catch (error) {
      // Refused: the connection may serve for another mail.
      if (error instanceof SmtpError) await this.#ask("RSET", 250);
      throw error;
    }
    const { lines } = await this.#ask([stuffed(text), "."], 250);
    return lines.join("\n");
  }

  /** Says good bye, and closes. */
  async quit(): Promise<void> {
    await this.#ask("QUIT", 221);
    this.close();
  }

  close(): void {
    this.#sock.close();
  }

  async #begin(hello: string, tls: TlsOptions | undefined): Promise<void> {
    await this.#expect(220);
    await this.#hello(hello);
    // Somebody on the way may have taken the offer out, to read along: no TLS, no mail.
    if (!this.offers("STARTTLS")) throw new Error("The server does not offer STARTTLS");
    await this.#ask("STARTTLS", 220);
    // What came behind that answer would be somebody else's words: startTls refuses it.
    await this.#sock.startTls(tls);
    // What was offered in plain counts no more.
    await this.#hello(hello);
  }

  async #hello(name: string): Promise<void> {
    const { lines } = await this.#ask(`EHLO ${checked(name)}`, 250);
    this.#extensions = new Set(lines.slice(1).map((line) => line.split(" ")[0]!.toUpperCase()));
  }

  async #ask(command: Data, expected: number): Promise<Reply> {
    await this.#sock.send([command, "\r\n"]);
    return await this.#expect(expected);
  }

  async #expect(expected: number): Promise<Reply> {
    const reply = await this.#receive();
    if (reply.code !== expected) throw new SmtpError(reply.code, reply.lines.join("\n"));
    return reply;
  }

  /** All lines of an answer have its code; behind that of the last one there is no "-". */
  async #receive(): Promise<Reply> {
    const lines: string[] = [];
    while (lines.length < MAX_LINES) {
      const line = await this.#sock.receiveLine({ maxBytes: MAX_LINE_BYTES });
      const match = /^([2-5]\d\d)(?:([ -])(.*))?$/.exec(line);
      if (match === null) throw new Error(`Not an SMTP server: it said ${JSON.stringify(line)}`);
      lines.push(match[3] ?? "");
      if (match[2] !== "-") return { code: Number(match[1]), lines };
    }
    throw new Error(`An answer of more than ${MAX_LINES} lines`);
  }

  #ownAddress(): string {
    const address = this.#sock.localAddress;
    if (address === null || !("hostname" in address)) return "localhost";
    const { hostname } = address;
    return hostname.includes(":") ? `[IPv6:${hostname}]` : `[${hostname}]`;
  }
}

/** The text as lines that end in CR LF, of which none is the dot that ends it. */
function stuffed(text: string): string {
  const lines = text.split(/\r\n|\r|\n/);
  if (lines.at(-1) === "") lines.pop();
  return lines.map((line) => `${line.startsWith(".") ? "." : ""}${line}\r\n`).join("");
}

/** A word with a line end in it would be a command of its own. */
function checked(word: string): string {
  if (/^[\x21-\x3b\x3d\x3f-\x7e]+$/.test(word)) return word;
  throw new TypeError(`Not an address: ${JSON.stringify(word)}`);
}

if (import.meta.main) {
  const [target = "localhost:25", from = "me@localhost", ...to] = process.argv.slice(2);
  const smtp = await Smtp.connect(target);
  console.log("TLS", smtp.tls?.serverName);
  const text = `From: <${from}>\nSubject: hello\n\nThe next line is a dot:\n.\nThis is the last.\n`;
  console.log("sent", await smtp.send({ from, to, text }));
  await smtp.quit();
}
