/**
 * A server that answers, or that sends the same large piece of memory again and again, as fast as
 * it is taken: `server.ts pong`, `server.ts tls-bytes`. It says its port in a line of JSON, and ends
 * with its standard input.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import net from "node:net";
import process from "node:process";
import tls from "node:tls";
import { certificates } from "../tests/helpers/certificates.ts";
import { BYTES, DELIMITER, HOST, LINE, PART, PING, PONG } from "./wire.ts";

const UNITS: Readonly<Record<string, string>> = {
  lines: LINE,
  parts: PART + DELIMITER,
  bytes: BYTES,
};
const PREPARED_BYTES = 1024 * 1024;

const [name = ""] = process.argv.slice(2);
const [, secure, kind = ""] = /^(tls-)?(.*)$/.exec(name)!;
const serve = kind === "pong" ? answer : flood(UNITS[kind]!);
const server = secure
  ? tls.createServer({ ...(await certificates()).localhost, noDelay: true }, serve)
  : net.createServer({ noDelay: true }, serve);
server.listen(0, HOST, () => {
  const { port } = server.address() as net.AddressInfo;
  process.stdout.write(`${JSON.stringify({ port })}\n`);
});
process.stdin.on("end", () => process.exit());
process.stdin.resume();

function flood(unit: string): (socket: net.Socket) => void {
  const prepared = Buffer.from(unit.repeat(Math.floor(PREPARED_BYTES / unit.length)));
  return (socket) => {
    const more = () => {
      while (!socket.destroyed && socket.write(prepared));
    };
    socket.on("drain", more);
    socket.on("error", () => {});
    more();
  };
}

function answer(socket: net.Socket): void {
  let got = 0;
  socket.on("data", (bytes) => {
    got += bytes.length;
    const questions = Math.floor(got / PING.length);
    got -= questions * PING.length;
    if (questions > 0) socket.write(PONG.repeat(questions));
  });
  socket.on("error", () => {});
}
