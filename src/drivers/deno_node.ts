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
    const opened = checkPermission(address, options).then(() => {
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

async function checkPermission(address: Address, options: AttemptOptions): Promise<void> {
  // Of these `node:net` says itself what is missing.
  if ("path" in address) return;
  const missing: string[] = [];
  for (const host of hostsOf(address, options)) {
    const { state } = await Deno.permissions.query({ name: "net", host });
    if (state !== "granted") missing.push(host);
  }
  if (missing.length === 0) return;
  const host = addressText(address);
  throw new SocketError(
    "denied",
    `Cannot connect to ${host}: permission was denied; run with --allow-net=${missing.join(",")}`,
    { op: "connect", address: host },
  );
}

/** The ends that Deno wants permission for: to bind one is to listen there, for it. */
function hostsOf(
  remote: { readonly hostname: string; readonly port: number },
  { localAddress, localPort }: AttemptOptions,
): string[] {
  if (localAddress === undefined && localPort === undefined) return [addressText(remote)];
  const hostname = localAddress ?? (remote.hostname.includes(":") ? "::" : "0.0.0.0");
  return [addressText(remote), addressText({ hostname, port: localPort ?? 0 })];
}
