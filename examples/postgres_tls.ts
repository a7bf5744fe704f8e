/**
 * A small PostgreSQL client that speaks nothing but TLS: SSLRequest, a login by SCRAM-SHA-256 at
 * which both sides prove that they know the password, and simple queries.
 *
 *     PGPASSWORD=... deno run --allow-net --allow-env=PGPASSWORD \
 *       examples/postgres_tls.ts db.example:5432 anna shop "SELECT 1"
 *
 * @module
 */

import process from "node:process";
// In a program of your own: from "@cosocket/cosocket".
import {
  connect,
  type ConnectOptions,
  type Cosocket,
  type Target,
  type TlsInfo,
  type TlsOptions,
} from "../mod.ts";

/** What the server refused to do, in its words. */
export class PostgresError extends Error {
  override name = "PostgresError";
  /** The SQLSTATE: five characters, as in the manual's appendix A. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Who logs in, where, and how to trust the server. */
export interface PostgresOptions extends Omit<ConnectOptions, "tls"> {
  user: string;
  password: string;
  /** Default: one of the user's name. */
  database?: string;
  /** For the handshake behind SSLRequest. */
  tls?: TlsOptions;
}

/** What a query gave; values are text, as the server writes them. */
export interface Result {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
  /** What was done: `SELECT 3`. */
  readonly command: string;
}

const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
const SSL_REQUEST = 80877103;
const VERSION_3_0 = 196608;

/** One connection to a server; one query at a time. */
export class Postgres {
  readonly #sock: Cosocket;

  private constructor(sock: Cosocket) {
    this.#sock = sock;
  }

  /** Connects, goes over to TLS, and logs in. */
  static async connect(target: Target, options: PostgresOptions): Promise<Postgres> {
    const { user, password, database = user, tls, ...rest } = options;
    const client = new Postgres(await connect(target, rest));
    try {
      await client.#startTls(tls);
      await client.#logIn(user, password, database);
      return client;
    } catch (error) {
      client.#sock.close();
      throw error;
    }
  }

  /** What TLS the connection has. */
  get tls(): TlsInfo | null {
    return this.#sock.tls;
  }

  /** Runs a query; of several statements the result is the last one's. */
  async query(sql: string): Promise<Result> {
    try {
      await this.#sock.send(message("Q", cString(sql)));
      return await this.#receiveResult();
    } catch (error) {
      // Nobody could tell any more which answer is whose.
      if (!(error instanceof PostgresError)) this.#sock.close();
      throw error;
    }
  }

  /** Says good bye, and closes. */
  async close(): Promise<void> {
    try {
      await this.#sock.send(message("X", []));
    } finally {
      this.#sock.close();
    }
  }

  async #startTls(tls: TlsOptions | undefined): Promise<void> {
    await this.#sock.send([int32(8), int32(SSL_REQUEST)]);
    // One byte and no more: whatever lay behind it was said in plain, and startTls refuses it.
    const answer = String.fromCharCode(...await this.#sock.receiveExactly(1));
    // "N" is no, and "E" an error, of which nobody knows whose words they are.
    if (answer !== "S") throw new Error("The server does not offer TLS");
    await this.#sock.startTls(tls);
  }

