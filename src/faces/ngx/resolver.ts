// The directive `resolver`: name servers, and how what they say is used.

import { ipFamily } from "../../ip.ts";
import type { IpAddress } from "../../transport.ts";
import { parseHost } from "./host.ts";
import { parseTime } from "./time.ts";

/** Who is asked for names. */
export interface Resolver {
  /** The directive as it was written: those that say the same are the same. */
  readonly text: string;
  /** Where to ask; names among them are the system's to know. */
  readonly servers: readonly IpAddress[];
  /** Only addresses of this family. */
  readonly family: 4 | 6 | undefined;
  /** How long every answer holds, whatever it says. */
  readonly validMs: number | undefined;
}

const DNS_PORT = 53;

/** `127.0.0.1 [::1]:5353 valid=30s ipv6=off`; `undefined` for what is none. */
export function parseResolver(text: string): Resolver | undefined {
  const servers: IpAddress[] = [];
  const wants = { ipv4: true, ipv6: true };
  let validMs: number | undefined;
  for (const word of text.split(/\s+/).filter((it) => it !== "")) {
    const [, name, value = ""] = /^(valid|ipv4|ipv6|status_zone)=(.*)$/.exec(word) ?? [];
    if (name === "valid") {
      const ms = parseTime(value);
      // It counts whole seconds. None leaves it to the servers.
      if (ms === undefined || value.includes("ms")) return undefined;
      validMs = ms || undefined;
    } else if (name === "ipv4" || name === "ipv6") {
      if (value !== "on" && value !== "off") return undefined;
      wants[name] = value === "on";
    } else if (name === undefined) {
      const server = serverOf(word);
      if (server === undefined) return undefined;
      servers.push(server);
    }
  }
  if (servers.length === 0 || !wants.ipv4 && !wants.ipv6) return undefined;
  const family = wants.ipv4 && wants.ipv6 ? undefined : wants.ipv4 ? 4 : 6;
  return { text, servers, family, validMs };
}

function serverOf(word: string): IpAddress | undefined {
  const parsed = parseHost(word, DNS_PORT);
  if (parsed.kind === "bad") return undefined;
  if (parsed.kind === "address") return "path" in parsed.address ? undefined : parsed.address;
  const hostname = parsed.name.replace(/:.*/, "");
  return /^[\w.-]+$/.test(hostname) && ipFamily(hostname) === 0
    ? { hostname, port: parsed.port }
    : undefined;
}
