/** The peer of the demonstration: a little HTTP, kept alive, and an echo. */

import { type Cosocket, listen, type Listener, SocketError } from "../../mod.ts";

export const GREETING = "Hello! This body has a size, so the connection can go on behind it.\n";

export const BOUNDARY = "frontier";

/** The second part tries to look like its own end. */
export const PARTS = [
  { type: "text/plain", body: "The first part, as short as it is." },
  { type: "text/x-tricky", body: `Almost:\r\n--front\r\n--frontie ... but not quite.` },
  { type: "application/json", body: `{"last":true}` },
] as const;

/** How long the server keeps its second half of a line to itself. */
export const SILENCE_MS = 500;

/** Opens the server on a free port. */
export async function openServer(): Promise<Listener> {
  const listener = await listen("127.0.0.1:0");
  const run = async () => {
    for await (const sock of listener) converse(sock).catch(report);
  };
  run().catch(report);
  return listener;
}

/** One connection, request after request. */
async function converse(sock: Cosocket): Promise<void> {
  try {
    for await (const request of sock.lines()) {
      if (request === "ECHO") return await echo(sock);
      while (await sock.receiveLine() !== "") { /* the headers do not matter here */ }
      await answer(sock, request.split(" ")[1] ?? "/");
    }
  } finally {
    sock.close();
  }
}

async function answer(sock: Cosocket, path: string): Promise<void> {
  switch (path) {
    case "/multipart":
      return await send(sock, `multipart/mixed; boundary=${BOUNDARY}`, multipart());
    case "/late":
      await sock.send(["HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n", "the answer is "]);
      await new Promise((resolve) => setTimeout(resolve, SILENCE_MS));
      await sock.send("42\r\n");
      return;
    default:
      return await send(sock, "text/plain", GREETING);
  }
}

async function send(sock: Cosocket, type: string, body: string): Promise<void> {
  await sock.send([
    "HTTP/1.1 200 OK\r\n",
    ["Server: the demonstration\r\n", ["Content-Type: ", type, "\r\n"]],
    ["Content-Length: ", String(body.length), "\r\n"],
    "\r\n",
    body,
  ]);
}

function multipart(): string {
  const parts = PARTS.map(({ type, body }) =>
    `--${BOUNDARY}\r\nContent-Type: ${type}\r\n\r\n${body}\r\n`
  );
  return `${parts.join("")}--${BOUNDARY}--\r\n`;
}

async function echo(sock: Cosocket): Promise<void> {
  for (;;) {
    const bytes = await sock.receiveAny(64 * 1024);
    if (bytes === null) break;
    await sock.send(bytes);
  }
  await sock.closeWrite();
}

function report(error: unknown): void {
  // Whoever leaves in the middle is no fault of the server's.
  if (!(error instanceof SocketError)) console.error(error);
}
