/** How the servers of these tests are started: nothing kept, nothing shared. */

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { Certificate } from "../helpers/certificates.ts";
import type { Recipe } from "./start_server.ts";
import { writeFiles } from "./write_files.ts";

export const memcached: Recipe = ({ port, path }) => ({
  program: "memcached",
  args: [
    ...(path === undefined ? ["-l", "127.0.0.1", "-p", String(port), "-U", "0"] : ["-s", path]),
    ...["-m", "64", "-I", "16m", "-t", "1"],
    // It refuses to run as root without being told so.
    ...(process.getuid?.() === 0 ? ["-u", "root"] : []),
  ],
});

export const redis: Recipe = ({ folder, port, path }) => ({
  program: "redis-server",
  args: [
    ...["--port", String(port ?? 0), "--bind", "127.0.0.1"],
    ...(path === undefined ? [] : ["--unixsocket", path]),
    ...["--save", "", "--appendonly", "no", "--dir", folder, "--loglevel", "warning"],
  ],
});

/** Redis that speaks TLS alone. */
export function redisTls(own: Certificate, clientCerts: { ca: string } | "none"): Recipe {
  return ({ folder, port }) => {
    const paths = writeFiles(folder, {
      "cert.pem": own.cert,
      "key.pem": own.key,
      "ca.pem": clientCerts === "none" ? own.cert : clientCerts.ca,
    });
    return {
      program: "redis-server",
      args: [
        ...["--port", "0", "--tls-port", String(port), "--bind", "127.0.0.1"],
        ...["--tls-cert-file", paths["cert.pem"], "--tls-key-file", paths["key.pem"]],
        ...["--tls-ca-cert-file", paths["ca.pem"]],
        ...["--tls-auth-clients", clientCerts === "none" ? "no" : "yes"],
        ...["--save", "", "--appendonly", "no", "--dir", folder, "--loglevel", "warning"],
        // Whom it refuses it tells at the level of warnings.
        ...["--logfile", join(folder, "log")],
      ],
    };
  };
}

/** nginx with the given locations, and the given files to serve from `root files`. */
export function nginx(locations: string, files: Readonly<Record<string, Uint8Array>> = {}): Recipe {
  const inFiles = Object.entries(files).map(([name, bytes]) => [`files/${name}`, bytes]);
  return nginxServers(
    (place) => `server { listen ${place}; root files; ${locations} }`,
    Object.fromEntries(inFiles),
  );
}

/** nginx with the given servers, which listen at a place, and files in its folder. */
export function nginxServers(
  servers: (place: string) => string,
  files: Readonly<Record<string, string | Uint8Array>> = {},
): Recipe {
  return (at) => {
    mkdirSync(join(at.folder, "files"), { recursive: true });
    writeFiles(at.folder, files);
    const place = at.path === undefined ? `127.0.0.1:${at.port}` : `unix:${at.path}`;
    writeFiles(at.folder, { "nginx.conf": nginxConf(servers(place)) });
    const error = join(at.folder, "error.log");
    return { program: "nginx", args: ["-p", at.folder, "-c", "nginx.conf", "-e", error] };
  };
}

// One process in the foreground: it is the one whose pid we know.
function nginxConf(servers: string): string {
  const kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  return `
    daemon off;
    master_process off;
    pid nginx.pid;
    events { worker_connections 256; }
    http {
      access_log off;
      default_type text/html;
      ${kinds.map((kind) => `${kind}_temp_path ${kind};`).join(" ")}
      ${servers}
    }
  `;
}

/**
 * `openssl s_server` with options of its own, one of which may name a file; it serves one client
 * after another.
 */
export function opensslServer(
  own: Certificate,
  options: readonly string[],
  files: Readonly<Record<string, string>> = {},
): Recipe {
  return ({ folder, port }) => {
    const [leaf, ...chain] = own.cert.match(/-----BEGIN[^]*?-----END CERTIFICATE-----\n?/g)!;
    const paths = writeFiles(folder, {
      "cert.pem": leaf!,
      "key.pem": own.key,
      "chain.pem": chain.join(""),
      ...files,
    });
    return {
      program: "openssl",
      args: [
        ...["s_server", "-4", "-accept", `127.0.0.1:${port}`],
        ...["-cert", paths["cert.pem"]!, "-key", paths["key.pem"]!],
        ...(chain.length > 0 ? ["-cert_chain", paths["chain.pem"]!] : []),
        ...options.map((it) => Object.hasOwn(files, it) ? paths[it]! : it),
      ],
      isNoisy: true,
    };
  };
}
