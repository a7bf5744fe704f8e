/** The few values that scripts write in Lua and that we have, too: parsed certificates and keys. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ngxSsl } from "../../src/faces/ngx/ssl.ts";

/** As `cert('client')` or `key('client')`, from files of the folder `$CERTS`. */
const PARSED = /^(cert|key)\('(\w+)'\)$/;

/** Whether a text stands for one of them. */
export function isParsed(text: string): boolean {
  return PARSED.test(text);
}

/** The value that a script wrote as `{"lua": text}`. */
export function parsedValue(script: { readonly certificates: string }, text: string): unknown {
  const [, kind, name] = PARSED.exec(text) ?? [];
  if (kind === undefined) throw new SyntaxError(`Cannot play Lua: "${text}"`);
  const read = (ending: string) =>
    readFileSync(join(script.certificates, `${name}.${ending}`), "utf8");
  return kind === "cert" ? parsedCertificate(read("crt")) : parsedKey(read("key"));
}

/** What `parse_pem_cert` gives. */
export function parsedCertificate(pem: string): unknown {
  return ngxSsl.parse_pem_cert(pem)[0];
}

/** What `parse_pem_priv_key` gives. */
export function parsedKey(pem: string): unknown {
  return ngxSsl.parse_pem_priv_key(pem)[0];
}
