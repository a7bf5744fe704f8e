/** What is said to real servers, and what they say to it. */

import { memcached, redis } from "../servers/recipes.ts";
import type { Recipe } from "../servers/start_server.ts";

/** A dialogue whose words are known. */
export interface Dialogue {
  readonly server: string;
  readonly recipe: Recipe;
  /** Requests that all go out before the first answer is read, and the answer to each. */
  readonly said: readonly { readonly ask: string; readonly answer: string }[];
}

export const DIALOGUES: readonly Dialogue[] = [
  {
    server: "redis-server",
    recipe: redis,
    said: [
      { ask: "PING\r\n", answer: "+PONG\r\n" },
      { ask: command("SET", "n", "line\r\n\r\ne"), answer: "+OK\r\n" },
      { ask: command("GET", "none"), answer: "$-1\r\n" },
      { ask: command("STRLEN", "n"), answer: ":9\r\n" },
      { ask: command("MGET", "n", "none"), answer: "*2\r\n$9\r\nline\r\n\r\ne\r\n$-1\r\n" },
    ],
  },
  {
    server: "memcached",
    recipe: memcached,
    said: [
      { ask: "set one 7 0 9\r\nEND\r\nEND\r\r\n", answer: "STORED\r\n" },
      { ask: "get one none\r\n", answer: "VALUE one 7 9\r\nEND\r\nEND\r\r\nEND\r\n" },
      { ask: "delete none\r\n", answer: "NOT_FOUND\r\n" },
    ],
  },
];

/** All that is asked, or answered, in one. */
export function whole({ said }: Dialogue, what: "ask" | "answer"): string {
  return said.map((it) => it[what]).join("");
}

/** The answers to as much of what is asked. */
export function answersTo({ said }: Dialogue, asked: string): string {
  let left = asked.length;
  let answers = "";
  for (const { ask, answer } of said) {
    left -= ask.length;
    if (left < 0) break;
    answers += answer;
  }
  return answers;
}

function command(...words: string[]): string {
  return [`*${words.length}`, ...words.flatMap((it) => [`$${it.length}`, it]), ""].join("\r\n");
}
