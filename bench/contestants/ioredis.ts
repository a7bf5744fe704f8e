/** ioredis, by its pipelines. */

import { contest } from "../contest.ts";
import { fromNpm } from "../packages.ts";
import { HOST, KEY, VALUE } from "../wire.ts";
import { redis } from "./redis.ts";

/** The little of it that is used here. */
interface Client {
  get(key: string): Promise<string>;
  set(key: string, value: string): Promise<string>;
  pipeline(commands: string[][]): { exec(): Promise<[Error | null, unknown][]> };
}

type Module = { Redis: new (options: { host: string; port: number }) => Client };

const { Redis } = await fromNpm<Module>("ioredis");

async function run(client: Client, command: string[], batch: number): Promise<unknown[]> {
  const answers = await client.pipeline(Array<string[]>(batch).fill(command)).exec();
  return answers.map(([error, answer]) => error ?? answer);
}

await contest({
  works: {
    redis: redis(async (port) => {
      const client = new Redis({ host: HOST, port });
      return {
        get: async (batch) =>
          batch === 1 ? [await client.get(KEY)] : await run(client, ["get", KEY], batch),
        set: async (batch) =>
          batch === 1
            ? [await client.set(KEY, VALUE)]
            : await run(client, ["set", KEY, VALUE], batch),
      };
    }),
  },
});
