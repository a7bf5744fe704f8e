import { test } from "node:test";
import { checkTransport, type Gaps } from "../conformance/transport.ts";
import { KINDS, nativeDriver, pairs, remotePairs, runtime } from "../helpers/native_pairs.ts";

// Deno's `node:net`, for what `Deno.connect` lacks; so it never accepts.
if (runtime === "Deno") {
  const { driver } = await import("../../src/drivers/deno_node.ts");
  const gaps: Gaps = {
    keepsBytesBeforeFailedWrite: "node:net destroys a socket whose write fails, and what it held",
  };
  const gapsOfUnix: Gaps = {
    reset: "Unix sockets know no reset",
    options: "Unix sockets have no such switches",
    addresses: "The connecting end has no address of its own",
  };
  const native = await nativeDriver();
  for (const kind of KINDS) {
    checkTransport(`Deno's node:net, ${kind.name}`, pairs(driver, kind, "connecting", native), {
      makeRemote: remotePairs(driver, kind, "connecting"),
      gaps: { ...gaps, ...("path" in kind.address() && gapsOfUnix), all: kind.missing },
    });
  }
} else {
  test("Deno's node:net", { skip: `This is ${runtime}` }, () => {});
}