  async #logIn(user: string, password: string, database: string): Promise<void> {
    const words = ["user", user, "database", database, "client_encoding", "UTF8"];
    const body = [int32(VERSION_3_0), ...words.map(cString), new Uint8Array(1)];
    await this.#sock.send([int32(4 + sizeOf(body)), ...body]);
    await this.#authenticate(password);
    // Its settings and our number, up to "ready".
    while ((await this.#receive()).type !== "Z") { /* not needed here */ }
  }

  /** SCRAM-SHA-256 (RFC 5802 and 7677), and nothing that gives the password away. */
  async #authenticate(password: string): Promise<void> {
    const offer = await this.#receiveStep(SASL);
    const mechanisms = offer.restText().split("\0");
    if (!mechanisms.includes("SCRAM-SHA-256")) throw new Error("No SCRAM-SHA-256 here");

    const nonce = base64(crypto.getRandomValues(new Uint8Array(18)));
    const first = `n=,r=${nonce}`; // who we are stood in the message before
    const hello = encode(`n,,${first}`);
    await this.#sock.send(message("p", [cString("SCRAM-SHA-256"), int32(hello.length), hello]));

    const challenge = (await this.#receiveStep(SASL_CONTINUE)).restText();
    const { proof, serverSignature } = await scram(password, nonce, first, challenge);
    await this.#sock.send(message("p", [encode(proof)]));

    // Whoever does not know the password cannot have made this.
    const final = (await this.#receiveStep(SASL_FINAL)).restText();
    if (final !== `v=${serverSignature}`) throw new Error("The server does not know the password");
    await this.#receiveStep(OK);
  }

  async #receiveStep(expected: number): Promise<Reader> {
    const { type, body } = await this.#receive();
    const step = type === "R" ? body.int32() : undefined;
    if (step !== expected) {
      throw new Error(`Cannot log in: the server wants ${type} ${step}, not R ${expected}`);
    }
    return body;
  }

  async #receiveResult(): Promise<Result> {
    let columns: string[] = [];
    let rows: (string | null)[][] = [];
    let result: Result = { columns, rows, command: "" };
    let failure: PostgresError | undefined;
    for (;;) {
      const { type, body } = await this.#receive({ errors: "given" });
      switch (type) {
        case "T":
          columns = readColumns(body);
          break;
        case "D":
          rows.push(readRow(body));
          break;
        case "C":
          result = { columns, rows, command: body.cString() };
          [columns, rows] = [[], []];
          break;
        case "E":
          failure = readError(body);
          break;
        case "I": // it was empty
          break;
        case "Z":
          if (failure !== undefined) throw failure;
          return result;
        default:
          throw new Error(`Not understood: a message of type ${JSON.stringify(type)}`);
      }
    }
  }

  /** The next message but notices and changes of settings, which may come at any time. */
  async #receive({ errors }: { errors?: "given" } = {}): Promise<{ type: string; body: Reader }> {
    for (;;) {
      const head = new Reader(await this.#sock.receiveExactly(5));
      const type = String.fromCharCode(head.byte());
      const size = head.int32() - 4;
      if (!(size >= 0 && size <= MAX_MESSAGE_BYTES)) throw new Error(`Not a size: ${size}`);
      const body = new Reader(await this.#sock.receiveExactly(size));
      if (type === "E" && errors !== "given") throw readError(body);
      if (type !== "N" && type !== "S" && type !== "A") return { type, body };
    }
  }
}

// Steps of a login.
const OK = 0;
const SASL = 10;
const SASL_CONTINUE = 11;
const SASL_FINAL = 12;

// Less is too easy to guess from what goes over the wire; more would keep us busy for long.
const MIN_ITERATIONS = 4096;
const MAX_ITERATIONS = 1_000_000;

/** Our proof, and what the server has to prove itself with, for a challenge of the server's. */
async function scram(password: string, nonce: string, first: string, challenge: string) {
  const match = /^r=([\x21-\x2b\x2d-\x7e]+),s=([\w+/=]+),i=(\d{1,9})$/.exec(challenge);
  if (match === null) throw new Error("Not a challenge of SCRAM-SHA-256");
  const [bothNonces, salt, iterations] = [match[1]!, unbase64(match[2]!), Number(match[3])];
  if (!bothNonces.startsWith(nonce) || bothNonces.length === nonce.length) {
    throw new Error("The challenge was made for somebody else");
  }
  if (iterations < MIN_ITERATIONS || iterations > MAX_ITERATIONS) {
    throw new Error(`Not a number of iterations that we take: ${iterations}`);
  }
  const salted = await stretched(password, salt, iterations);
  const clientKey = await hmac(salted, "Client Key");
  const storedKey = new Uint8Array(await crypto.subtle.digest("SHA-256", clientKey));
  const last = `c=biws,r=${bothNonces}`; // "biws" is "n,,": no channel binding
  const all = `${first},${challenge},${last}`;
  const clientSignature = await hmac(storedKey, all);
  const proof = clientKey.map((byte, at) => byte ^ clientSignature[at]!);
  const serverSignature = await hmac(await hmac(salted, "Server Key"), all);
  return { proof: `${last},p=${base64(proof)}`, serverSignature: base64(serverSignature) };
}

type Bytes = Uint8Array<ArrayBuffer>;

async function stretched(password: string, salt: Bytes, iterations: number): Promise<Bytes> {
  // SASLprep is more than this; what it would refuse makes no difference here.
  const secret = encode(password.normalize("NFKC"));
  const key = await crypto.subtle.importKey("raw", secret, "PBKDF2", false, ["deriveBits"]);
  const how = { name: "PBKDF2", hash: "SHA-256", salt, iterations };
  return new Uint8Array(await crypto.subtle.deriveBits(how, key, 256));
}

async function hmac(secret: Bytes, text: string): Promise<Bytes> {
  const how = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", secret, how, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, encode(text)));
}

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

function unbase64(text: string): Bytes {
  return Uint8Array.from(atob(text), (it) => it.charCodeAt(0));
}

/** Takes a message apart. */
class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  byte(): number {
    return this.#view.getUint8(this.#at++);
  }

