// One question to one server, and what it answers. Over UDP, from a socket of its
// own each time: so the port is a secret, too, that an answer has to know. Over
// TCP if the answer was too long for a datagram.
//
// There is no limit of time in here: who asks gives up when it has had enough.

import { join } from "../bytes.ts";
import type { Clock } from "../drivers/clock.ts";
import { SocketError } from "../errors.ts";
import { asBytes, exactly } from "../framing.ts";
import { ipFamily } from "../ip.ts";
import { Stream } from "../stream.ts";
import type {
  Attempt,
  DatagramOptions,
  DatagramTransport,
  IpAddress,
  Transport,
} from "../transport.ts";
import { type Answer, decodeAnswer, encodeQuery, type Question } from "./message.ts";
import { randomWord } from "./random.ts";

/** What asking needs of a runtime. */
export interface Network {
  openDatagram(options: DatagramOptions): Promise<DatagramTransport>;
  connect(server: IpAddress): Attempt;
  readonly clock: Clock;
}

/** An answer that is whole. */
export type Reply = Exclude<Answer, { kind: "truncated" }>;

const SERVER_FAILURE = 2;

/** Asks; what is under way is closed when the signal is aborted. */
export async function ask(
  network: Network,
  server: IpAddress,
  what: Pick<Question, "name" | "type">,
  signal: AbortSignal,
): Promise<Reply> {
  const question: Question = { id: randomWord(), name: what.name, type: what.type };
  const answer = await overUdp(network, server, question, signal);
  return answer.kind === "truncated" ? await overTcp(network, server, question, signal) : answer;
}

async function overUdp(
  network: Network,
  server: IpAddress,
  question: Question,
  signal: AbortSignal,
): Promise<Answer> {
  const socket = await network.openDatagram({ family: ipFamily(server.hostname) || 4 });
  const close = () => socket.close();
  signal.addEventListener("abort", close);
  try {
    goOn(signal);
    // Nothing comes from elsewhere then; and the system tells if nobody listens there.
    await socket.connect(server);
    await socket.send(encodeQuery(question));
    for (;;) {
      const { data } = await socket.receive();
      // What is no answer may be somebody's try to be believed: the answer still comes.
      const answer = decodeAnswer(data, question);
      if (answer !== undefined) return answer;
    }
  } finally {
    signal.removeEventListener("abort", close);
    socket.close();
  }
}

async function overTcp(
  network: Network,
  server: IpAddress,
  question: Question,
  signal: AbortSignal,
): Promise<Reply> {
  goOn(signal);
  const stream = new Stream(await opened(network.connect(server), signal), network.clock);
  try {
    const limits = { timeoutMs: 0, signal };
    const query = encodeQuery(question);
    const head = Uint8Array.of(query.length >> 8, query.length & 0xff);
    await stream.write(join([head, query]), limits);
    const size = await stream.read(exactly(2, asBytes), limits);
    const bytes = await stream.read(exactly(size[0]! << 8 | size[1]!, asBytes), limits);
    const answer = decodeAnswer(bytes, question);
    // Nothing else can come here, so there is nothing to wait for.
    return answer === undefined || answer.kind === "truncated"
      ? { kind: "failure", rcode: SERVER_FAILURE }
      : answer;
  } finally {
    stream.close();
  }
}

async function opened({ opened, abandon }: Attempt, signal: AbortSignal): Promise<Transport> {
  signal.addEventListener("abort", abandon);
  try {
    return await opened;
  } finally {
    signal.removeEventListener("abort", abandon);
  }
}

function goOn(signal: AbortSignal): void {
  if (signal.aborted) throw new SocketError("aborted", "Cannot ask: it was given up");
}
