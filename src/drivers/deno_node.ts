// Deno's `node:net`, for what `Deno.connect` lacks. Under a permission that does
// not cover what it needs it dies of an error that nobody can catch; so
// permission is asked for first.

import { SocketError } from "../errors.ts";
import { type Address, addressText, type AttemptOptions, type Driver } from "../transport.ts";
import { driver as nodeDriver } from "./node.ts";

interface PermissionsNamespace {
  permissions: { query(descriptor: { name: "net"; host: string }): Promise<{ state: string }> };
}

declare const Deno: PermissionsNamespace;

/** The driver over `node:net`, for Deno. */
export const driver: Driver = {
  resolvesNames: false,

  connect(address: Address, options: AttemptOptions) {
    let abandon = () => {};
    let abandoned = false;
    const opened = checkPermission(address).then(() => {
      const attempt = nodeDriver.connect(address, options);
      abandon = attempt.abandon;
      if (abandoned) abandon();
      return attempt.opened;
    }).catch((error) => {
      throw unavailable(error);
    });
    return {
      opened,
      abandon: () => {
        abandoned = true;
        abandon();
      },
    };
  },

  listen: nodeDriver.listen,
  lookup: nodeDriver.lookup,
};

/** Deno says `EINVAL` of a local address that this machine does not have. */
function unavailable(error: unknown): unknown {
  const { code, syscall } = error as { code?: string; syscall?: string };
  return code === "EINVAL" && syscall === "bind"
    ? Object.assign(error as Error, { code: "EADDRNOTAVAIL" })
    : error;
}

async function checkPermission(address: Address): Promise<void> {
  if ("path" in address) return;
  const host = addressText(address);
  const { state } = await Deno.permissions.query({ name: "net", host });
  if (state === "granted") return;
  throw new SocketError(
    "denied",
    `Cannot connect to ${host}: permission was denied; run with --allow-net=${host}`,
    { op: "connect", address: host },
  );
}
