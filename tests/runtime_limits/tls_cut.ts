/**
 * What a socket of `node:tls` that connects itself tells of its end: the same, whether the server
 * ended TLS or the wire was cut, on all runtimes. (So the library's TLS runs over a stream of its
 * own, where it sees the wire, though Node reads in half the time from a socket of its own.)
 */

import { type AddressInfo, createServer } from "node:net";
import process from "node:process";
import { Duplex } from "node:stream";
import * as tls from "node:tls";
import { certificates } from "../helpers/certificates.ts";

const { good, ca } = await certificates();

async function endOf(isCut: boolean): Promise<string> {
  const server = createServer({ allowHalfOpen: true }, (raw) => {
    const wire = new Duplex({
      read() {},
      write: (bytes, _encoding, done) => void raw.write(bytes, done),
      final: (done) => void raw.end(done),
    });
    raw.on("data", (bytes) => wire.push(bytes)).on("error", () => {});
    const secure = new tls.TLSSocket(wire, { isServer: true, ...good });
    secure.on("data", () => isCut ? raw.end() : secure.end()).on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const told: string[] = [];
  const socket = tls.connect({
    port,
    host: "127.0.0.1",
    servername: "test.example",
    ca: ca.cert,
    allowHalfOpen: true,
    onread: { buffer: new Uint8Array(1024), callback: () => true },
  } as tls.ConnectionOptions);
  socket.once("secureConnect", () => socket.write("go"));
  for (const event of ["end", "error", "close"]) socket.on(event, () => told.push(event));
  await new Promise((resolve) => setTimeout(resolve, 500));
  return `${told.join(", ")}; it is ${socket.readyState}`;
}

console.log(`The server ended TLS: ${await endOf(false)}`);
console.log(`The wire was cut:     ${await endOf(true)}`);
process.exit();
