// Plain JavaScript, with require.
const { socketPair } = require("@cosocket/cosocket/testing");
const { connect, listen } = require("@cosocket/cosocket");

async function main() {
  const server = await listen("127.0.0.1:0");
  const accepted = server.accept();
  const sock = await connect(server.address);
  const guest = await accepted;
  const [near, far] = socketPair();
  await near.send("The package works\r\n");
  await guest.send([await far.receiveLine(), "\r\n"]);
  console.log(await sock.receiveLine());
  sock.close();
  guest.close();
  await server.close();
}
main();
