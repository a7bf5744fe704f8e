import { memoryPair } from "../../src/drivers/memory.ts";
import { checkTransport } from "../conformance/transport.ts";

checkTransport("memory", () => Promise.resolve(memoryPair()), {
  gaps: {
    options: "There is no system that has switches",
    addresses: "There is no system that gives addresses",
  },
});
