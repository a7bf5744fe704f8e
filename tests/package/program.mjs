// Plain JavaScript, with import.
import { connect, listen } from "@cosocket/cosocket";

const server = await listen("127.0.0.1:0");
const accepted = server.accept();
const sock = await connect(server.address);
const guest = await accepted;
await guest.send("The package works\r\n");
console.log(await sock.receiveLine());
sock.close();
guest.close();
await server.close();