  int16(): number {
    return this.#view.getInt16((this.#at += 2) - 2);
  }

  int32(): number {
    return this.#view.getInt32((this.#at += 4) - 4);
  }

  text(size: number): string {
    if (this.#at + size > this.#bytes.length) throw new RangeError("The message is too short");
    return decode(this.#bytes.subarray(this.#at, this.#at += size));
  }

  /** Text up to a zero byte. */
  cString(): string {
    const text = this.text(this.#bytes.indexOf(0, this.#at) - this.#at);
    this.#at++;
    return text;
  }

  restText(): string {
    return this.text(this.#bytes.length - this.#at);
  }

  skip(size: number): void {
    this.#at += size;
  }
}

function readColumns(body: Reader): string[] {
  return Array.from({ length: body.int16() }, () => {
    const name = body.cString();
    body.skip(18); // where it comes from, and its type
    return name;
  });
}

function readRow(body: Reader): (string | null)[] {
  return Array.from({ length: body.int16() }, () => {
    const size = body.int32();
    return size < 0 ? null : body.text(size);
  });
}

function readError(body: Reader): PostgresError {
  const fields = new Map<string, string>();
  for (let name = body.byte(); name !== 0; name = body.byte()) {
    fields.set(String.fromCharCode(name), body.cString());
  }
  return new PostgresError(fields.get("C") ?? "", fields.get("M") ?? "");
}

/** A message as it is sent; the socket joins the pieces. */
function message(type: string, body: Uint8Array | Uint8Array[]): (string | Uint8Array)[] {
  const pieces = Array.isArray(body) ? body : [body];
  return [type, int32(4 + sizeOf(pieces)), ...pieces];
}

function sizeOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value);
  return bytes;
}

/** A zero byte in a text would end it early, and the rest would be something else. */
function cString(text: string): Uint8Array {
  if (text.includes("\0")) throw new TypeError("A text must hold no zero byte");
  return encode(`${text}\0`);
}

function encode(text: string): Bytes {
  return new TextEncoder().encode(text);
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

if (import.meta.main) {
  const [target = "localhost:5432", user = "postgres", database = user, sql = "SELECT version()"] =
    process.argv.slice(2);
  const password = process.env.PGPASSWORD ?? "";
  const client = await Postgres.connect(target, { user, password, database });
  console.log("TLS", client.tls?.serverName);
  const { columns, rows, command } = await client.query(sql);
  console.log(columns.join(" | "));
  for (const row of rows) console.log(row.map((it) => it ?? "NULL").join(" | "));
  console.log(command);
  await client.close();
}
