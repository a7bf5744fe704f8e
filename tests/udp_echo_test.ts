import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { ask, echoServer } from "../examples/udp_echo.ts";
import { datagram } from "../mod.ts";
import { failureOf } from "./helpers/failure_of.ts";

const example = fileURLToPath(new URL("../examples/udp_echo.ts", import.meta.url));

test("the example's server says everything again", async () => {
  const server = await echoServer("127.0.0.1");
  const sock = await datagram({ remote: server.localAddress! });
  for (const [number, text] of ["one", "", "three"].entries()) {
    assert.equal(await ask(sock, number, text), text);
  }
  sock.close();
  server.close();
});

test("the example asks again when datagrams are lost, and takes no old answer", async () => {
  const server = await datagram({ localAddress: "127.0.0.1" });
  const sock = await datagram({ remote: server.localAddress! });
  const asking = ask(sock, 2, "hello", { tries: 3, timeoutMs: 20 });
  const serving = (async () => {
    await server.receiveFrom();
    const { data, from } = await server.receiveFrom();
    await server.sendTo("1 an answer to the last question", from);
    await server.sendTo(data, from);
  })();
  assert.equal(await asking, "hello");
  await serving;
  sock.close();
  server.close();
});

test("the example gives up in the end", async () => {
  const server = await datagram({ localAddress: "127.0.0.1" });
  const sock = await datagram({ remote: server.localAddress! });
  await failureOf(ask(sock, 1, "hello", { tries: 2, timeoutMs: 1 }), "timeout");
  sock.close();
  server.close();
});

test("the example runs as a program", async () => {
  const flags = "Deno" in globalThis ? ["run", "--allow-net", "--no-prompt"] : [];
  const run = (...args: string[]) =>
    spawn(process.execPath, [...flags, example, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const server = run("serve", "127.0.0.1:0");
  const first = await createInterface({ input: server.stdout })[Symbol.asyncIterator]().next();
  const port = /^Listening at port (\d+)$/.exec(first.value ?? "")?.[1];
  assert.ok(port, first.value);
  const client = run("ask", `127.0.0.1:${port}`, "Is anybody there?");
  let output = "";
  client.stdout.setEncoding("utf8").on("data", (text) => output += text);
  const status = await new Promise((resolve) => client.once("close", resolve));
  server.kill("SIGKILL");
  assert.equal(output, "Is anybody there?\n");
  assert.equal(status, 0);
});
