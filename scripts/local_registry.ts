/**
 * A registry on this machine that has one package, the packed one: so `npm install`, `bun add` and
 * `npm:` can be tried as users will use them, before there is anything to install.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A running registry. */
export interface LocalRegistry {
  /** What to write into `.npmrc`, so that the scope of the package is looked for here. */
  readonly npmrc: string;
  close(): void;
}

/**
 * Serves a package.
 *
 * @param tarball The path of the packed package.
 * @param manifest Its package.json.
 */
export async function serveRegistry(
  tarball: string,
  manifest: { readonly name: string; readonly version: string },
): Promise<LocalRegistry> {
  const bytes = await readFile(tarball);
  const { name, version } = manifest;
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? "");
    if (path === "/package.tgz") {
      response.end(bytes);
    } else if (path === `/${name}`) {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(packument()));
    } else {
      response.writeHead(404).end();
    }
  });
  const packument = () => ({
    name,
    "dist-tags": { latest: version },
    versions: { [version]: { ...manifest, dist: { tarball: `${url()}package.tgz`, integrity } } },
    // Old enough for those that wait before they take what is new.
    time: { [version]: "2026-01-01T00:00:00.000Z" },
  });
  const integrity = `sha512-${createHash("sha512").update(bytes).digest("base64")}`;
  const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    npmrc: `${name.split("/")[0]}:registry=${url()}\n`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
