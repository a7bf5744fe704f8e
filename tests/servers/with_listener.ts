import { type Cosocket, listen, type Listener, type ListenerOptions } from "../../mod.ts";

/** Runs a test with a listener of ours. */
export async function withListener(
  options: ListenerOptions,
  work: (listener: Listener) => Promise<void>,
): Promise<void> {
  const listener = await listen("127.0.0.1:0", options);
  try {
    await work(listener);
  } finally {
    await listener.close();
  }
}

/** Runs a client against a server that does what it is told to, for one guest. */
export function withScript(
  work: (target: string) => Promise<void>,
  script: (guest: Cosocket) => Promise<void>,
): Promise<void> {
  return withListener({}, async (listener) => {
    const { address } = listener;
    if (!("port" in address)) throw new Error("No port");
    const played = listener.accept().then((guest) => script(guest!));
    await Promise.all([work(`127.0.0.1:${address.port}`), played]);
  });
}
