/**
 * What is common to clients of Redis: so many commands at a time, on so many connections.
 *
 * @module
 */
import type { Prepare } from "../contest.ts";
import { VALUE } from "../wire.ts";

/** One connection: commands sent together, and all their answers. */
export interface RedisClient {
  set(batch: number): Promise<readonly unknown[]>;
  get(batch: number): Promise<readonly unknown[]>;
}

const ANSWERS = { get: VALUE, set: "OK" };

/** Asks on each connection, again and again. */
export function redis(connect: (port: number) => Promise<RedisClient>): Prepare {
  return async (port, { command = "get", batch = 1, connections = 1 }) => {
    const clients: RedisClient[] = [];
    for (let k = 0; k < connections; k++) clients.push(await connect(port));
    await clients[0]!.set(1);
    return async (slice) => {
      let operations = 0;
      const play = async (client: RedisClient) => {
        for (; !slice.over; operations += batch) {
          const answers = await client[command](batch);
          if (answers.length !== batch || answers.at(-1) !== ANSWERS[command]) {
            throw new Error(`Wrong answers: ${answers}`);
          }
        }
      };
      await Promise.all(clients.map(play));
      return { operations, bytes: 0 };
    };
  };
}

/** A list of so many results, begun in one turn: clients that can do it send them together. */
export function together<T>(batch: number, begin: () => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: batch }, begin));
}
