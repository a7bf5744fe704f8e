/** Random scenarios against our `./luasocket` and against LuaSocket. */

import { Random } from "../../helpers/random.ts";
import { sameResults } from "./matches.ts";
import { PeerProcess } from "./peer.ts";
import { type Played, Player, type Variables } from "./play.ts";
import { type RandomScenario, randomScenario } from "./random_scenarios.ts";
import { Reference } from "./reference.ts";

const JOBS = 4;

/** Plays `count` scenarios, the first one of this seed; a text for each that differs. */
export async function fuzz(seed: number, count: number): Promise<string[]> {
  const peers = new PeerProcess();
  const found: string[] = [];
  let next = 0;
  await Promise.all(Array.from({ length: JOBS }, async () => {
    const reference = new Reference();
    while (next < count) {
      const at = seed + next++;
      const scenario = randomScenario(new Random(at));
      const difference = await differenceOf(scenario, reference, peers);
      if (difference === undefined) continue;
      found.push(`seed ${at}: ${difference}\n  ${JSON.stringify(scenario)}`);
    }
    reference.stop();
  }));
  await peers.stop();
  return found;
}

/** What differs, in the first call that does. */
async function differenceOf(
  { server, client }: RandomScenario,
  reference: Reference,
  peers: PeerProcess,
): Promise<string | undefined> {
  const wanted = await withServer(peers, server, async (variables, meet) => {
    return await reference.play(client, variables, server !== undefined, meet);
  });
  const got = await withServer(peers, server, async (variables, meet) => {
    const player = new Player(variables, meet);
    if (server !== undefined) await player.connect();
    const played: Played[] = [];
    for (const call of client) played.push(await player.play(call));
    await player.end();
    return played.map(({ r }) => [...r]);
  });
  const at = client.findIndex((_, at) => !sameResults(wanted[at] ?? ["nothing"], got[at]!));
  if (at < 0) return undefined;
  const texts = [client[at], wanted[at], got[at]].map((it) => JSON.stringify(it));
  return `call ${at} ${texts[0]} gave ${texts[2]}, not ${texts[1]}`;
}

async function withServer<T>(
  peers: PeerProcess,
  steps: RandomScenario["server"],
  work: (variables: Variables, meet: (name: string) => Promise<void>) => Promise<T>,
): Promise<T> {
  const peer = steps && await peers.open(steps, undefined);
  try {
    await peer?.begin();
    const meet = async (name: string) => await peer?.meet(name);
    return await work({ HOST: "127.0.0.1", ...(peer && { PORT: peer.port }) }, meet);
  } finally {
    await peer?.end();
  }
}
