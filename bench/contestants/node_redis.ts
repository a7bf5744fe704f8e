/** node-redis (`redis` on npm), which sends together what is begun in one turn. */

import { contest } from "../contest.ts";
import { fromNpm } from "../packages.ts";
import { HOST, KEY, VALUE } from "../wire.ts";
import { redis, together } from "./redis.ts";

/** The little of it that is used here. */
interface Client {
  connect(): Promise<unknown>;
  get(key: string): Promise<string>;
  set(key: string, value: string): Promise<string>;
}

type Module = { createClient(options: { socket: { host: string; port: number } }): Client };

const { createClient } = await fromNpm<Module>("redis");

await contest({
  works: {
    redis: redis(async (port) => {
      const client = createClient({ socket: { host: HOST, port } });
      await client.connect();
      return {
        get: (batch) => together(batch, () => client.get(KEY)),
        set: (batch) => together(batch, () => client.set(KEY, VALUE)),
      };
    }),
  },
});
