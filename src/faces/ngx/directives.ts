// The directives of nginx.conf that concern sockets, in nginx's notation.

import { LuaError } from "../lua.ts";
import { parseResolver, type Resolver } from "./resolver.ts";
import { checkSsl, SSL_DEFAULTS, SSL_DIRECTIVES, type SslSettings } from "./ssl_directives.ts";
import { parseTime } from "./time.ts";

/**
 * Directives as they stand in nginx.conf: `{ lua_socket_read_timeout: "5s" }`.
 *
 * @example
 * ```ts
 * import { createNgx, type Directives } from "@cosocket/cosocket/ngx";
 *
 * const ofServer: Directives = { lua_socket_pool_size: 10, lua_socket_log_errors: false };
 * const ngx = createNgx(ofServer);
 * const location = ngx.with({ lua_socket_read_timeout: "500ms", lua_socket_buffer_size: "8k" });
 * location.say("the same pools, less patience");
 * ```
 */
export type Directives = Readonly<Record<string, string | number | boolean>>;

/** The least time to wait; 0 stands for ever elsewhere. */
export const AT_ONCE_MS = 1;

/** Their values. */
export interface Settings {
  readonly connectTimeoutMs: number;
  readonly sendTimeoutMs: number;
  readonly readTimeoutMs: number;
  readonly bufferBytes: number;
  readonly poolSize: number;
  readonly keepaliveTimeoutMs: number;
  readonly logErrors: boolean;
  readonly noDelay: boolean;
  /** Who is asked for names; `null` for the system. */
  readonly resolver: Resolver | null;
  readonly resolverTimeoutMs: number;
  readonly ssl: SslSettings;
}

/** What holds where nothing is said. */
export const DEFAULTS: Settings = {
  connectTimeoutMs: 60_000,
  sendTimeoutMs: 60_000,
  readTimeoutMs: 60_000,
  bufferBytes: 4096,
  poolSize: 30,
  keepaliveTimeoutMs: 60_000,
  logErrors: true,
  noDelay: true,
  resolver: null,
  resolverTimeoutMs: 30_000,
  ssl: SSL_DEFAULTS,
};

interface Directive {
  readonly setting: keyof Settings | undefined;
  readonly parse: (value: string) => Setting | undefined;
}

type Setting = number | boolean | Resolver | null;

const DIRECTIVES: Readonly<Record<string, Directive>> = {
  lua_socket_connect_timeout: { setting: "connectTimeoutMs", parse: parseTimeout },
  lua_socket_send_timeout: { setting: "sendTimeoutMs", parse: parseTimeout },
  lua_socket_read_timeout: { setting: "readTimeoutMs", parse: parseTimeout },
  lua_socket_keepalive_timeout: { setting: "keepaliveTimeoutMs", parse: parseTime },
  lua_socket_buffer_size: { setting: "bufferBytes", parse: parseSize },
  lua_socket_pool_size: { setting: "poolSize", parse: parseCount },
  lua_socket_log_errors: { setting: "logErrors", parse: parseFlag },
  resolver: { setting: "resolver", parse: parseResolver },
  resolver_timeout: { setting: "resolverTimeoutMs", parse: parseTime },
  tcp_nodelay: { setting: "noDelay", parse: parseFlag },
  // Taken for the sake of ports; it has no effect on Linux.
  lua_socket_send_lowat: { setting: undefined, parse: parseSize },
};

/** The settings that directives make of others, which stand where they say nothing. */
export function settingsOf(directives: Directives, outer: Settings): Settings {
  const settings: Record<string, Setting | SslSettings> = { ...outer };
  let ssl = outer.ssl;
  for (const [name, value] of Object.entries(directives)) {
    if (Object.hasOwn(SSL_DIRECTIVES, name)) {
      ssl = { ...ssl, ...SSL_DIRECTIVES[name]!(textOf(value), name) };
      continue;
    }
    const directive = Object.hasOwn(DIRECTIVES, name) ? DIRECTIVES[name] : undefined;
    if (directive === undefined) throw new LuaError(`unknown directive "${name}"`);
    const parsed = directive.parse(textOf(value));
    if (parsed === undefined) {
      throw new LuaError(`"${name}" directive has an invalid value: ${JSON.stringify(value)}`);
    }
    if (directive.setting !== undefined) settings[directive.setting] = parsed;
  }
  if (ssl !== outer.ssl) checkSsl(ssl);
  return { ...settings, ssl } as unknown as Settings;
}

function textOf(value: string | number | boolean): string {
  if (typeof value === "boolean") return value ? "on" : "off";
  return String(value).trim();
}

/** A time to wait: none is over at once. */
function parseTimeout(text: string): number | undefined {
  const ms = parseTime(text);
  return ms === undefined ? undefined : Math.max(ms, AT_ONCE_MS);
}

/** `4096`, `4k`, `1m`; a buffer of nothing holds a byte. */
function parseSize(text: string): number | undefined {
  const match = /^(\d+)([km]?)$/i.exec(text);
  if (match === null) return undefined;
  const unit = match[2]!.toLowerCase();
  return Math.max(Number(match[1]) * (unit === "k" ? 1024 : unit === "m" ? 1024 * 1024 : 1), 1);
}

function parseCount(text: string): number | undefined {
  return /^\d{1,18}$/.test(text) ? Number(text) : undefined;
}

function parseFlag(text: string): boolean | undefined {
  const flag = text.toLowerCase();
  return flag === "on" ? true : flag === "off" ? false : undefined;
}
