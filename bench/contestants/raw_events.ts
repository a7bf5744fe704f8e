/** `node:net` with its events. */

import { contestNode } from "./raw_net.ts";

await contestNode("events");
