import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer, type RequestListener } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Server } from "node:net";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const demo = fileURLToPath(new URL("../examples/demo.ts", import.meta.url));

/** Runs the demonstration as its users do, under the runtime that this one runs on. */
async function runDemo(...args: string[]): Promise<{ status: number | null; output: string }> {
  const flags = "Deno" in globalThis ? ["run", "--allow-net", "--no-prompt"] : [];
  const child = spawn(process.execPath, [...flags, demo, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text) => output += text);
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return { status, output };
}

async function runAgainst(server: Server): Promise<{ status: number | null; output: string }> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await runDemo(`127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

const keyLines = [
  /^ 1\. .*\n {4}server = await listen\("127\.0\.0\.1:0"\)\n {6}-> it listens at 127\.0\.0\.1:\d+ /m,
  /await connect\("127\.0\.0\.1:\d+", \{ timeoutMs: 5000 \}\)\n {6}-> a socket, from /,
  /sock\.setTimeouts\(\{ sendMs: 5000, readMs: 5000 \}\)/,
  /await sock\.send\(\["GET ", "\/", .*\[\["Host: ", .*\n {6}-> \d+ bytes are on their way \(\d+\.\d ms\)/,
  /await sock\.receiveLine\(\)\n {6}-> "HTTP\/1\.1 200 OK"/,
  /-> "Content-Length: 68"/,
  /await sock\.receiveExactly\(68\)\n {6}-> 68 bytes: "Hello!/,
  /await part\.read\(16\)\n {6}-> "\\r\\n--frontie \.\.\. "/,
  /3 parts, each as it was sent/,
  /-> SocketError of code "timeout", with partial "the answer is "/,
  /-> "the answer is 42"/,
  /-> reusedTimes 2, from 127\.0\.0\.1:\d+/,
  /-> 8\.0 MiB came back, each byte as it was, and then the end/,
  /-> there 8\.0 MiB, back 8\.0 MiB, both ends closed/,
  /^Every step gave what it should \(\d+\.\d s\)$/m,
];

test("the demonstration runs without arguments, and each step gives what it should", async () => {
  const { status, output } = await runDemo();
  for (const line of keyLines) assert.match(output, line);
  assert.equal(status, 0);
  // deno-lint-ignore no-control-regex -- no colours where nobody can see them
  assert.doesNotMatch(output, /left out|Not as|\x1b/);
});

const servers: { of: string; answer: RequestListener; shows: RegExp[] }[] = [
  {
    of: "sends bodies with a size",
    answer: (_request, response) => {
      response.setHeader("Content-Length", 5).end("hello");
    },
    shows: [/-> 5 bytes: "hello"/, /-> reusedTimes 2, /],
  },
  {
    of: "sends bodies in chunks",
    answer: (_request, response) => {
      response.write("hello, ");
      response.end("world");
    },
    shows: [/received chunk by chunk/, /-> 12 bytes/, /-> reusedTimes 2, /],
  },
  {
    of: "closes behind each answer",
    answer: (_request, response) => {
      response.setHeader("Connection", "close").end("hello");
    },
    shows: [/-> reusedTimes 0, /, /there is none to reuse/],
  },
];

for (const { of, answer, shows } of servers) {
  test(`the demonstration talks to a given server that ${of}`, async () => {
    const { status, output } = await runAgainst(createServer(answer));
    for (const line of shows) assert.match(output, line);
    assert.match(output, /-> "HTTP\/1\.1 200 OK"/);
    assert.match(output, /multipart .*: left out, it needs the server of the demonstration/);
    assert.match(output, /^Every step gave what it should, 3 left out/m);
    assert.equal(status, 0);
  });
}

test("the demonstration says which step failed, and ends with status 1", async () => {
  const notHttp = createTcpServer((socket) => {
    socket.on("error", () => {}).resume();
    socket.end("220 mail.example at your service\r\n");
  });
  const { status, output } = await runAgainst(notHttp);
  assert.match(output, /Not as it should be: this is no HTTP\/1 server: it said "220 mail/);
  assert.match(output, /Receive the header lines: left out, for want of a connection/);
  assert.match(output, /^Not as they should be, \d left out: Receive the status line; Keep/m);
  assert.equal(status, 1);
});

test("the demonstration ends with status 1 where nobody listens", async () => {
  const closed = createTcpServer();
  await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
  const { port } = closed.address() as AddressInfo;
  await new Promise((resolve) => closed.close(resolve));
  const { status, output } = await runDemo(`127.0.0.1:${port}`);
  assert.match(output, /Not as it should be: SocketError: .*nobody listens there/);
  assert.equal(status, 1);
});

test("the demonstration refuses what is no host:port", async () => {
  const { status, output } = await runDemo("nonsense");
  assert.match(output, /target must be like "host:port"/);
  assert.equal(status, 1);
});
