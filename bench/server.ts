/**
 * The server of a case: it answers, takes all that comes, or sends the same large piece of memory
 * again and again, as fast as it is taken. `server.ts lines-1k` says its port in a line of JSON, and
 * ends with its standard input.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import dgram from "node:dgram";
import net from "node:net";
import process from "node:process";
import tls from "node:tls";
import { certificates } from "../tests/helpers/certificates.ts";
import { caseOf } from "./cases.ts";
import { HOST, PING, PONG, unitOf } from "./wire.ts";

const PREPARED_BYTES = 1024 * 1024;

const it = caseOf(process.argv[2] ?? "");
if (it.peer === "udp") echo();
else await serve();
process.stdin.on("end", () => process.exit());
process.stdin.resume();

async function serve(): Promise<void> {
  const secure = it.secure && { ...(await certificates()).localhost };
  const onConnection = it.work === "ask" ? answer : it.peer === "sink" ? ignore : flood(unitOf(it));
  const server = secure
    ? tls.createServer({ ...secure, noDelay: true }, onConnection)
    : net.createServer({ noDelay: true }, onConnection);
  server.listen(0, HOST, () => say((server.address() as net.AddressInfo).port));
}

function echo(): void {
  const server = dgram.createSocket("udp4");
  server.on("message", (bytes, { port, address }) => server.send(bytes, port, address));
  server.bind(0, HOST, () => say(server.address().port));
}

function flood(unit: string): (socket: net.Socket) => void {
  const times = Math.max(Math.floor(PREPARED_BYTES / unit.length), 1);
  const prepared = Buffer.from(unit.repeat(times));
  return (socket) => {
    const more = () => {
      while (!socket.destroyed && socket.write(prepared));
    };
    socket.on("drain", more);
    socket.on("error", () => {});
    more();
  };
}

function ignore(socket: net.Socket): void {
  socket.on("data", () => {});
  socket.on("error", () => {});
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

function say(port: number): void {
  process.stdout.write(`${JSON.stringify({ port })}\n`);
}
