// The directives of TLS: what they say, checked where they are set. What the
// runtime would leave out in silence is refused.

import {
  certificatesIn,
  isKeyOf,
  isPrivateKey,
  lacks,
  readText,
  takesOptions,
} from "../../drivers/tls_files.ts";
import type { TlsVersion } from "../../tls.ts";
import { LuaError } from "../lua.ts";

/** What holds for handshakes. */
export interface SslSettings {
  /** Certificates to trust, PEM; the runtime's if there are none. */
  readonly trusted: readonly string[] | undefined;
  /** How many certificates may stand between the peer's and a root. */
  readonly verifyDepth: number;
  readonly versions: { readonly oldest: TlsVersion; readonly newest: TlsVersion };
  readonly ciphers: string | undefined;
  readonly crl: string | undefined;
  /** Our own certificate, and its chain, PEM. */
  readonly certificate: string | undefined;
  readonly key: string | undefined;
}

/** What holds where nothing is said. */
export const SSL_DEFAULTS: SslSettings = {
  trusted: undefined,
  verifyDepth: 1,
  versions: { oldest: "TLSv1.2", newest: "TLSv1.3" },
  ciphers: undefined,
  crl: undefined,
  certificate: undefined,
  key: undefined,
};

type Parser = (value: string, name: string) => Partial<SslSettings>;

/** By name. An empty value takes back what holds outside. */
export const SSL_DIRECTIVES: Readonly<Record<string, Parser>> = {
  lua_ssl_trusted_certificate: (path, name) => ({
    trusted: path === "" ? undefined : certificatesOf(path, name),
  }),
  lua_ssl_verify_depth(value, name) {
    if (!/^\d{1,9}$/.test(value)) throw invalid(name, value);
    return { verifyDepth: Number(value) };
  },
  lua_ssl_protocols: (value, name) => ({ versions: versionsOf(value, name) }),
  lua_ssl_ciphers(value, name) {
    // What OpenSSL would choose itself is what runtimes do.
    if (value === "DEFAULT") return { ciphers: undefined };
    if (lacks.ciphers) throw refused(name, "this runtime's TLS chooses its ciphers itself");
    if (!takesOptions({ ciphers: value })) throw invalid(name, value);
    return { ciphers: value };
  },
  lua_ssl_crl(path, name) {
    if (path === "") return { crl: undefined };
    if (lacks.crl) throw refused(name, "this runtime's TLS takes no list of revoked certificates");
    const crl = textOf(path, name);
    if (!takesOptions({ crl })) throw unreadable(name, path, "it is no list in PEM");
    return { crl };
  },
  lua_ssl_certificate: (path, name) => ({
    certificate: path === "" ? undefined : certificatesOf(path, name).join(""),
  }),
  lua_ssl_certificate_key(path, name) {
    if (path === "") return { key: undefined };
    const key = textOf(path, name);
    if (!isPrivateKey(key)) throw unreadable(name, path, "it is no unencrypted key in PEM");
    return { key };
  },
  lua_ssl_conf_command(_value, name) {
    throw refused(name, "no runtime takes OpenSSL's commands");
  },
};

/** Refuses what makes no sense together. */
export function checkSsl({ certificate, key }: SslSettings): void {
  if (certificate === undefined) return;
  if (key === undefined) {
    throw new LuaError('no "lua_ssl_certificate_key" is defined for "lua_ssl_certificate"');
  }
  if (!isKeyOf(key, certificate)) {
    throw new LuaError('"lua_ssl_certificate_key" is not the key of "lua_ssl_certificate"');
  }
}

const VERSIONS = ["SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];

/** Runtimes know an oldest and a newest version, and all between them. */
function versionsOf(value: string, name: string): SslSettings["versions"] {
  const places = value.split(/\s+/).map((it) => {
    const at = VERSIONS.indexOf(it);
    if (at < 0) throw invalid(name, value);
    return at;
  }).sort();
  const [first, last] = [places[0]!, places.at(-1)!];
  const isOld = (at: number) => VERSIONS[at]!.startsWith("SSL") || (lacks.oldVersions && at < 4);
  if (isOld(first)) throw refused(name, `this runtime's TLS knows no ${VERSIONS[first]}`);
  if (new Set(places).size !== last - first + 1) {
    throw refused(name, "no runtime leaves out a version between two others");
  }
  return { oldest: VERSIONS[first] as TlsVersion, newest: VERSIONS[last] as TlsVersion };
}

function certificatesOf(path: string, name: string): string[] {
  const certificates = certificatesIn(textOf(path, name));
  if (certificates.length === 0) throw unreadable(name, path, "it has no certificates in PEM");
  return certificates;
}

function textOf(path: string, name: string): string {
  try {
    return readText(path);
  } catch (error) {
    throw unreadable(name, path, (error as Error).message);
  }
}

function invalid(name: string, value: string): LuaError {
  return new LuaError(`"${name}" directive has an invalid value: ${JSON.stringify(value)}`);
}

function unreadable(name: string, path: string, why: string): LuaError {
  return new LuaError(`"${name}" directive cannot use ${JSON.stringify(path)}: ${why}`);
}

function refused(name: string, why: string): LuaError {
  return new LuaError(`"${name}" directive is not supported: ${why}`);
}
