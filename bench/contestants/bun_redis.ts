/** Bun's own client of Redis. */

import { contest } from "../contest.ts";
import { HOST, KEY, VALUE } from "../wire.ts";
import { redis, together } from "./redis.ts";

/** The little of Bun that is used here. */
declare const Bun: {
  RedisClient: new (url: string) => {
    connect(): Promise<void>;
    get(key: string): Promise<string>;
    set(key: string, value: string): Promise<string>;
  };
};

await contest({
  works: {
    redis: redis(async (port) => {
      const client = new Bun.RedisClient(`redis://${HOST}:${port}`);
      await client.connect();
      return {
        get: (batch) => together(batch, () => client.get(KEY)),
        set: (batch) => together(batch, () => client.set(KEY, VALUE)),
      };
    }),
  },
});
