import { checkTransport, type Gaps } from "../conformance/transport.ts";
import { KINDS, nativeDriver, pairs, remotePairs, runtime } from "../helpers/native_pairs.ts";

const driver = await nativeDriver();

const gapsOfRuntime: Gaps = runtime === "Deno"
  ? { abortResets: "Deno has no way to ask for a reset" }
  : {
    keepsBytesBeforeFailedWrite: "node:net destroys a socket whose write fails, and what it held",
  };

const gapsOfUnix: Gaps = {
  reset: "Unix sockets know no reset",
  options: "Unix sockets have no such switches",
  addresses: "The connecting end has no address of its own",
};

for (const kind of KINDS) {
  const isUnix = "path" in kind.address();
  for (const under of ["connecting", "accepted"] as const) {
    checkTransport(`${kind.name}, the ${under} end`, pairs(driver, kind, under), {
      makeRemote: remotePairs(driver, kind, under),
      gaps: {
        ...gapsOfRuntime,
        ...(isUnix && gapsOfUnix),
        all: kind.missing,
      },
    });
  }
}
