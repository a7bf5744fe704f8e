// The same by `node:net`.

import net from "node:net";
import process from "node:process";

const socket = net.connect(Number(process.argv[3]), "127.0.0.1");
socket.on("data", () => process.exit());
socket.write("PING\r\n");
