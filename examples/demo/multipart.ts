/** A body in parts, each read in pieces that never reach into the boundary behind it. */

import { connect } from "../../mod.ts";
import { receiveHead, requestFor } from "./http.ts";
import { expect, quoted } from "./print.ts";
import { BOUNDARY, PARTS } from "./server.ts";
import type { Stage } from "./stage.ts";

export async function receiveMultipart({ screen, target }: Stage): Promise<void> {
  const sock = await connect(target, { readTimeoutMs: 5000 });
  try {
    await sock.send(requestFor(target, "/multipart"));
    const { headers } = await receiveHead(sock);
    screen.note(`Its type is ${headers.get("content-type")}`);
    await screen.call(
      `await sock.receiveUntil("--${BOUNDARY}")`,
      () => sock.receiveUntil(`--${BOUNDARY}`),
      (before) => `${quoted(before)} before the first part`,
    );
    const part = sock.parts(`\r\n--${BOUNDARY}`);
    screen.note(`part = sock.parts("\\r\\n--${BOUNDARY}")`);
    const found: { type: string; body: string }[] = [];
    // Behind a boundary the line is empty, or says with "--" that it was the last one.
    while (await sock.receiveLine() === "") {
      const [type = ""] = [await sock.receiveLine(), await sock.receiveLine()];
      screen.note(`${type}:`);
      let body = "";
      for (;;) {
        const piece = await screen.call(
          "await part.read(16)",
          () => part.read(16),
          (bytes) => bytes === null ? "null: the part has ended" : quoted(bytes),
        );
        if (piece === null) break;
        expect(piece.length <= 16, "the piece is longer than 16 bytes");
        body += new TextDecoder().decode(piece);
      }
      found.push({ type: type.replace("Content-Type: ", ""), body });
    }
    const isSame = JSON.stringify(found) === JSON.stringify(PARTS);
    expect(isSame, "these are not the parts that the server sent");
    screen.note(`${found.length} parts, each as it was sent`);
  } finally {
    sock.close();
  }
}
