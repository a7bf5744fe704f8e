// Imports the module that is named, connects, and ends with the first byte that comes.

import process from "node:process";

const [module, port] = process.argv.slice(2);
const { connect } = await import(module);
const sock = await connect({ hostname: "127.0.0.1", port: Number(port) });
await sock.send("PING\r\n");
await sock.receiveAny(1);
process.exit();
