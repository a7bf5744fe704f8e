/** The steps of the demonstration, in their order. */

import { relayBothWays } from "./both_ways.ts";
import {
  connectToServer,
  listenOnFreePort,
  receiveHeaders,
  receiveSizedBody,
  receiveStatus,
  sendRequest,
  setTimeouts,
} from "./first_dialogue.ts";
import { receiveMultipart } from "./multipart.ts";
import { reuseConnection } from "./reuse.ts";
import { waitForSilentPeer } from "./silent_peer.ts";
import type { Step } from "./stage.ts";

/** The first step, when no server was named. */
export const FIRST: Step = {
  title: "Listen, for there to be somebody to talk to",
  run: listenOnFreePort,
};

export const STEPS: readonly Step[] = [
  { title: "Connect, with a limit of time", run: connectToServer },
  { title: "Set the timeouts of what follows", needs: "connection", run: setTimeouts },
  { title: "Send a nested array", needs: "connection", run: sendRequest },
  { title: "Receive the status line", needs: "connection", run: receiveStatus },
  { title: "Receive the header lines", needs: "connection", run: receiveHeaders },
  { title: "Receive the body by its size", needs: "connection", run: receiveSizedBody },
  {
    title: "Receive a multipart body, part by part, in pieces of 16 bytes",
    needs: "own server",
    run: receiveMultipart,
  },
  {
    title: "Time out on a silent peer, and lose nothing by it",
    needs: "own server",
    run: waitForSilentPeer,
  },
  { title: "Keep a connection alive in a pool, and get it back", run: reuseConnection },
  {
    title: "Relay two connections, both ways at the same time",
    needs: "own server",
    run: relayBothWays,
  },
];
