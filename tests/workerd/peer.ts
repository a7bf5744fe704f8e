/** A peer that does what it is told, line by line. */

import { type Cosocket, listen, type Listener, SocketError, type TlsIdentity } from "../../mod.ts";

/** Listens; `tls` is for who comes with TLS, `upgrade` for who asks for it later. */
export async function startPeer(
  options: { tls?: TlsIdentity; upgrade?: TlsIdentity } = {},
): Promise<Listener> {
  const { tls, upgrade } = options;
  const server = await listen("127.0.0.1:0", tls ? { tls: { ...tls } } : {});
  serve(server, upgrade);
  return server;
}

async function serve(server: Listener, upgrade: TlsIdentity | undefined): Promise<void> {
  let guests = 0;
  for await (const guest of server) {
    const number = ++guests;
    play(guest, number, upgrade).catch((error) => {
      // That they go, or will not have TLS, is part of the play.
      if (!(error instanceof SocketError)) throw error;
    }).finally(() => guest.close());
  }
}

async function play(
  guest: Cosocket,
  number: number,
  upgrade: TlsIdentity | undefined,
): Promise<void> {
  guest.setTimeouts({ readMs: 0 });
  for await (const line of guest.lines()) {
    if (line === "ID") await guest.send(`${number}\n`);
    if (line.startsWith("SAY ")) await guest.send(said(line.slice(4)));
    if (line === "END") await guest.closeWrite();
    if (line === "ECHO ALL") return await guest.readable.pipeTo(guest.writable);
    if (line === "LEAVE SOON") {
      await guest.send("bye\n");
      return;
    }
    if (line === "STARTTLS") {
      await guest.send("go\n");
      await guest.startTls({ ...upgrade! });
    }
    if (line === "PLANT TOGETHER") await guest.send("go\nplanted\n");
    if (line === "PLANT LATER") await guest.send("go\n");
    if (line === "PLANT NOW") await guest.send("planted\n");
  }
}

/** What is meant, where a line end and the like are written as in a program. */
function said(text: string): string {
  return text.replaceAll("\\r", "\r").replaceAll("\\n", "\n");
}
