/** How Exim, which takes mail, is started. */

import { execFileSync } from "node:child_process";
import { chmodSync } from "node:fs";
import process from "node:process";
import type { Certificate } from "../helpers/certificates.ts";
import { missing, type Recipe } from "./start_server.ts";
import { writeFiles } from "./write_files.ts";

const EXIM_USER = "Debian-exim";

/** Why tests of Exim are skipped. */
export const missingExim = missing("exim4") ||
  (process.getuid?.() === 0 ? false : "Only root may start exim4 as a server");

/**
 * Exim for `anna@test.example` and `bert@test.example`, whose mail it puts into the folder `mail`, a
 * file for each; with a certificate it offers TLS, and takes no mail without it.
 */
export function exim(own: Certificate | undefined): Recipe {
  return ({ folder, port }) => {
    const paths = writeFiles(folder, {
      ...(own && { "cert.pem": own.cert, "key.pem": own.key }),
      "exim.conf": eximConf(folder, port!, own !== undefined),
    });
    // It starts as root, does not go on as root, and takes no settings that it could change.
    execFileSync("chown", ["-R", `${EXIM_USER}:`, folder]);
    execFileSync("chown", [`root:${EXIM_USER}`, paths["exim.conf"]!]);
    chmodSync(paths["exim.conf"]!, 0o640);
    return { program: "exim4", args: ["-bdf", "-C", paths["exim.conf"]!], isNoisy: true };
  };
}

function eximConf(folder: string, port: number, offersTls: boolean): string {
  const tls = `
    tls_advertise_hosts = *
    tls_certificate = ${folder}/cert.pem
    tls_privatekey = ${folder}/key.pem
  `;
  return `
    keep_environment =
    deliver_drop_privilege
    spool_directory = ${folder}/spool
    log_file_path = ${folder}/%slog
    pid_file_path = ${folder}/pid
    primary_hostname = test.example
    local_interfaces = 127.0.0.1
    daemon_smtp_ports = ${port}
    host_lookup =
    rfc1413_hosts =
    message_size_limit = 4M
    ${offersTls ? tls : "tls_advertise_hosts ="}
    acl_smtp_mail = mail
    acl_smtp_rcpt = rcpt
    acl_smtp_data = accept
    begin acl
    mail:
      ${offersTls ? "deny !encrypted = *\n        message = TLS first" : ""}
      accept
    rcpt:
      accept local_parts = anna : bert
             domains = test.example
      deny message = No such person
    begin routers
    all:
      driver = accept
      transport = folder
    begin transports
    folder:
      driver = appendfile
      directory = ${folder}/mail
      create_directory
      user = ${EXIM_USER}
  `.replace(/^ {4}/gm, "");
}
