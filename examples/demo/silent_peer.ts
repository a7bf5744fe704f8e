/** A read that times out in the middle of a line, and the next one, which gets the line. */

import { connect } from "../../mod.ts";
import { receiveHead, requestFor } from "./http.ts";
import { expect, quoted } from "./print.ts";
import { SILENCE_MS } from "./server.ts";
import type { Stage } from "./stage.ts";

export async function waitForSilentPeer({ screen, target }: Stage): Promise<void> {
  const sock = await connect(target, { readTimeoutMs: 5000 });
  try {
    await sock.send(requestFor(target, "/late"));
    await receiveHead(sock);
    screen.note(`The peer says half a line, and then nothing for ${SILENCE_MS} ms.`);
    const { partial } = await screen.refused(
      "await sock.receiveLine({ timeoutMs: 150 })",
      () => sock.receiveLine({ timeoutMs: 150 }),
      "timeout",
    );
    expect(quoted(partial ?? "") === `"the answer is "`, "the half line should be its partial");
    const line = await screen.call("await sock.receiveLine()", () => sock.receiveLine(), quoted);
    expect(line === "the answer is 42", "the line should be whole");
  } finally {
    sock.close();
  }
}
