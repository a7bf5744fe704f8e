/**
 * The original: OpenResty's cosocket, in an nginx with one worker. This process passes orders on to
 * it as HTTP requests, and sleeps while it works. CPU time is the worker's own, by its `os.clock`.
 *
 * @module
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { CASES } from "../cases.ts";
import { freePort, untilListening } from "../ports.ts";
import { descriptors } from "../program.ts";
import { HOST } from "../wire.ts";
import { folder as here, parametersOf, SHARED_WORKS } from "./lua.ts";

const WORKS = [...SHARED_WORKS, "any", "pool", "until", "hold"];
const MODULES = ["ndk_http_module.so", "ngx_http_lua_module.so"];

// What it has where nothing is said.
const OWN_BUFFER = "4k";

await main();

/** Where nginx keeps the Lua module, or `undefined` if either is not installed. */
function luaModules(): string | undefined {
  const { stderr, status } = spawnSync("nginx", ["-V"], { encoding: "utf8" });
  const folder = status === 0 ? /--modules-path=(\S+)/.exec(stderr)?.[1] : undefined;
  return folder !== undefined && existsSync(join(folder, MODULES[1]!)) ? folder : undefined;
}

function config(port: number, folder: string): string {
  const modules = MODULES.map((name) => join(folder, name)).filter(existsSync);
  const location = (path: string, size: string) =>
    `location = ${path} {
      lua_socket_buffer_size ${size};
      content_by_lua_file ${join(here, "openresty.lua")};
    }`;
  return `
${modules.map((path) => `load_module ${path};`).join("\n")}
daemon off;
master_process off;
worker_processes 1;
pid nginx.pid;
events { worker_connections ${Math.min(descriptors() - 64, 50_000)}; }
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  keepalive_timeout 0;
  lua_socket_pool_size 4096;
  server {
    listen ${HOST}:${port};
    ${location("/", "64k")}
    ${location("/own", OWN_BUFFER)}
  }
}
`;
}

async function main(): Promise<void> {
  const [name = "", peerPort = ""] = process.argv.slice(2);
  const modules = luaModules();
  if (modules === undefined) return say('{"works":[],"ready":false}');
  if (name === "works") return say(JSON.stringify({ works: WORKS }));
  const folder = mkdtempSync(join(tmpdir(), "cosocket-bench-"));
  const port = await freePort();
  writeFileSync(join(folder, "nginx.conf"), config(port, modules));
  const nginx = spawn("nginx", ["-p", `${folder}/`, "-c", "nginx.conf", "-e", "error.log"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  process.on("exit", () => {
    nginx.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });
  process.on("SIGTERM", () => process.exit());
  await untilListening(port);
  const it = CASES.find((it) => it.name === name);
  // Connections are held by what knows how to ask.
  const parameters = { ...parametersOf(it?.name ?? "ping", peerPort), case: name };
  const path = it === undefined || it.ownBuffer ? "/own" : "/";
  const order = (fields: object) => ask(port, path, { ...parameters, ...fields });
  say(it === undefined ? '{"ready":true}' : await order({}));
  for await (const text of createInterface({ input: process.stdin })) {
    say(await order(JSON.parse(text)));
  }
  process.exit();
}

function ask(port: number, path: string, fields: object): Promise<string> {
  const query = new URLSearchParams(Object.entries(fields).map(([key, it]) => [key, String(it)]));
  return new Promise((resolve, reject) => {
    const request = http.get(
      { host: HOST, port, path: `${path}?${query}`, agent: false },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (piece) => text += piece);
        response.on("end", () => {
          if (response.statusCode === 200) resolve(text.trim());
          else reject(new Error(`nginx answered ${response.statusCode}`));
        });
      },
    );
    request.on("error", reject);
  });
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
