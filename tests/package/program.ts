// A program of somebody who installed the package: each of its entry points, with types.
import { type Cosocket, listen, Pool, SocketError } from "@cosocket/cosocket";
import { type AthenaModule, socket as athena } from "@cosocket/cosocket/athena";
import { socket as luasocket } from "@cosocket/cosocket/luasocket";
import { createNgx, type Ngx } from "@cosocket/cosocket/ngx";
import { connect as connectForWeb } from "@cosocket/cosocket/sockets";
import { socketPair } from "@cosocket/cosocket/testing";
import { trace } from "@cosocket/cosocket/trace";

function equal<T>(actual: T, expected: NoInfer<T>): void {
  if (actual !== expected) throw new Error(`Got ${actual} instead of ${expected}`);
}

async function greet(guest: Cosocket): Promise<void> {
  for await (const name of guest.lines()) await guest.send(["hello, ", name, "\r\n"]);
}

const server = await listen("127.0.0.1:0");
const serving = (async () => {
  const greeted: Promise<void>[] = [];
  for await (const guest of server) greeted.push(greet(guest));
  await Promise.all(greeted);
})();
const { port } = server.address as { port: number };

const pool = new Pool({ maxConnections: 2 });
for (const reusedTimes of [0, 1]) {
  const answer = await pool.use({ hostname: "127.0.0.1", port }, async (sock) => {
    await sock.send("core\r\n");
    const line: string = await sock.receiveLine();
    return `${line} ${sock.reusedTimes}`;
  });
  equal(answer, `hello, core ${reusedTimes}`);
}
await pool.close();

await createNgx().run(async (ngx: Ngx) => {
  const sock = ngx.socket.tcp();
  equal((await sock.connect("127.0.0.1", port))[0], 1);
  equal((await sock.send("ngx\n"))[0], 4);
  const [line] = await sock.receive();
  equal(line, "hello, ngx");
});

const [client] = await luasocket.connect("127.0.0.1", port);
await client!.send("luasocket\n");
equal((await client!.receive())[0], "hello, luasocket");
await client!.close();

const module: AthenaModule = athena;
const ours = module.new();
equal((await ours.connect("tcp", "127.0.0.1", port))[0], true);
ours.close();

const socket = connectForWeb({ hostname: "127.0.0.1", port });
await socket.opened;
await socket.close();

const lines: string[] = [];
const stop = trace({ print: (line) => lines.push(line) });
const [near, far] = socketPair();
await near.send("testing\n");
equal(await far.receiveLine(), "testing");
await near.closeWrite();
const end: unknown = await far.receiveLine().catch((error: unknown) => error);
equal(end instanceof SocketError && end.code, "closed");
stop();
equal(lines.some((line) => line.includes(String.raw`"testing\n"`)), true);

await server.close();
await serving;
console.log("The package works");
