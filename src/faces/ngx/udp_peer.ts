// From an address to a socket for one peer. Where the original makes one that cannot
// be used, there is one here, too: it is open, and each send says what is wrong.

import { openStream } from "../../connect.ts";
import { SocketError } from "../../errors.ts";
import { ipFamily } from "../../ip.ts";
import { Mailbox } from "../../mailbox.ts";
import type { Address, IpAddress } from "../../transport.ts";
import { DeadEnd } from "./dead_end.ts";
import { wrongFamily } from "./host.ts";
import { wordFor } from "./words.ts";

/** A socket, and why it cannot be used, if so. */
export interface Opened {
  readonly mailbox: Mailbox;
  readonly why?: string;
}

const AS_LONG_AS_IT_TAKES = { timeoutMs: 0 };

/** Opens a socket for one peer. */
export async function openPeer(address: Address, local: string | undefined): Promise<Opened> {
  if ("path" in address) {
    const why = local === undefined ? await whyNoPath(address) : "invalid argument";
    return { mailbox: deadEnd("ENOTCONN"), why };
  }
  const wrong = local === undefined ? undefined : wrongFamily(local, address);
  if (wrong !== undefined) return { mailbox: deadEnd("EDESTADDRREQ"), why: wrong };
  // To the system port 0 is one where nobody listens; runtimes do not send there.
  if (address.port === 0) return { mailbox: deadEnd("ECONNREFUSED") };
  try {
    return { mailbox: await connected(address, local) };
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
    return { mailbox: deadEnd("EDESTADDRREQ"), why: wordFor(error) };
  }
}

async function connected(address: IpAddress, localAddress: string | undefined): Promise<Mailbox> {
  // Loaded when it is first needed.
  const { openDatagram } = await import("../../drivers/datagram.ts");
  const family = ipFamily(address.hostname) || 4;
  const mailbox = new Mailbox(await openDatagram({ family, localAddress }));
  try {
    await mailbox.connect(AS_LONG_AS_IT_TAKES, () => address);
    return mailbox;
  } catch (error) {
    mailbox.close();
    throw error;
  }
}

function deadEnd(code: string): Mailbox {
  return new Mailbox(new DeadEnd(code));
}

/**
 * Why there are no datagrams at a path: what the system says to a stream. No runtime
 * has datagrams over unix sockets (tests/runtime_limits/unix_datagrams.ts); where
 * there is a socket, it is one of a wrong type for us, as one for streams is for them.
 */
async function whyNoPath(address: { readonly path: string }): Promise<string> {
  try {
    (await openStream(address)).close();
    return WRONG_TYPE;
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
    return wordFor(error);
  }
}

const WRONG_TYPE = "protocol wrong type for socket";
