/** `node:net` with `onread`. */

import { contestNode } from "./raw_net.ts";

await contestNode("onread");
