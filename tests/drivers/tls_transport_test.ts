// What every transport promises holds with TLS around it, too: at both ends, over
// the system and in memory.

import { memoryPair } from "../../src/drivers/memory.ts";
import { checkTransport, type Gaps, type MakePair } from "../conformance/transport.ts";
import { nativeDriver, pairs, runtime, TCP4 } from "../helpers/native_pairs.ts";
import { securedPairs } from "../helpers/tls_pairs.ts";

const driver = await nativeDriver();

const gapsOfRuntime: Gaps = runtime === "Deno"
  ? { abortResets: "Deno has no way to ask for a reset" }
  : {};

const gapsOfTls: Gaps = runtime === "Bun"
  ? { halfClose: "Bun's TLS ends both directions at once" }
  : {};

const gapsOfMemory: Gaps = {
  options: "There is no system that has switches",
  addresses: "There is no system that gives addresses",
};

for (const under of ["connecting", "accepted"] as const) {
  const over: Record<string, { makePair: MakePair; gaps: Gaps }> = {
    "over TCP": { makePair: pairs(driver, TCP4, under), gaps: gapsOfRuntime },
    "in memory": { makePair: () => Promise.resolve(memoryPair()), gaps: gapsOfMemory },
  };
  for (const [where, { makePair, gaps }] of Object.entries(over)) {
    checkTransport(`TLS ${where}, the ${under} end`, securedPairs(makePair, under), {
      gaps: { ...gapsOfTls, ...gaps },
    });
  }
}
