/**
 * Whether a client whose TLS runs over a stream can send once the server has ended its side: not on
 * Bun, whose TLS then ends both. Only over a stream of ours do we see how a peer has ended.
 */

import { type AddressInfo, connect, createServer } from "node:net";
import process from "node:process";
import { Duplex } from "node:stream";
import * as tls from "node:tls";
import { certificates } from "../helpers/certificates.ts";

const { good, ca } = await certificates();
const server = createServer({ allowHalfOpen: true }, (guest) => {
  const secure = new tls.TLSSocket(guest, { isServer: true, ...good });
  secure.on("data", (bytes) => console.log(`The server received ${bytes.length} bytes`));
  secure.once("secure", () => secure.end("bye"));
}).listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  const raw = connect({ port, allowHalfOpen: true });
  const wire = new Duplex({
    read() {},
    write: (bytes, _encoding, done) => void raw.write(bytes, done),
    final: (done) => done(),
    autoDestroy: false,
  });
  raw.on("data", (bytes) => wire.push(bytes)).on("end", () => {
    const told = (error?: Error | null) => console.log("The client sent:", error?.message ?? "yes");
    secure.write("late", told);
  });
  const secure = tls.connect({ socket: wire, servername: "test.example", ca: ca.cert });
  secure.resume().on("error", (error) => console.log(error.message));
  setTimeout(() => process.exit(), 500);
});
