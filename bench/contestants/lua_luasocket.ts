/** The original: LuaSocket, in a `lua5.1` that speaks with the measurement by itself. */

import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { folder, parametersOf, SHARED_WORKS } from "./lua.ts";

const LUA = "lua5.1";

const [name = "", port = ""] = process.argv.slice(2);
if (spawnSync(LUA, ["-e", 'require("socket")']).status !== 0) say({ works: [], ready: false });
else if (name === "works") say({ works: SHARED_WORKS });
else if (name === "idle" || name === "active") say({ ready: false });
else {
  const parameters = Object.entries(parametersOf(name, port)).map(([key, it]) => `${key}=${it}`);
  const child = spawn(LUA, [join(folder, "luasocket.lua"), ...parameters], { stdio: "inherit" });
  child.on("exit", () => process.exit());
}

function say(what: object): void {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}
