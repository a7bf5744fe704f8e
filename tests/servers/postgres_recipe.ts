/** How PostgreSQL is started: a cluster of its own for each test. */

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { Certificate } from "../helpers/certificates.ts";
import { programPath, type Recipe } from "./start_server.ts";
import { writeFiles } from "./write_files.ts";

const isRoot = process.getuid?.() === 0;

/** Who may log in at PostgreSQL. */
export const POSTGRES_LOGIN = { user: "anna", password: '=,"grün\\' };

/** Where the programs of PostgreSQL's server are; Debian keeps them off the PATH. */
function postgresPath(program: string): string | undefined {
  const versions = existsSync("/usr/lib/postgresql") ? readdirSync("/usr/lib/postgresql") : [];
  return programPath(program, versions.map((it) => `/usr/lib/postgresql/${it}/bin`));
}

/** Why tests of PostgreSQL are skipped. */
export const missingPostgres = postgresPath("postgres") && postgresPath("initdb")
  ? false
  : "PostgreSQL's server is not installed";

/** PostgreSQL that serves by TLS and a password alone; without a certificate, by a password. */
export function postgres(own: Certificate | undefined, clientCerts?: { ca: string }): Recipe {
  return ({ folder, port }) => {
    const data = join(folder, "data");
    // A second attempt, at another port, finds all this done.
    if (!existsSync(data)) initPostgres(folder, data, own, clientCerts);
    const settings = {
      listen_addresses: "127.0.0.1",
      unix_socket_directories: "",
      password_encryption: "scram-sha-256",
      fsync: "off",
      log_min_messages: "panic",
      ...(own && {
        ssl: "on",
        ssl_cert_file: join(folder, "cert.pem"),
        ssl_key_file: join(folder, "key.pem"),
      }),
      ...(clientCerts && { ssl_ca_file: join(folder, "ca.pem") }),
    };
    const state = join(data, "postmaster.pid");
    return {
      ...asPostgres(postgresPath("postgres")!, [
        ...["-D", data, "-p", String(port)],
        ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
      ]),
      // Killed it would leave a piece of shared memory behind.
      endSignal: "SIGQUIT",
      isNoisy: true,
      isReady: () => existsSync(state) && /^ready\b/m.test(readFileSync(state, "utf8")),
    };
  };
}

function initPostgres(
  folder: string,
  data: string,
  own: Certificate | undefined,
  clientCerts: { ca: string } | undefined,
): void {
  const { user, password } = POSTGRES_LOGIN;
  const paths = writeFiles(folder, {
    password,
    ...(own && { "cert.pem": own.cert, "key.pem": own.key }),
    ...(clientCerts && { "ca.pem": clientCerts.ca }),
  });
  // It does not run as root, and wants its files to be its own.
  if (isRoot) execFileSync("chown", ["-R", "postgres:", folder]);
  const { program, args } = asPostgres(postgresPath("initdb")!, [
    ...["--pgdata", data, "--username", user, "--pwfile", paths["password"]!],
    ...["--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale", "--no-sync"],
  ]);
  execFileSync(program, args, { stdio: ["ignore", "ignore", "inherit"] });
  const how = own === undefined ? "host" : "hostssl";
  const asked = clientCerts === undefined ? "" : " clientcert=verify-ca";
  writeFileSync(join(data, "pg_hba.conf"), `${how} all all 127.0.0.1/32 scram-sha-256${asked}\n`);
}

function asPostgres(program: string, args: readonly string[]) {
  if (!isRoot) return { program, args };
  const user = ["--reuid=postgres", "--regid=postgres", "--clear-groups"];
  return { program: "setpriv", args: [...user, program, ...args] };
}
