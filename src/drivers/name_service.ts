// What the system knows of names, the other way round: who has an address, and what
// this machine is called.

interface Builtins {
  getBuiltinModule?(name: "node:os"): { hostname(): string } | undefined;
}

/** The name of an address; `undefined` if it has none. */
export async function hostnameOf(address: string): Promise<string | undefined> {
  const { lookupService } = await import("node:dns/promises");
  try {
    return (await lookupService(address, 0)).hostname;
  } catch {
    // No name, nobody to ask, or not allowed to: it stays an address.
    return undefined;
  }
}

/**
 * What this machine is called; `undefined` where nobody says.
 *
 * @throws The runtime's own error, if it forbids that.
 */
export function machineName(): string | undefined {
  const builtins = (globalThis as { process?: Builtins }).process;
  return builtins?.getBuiltinModule?.("node:os")?.hostname();
}
