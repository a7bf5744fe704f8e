/** How the servers of these tests are started: nothing kept, nothing shared. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { At, Recipe } from "./start_server.ts";

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

/** nginx with the given locations, and the given files to serve from `root files`. */
export function nginx(locations: string, files: Readonly<Record<string, Uint8Array>> = {}): Recipe {
  return (at) => {
    mkdirSync(join(at.folder, "files"), { recursive: true });
    for (const [name, bytes] of Object.entries(files)) {
      writeFileSync(join(at.folder, "files", name), bytes);
    }
    writeFileSync(join(at.folder, "nginx.conf"), nginxConf(at, locations));
    const error = join(at.folder, "error.log");
    return { program: "nginx", args: ["-p", at.folder, "-c", "nginx.conf", "-e", error] };
  };
}

// One process in the foreground: it is the one whose pid we know.
function nginxConf({ port, path }: At, locations: string): string {
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
      server {
        listen ${path === undefined ? `127.0.0.1:${port}` : `unix:${path}`};
        root files;
        ${locations}
      }
    }
  `;
}
