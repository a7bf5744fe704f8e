/**
 * The original: an installed nginx with the Lua module (a dynamic one is found by
 * itself), one process without a master, with a location for each set of directives.
 */

import { Buffer } from "node:buffer";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Op, Result } from "../scenario.ts";
import { luaChunk } from "./lua_text.ts";

/** Directives of a location. */
export type Location = Readonly<Record<string, string>>;

const ANSWER_MS = 60_000;

export class Nginx {
  readonly #directory = mkdtempSync(join(tmpdir(), "cosocket-nginx-"));
  readonly #locations: readonly string[];
  readonly #certificates: string;
  #port = 0;
  #process: ChildProcess | undefined;

  /**
   * @param locations All that scripts will be played in.
   * @param certificates The folder of the certificates and keys that scripts name.
   */
  constructor(locations: readonly Location[], certificates: string) {
    this.#certificates = certificates;
    this.#locations = [...new Set(locations.map((it) => JSON.stringify(it)))];
  }

  /** Starts it; resolves once it listens. */
  async start(): Promise<void> {
    this.#port = await freePort();
    mkdirSync(join(this.#directory, "logs"), { recursive: true });
    writeFileSync(join(this.#directory, "nginx.conf"), this.#configuration());
    const args = ["-p", `${this.#directory}/`, "-c", "nginx.conf", "-e", "logs/error.log"];
    this.#process = spawn("nginx", args, { stdio: ["ignore", "inherit", "inherit"] });
    for (let look = 0; look < 200; look++) {
      if (!this.isRunning) break;
      if (await answers(this.#port)) return;
      await sleep(25);
    }
    throw new Error("Cannot start nginx: it does not listen");
  }

  /** It may crash on misuse, and can be started again then. */
  get isRunning(): boolean {
    return this.#process?.exitCode === null && this.#process.signalCode === null;
  }

  /** What a script's ops returned. */
  async play(ops: readonly Op[], location: Location): Promise<Result[]> {
    const at = this.#locations.indexOf(JSON.stringify(location));
    const { status, text } = await this.#post(`/${at}`, luaChunk(ops));
    if (status !== 200) throw new Error(`Cannot play a script: nginx answered ${status}`);
    return JSON.parse(text);
  }

  /** Ends it, and removes what it wrote. */
  async stop(): Promise<void> {
    this.#process?.kill("SIGTERM");
    for (let look = 0; look < 100 && this.isRunning; look++) await sleep(20);
    this.#process?.kill("SIGKILL");
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #configuration(): string {
    const driver = fileURLToPath(new URL("driver.lua", import.meta.url));
    const locations = this.#locations.map((location, at) => {
      const directives = Object.entries<string>(JSON.parse(location)).map(([name, value]) =>
        `${name} ${value};`
      );
      return `location = /${at} { ${directives.join(" ")} content_by_lua_file ${driver}; }`;
    });
    return `
      ${moduleFiles().map((file) => `load_module ${file};`).join("\n")}
      daemon off;
      master_process off;
      pid nginx.pid;
      error_log logs/error.log warn;
      events { worker_connections 4096; }
      http {
        access_log off;
        client_body_temp_path body;
        proxy_temp_path proxy;
        fastcgi_temp_path fastcgi;
        uwsgi_temp_path uwsgi;
        scgi_temp_path scgi;
        client_max_body_size 4m;
        client_body_buffer_size 4m;
        keepalive_timeout 0;
        lua_socket_log_errors off;
        server {
          listen 127.0.0.1:${this.#port} backlog=512;
          set $certificates ${this.#certificates};
          ${locations.join("\n")}
        }
      }
    `;
  }

  #post(path: string, body: string): Promise<{ status: number | undefined; text: string }> {
    return new Promise((resolve, reject) => {
      const asked = request({
        host: "127.0.0.1",
        port: this.#port,
        path,
        method: "POST",
        agent: false,
        timeout: ANSWER_MS,
        headers: { "Content-Length": body.length },
      }, (answer) => {
        const parts: Buffer[] = [];
        answer.on("data", (part: Buffer) => parts.push(part));
        answer.on("end", () => {
          resolve({ status: answer.statusCode, text: Buffer.concat(parts).toString("latin1") });
        });
        answer.on("error", reject);
      });
      asked.on("timeout", () => asked.destroy(new Error("Cannot play a script: no answer")));
      asked.on("error", reject);
      asked.end(Buffer.from(body, "latin1"));
    });
  }
}

function moduleFiles(): string[] {
  const { stderr, error } = spawnSync("nginx", ["-V"], { encoding: "utf8" });
  if (error) throw new Error("Cannot find nginx on PATH", { cause: error });
  const [, folder] = /--modules-path=(\S+)/.exec(stderr) ?? [];
  if (folder === undefined) return [];
  return ["ndk_http_module.so", "ngx_http_lua_module.so"]
    .map((name) => join(folder, name))
    .filter((file) => existsSync(file));
}

async function freePort(): Promise<number> {
  const listener = createServer();
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const { port } = listener.address() as AddressInfo;
  await new Promise((resolve) => listener.close(resolve));
  return port;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("error", () => resolve(false));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}
