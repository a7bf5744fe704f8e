/** Connect, send, and receive an answer line by line and by size. */

import { connect, type Data } from "../../mod.ts";
import { checkStatus, framingOf, headersOf, receiveBody, requestFor } from "./http.ts";
import { expect, quoted } from "./print.ts";
import { GREETING, openServer } from "./server.ts";
import { addressText, type Stage } from "./stage.ts";

/** The first step, when no server was named. */
export async function listenOnFreePort(stage: Stage): Promise<void> {
  const { screen } = stage;
  stage.server = await screen.call(
    `server = await listen("127.0.0.1:0")`,
    openServer,
    ({ address }) => `it listens at ${addressText(address)}`,
  );
  stage.target = addressText(stage.server.address);
}

export async function connectToServer(stage: Stage): Promise<void> {
  const { screen, target } = stage;
  stage.sock = await screen.call(
    `sock = await connect("${target}", { timeoutMs: 5000 })`,
    () => connect(target, { timeoutMs: 5000 }),
    ({ localAddress }) => `a socket, from ${addressText(localAddress)}`,
  );
}

export async function setTimeouts({ screen, sock }: Stage): Promise<void> {
  await screen.call(
    "sock.setTimeouts({ sendMs: 5000, readMs: 5000 })",
    () => sock!.setTimeouts({ sendMs: 5000, readMs: 5000 }),
    () => "from now on a call gives up after 5 s without progress",
  );
}

export async function sendRequest({ screen, sock, target }: Stage): Promise<void> {
  const request = requestFor(target, "/");
  const sent = await screen.call(
    `await sock.send(${shown(request)})`,
    () => sock!.send(request),
    (count) => `${count} bytes are on their way`,
  );
  const expected = (request as unknown[]).flat(9).join("").length;
  expect(sent === expected, `it should have been ${expected} bytes`);
}

export async function receiveStatus(stage: Stage): Promise<void> {
  const { screen, sock } = stage;
  const status = await screen.call("await sock.receiveLine()", () => sock!.receiveLine(), quoted);
  checkStatus(status);
  stage.head = { status, headers: new Map() };
}

const SHOWN_HEADERS = 8;

export async function receiveHeaders(stage: Stage): Promise<void> {
  const { screen, sock } = stage;
  const lines: string[] = [];
  for (;;) {
    const receive = () => sock!.receiveLine();
    const line = lines.length < SHOWN_HEADERS
      ? await screen.call("await sock.receiveLine()", receive, quoted)
      : await receive();
    if (line === "") break;
    lines.push(line);
  }
  const more = lines.length - SHOWN_HEADERS;
  if (more > 0) screen.note(`... and so on for ${more} more, up to an empty line`);
  stage.head = { status: stage.head.status, headers: headersOf(lines) };
}

export async function receiveSizedBody(stage: Stage): Promise<void> {
  const { screen, server } = stage;
  const sock = stage.sock!;
  const framing = framingOf(stage.head);
  if (typeof framing === "string") {
    const how = framing === "chunked" ? "chunk by chunk" : "up to the end";
    screen.note(`This server does not say the size of its body; it is received ${how}.`);
    await screen.call(
      framing === "chunked"
        ? "await sock.receiveLine(), await sock.skip(size), ..."
        : "await sock.receiveAll()",
      () => receiveBody(sock, framing),
      (count) => `${count} bytes`,
    );
  } else {
    const body = await screen.call(
      `await sock.receiveExactly(${framing.size})`,
      () => sock.receiveExactly(framing.size),
      (bytes) => `${bytes.length} bytes: ${quoted(bytes)}`,
    );
    expect(body.length === framing.size, "that is another size");
    if (server) {
      expect(new TextDecoder().decode(body) === GREETING, "that is not what the server sent");
    }
  }
  stage.sock = undefined;
  await screen.call("sock.close()", () => sock.close(), () => "closed");
}

/** A nested array, as one would write it. */
function shown(data: Data): string {
  return Array.isArray(data) ? `[${data.map(shown).join(", ")}]` : JSON.stringify(data);
}
